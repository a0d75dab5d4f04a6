"""Introspection (RFC 7662): what a token means, for whoever it may be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tenantry import errors, ids
from tenantry.clients.model import ENV
from tenantry.oauth.errors import NO_STORE, OAuthError
from tenantry.web import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.api_tokens.model import ApiToken
    from tenantry.clients.model import Client
    from tenantry.oauth.access_tokens import AccessToken, AccessTokens
    from tenantry.oauth.client_authentication import ClientAuthentication
    from tenantry.rate_limits.rates import Rates
    from tenantry.web import Request

    FindApiToken = Callable[[str], Awaitable[ApiToken | None]]

_HEADERS = {"content-type": "application/json", **NO_STORE}
_INACTIVE = b'{"active":false}'  # section 2.2: and not a word more
_SHOWN = (
    *("scope", "client_id", "exp", "iat", "nbf", "sub", "aud", "iss", "jti"),
    *("oid", "custom_claims"),
)


class IntrospectionEndpoint:
    """POST /oauth/introspect."""

    def __init__(
        self,
        authenticate: ClientAuthentication,
        tokens: AccessTokens,
        *,
        find_api_token: FindApiToken,
        rates: Rates,
        issuer: str,
    ) -> None:
        self._authenticate = authenticate
        self._tokens = tokens
        self._find_api_token = find_api_token
        self._rates = rates
        self._issuer = issuer

    async def __call__(self, request: Request) -> Response:
        """Answer whether a token is active, and what it says."""
        try:
            form = request.form()
            authenticated = await self._authenticate(request, form)
            request.tell(await self._rates.take_client(authenticated.client.id))
            token = form.get("token")
            if not token:
                raise OAuthError("invalid_request", "token is required")  # noqa: TRY301
            # Told apart by its looks: a token_type_hint is not needed, and may be wrong.
            if token.count(".") == 2:
                shown = await self._access_token(authenticated.client, token)
            else:
                shown = await self._api_token(authenticated.client, token)
        except OAuthError as problem:
            return problem.response()
        except OAuthError.TRANSLATED as problem:
            return OAuthError.of(problem).response()
        body = _INACTIVE if shown is None else orjson.dumps({"active": True, **shown})
        return Response(200, body, dict(_HEADERS))

    async def _access_token(self, client: Client, text: str) -> dict[str, Any] | None:
        try:
            token = await self._tokens.verify(text)
        except errors.Unauthenticated:
            return None
        if not _may_know(client, token):
            return None
        claims = token.claims
        shown = {name: claims[name] for name in _SHOWN if name in claims}
        return {"token_type": "Bearer", **shown}

    async def _api_token(self, client: Client, text: str) -> dict[str, Any] | None:
        # By its id a token may be asked for elsewhere; here that would make the id a token.
        if client.client_type != ENV or ids.well_formed(ids.API_TOKEN, text):
            return None
        token = await self._find_api_token(text)
        if token is None:
            return None
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


def _may_know(client: Client, token: AccessToken) -> bool:
    """Whether the token is the client's, or meant for it, or the client is the operator's own."""
    own = client.id == token.client.id or client.id in token.claims["aud"]
    return own or client.client_type == ENV
