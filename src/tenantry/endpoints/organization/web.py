"""The HTTP routes of an organization's pages, in both frames, and the pages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization import (
    audit,
    directories,
    domains,
    embedding,
    general,
    programs,
    session_policy,
    users,
)
from tenantry.endpoints.organization.opening import Opening
from tenantry.endpoints.organization.single_sign_on import pages as single_sign_on
from tenantry.endpoints.organization.visit import Door, Frame
from tenantry.net.http import Route
from tenantry.tenants.portal_links.cookies import portal_cookie
from tenantry.web.frames import areas, members, workspace

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.organization.visit import Page
    from tenantry.net.http import Request, Response

_SUBJECTS = (general, users, single_sign_on, directories, domains, session_policy, programs, audit)


def routes(parts: AppContext) -> list[Route]:
    cookie = portal_cookie(parts.settings.public_url)
    door = Door(parts, cookie)
    opening, first = Opening(door, cookie), _First(door)
    return door.served(
        [
            workspace.STYLE.route,
            workspace.SCRIPT.route,
            embedding.SCRIPT.route,
            Route("GET", "/magicLink/{token}", door.framed(door.page(opening.open))),
            Route("POST", "/magicLink/{token}", door.framed(door.own(opening.enter))),
            Route("GET", Frame.PORTAL.value, door.framed(door.page(first.of_portal))),
            Route("GET", Frame.MEMBERS.value, door.page(first.of_members)),
            *(_route(door, page, frame) for page in pages(door) for frame in _frames(page)),
        ]
    )


def pages(door: Door) -> list[Page]:
    """Return all pages of all areas."""
    return [page for subject in _SUBJECTS for page in subject.pages(door)]


def _frames(page: Page) -> tuple[Frame, ...]:
    return (Frame.PORTAL, Frame.MEMBERS) if page.area.in_portal else (Frame.MEMBERS,)


def _route(door: Door, page: Page, frame: Frame) -> Route:
    path = f"{frame.value}/{page.area.key}{page.path}"
    return Route(page.verb, path, door.visited(page, frame), body_limit=page.body_limit)


class _First:
    """Where somebody begins: at the first area that they see."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def of_portal(self, request: Request) -> Response:
        """Go to the first tab of the portal."""
        return await self._to(request, Frame.PORTAL)

    async def of_members(self, request: Request) -> Response:
        """Go to the first subject that a member sees."""
        return await self._to(request, Frame.MEMBERS)

    async def _to(self, request: Request, frame: Frame) -> Response:
        visit = await self._door.visit(request, frame)
        if visit is None:
            return await self._door.closed(request, frame)
        seen = next((area for area in areas.AREAS if visit.sees(area)), None)
        if seen is None and frame is Frame.MEMBERS:
            return self._door.redirect(f"{members.PROFILE}/{members.OWN[0]}")
        if seen is None:
            return self._door.pages_of(request).message("nothing", visit.words)
        return self._door.redirect(visit.path(seen))
