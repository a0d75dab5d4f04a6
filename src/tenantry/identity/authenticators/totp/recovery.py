"""Recovery codes: each signs in, once, a person whose authenticator app is gone.

A code has 80 random bits, too many to guess, so nothing counts attempts: guesses at the app's
codes cannot lock the person out of these. They are stored as an HMAC under a Tenantry key.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.db.engine import Session

COUNT = 10
_BYTES = 10
_LENGTH = 16  # letters and digits of base32 (RFC 4648 section 6)
_GROUP = 4
# Misread characters: base32 has neither 0 nor 1 nor 8.
_MISREAD = str.maketrans("018", "OIB", "- ")


def new_codes() -> list[str]:
    """Return new codes as people read them: `ABCD-EFGH-IJKL-MNOP`."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_BYTES)).decode()) for _ in range(COUNT)]


def looks_like_one(code: str) -> bool:
    """Whether this may be a recovery code, and not one of an app."""
    return len(_plain(code)) == _LENGTH


def digest(db: Session, registration_id: str, code: str) -> str:
    """Return the digest that is stored of a code, alike for all its spellings."""
    text = f"{registration_id}.{_plain(code)}"
    return hmac.digest(db.vault.derive("recovery-code"), text.encode(), "sha256").hex()


def _plain(code: str) -> str:
    return code.upper().translate(_MISREAD)


def _grouped(text: str) -> str:
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
