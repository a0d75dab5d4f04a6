"""The HTTP routes of this door: token endpoint, keys, discovery documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.oauth.token import TokenEndpoint
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from tenantry.db.engine import Database
    from tenantry.oauth.access_tokens import AccessTokens
    from tenantry.oauth.key_ring import KeyRing

_CACHE = "public, max-age=60"


def routes(db: Database, ring: KeyRing, tokens: AccessTokens, issuer: str) -> list[Route]:
    """Return what this door serves."""

    async def keys(_request: Request) -> Response:
        await ring.refresh()
        return Response.json(ring.published, cache_control=_CACHE)

    async def metadata(_request: Request) -> Response:
        return Response.json(discovery(issuer), cache_control=_CACHE)

    return [
        Route("POST", "/oauth/token", TokenEndpoint(db, tokens)),
        Route("GET", "/keys", keys, public=True),
        Route("GET", "/.well-known/openid-configuration", metadata, public=True),
        Route("GET", "/.well-known/oauth-authorization-server", metadata, public=True),
    ]


def discovery(issuer: str) -> dict[str, object]:
    """Return the metadata of RFC 8414 section 2: only what is served."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/keys",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "service_documentation": f"{issuer}/docs",
    }
