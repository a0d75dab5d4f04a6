"""`refresh_token`: an application goes on for a signed-in person (RFC 6749 section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.oauth import scopes
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted, consenting
from tenantry.identity.grants import refresh_tokens
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.tokens import resource_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.resource_tokens import ResourceTokens
    from tenantry.identity.tokens.user_tokens import UserTokens

GRANT_TYPE = "refresh_token"


class RefreshToken:
    """See `Grant`. There is no new ID token: nobody has signed in (OIDC Core section 12.2)."""

    def __init__(
        self, tokens: UserTokens, resource_tokens: ResourceTokens, templates: TokenTemplates
    ) -> None:
        self._tokens = tokens
        self._resource_tokens = resource_tokens
        self._templates = templates

    async def __call__(
        self, call: Call, client: Client, form: Mapping[str, str], resource: Resource | None
    ) -> Granted:
        """Return a new access token, with all scopes that were granted or fewer."""
        if not form.get("refresh_token"):
            raise OAuthError("invalid_request", "refresh_token is required")
        asked = scopes.read(form.get("scope", ""))
        try:
            refreshed = await refresh_tokens.refresh(
                call,
                client,
                form["refresh_token"],
                scopes=asked,
                seconds=None if resource is None else resource.refresh_token_expiry,
            )
        except InvalidGrant as problem:
            self._tokens.forget_all()
            raise OAuthError("invalid_grant", str(problem)) from None
        except refresh_tokens.ScopeNotGranted as problem:
            raise OAuthError("invalid_scope", str(problem)) from None
        subject, granted = refreshed.subject, refreshed.scopes
        more = await self._templates.claims(subject)
        if resource is None:
            draft = self._tokens.draft(client)
            issued = await self._tokens.issue(draft, client, subject, granted, more)
        else:
            granted = await consenting.granted(call, client, subject, granted)
            granted = resource_tokens.granted(client, resource, granted, subject)
            draft = self._resource_tokens.draft(client, resource)
            issued = await self._resource_tokens.issue_for_user(
                draft, client, resource, subject, scopes=granted, more=more
            )
        return Granted(issued, granted, refresh_token=refreshed.refresh_token)
