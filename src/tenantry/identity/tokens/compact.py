"""JWTs in compact form, as anybody may send them (RFC 7515 section 3.1): bounded, then strict."""

from __future__ import annotations

from typing import Any

from joserfc.util import urlsafe_b64decode

from tenantry.core import strict_json

# Of a header that we wrote: algorithm, key and type.
_MAX_HEADER = 1024


def header(token: str) -> dict[str, Any]:
    """Return the header of a token that may be ours.

    Raises:
        ValueError: it is no signed JWT in compact form, or nobody here has written it.

    """
    first, _, rest = token.partition(".")
    if len(first) > _MAX_HEADER or rest.count(".") != 1:
        raise ValueError("not a signed JWT of this server")
    return members(first.encode("ascii"))


def members(part: bytes) -> dict[str, Any]:
    """Return the object that a part of a JWT spells; no member comes twice (RFC 7519 section 4).

    Raises:
        ValueError: it spells no object.

    """
    content = strict_json.loads(urlsafe_b64decode(part), unique=True)
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the sender, not of the caller
    return content
