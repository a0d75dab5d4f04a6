"""The domains of an organization, as pages need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.pages.api import Api

_VERIFIED = {"VERIFIED", "AUTO_VERIFIED"}


async def has_verified(api: Api, organization_id: str) -> bool:
    """Whether an organization has a verified domain, by which its connections are found.

    Raises:
        errors.PermissionDenied: the visitor may not read domains.

    """
    answer = await api.get(
        "/organizations/{}/domains",
        organization_id,
        domain_type="ORGANIZATION_DOMAIN",
        page_size=100,
    )
    found = answer.get("domains", ())
    return any(one.get("verification_status") in _VERIFIED for one in found)
