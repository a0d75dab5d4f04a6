"""The metadata of the issuers of resources (RFC 8414, RFC 9728).

A client that knows the issuer `{url}/resources/{id}` looks for its metadata at three places, in the
order of the MCP specification: the two with `.well-known` before the path, and the one with it
after the path.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tenantry.access.resources import issuers
from tenantry.access.resources import metadata as protected
from tenantry.endpoints.oauth import registration
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import identity_assertion
from tenantry.identity.grants.claims import SCOPES
from tenantry.net.http import Response, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.resources.model import Resource
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.net.http import Request

_ISSUER = f"{issuers.PATH}{{resource_id}}"
AUTHORIZE_PATH = f"{_ISSUER}/authorize"
TOKEN_PATH = f"{_ISSUER}/token"
REVOCATION_PATH = f"{_ISSUER}/revoke"
_PATHS = (
    f"/.well-known/oauth-authorization-server{_ISSUER}",
    f"/.well-known/openid-configuration{_ISSUER}",
    f"{_ISSUER}/.well-known/openid-configuration",
    f"{_ISSUER}/.well-known/oauth-authorization-server",
)
_CACHE = "public, max-age=60, stale-if-error=86400"
# Endpoints of the environment that do not accept tokens of resources.
_OF_ENVIRONMENT = (
    *("userinfo_endpoint", "end_session_endpoint"),
    *("backchannel_logout_supported", "backchannel_logout_session_supported"),
    "identity_chaining_requested_token_types_supported",
)


class ResourceMetadata:
    """Serves the metadata of all resources; ``environment`` is that of the environment."""

    def __init__(
        self, resources: ResourceCache, environment: Mapping[str, object], public_url: str
    ) -> None:
        self._resources = resources
        self._environment = environment
        self._public_url = public_url

    def routes(self) -> list[Route]:
        return [
            *(Route("GET", path, self.authorization_server, public=True) for path in _PATHS),
            Route("GET", f"{protected.WELL_KNOWN}{_ISSUER}", self.protected_resource, public=True),
        ]

    async def authorization_server(self, request: Request) -> Response:
        """Return the metadata of the issuer of a resource (RFC 8414 section 3)."""
        resource = await self._find(request)
        if resource is None:
            return _not_found()
        document = authorization_server(resource, self._environment, self._public_url)
        return Response.json(document, cache_control=_CACHE)

    async def protected_resource(self, request: Request) -> Response:
        """Return the metadata of a resource (RFC 9728 section 3)."""
        resource = await self._find(request)
        if resource is None:
            return _not_found()
        document = protected.protected_resource(resource, self._public_url)
        return Response.json(document, cache_control=_CACHE)

    async def _find(self, request: Request) -> Resource | None:
        started, resource_id = time.monotonic(), request.params["resource_id"]
        resource = await self._resources.find(resource_id)
        return resource or await self._resources.find(resource_id, since=started)


def authorization_server(
    resource: Resource, environment: Mapping[str, object], public_url: str
) -> dict[str, object]:
    """Return the metadata of the issuer of a resource."""
    issuer = issuers.issuer_of(public_url, resource.id)
    document = {name: value for name, value in environment.items() if name not in _OF_ENVIRONMENT}
    if resource.dynamic_registration:  # a null would break some clients
        document["registration_endpoint"] = registration.registration_endpoint(
            public_url, resource.id
        )
    if resource.xaa:
        grant_types = environment["grant_types_supported"]
        assert isinstance(grant_types, list)
        document["grant_types_supported"] = [*grant_types, identity_assertion.GRANT_TYPE]
        document["authorization_grant_profiles_supported"] = [identity_assertion.PROFILE]
    return document | {
        "client_id_metadata_document_supported": resource.cimd,
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        "revocation_endpoint_auth_methods_supported": environment[
            "token_endpoint_auth_methods_supported"
        ],
        "scopes_supported": list(dict.fromkeys((*resource.scopes, *SCOPES))),
        "protected_resources": list(resource.audience[1:]) or [issuer],
    }


def _not_found() -> Response:
    return OAuthError("not_found", "there is no such resource", status=404).response()
