"""Introspection (RFC 7662): what a token means, for those that it may be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tenantry.access.clients import management_scopes
from tenantry.access.clients.model import ENV
from tenantry.core import errors, ids
from tenantry.core.claim_names import RESERVED
from tenantry.endpoints.oauth.errors import NO_STORE, OAuthError
from tenantry.identity.grants import refresh_tokens
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.tokens.authenticate import caller_of
from tenantry.net.http import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.api_tokens.token_cache import ApiTokenCache as KnownApiTokens
    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Session
    from tenantry.db.writes.last_uses import LastUses
    from tenantry.endpoints.oauth.client_authentication import ClientAuthentication
    from tenantry.identity.tokens.access_tokens import AccessTokens
    from tenantry.identity.tokens.delegated_tokens import DelegatedTokens
    from tenantry.identity.tokens.resource_tokens import ResourceTokens
    from tenantry.identity.tokens.user_tokens import UserTokens
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates

_HEADERS = {"content-type": "application/json", **NO_STORE}
# Of a management client, for tokens that are not its own.
_SCOPE = "api_credentials:read"
_INACTIVE = b'{"active":false}'  # section 2.2: and not a word more
_SHOWN = (
    *("scope", "client_id", "exp", "iat", "nbf", "sub", "aud", "iss", "jti"),
    *("oid", "sid", "xoid", "xuid", "roles", "permissions", "custom_claims", "act"),
)


class IntrospectionEndpoint:
    """POST /oauth/introspect."""

    def __init__(
        self,
        authenticate: ClientAuthentication,
        db: Session,
        tokens: AccessTokens,
        user_tokens: UserTokens,
        *,
        resource_tokens: ResourceTokens,
        delegated_tokens: DelegatedTokens,
        api_tokens: KnownApiTokens,
        api_token_uses: LastUses,
        rates: Rates,
        issuer: str,
    ) -> None:
        self._authenticate = authenticate
        self._db = db
        self._tokens = tokens
        self._user_tokens = user_tokens
        self._resource_tokens = resource_tokens
        self._delegated_tokens = delegated_tokens
        self._api_tokens = api_tokens
        self._api_token_uses = api_token_uses
        self._rates = rates
        self._issuer = issuer

    async def __call__(self, request: Request) -> Response:
        """Answer whether a token is active, and what it says."""
        try:
            form = request.form()
            authenticated = await self._authenticate(request, form)
            request.context.caller = caller_of(authenticated.client)
            request.tell(await self._rates.take_client(authenticated.client.id))
            token = form.get("token")
            if not token:
                raise OAuthError("invalid_request", "token is required")  # noqa: TRY301
            # Told apart by its looks: a token_type_hint is not needed, and may be wrong.
            if token.count(".") == 2:
                shown = await self._access_token(authenticated.client, token)
            elif token.startswith(refresh_tokens.PREFIX):
                shown = await self._refresh_token(authenticated.client, token)
            else:
                address = form.get("ip_address", "")
                shown = await self._api_token(authenticated.client, token, address)
        except OAuthError as problem:
            return problem.response()
        except OAuthError.TRANSLATED as problem:
            return OAuthError.of(problem).response()
        body = _INACTIVE if shown is None else orjson.dumps({"active": True, **shown})
        return Response(200, body, dict(_HEADERS))

    async def _access_token(self, client: Client, text: str) -> dict[str, Any] | None:
        try:
            if await self._user_tokens.is_one(text):
                claims = (await self._user_tokens.verify(text)).claims
            elif await self._resource_tokens.is_one(text):
                claims = (await self._resource_tokens.verify(text)).claims
            elif await self._delegated_tokens.is_one(text):
                claims = (await self._delegated_tokens.verify(text)).claims
            else:
                claims = (await self._tokens.verify(text)).claims
        except errors.Unauthenticated:
            return None
        if not _may_know(client, claims):
            return None
        shown = {n: v for n, v in claims.items() if n in _SHOWN or n not in RESERVED}
        return {"token_type": "Bearer", **shown}

    async def _refresh_token(self, client: Client, text: str) -> dict[str, Any] | None:
        token = await refresh_tokens.find(self._db, text)
        if token is None or not token.is_good:
            return None
        if client.id != token.client_id and not _may_know_all(client):
            return None
        shown = {
            "scope": token.scope,
            "client_id": token.client_id,
            "sub": token.sub,
            "aud": [token.client_id],
            "iss": self._issuer,
            "iat": token.rotate_time // 1_000_000,
            "exp": token.lapse_time // 1_000_000,
            "oid": token.organization_id,
            "sid": token.session_id,
        }
        return {name: value for name, value in shown.items() if value != NO_ORGANIZATION}

    async def _api_token(self, client: Client, text: str, address: str) -> dict[str, Any] | None:
        # By its id a token may be asked for elsewhere; here that would make the id a token.
        if not _may_know_all(client) or ids.well_formed(ids.API_TOKEN, text):
            return None
        token = await self._api_tokens.find(text)
        if token is None or not token.allows_address(address):
            return None
        self._api_token_uses.note(token.id)
        shown: dict[str, Any] = {
            "token_type": "Bearer",
            "sub": token.user_id or token.organization_id,
            "iss": self._issuer,
            "jti": token.id,
            "iat": token.create_time // 1_000_000,
            "oid": token.organization_id,
            "custom_claims": dict(token.custom_claims),
        }
        if token.expire_time is not None:
            shown["exp"] = token.expire_time // 1_000_000
        return shown


def _may_know(client: Client, claims: Mapping[str, Any]) -> bool:
    """Whether the token is the client's, or meant for it, or the client may know all tokens."""
    own = client.id == claims["client_id"] or client.id in claims["aud"]
    return own or _may_know_all(client)


def _may_know_all(client: Client) -> bool:
    """Whether this is a management client with the scope that `ValidateToken` takes."""
    return client.client_type == ENV and management_scopes.holds(client, _SCOPE)
