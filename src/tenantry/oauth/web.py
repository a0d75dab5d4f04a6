"""The HTTP routes of this door: the endpoints of clients, keys, discovery documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.oauth.client_assertion import ALGORITHMS
from tenantry.oauth.client_authentication import METHODS
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.oauth.introspection import IntrospectionEndpoint
    from tenantry.oauth.key_ring import KeyRing
    from tenantry.oauth.revocation import RevocationEndpoint
    from tenantry.oauth.token import TokenEndpoint

_CACHE = "public, max-age=60"


def routes(
    ring: KeyRing,
    token: TokenEndpoint,
    introspection: IntrospectionEndpoint,
    revocation: RevocationEndpoint,
    *,
    issuer: str,
) -> list[Route]:
    """Return what this door serves."""
    metadata = discovery(issuer, token.grant_types)

    async def keys(_request: Request) -> Response:
        return Response.json(await ring.published(), cache_control=_CACHE)

    async def discovered(_request: Request) -> Response:
        return Response.json(metadata, cache_control=_CACHE)

    return [
        Route("POST", "/oauth/token", token),
        Route("POST", "/oauth/introspect", introspection),
        Route("POST", "/oauth/revoke", revocation),
        Route("GET", "/keys", keys, public=True),
        Route("GET", "/.well-known/openid-configuration", discovered, public=True),
        Route("GET", "/.well-known/oauth-authorization-server", discovered, public=True),
    ]


def discovery(issuer: str, grant_types: Iterable[str]) -> dict[str, object]:
    """Return the metadata of RFC 8414 section 2: only what is served."""
    metadata: dict[str, object] = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "jwks_uri": f"{issuer}/keys",
        "grant_types_supported": list(grant_types),
        "response_types_supported": [],
        "service_documentation": f"{issuer}/docs",
    }
    for endpoint in ("token", "introspection", "revocation"):
        metadata[f"{endpoint}_endpoint_auth_methods_supported"] = list(METHODS)
        metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
    return metadata
