"""`client_credentials`: a client asks for itself (RFC 6749 section 4.4)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.endpoints.oauth import scopes
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted
from tenantry.events.interceptors.model import PRE_M2M_TOKEN_CREATION
from tenantry.events.interceptors.service import merged
from tenantry.identity.tokens import resource_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.identity.tokens.access_tokens import AccessTokens
    from tenantry.identity.tokens.resource_tokens import ResourceTokens

GRANT_TYPE = "client_credentials"


class ClientCredentials:
    def __init__(
        self,
        clients: ClientCache,
        tokens: AccessTokens,
        resource_tokens: ResourceTokens,
        interceptors: Interceptors,
    ) -> None:
        self._clients = clients
        self._tokens = tokens
        self._resource_tokens = resource_tokens
        self._interceptors = interceptors

    async def __call__(
        self, call: Call, client: Client, form: Mapping[str, str], resource: Resource | None
    ) -> Granted:
        """Return a token with the scopes asked for, or all that the client has; never more.

        Of an organization's client interceptors may refuse it, or say otherwise.
        """
        if resource is not None:
            asked = scopes.read(form.get("scope", "")) or client.scopes or resource.scopes
            granted = resource_tokens.granted(client, resource, asked)
            draft = self._resource_tokens.draft(client, resource)
            issued = await self._resource_tokens.issue_for_client(draft, client, resource, granted)
            return Granted(issued, granted)
        claims = self._tokens.claims(client, await self._scopes(client, form))
        if client.organization_id is not None:
            claims = merged(claims, await self._intercepted(call, client, claims))
        return Granted(await self._tokens.issue(client, claims), claims["scopes"])

    async def _intercepted(
        self, call: Call, client: Client, claims: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the claims that interceptors add or replace."""
        shown = {name: claims[name] for name in ("custom_claims", "oid", "scope", "scopes")}
        try:
            verdict = await self._interceptors.run(
                call,
                PRE_M2M_TOKEN_CREATION,
                context={"client_id": client.id},
                data={"m2m_token_claims": {"client_id": client.id, "claims": shown}},
                organization_id=client.organization_id,
            )
        except errors.Intercepted as problem:
            raise OAuthError("access_denied", problem.message) from None
        return verdict.claims

    async def _scopes(self, client: Client, form: Mapping[str, str]) -> Sequence[str]:
        names = scopes.read(form.get("scope", ""))
        if not names:
            return _held(client)
        if not set(names) <= set(_held(client)):
            # Nobody is refused by memory: it may have got the scope a moment ago.
            found = await self._clients.find(client.id, since=time.monotonic())
            foreign = [name for name in names if found is None or name not in _held(found)]
            if foreign:
                raise OAuthError(
                    "invalid_scope",
                    f"this client is not allowed to request {' '.join(foreign)[:200]}",
                )
        return names


def _held(client: Client) -> Sequence[str]:
    """Return all scopes that a client may ask for: its own, and of the management API."""
    if client.management_scopes is None or not client.may_call_api:
        return client.scopes
    return tuple(dict.fromkeys((*client.scopes, *client.management_scopes)))
