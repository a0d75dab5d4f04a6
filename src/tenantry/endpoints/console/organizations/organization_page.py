"""One organization as its tabs show it: its head, and where the tabs are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.endpoints.console.visit import by_id
from tenantry.gen.scalekit.v1.organizations.organizations_pb import GetOrganizationRequest
from tenantry.web import branding

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import ConsoleSite, Visit
    from tenantry.gen.scalekit.v1.organizations.organizations_pb import Organization
    from tenantry.net.http import Response

# The tabs, by the segment of their address.
TABS = (
    "",
    "members",
    "connections",
    "directories",
    "domains",
    "roles",
    "session-policy",
    "sign-in-policy",
    "programs",
    "portal-links",
    "events",
)


def path_of(visit: Visit, *segments: str) -> str:
    """Return the address of a tab of the organization that a visit is about."""
    return visit.path(
        "organizations", visit.request.params["id"], *(one for one in segments if one)
    )


async def get(visit: Visit) -> Organization:
    """Return the organization that a visit is about."""
    request = GetOrganizationRequest(identities=by_id(visit.request.params["id"]))
    organization = (await visit.api.organizations.get_organization(request)).organization
    assert organization is not None
    return organization


def render(
    site: ConsoleSite,
    visit: Visit,
    tab: str,
    organization: Organization,
    *,
    template: str = "",
    **values: Any,
) -> Response:
    """Return the page of a tab, by its own template or another one."""
    name = tab or "general"
    tabs = [
        (path_of(visit, one), visit.words.plain(f"tabs.{one or 'general'}"), one == tab)
        for one in TABS
    ]
    return site.render(
        visit,
        "organizations",
        template or f"organizations/{name}.html",
        logos=[branding.shown_logo(organization.logo_url)],
        organization=organization,
        here=path_of(visit, tab),
        tabs=tabs,
        **values,
    )
