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

_REVOKED = "the user has revoked the consent to this client"


async def granted(
    call: Call, client: Client, subject: Subject, scopes: Sequence[str]
) -> tuple[str, ...]:
    """Return those of the scopes of a grant to which the user still consents.

    Raises:
        OAuthError: the consent was revoked, or none of the scopes is left.

    """
    consent = await consents.find(
        call.db,
        client.id,
        user_id=subject.user.id,
        organization_id=subject.organization_id,
    )
    if consent is None or consent.resource_id != client.resource_id:
        raise OAuthError("invalid_grant", _REVOKED)
    kept = tuple(one for one in scopes if one in consent.scopes)
    if scopes and not kept:
        raise OAuthError("invalid_grant", _REVOKED)
    return kept


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
        raise OAuthError("invalid_grant", _REVOKED)
