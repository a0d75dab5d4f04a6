"""Revocation (RFC 7009): a token is put out of force before it expires.

A client of a resource has an endpoint below its issuer, which also accepts public clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from tenantry.access.api_tokens import service
from tenantry.access.clients import management_scopes
from tenantry.access.clients.credentials import revocations
from tenantry.access.clients.model import ENV
from tenantry.call import Call
from tenantry.core import errors, ids
from tenantry.endpoints.oauth.errors import NO_STORE, OAuthError
from tenantry.identity.grants import refresh_tokens
from tenantry.identity.tokens.authenticate import caller_of
from tenantry.net.http import Response

if TYPE_CHECKING:
    from tenantry.access.api_tokens.token_cache import ApiTokenCache as KnownApiTokens
    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Database
    from tenantry.endpoints.oauth.client_authentication import ClientAuthentication
    from tenantry.identity.tokens.access_tokens import AccessToken, AccessTokens
    from tenantry.identity.tokens.delegated_tokens import DelegatedToken, DelegatedTokens
    from tenantry.identity.tokens.resource_tokens import ResourceToken, ResourceTokens
    from tenantry.identity.tokens.user_tokens import UserToken, UserTokens
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates


# Of a management client, for tokens that are not its own.
_SCOPE = "api_credentials:rotate"
_AnyToken: TypeAlias = "AccessToken | UserToken | ResourceToken | DelegatedToken"


class RevocationEndpoint:
    """POST /oauth/revoke and /resources/{resource_id}/revoke."""

    def __init__(
        self,
        db: Database,
        authenticate: ClientAuthentication,
        clients: ClientCache,
        tokens: AccessTokens,
        user_tokens: UserTokens,
        *,
        resource_tokens: ResourceTokens,
        delegated_tokens: DelegatedTokens,
        api_tokens: KnownApiTokens,
        rates: Rates,
    ) -> None:
        self._db = db
        self._authenticate = authenticate
        self._clients = clients
        self._tokens = tokens
        self._user_tokens = user_tokens
        self._resource_tokens = resource_tokens
        self._delegated_tokens = delegated_tokens
        self._api_tokens = api_tokens
        self._rates = rates

    async def __call__(self, request: Request) -> Response:
        """Revoke a token; one that is unknown, expired or revoked before is no error."""
        try:
            form = request.form()
            resource_id = request.params.get("resource_id")
            is_public = resource_id is not None
            client = (await self._authenticate(request, form, public=is_public)).client
            if resource_id not in {None, client.resource_id}:
                raise OAuthError.invalid_client("this client belongs to another issuer")
            caller = request.context.caller = caller_of(client)
            request.tell(await self._rates.take_client(client.id))
            token = form.get("token")
            if not token:
                raise OAuthError("invalid_request", "token is required")  # noqa: TRY301
            call = Call(caller, self._db, request.request_id, origin=request.origin)
            if token.count(".") == 2:
                await self._access_token(call, client, token)
            elif token.startswith(refresh_tokens.PREFIX):
                await self._refresh_token(call, client, token)
            elif _may_end_all(client) and not ids.well_formed(ids.API_TOKEN, token):
                await service.invalidate(call, self._api_tokens, token)
        except OAuthError as problem:
            return problem.response()
        except OAuthError.TRANSLATED as problem:
            return OAuthError.of(problem).response()
        return Response(200, b"", dict(NO_STORE))

    async def _access_token(self, call: Call, client: Client, text: str) -> None:
        try:
            if await self._user_tokens.is_one(text):
                token: _AnyToken = await self._user_tokens.verify(text)
            elif await self._resource_tokens.is_one(text):
                token = await self._resource_tokens.verify(text)
            elif await self._delegated_tokens.is_one(text):
                token = await self._delegated_tokens.verify(text)
            else:
                token = await self._tokens.verify(text)
        except errors.Unauthenticated:
            return
        owner = await self._owner(client, token.client_id)
        if owner is not None:
            await revocations.revoke(call, owner, jti=token.id, expires=token.expires)
            self._clients.forget_token(token.client_id, token.id)
            self._user_tokens.forget(token.id)

    async def _refresh_token(self, call: Call, client: Client, text: str) -> None:
        """End all of the family, whichever of its tokens it is (section 2.1)."""
        token = await refresh_tokens.find(self._db, text)
        if token is None:
            return
        owner = await self._owner(client, token.client_id)
        if owner is not None:
            await refresh_tokens.revoke(call, owner, token.id)
            self._user_tokens.forget_all()

    async def _owner(self, client: Client, owner_id: str) -> Client | None:
        """Return whose token it is, if this client may end it; None if that client is gone."""
        if client.id == owner_id:
            return client
        if not _may_end_all(client):
            # Section 2.1: a client with another client's token is told that it may not end it.
            raise OAuthError("unauthorized_client", "the token was issued to another client")
        return await self._clients.find(owner_id)


def _may_end_all(client: Client) -> bool:
    """Whether this is a management client with the scope that `InvalidateToken` takes."""
    return client.client_type == ENV and management_scopes.holds(client, _SCOPE)
