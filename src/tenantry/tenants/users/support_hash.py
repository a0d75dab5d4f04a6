"""The support hash: by it a support tool tells a signed-in person from an impostor."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.caller import Kind

if TYPE_CHECKING:
    from tenantry.call import Call


def of_caller(call: Call) -> str:
    """Return the HMAC-SHA-256 of the caller's user id, in hexadecimal digits."""
    if call.caller.kind is not Kind.USER_SESSION:
        raise errors.PermissionDenied("only signed-in users have a support hash")
    key = call.db.vault.derive("support-hash")
    return hmac.digest(key, call.caller.id.encode(), "sha256").hex()
