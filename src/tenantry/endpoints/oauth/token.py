"""The token endpoint (RFC 6749 section 3.2): the steps that are the same for every grant."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from tenantry.access.resources import issuers
from tenantry.call import Call
from tenantry.endpoints.oauth.errors import NO_STORE, OAuthError
from tenantry.endpoints.oauth.grant_types import client_credentials
from tenantry.identity.tokens.authenticate import caller_of
from tenantry.net.http import Response
from tenantry.telemetry.metrics import table as metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.clients.model import Client
    from tenantry.access.clients.token_events import TokenEvents
    from tenantry.access.resources.model import Resource
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.db.engine import Database
    from tenantry.endpoints.oauth.client_authentication import ClientAuthentication
    from tenantry.endpoints.oauth.grant_types import Grant
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates

_HEADERS = {"content-type": "application/json", **NO_STORE}


class TokenEndpoint:
    """POST /oauth/token."""

    def __init__(
        self,
        db: Database,
        authenticate: ClientAuthentication,
        grants: Mapping[str, Grant],
        *,
        resources: ResourceCache,
        token_events: TokenEvents,
        rates: Rates,
        issuer: str,
    ) -> None:
        self._db = db
        self._authenticate = authenticate
        self._grants = grants
        self._resources = resources
        self._token_events = token_events
        self._issuer = issuer
        self._rates = rates

    async def __call__(self, request: Request) -> Response:
        """Answer one token request; every failure in the form of RFC 6749."""
        try:
            return await self._answer(request)
        except OAuthError as problem:
            refusal = problem
        except OAuthError.TRANSLATED as problem:
            refusal = OAuthError.of(problem)
        metrics.TOKEN_REFUSALS.add(refusal.error)
        return refusal.response()

    async def _answer(self, request: Request) -> Response:
        # 1. The parameters.
        form = request.form()
        grant_type = form.get("grant_type")
        if not grant_type:
            raise OAuthError("invalid_request", "grant_type is required")
        grant = self._grants.get(grant_type)
        if grant is None:
            raise OAuthError(
                "unsupported_grant_type", f"grant_type must be {' or '.join(self._grants)}"
            )
        # 2. The client.
        authenticated = await self._authenticate(request, form, public=True)
        client = authenticated.client
        caller = request.context.caller = caller_of(client)
        # 3. Whether this client may.
        request.tell(await self._rates.take_token(client.id))
        if grant_type not in client.allowed_grant_types:
            raise OAuthError(
                "unauthorized_client", f"this client is not registered for {grant_type}"
            )
        resource = await self._resource(request, client, form)
        for_itself = grant_type == client_credentials.GRANT_TYPE and resource is None
        if for_itself and not client.api_access:
            raise OAuthError(
                "unauthorized_client",
                "unauthorized: API access is switched off for this client",
                status=401,
                basic=authenticated.basic,
            )
        # 4. The answer.
        call = Call(caller, self._db, request.request_id, origin=request.origin)
        granted = await grant(call, client, form, resource)
        # 5. On the record, before it is handed out.
        metrics.TOKENS_ISSUED.add(grant_type)
        issued = granted.access_token
        await self._token_events.issued(call, client, token_id=issued.id, scopes=granted.scopes)
        answer = {
            "access_token": issued.token,
            "token_type": granted.token_type,
            "expires_in": issued.expires_in,
            "scope": " ".join(granted.scopes),
        }
        if granted.issued_token_type is not None:
            answer["issued_token_type"] = granted.issued_token_type
        if granted.id_token is not None:
            answer["id_token"] = granted.id_token
        if granted.refresh_token is not None:
            answer["refresh_token"] = granted.refresh_token
        return Response(200, orjson.dumps(answer), dict(_HEADERS))

    async def _resource(
        self, request: Request, client: Client, form: Mapping[str, str]
    ) -> Resource | None:
        """Return the resource of a client, which decides the audience (RFC 8707 section 2.2)."""
        at = request.params.get("resource_id", client.resource_id)
        if client.resource_id is None or at != client.resource_id:
            if at is not None:
                raise OAuthError.invalid_client("this client belongs to another issuer")
            return None
        resource = await self._resources.find(client.resource_id)
        if resource is None:
            resource = await self._resources.find(client.resource_id, since=time.monotonic())
        if resource is None:
            raise OAuthError.invalid_client("the resource of this client was deleted")
        asked = form.get("resource")
        issuer = issuers.issuer_of(self._issuer, resource.id)
        if asked and not issuers.is_named(asked, resource.audience, issuer):
            raise OAuthError("invalid_target", "resource is not the one of this client")
        return resource
