"""The HTTP routes of an organization's pages, in both frames, and the pages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization import (
    api_clients,
    audit,
    connected_apps,
    directories,
    domains,
    embedding,
    general,
    session_policy,
    sign_in_policy,
    users,
)
from tenantry.endpoints.organization.overview import PortalOverview
from tenantry.endpoints.organization.portal_links import PortalLinkPages
from tenantry.endpoints.organization.single_sign_on import pages as single_sign_on
from tenantry.endpoints.organization.visit import STYLE, Frame, OrganizationSite
from tenantry.endpoints.organization.widgets import EMBEDDED, SESSION, WidgetPages
from tenantry.endpoints.organization.widgets import SCRIPT as WIDGETS
from tenantry.net.http import MAX_ANONYMOUS, Route
from tenantry.tenants.portal_links.cookies import portal_cookie
from tenantry.web.frames import members, workspace

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.organization.visit import Page
    from tenantry.net.http import Request, Response

_SUBJECTS = (
    general,
    users,
    single_sign_on,
    directories,
    domains,
    session_policy,
    sign_in_policy,
    api_clients,
    connected_apps,
    audit,
)


def routes(context: AppContext) -> list[Route]:
    cookie = portal_cookie(context.settings.public_url)
    site = OrganizationSite(context, cookie)
    opening, first, widgets = PortalLinkPages(site, cookie), _First(site), WidgetPages(site)
    return site.served(
        [
            workspace.STYLE.route,
            workspace.SCRIPT.route,
            embedding.SCRIPT.route,
            STYLE.route,
            Route("GET", "/magicLink/{token}", site.framed(site.page(opening.open))),
            Route("POST", "/magicLink/{token}", site.framed(site.own(opening.enter))),
            Route("GET", Frame.PORTAL.value, site.framed(site.page(first.of_portal))),
            Route("GET", Frame.MEMBERS.value, site.page(first.of_members)),
            WIDGETS.route,
            Route("GET", Frame.WIDGET.value, site.framed(site.page(widgets.first))),
            Route("POST", SESSION, site.framed(site.page(widgets.begin))),
            *(_route(site, page, frame) for page in pages(site) for frame in _frames(page)),
        ]
    )


def pages(site: OrganizationSite) -> list[Page]:
    """Return all pages of all areas."""
    return [page for subject in _SUBJECTS for page in subject.pages(site)]


def _frames(page: Page) -> tuple[Frame, ...]:
    portal = (Frame.PORTAL,) if page.area.in_portal else ()
    widget = (Frame.WIDGET,) if page.area in EMBEDDED else ()
    return (*portal, Frame.MEMBERS, *widget)


def _route(site: OrganizationSite, page: Page, frame: Frame) -> Route:
    path = f"{frame.value}/{page.area.key}{page.path}"
    # A large body is read after the session and the permissions have been checked.
    streams = page.body_limit > MAX_ANONYMOUS
    return Route(page.verb, path, site.visited(page, frame), streams=streams)


class _First:
    """The first page of each frame: the portal's overview, else the visitor's first area."""

    def __init__(self, site: OrganizationSite) -> None:
        self._site = site
        self._overview = PortalOverview(site)

    async def of_portal(self, request: Request) -> Response:
        """Show the overview of the portal, or redirect to its only area."""
        visit = await self._site.visit(request, Frame.PORTAL)
        if visit is None:
            return await self._site.closed(request, Frame.PORTAL)
        if not visit.areas:
            return self._site.pages_of(request).message("nothing", visit.words)
        if len(visit.areas) == 1:
            return self._site.redirect(visit.path(visit.areas[0]))
        return await self._overview.show(visit)

    async def of_members(self, request: Request) -> Response:
        """Redirect to the first area that a member sees."""
        visit = await self._site.visit(request, Frame.MEMBERS)
        if visit is None:
            return await self._site.closed(request, Frame.MEMBERS)
        if not visit.areas:
            return self._site.redirect(f"{members.PROFILE}/{members.OWN[0]}")
        return self._site.redirect(visit.path(visit.areas[0]))
