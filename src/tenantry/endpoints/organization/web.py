"""The HTTP routes of an organization's pages, in both frames, and the pages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization import (
    api_clients,
    audit,
    directories,
    domains,
    embedding,
    general,
    session_policy,
    users,
)
from tenantry.endpoints.organization.portal_links import PortalLinkPages
from tenantry.endpoints.organization.single_sign_on import pages as single_sign_on
from tenantry.endpoints.organization.visit import Frame, OrganizationSite
from tenantry.net.http import Route
from tenantry.tenants.portal_links.cookies import portal_cookie
from tenantry.web.frames import areas, members, workspace

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
    api_clients,
    audit,
)


def routes(context: AppContext) -> list[Route]:
    cookie = portal_cookie(context.settings.public_url)
    site = OrganizationSite(context, cookie)
    opening, first = PortalLinkPages(site, cookie), _First(site)
    return site.served(
        [
            workspace.STYLE.route,
            workspace.SCRIPT.route,
            embedding.SCRIPT.route,
            Route("GET", "/magicLink/{token}", site.framed(site.page(opening.open))),
            Route("POST", "/magicLink/{token}", site.framed(site.own(opening.enter))),
            Route("GET", Frame.PORTAL.value, site.framed(site.page(first.of_portal))),
            Route("GET", Frame.MEMBERS.value, site.page(first.of_members)),
            *(_route(site, page, frame) for page in pages(site) for frame in _frames(page)),
        ]
    )


def pages(site: OrganizationSite) -> list[Page]:
    """Return all pages of all areas."""
    return [page for subject in _SUBJECTS for page in subject.pages(site)]


def _frames(page: Page) -> tuple[Frame, ...]:
    return (Frame.PORTAL, Frame.MEMBERS) if page.area.in_portal else (Frame.MEMBERS,)


def _route(site: OrganizationSite, page: Page, frame: Frame) -> Route:
    path = f"{frame.value}/{page.area.key}{page.path}"
    return Route(page.verb, path, site.visited(page, frame), body_limit=page.body_limit)


class _First:
    """Where somebody begins: at the first area that they see."""

    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def of_portal(self, request: Request) -> Response:
        """Go to the first tab of the portal."""
        return await self._to(request, Frame.PORTAL)

    async def of_members(self, request: Request) -> Response:
        """Go to the first subject that a member sees."""
        return await self._to(request, Frame.MEMBERS)

    async def _to(self, request: Request, frame: Frame) -> Response:
        visit = await self._site.visit(request, frame)
        if visit is None:
            return await self._site.closed(request, frame)
        seen = next((area for area in areas.AREAS if visit.sees(area)), None)
        if seen is None and frame is Frame.MEMBERS:
            return self._site.redirect(f"{members.PROFILE}/{members.OWN[0]}")
        if seen is None:
            return self._site.pages_of(request).message("nothing", visit.words)
        return self._site.redirect(visit.path(seen))
