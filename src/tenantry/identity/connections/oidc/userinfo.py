"""The userinfo endpoint (section 5.3): claims of a person beside those of the ID token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from tenantry.core import strict_json
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 256 << 10


def read(status: int, content_type: str, document: bytes) -> Any:
    """Return the JSON of an answer."""
    if status != 200:
        raise OIDCError(faults.USERINFO, reason=f"the response status is {status}")
    if content_type.partition(";")[0].strip().lower() == "application/jwt":
        reason = "it is a JWT; disable signed and encrypted userinfo responses for this client"
        raise OIDCError(faults.USERINFO, reason=reason)
    try:
        return strict_json.loads(document)
    except ValueError as problem:
        raise OIDCError(faults.USERINFO, reason=f"it is not valid JSON: {problem}") from None


def of_subject(content: Any, subject: str) -> Mapping[str, Any]:
    """Return the claims of an answer about the person of an ID token, and no other (5.3.2)."""
    if not isinstance(content, dict):
        raise OIDCError(faults.USERINFO, reason="it is not a JSON object")
    found = content.get("sub")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), subject.encode()):
        raise OIDCError(faults.USERINFO_SUBJECT)
    return content
