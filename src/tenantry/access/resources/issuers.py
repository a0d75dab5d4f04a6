"""The issuer of a resource: `{public URL}/resources/{id of the resource}` (RFC 8414 section 2)."""

from __future__ import annotations

from tenantry.core import ids

PATH = "/resources/"


def issuer_of(public_url: str, resource_id: str) -> str:
    """Return the issuer of a resource, which has no trailing slash."""
    return f"{public_url}{PATH}{resource_id}"


def resource_id_of(public_url: str, issuer: object) -> str | None:
    """Return the ID of the resource whose issuer this is; None for any other text."""
    prefix = f"{public_url}{PATH}"
    if not isinstance(issuer, str) or not issuer.startswith(prefix):
        return None
    resource_id = issuer.removeprefix(prefix)
    return resource_id if ids.well_formed(ids.RESOURCE, resource_id) else None


def is_named(value: str, audience: tuple[str, ...], issuer: str) -> bool:
    """Whether a `resource` parameter (RFC 8707) names a resource: with or without a final slash."""
    wanted = value.rstrip("/")
    return any(wanted == name.rstrip("/") for name in (*audience, issuer))
