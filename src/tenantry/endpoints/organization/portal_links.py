"""Opening a link into the admin portal: `/magicLink/{token}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.call import Call
from tenantry.core.caller import ANONYMOUS
from tenantry.endpoints.organization import embedding
from tenantry.endpoints.organization.visit import Frame
from tenantry.net.http import Response
from tenantry.tenants.portal_links import service as portal_links
from tenantry.web.rendering import HEADERS

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite
    from tenantry.net.http import Cookie, Request


class PortalLinkPages:
    def __init__(self, site: OrganizationSite, cookie: Cookie) -> None:
        self._site = site
        self._cookie = cookie

    async def open(self, request: Request) -> Response:
        """Open a link and go on to the portal, leaving the link's address behind.

        One to share is opened by a button: programs that look at links in mail and chats push none.
        """
        if request.verb == "HEAD" or _is_ahead_of_time(request):
            # A preview or a scanner: it must not use up the link.
            return Response(200, b"", dict(HEADERS))
        link = await portal_links.find(self._site.db, request.params["token"])
        if link is not None and link.shareable:
            pages = self._site.portal()
            return pages.render("opening.html", self._site.words(request))
        return await self.enter(request)

    async def enter(self, request: Request) -> Response:
        """Open a link into a session."""
        call = Call(ANONYMOUS, self._site.db, request.request_id, origin=request.origin)
        opened = await portal_links.open_link(call, request.params["token"])
        if opened is None:
            closed = self._site.portal(embedding.LINK_EXPIRED)
            return closed.message("closed", self._site.words(request), status=410)
        _, secret = opened
        response = self._site.redirect(Frame.PORTAL.value)
        response.cookies.append(self._cookie.issue(secret))
        return response


def _is_ahead_of_time(request: Request) -> bool:
    """Whether a browser fetches a page that nobody has asked for yet (Fetch, section 3.2.7)."""
    return "prefetch" in request.headers.get("sec-purpose", "")
