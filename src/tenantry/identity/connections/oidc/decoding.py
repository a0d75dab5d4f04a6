"""Tokens of OpenID Providers in plain words, for people who look for a fault.

No value read here is verified: the keys that would prove it are the provider's.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tenantry.core.times import SECOND
from tenantry.crypto.jws import ALGORITHMS
from tenantry.identity.connections.oidc import jwts
from tenantry.identity.connections.saml.decoding import (
    Decoded,
    Judgement,
    Section,
    printable_rows,
    said,
)

_COMPACT = re.compile(rb"\s*[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){2,4}\s*")
_TIMES = {"iat", "exp", "nbf", "auth_time", "updated_at"}
_UNPROVED = Judgement("the signature can only be verified with the provider's keys", None)


def is_token(pasted: bytes) -> bool:
    """Whether a text looks like a JWT (RFC 7515 section 7.1)."""
    return len(pasted) <= jwts.MAX_CHARACTERS and _COMPACT.fullmatch(pasted) is not None


def decode(pasted: bytes, *, now: int) -> Decoded:
    """Read an ID token or a logout token; `now` is in microseconds since 1970."""
    read = jwts.read(pasted.decode().strip(), algorithms=tuple(ALGORITHMS))
    header = [("Algorithm", read.algorithm), ("Key", read.kid), ("Type", read.typ)]
    claims = [(name, _value(name, value, now)) for name, value in read.claims.items()]
    return Decoded(
        [Section("Token", printable_rows(header)), Section("Claims", printable_rows(claims))],
        [_UNPROVED],
    )


def _value(name: str, value: Any, now: int) -> str:
    if name in _TIMES and isinstance(value, int) and 0 <= value < 1 << 33:
        return said(value * SECOND, now)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
