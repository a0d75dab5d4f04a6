"""The code and the link of a request: made by HMAC-SHA256, so that nobody has to keep them.

Both hang on the request's id and generation: the database without its master key is not enough to
make either. A code is the MAC modulo a million; of 2^256 values that makes none likelier than
another by more than one in 2^236.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from tenantry.db.engine import Session

DIGITS = 6
LINK_TOKEN = "link_token"  # noqa: S105 - the name of a query member

_MAC = 18  # bytes of a link token: 144 bits


def code(db: Session, request_id: str, generation: int) -> str:
    """Return the code of a request."""
    mac = _mac(db, "passwordless-code", request_id, generation)
    return f"{int.from_bytes(mac) % 10**DIGITS:0{DIGITS}}"


def link_token(db: Session, request_id: str, generation: int) -> str:
    """Return the token of a request's link: the request's id, and a proof that we made it."""
    mac = _mac(db, "passwordless-link", request_id, generation)[:_MAC]
    return f"{request_id}.{base64.urlsafe_b64encode(mac).decode()}"


def request_id_of(token: str) -> str:
    """Return which request a link token says that it is of."""
    return token.partition(".")[0]


def link(uri: str, token: str) -> str:
    """Return a URI with the token as a member of its query, in place of any that was there."""
    url = urlsplit(uri)
    kept = url.query
    if LINK_TOKEN in kept:
        members = parse_qsl(kept, keep_blank_values=True)
        kept = urlencode([one for one in members if one[0] != LINK_TOKEN])
    member = urlencode({LINK_TOKEN: token})
    return url._replace(query=f"{kept}&{member}" if kept else member).geturl()


def typed(text: str) -> str:
    """Return a code as people copy and type it, without blanks and hyphens between its digits."""
    return re.sub(r"[\s-]", "", text)


def digest(db: Session, request_id: str, given: str) -> str:
    """Return the digest that is stored of a tried code: keyed, for a code is easily guessed."""
    key = db.vault.derive("passwordless-wrong-code")
    return hmac.digest(key, f"{request_id}.{given}".encode(errors="surrogatepass"), "sha256").hex()


def same(given: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), right.encode())


def _mac(db: Session, purpose: str, request_id: str, generation: int) -> bytes:
    return hmac.digest(db.vault.derive(purpose), f"{request_id}.{generation}".encode(), "sha256")
