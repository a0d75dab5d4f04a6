"""`authorization_code`: somebody has signed in (RFC 6749 section 4.1.3, OIDC Core 3.1.3)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tenantry.access.resources import issuers
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted, consenting, refresh_token
from tenantry.identity.grants import codes
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.tokens import resource_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.id_tokens import IdTokens
    from tenantry.identity.tokens.resource_tokens import ResourceTokens
    from tenantry.identity.tokens.user_tokens import UserTokens

GRANT_TYPE = "authorization_code"


class AuthorizationCode:
    def __init__(
        self,
        tokens: UserTokens,
        resource_tokens: ResourceTokens,
        id_tokens: IdTokens,
        templates: TokenTemplates,
        *,
        issuer: str,
    ) -> None:
        self._tokens = tokens
        self._resource_tokens = resource_tokens
        self._issuer = issuer
        self._id_tokens = id_tokens
        self._templates = templates

    async def __call__(
        self, call: Call, client: Client, form: Mapping[str, str], resource: Resource | None
    ) -> Granted:
        """Return what the code of the form is good for, once."""
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise OAuthError("invalid_request", f"{name} is required")
        draft = (
            self._tokens.draft(client)
            if resource is None
            else self._resource_tokens.draft(client, resource)
        )
        try:
            redeemed = await codes.redeem(
                call,
                client,
                form["code"],
                redirect_uri=form["redirect_uri"],
                code_verifier=form.get("code_verifier", ""),
                token_id=draft.id,
                token_expire_time=draft.expire_time,
                may_refresh=refresh_token.GRANT_TYPE in client.allowed_grant_types,
                admission=None if resource is None else _admission(call, client, resource),
            )
        except InvalidGrant as problem:
            self._tokens.forget_all()
            raise OAuthError("invalid_grant", str(problem)) from None
        scopes, subject = redeemed.scopes, redeemed.subject
        more = await self._templates.claims(subject)
        if resource is None:
            issued = await self._tokens.issue(draft, client, subject, scopes, more)
        else:
            scopes = resource_tokens.granted(client, resource, scopes, subject)
            issued = await self._resource_tokens.issue_for_user(
                draft, client, resource, subject, scopes=scopes, more=more
            )
            if "openid" not in scopes:
                return Granted(issued, scopes, refresh_token=redeemed.refresh_token)
        id_token = await self._id_tokens.issue(
            client,
            subject,
            scopes,
            nonce=redeemed.nonce,
            auth_time=redeemed.auth_time,
            access_token=issued.token,
            code=form["code"],
            more=more,
            issuer="" if resource is None else issuers.issuer_of(self._issuer, resource.id),
        )
        return Granted(issued, scopes, id_token, redeemed.refresh_token)


def _admission(call: Call, client: Client, resource: Resource) -> codes.Admission:
    return codes.Admission(
        functools.partial(consenting.check, call, client), resource.refresh_token_expiry
    )
