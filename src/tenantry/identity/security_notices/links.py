"""The token in the link of a mail: the mail's id, and a proof that we made it.

An HMAC-SHA256 under a Tenantry key, cut to 144 bits: nobody has to keep it, and the
database without its master key is not enough to make one.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.db.engine import Session

PATH = "/not-me/"
_MAC = 18  # bytes
_LONGEST = 80


def token(db: Session, mail_id: str) -> str:
    """Return the token of a mail's link."""
    mac = hmac.digest(db.vault.derive("not-me"), mail_id.encode(), "sha256")[:_MAC]
    return f"{mail_id}.{base64.urlsafe_b64encode(mac).decode()}"


def email_of(db: Session, given: str) -> str | None:
    """Return the id of the mail whose token this is; None if it is nobody's."""
    if len(given) > _LONGEST or not given.isascii():
        return None
    mail_id = given.partition(".")[0]
    return mail_id if hmac.compare_digest(given, token(db, mail_id)) else None
