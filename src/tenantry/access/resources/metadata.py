"""Protected resource metadata (RFC 9728), which tells clients the issuer of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenantry.access.resources.issuers import PATH, issuer_of

if TYPE_CHECKING:
    from tenantry.access.resources.model import Resource

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def protected_resource(resource: Resource, public_url: str) -> dict[str, Any]:
    """Return the metadata of a resource (RFC 9728 section 2).

    `offline_access` is not a scope of a resource: the metadata of the issuer lists it.
    """
    issuer = issuer_of(public_url, resource.id)
    return {
        "resource": resource.resource_uri or issuer,
        "authorization_servers": [issuer],
        "scopes_supported": list(resource.scopes),
        "bearer_methods_supported": ["header"],
        "resource_name": resource.name,
    }


def protected_resource_uri(resource: Resource, public_url: str) -> str:
    """Return the URL at which this server publishes the metadata of a resource."""
    return f"{public_url}{WELL_KNOWN}{PATH}{resource.id}"


def well_known(resource: Resource) -> str:
    """Return the URL where clients look for the metadata of a resource (section 3.1)."""
    url = urlsplit(resource.resource_uri)
    return f"{url.scheme}://{url.netloc}{WELL_KNOWN}{url.path.rstrip('/')}"
