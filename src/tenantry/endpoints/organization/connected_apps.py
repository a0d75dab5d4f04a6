"""The apps that members of an organization have given access: all of them, and ending it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.client_metadata import names
from tenantry.core import errors
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.identity.consents import listing, service
from tenantry.web.frames.areas import PROGRAMS

if TYPE_CHECKING:
    from tenantry.net.http import Response

_NAME_MAX = 60  # characters that are shown


def pages(site: OrganizationSite) -> list[Page]:
    subject = _ConnectedApps(site)
    return [
        Page("GET", "/apps", subject.show, PROGRAMS),
        Page("POST", "/apps/{id}/revoke", subject.revoke, PROGRAMS),
    ]


class _ConnectedApps:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """List the consents of all members, the newest first."""
        try:
            listed = await listing.of_organization(
                visit.call,
                visit.organization.id,
                page_size=listing.MAX_PAGE,
                page_token=visit.query("page_token"),
            )
        except errors.InvalidArgument:  # a page token that is not ours
            return self._site.redirect(visit.path(PROGRAMS, "apps"))
        return self._site.render(
            visit,
            PROGRAMS,
            "connected_apps.html",
            listed=listed,
            apps=[(one, names.clean(one.client_name, most=_NAME_MAX)) for one in listed.items],
        )

    async def revoke(self, visit: Visit) -> Response:
        """Revoke the access of an app on behalf of one member."""
        await service.revoke_of_organization(
            visit.call, visit.request.params["id"], visit.organization.id
        )
        return self._site.done(visit.path(PROGRAMS, "apps"), "app_revoked")
