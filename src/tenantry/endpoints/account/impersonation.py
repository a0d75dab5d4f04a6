"""`/ui/impersonation/stop`: an operator ends a session in which they stood in for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import LOGOUT

if TYPE_CHECKING:
    from tenantry.endpoints.account.site import AccountSite
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.net.http import Request, Response

PATH = "/ui/impersonation/stop"


class ImpersonationPages:
    def __init__(self, site: AccountSite, cookie: SessionCookie) -> None:
        self._site = site
        self._cookie = cookie

    async def stop(self, request: Request) -> Response:
        """End it, and go back to the person in the console; that of a person stays as it is."""
        visit = await self._site.find(request)
        if visit is None or visit.session.impersonation is None:
            return self._site.redirect("/ui/profile/security")
        await sessions.end(visit.call, visit.session.id, status=LOGOUT)
        response = self._site.redirect(f"/console/people/{visit.person.id}")
        response.cookies.append(self._cookie.clear())
        return response
