"""The check of the consent before tokens are issued: it may have been revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.identity.consents import service as consents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.identity.sessions.subject import Subject


async def check(call: Call, client: Client, subject: Subject, scopes: Sequence[str]) -> None:
    """Raise OAuthError unless the user still consents to these scopes for the client."""
    assert client.resource_id is not None
    missing = await consents.missing_scopes(
        call.db,
        client.id,
        client.resource_id,
        user_id=subject.user.id,
        organization_id=subject.organization_id,
        scopes=scopes,
    )
    if missing is not None:
        raise OAuthError("invalid_grant", "the user has revoked the consent to this client")
