"""Revocation (RFC 7009): a token is put out of force before it expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors, ids
from tenantry.caller import Call
from tenantry.clients import revocations
from tenantry.clients.model import ENV
from tenantry.oauth.authenticate import caller_of
from tenantry.oauth.errors import NO_STORE, OAuthError
from tenantry.web import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.clients.directory import Directory
    from tenantry.clients.model import Client
    from tenantry.db.engine import Database
    from tenantry.oauth.access_tokens import AccessTokens
    from tenantry.oauth.client_authentication import ClientAuthentication
    from tenantry.rate_limits.rates import Rates
    from tenantry.web import Request

    EndApiToken = Callable[[Call, str], Awaitable[None]]


class RevocationEndpoint:
    """POST /oauth/revoke."""

    def __init__(
        self,
        db: Database,
        authenticate: ClientAuthentication,
        directory: Directory,
        tokens: AccessTokens,
        *,
        end_api_token: EndApiToken,
        rates: Rates,
    ) -> None:
        self._db = db
        self._authenticate = authenticate
        self._directory = directory
        self._tokens = tokens
        self._end_api_token = end_api_token
        self._rates = rates

    async def __call__(self, request: Request) -> Response:
        """Revoke a token; one that is unknown, expired or revoked before is no error."""
        try:
            form = request.form()
            client = (await self._authenticate(request, form)).client
            request.tell(await self._rates.take_client(client.id))
            token = form.get("token")
            if not token:
                raise OAuthError("invalid_request", "token is required")  # noqa: TRY301
            call = Call(caller_of(client), self._db, request.request_id)
            if token.count(".") == 2:
                await self._access_token(call, client, token)
            elif client.client_type == ENV and not ids.well_formed(ids.API_TOKEN, token):
                await self._end_api_token(call, token)
        except OAuthError as problem:
            return problem.response()
        except OAuthError.TRANSLATED as problem:
            return OAuthError.of(problem).response()
        return Response(200, b"", dict(NO_STORE))

    async def _access_token(self, call: Call, client: Client, text: str) -> None:
        try:
            token = await self._tokens.verify(text)
        except errors.Unauthenticated:
            return
        if client.client_type != ENV and client.id != token.client.id:
            # Section 2.1: who has another client's token is told that it may not end it.
            raise OAuthError("unauthorized_client", "the token was issued to another client")
        await revocations.revoke(call, token.client, jti=token.id, expires=token.expires)
        self._directory.forget_token(token.id)
