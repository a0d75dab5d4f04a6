"""`refresh_token`: an application goes on for a signed-in person (RFC 6749 section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.oauth import scopes
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted
from tenantry.identity.grants import refresh_tokens
from tenantry.identity.grants.model import InvalidGrant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.user_tokens import UserTokens

GRANT_TYPE = "refresh_token"


class RefreshToken:
    """See `Grant`. There is no new ID token: nobody has signed in (OIDC Core section 12.2)."""

    def __init__(self, tokens: UserTokens, templates: TokenTemplates) -> None:
        self._tokens = tokens
        self._templates = templates

    async def __call__(self, call: Call, client: Client, form: Mapping[str, str]) -> Granted:
        """Return a new access token, with all scopes that were granted or fewer."""
        if not form.get("refresh_token"):
            raise OAuthError("invalid_request", "refresh_token is required")
        asked = scopes.read(form.get("scope", ""))
        try:
            refreshed = await refresh_tokens.refresh(
                call, client, form["refresh_token"], scopes=asked
            )
        except InvalidGrant as problem:
            self._tokens.forget_all()
            raise OAuthError("invalid_grant", str(problem)) from None
        except refresh_tokens.ScopeNotGranted as problem:
            raise OAuthError("invalid_scope", str(problem)) from None
        draft = self._tokens.draft(client)
        more = await self._templates.claims(refreshed.subject)
        issued = await self._tokens.issue(draft, client, refreshed.subject, refreshed.scopes, more)
        return Granted(issued, refreshed.scopes, refresh_token=refreshed.refresh_token)
