"""`authorization_code`: somebody has signed in (RFC 6749 section 4.1.3, OIDC Core 3.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.clients.model import GRANT_TYPES
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted, refresh_token
from tenantry.identity.grants import codes
from tenantry.identity.grants.model import InvalidGrant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.id_tokens import IdTokens
    from tenantry.identity.tokens.user_tokens import UserTokens

GRANT_TYPE = "authorization_code"


class AuthorizationCode:
    def __init__(self, tokens: UserTokens, id_tokens: IdTokens, templates: TokenTemplates) -> None:
        self._tokens = tokens
        self._id_tokens = id_tokens
        self._templates = templates

    async def __call__(self, call: Call, client: Client, form: Mapping[str, str]) -> Granted:
        """Return what the code of the form is good for, once."""
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise OAuthError("invalid_request", f"{name} is required")
        draft = self._tokens.draft(client)
        granted_to = client.grant_types or GRANT_TYPES[client.client_type]
        try:
            redeemed = await codes.redeem(
                call,
                client,
                form["code"],
                redirect_uri=form["redirect_uri"],
                code_verifier=form.get("code_verifier", ""),
                token_id=draft.id,
                token_expire_time=draft.expire_time,
                may_refresh=refresh_token.GRANT_TYPE in granted_to,
            )
        except InvalidGrant as problem:
            self._tokens.forget_all()
            raise OAuthError("invalid_grant", str(problem)) from None
        more = await self._templates.claims(redeemed.subject)
        issued = await self._tokens.issue(draft, client, redeemed.subject, redeemed.scopes, more)
        id_token = await self._id_tokens.issue(
            client,
            redeemed.subject,
            redeemed.scopes,
            nonce=redeemed.nonce,
            auth_time=redeemed.auth_time,
            access_token=issued.token,
            code=form["code"],
            more=more,
        )
        return Granted(issued, redeemed.scopes, id_token, redeemed.refresh_token)
