"""Authorization requests that cannot be trusted: nothing of them is stored.

Anybody can send as many as they like. The text of the page about one follows from the id that its
URL ends with: the refusal, the application and the time until when, with a Tenantry MAC.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tenantry.core import ids
from tenantry.core.times import SECOND, now

if TYPE_CHECKING:
    from tenantry.db.engine import Session

SECONDS = 3600  # that a page about one can be shown
_MAC = 12  # bytes
_TIME = 5  # bytes of a number of seconds since 1970


class Refusal(Enum):
    """Why: a number that stays the same, the error of RFC 6749 section 4.1.2.1, and its words."""

    UNREADABLE = 1, "invalid_request", "the parameters are not valid UTF-8, too many or too long"
    CLIENT_ID_REPEATED = 2, "invalid_request", "client_id is given more than once"
    CLIENT_ID_MISSING = 3, "invalid_request", "client_id is missing"
    CLIENT_UNKNOWN = 4, "invalid_client", "no application has this client_id"
    REDIRECT_URI_REPEATED = 5, "invalid_request", "redirect_uri is given more than once"
    REDIRECT_URI_MISSING = 6, "invalid_request", "redirect_uri is missing"
    REDIRECT_URI_UNKNOWN = (
        *(7, "invalid_request"),
        "this redirect_uri is not registered for the application",
    )
    CLIENT_NOT_ACCEPTED = 8, "invalid_client", "this resource does not accept this client"
    DOCUMENT_UNAVAILABLE = (
        *(9, "invalid_client_metadata_url"),
        "the metadata document of the client cannot be fetched",
    )
    DOCUMENT_INVALID = (
        *(10, "invalid_client_metadata_url"),
        "the metadata document of the client is not valid",
    )

    def __init__(self, number: int, error: str, description: str) -> None:
        self.number = number
        self.error = error
        self.description = description


_BY_NUMBER = {refusal.number: refusal for refusal in Refusal}


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was refused: why, and the application that it named, if there is one."""

    refusal: Refusal
    client_id: str | None


def issue(db: Session, refusal: Refusal, client_id: str | None = None) -> str:
    """Return the id of a refusal, for `SECONDS`."""
    end = now() // SECOND + SECONDS
    said = bytes([refusal.number]) + end.to_bytes(_TIME) + (client_id or "").encode()
    return ids.AUTH_ERROR + _text(_mac(db, said) + said)


def find(db: Session, error_id: str) -> Refused | None:
    """Return the refusal of an id; None if we have not issued it, or its time is over."""
    text = error_id.removeprefix(ids.AUTH_ERROR)
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    mac, said = raw[:_MAC], raw[_MAC:]
    if _text(raw) != text or not hmac.compare_digest(mac, _mac(db, said)):
        return None
    number, end, client_id = said[0], int.from_bytes(said[1 : 1 + _TIME]), said[1 + _TIME :]
    if end * SECOND <= now() or number not in _BY_NUMBER:
        return None
    return Refused(_BY_NUMBER[number], client_id.decode() or None)


def _mac(db: Session, said: bytes) -> bytes:
    return hmac.digest(db.vault.derive("refused requests"), said, "sha256")[:_MAC]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
