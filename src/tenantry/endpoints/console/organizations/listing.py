"""The list of organizations, its search, and a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console import sorting
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    CreateOrganization,
    CreateOrganizationRequest,
    ListOrganizationsRequest,
    SearchOrganizationsRequest,
)
from tenantry.identity.simulator import test_organization
from tenantry.web import branding

if TYPE_CHECKING:
    from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
        ListOrganizationsResponse,
        SearchOrganizationsResponse,
    )
    from tenantry.net.http import Response

_SHOWN = 30


def pages(site: ConsoleSite) -> list[Page]:
    """Return the pages of the list."""
    listing = _Listing(site)
    return [
        Page("GET", "/organizations", listing.listed),
        Page("GET", "/organizations/new", listing.new),
        Page("POST", "/organizations/new/create", listing.create),
        Page("POST", "/organizations/new/test", listing.make_test),
    ]


class _Listing:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List them, or those that the search finds."""
        query = visit.query("query").strip()[:100]
        order = sorting.paged(visit, visit.path("organizations"), {"query": query} if query else {})
        found: ListOrganizationsResponse | SearchOrganizationsResponse
        if query:
            found = await visit.api.organizations.search_organization(
                SearchOrganizationsRequest(
                    query=query, page_size=_SHOWN, page_token=order.page_token
                )
            )
        else:
            found = await visit.api.organizations.list_organization(
                ListOrganizationsRequest(page_size=_SHOWN, page_token=order.page_token)
            )
        order.arrange(found, found.organizations)
        return self._site.render(
            visit,
            "organizations",
            "organizations/list.html",
            logos=[branding.shown_logo(one.logo_url) for one in found.organizations],
            listed=found,
            query=query,
            order=order,
        )

    async def new(self, visit: Visit) -> Response:
        """Show the form of a new one."""
        development = self._site.context.settings.development
        return self._site.render(
            visit, "organizations", "organizations/new.html", development=development
        )

    async def create(self, visit: Visit) -> Response:
        """Make it."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in ("display_name", "external_id")}
        organization = CreateOrganization(
            display_name=given["display_name"], external_id=given["external_id"] or None
        )
        try:
            made = await visit.api.organizations.create_organization(
                CreateOrganizationRequest(organization=organization)
            )
        except (errors.InvalidArgument, errors.Duplicate) as problem:
            fields = {name: name for name in given}
            fields |= {f"organization.{name}": name for name in given}
            return self._site.wrong(
                visit, problem, visit.path("organizations", "new"), fields, given
            )
        assert made.organization is not None
        path = visit.path("organizations", made.organization.id)
        return self._site.done(path, "created", given["display_name"])

    async def make_test(self, visit: Visit) -> Response:
        """Make the organization whose people the simulator signs in, in development."""
        settings = self._site.context.settings
        if not settings.development:
            raise errors.NotFound("page")
        made = await test_organization.ensure(visit.call, region_code=settings.region)
        return self._site.done(visit.path("organizations", made.organization.id), "created")
