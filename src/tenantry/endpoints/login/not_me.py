"""The page behind "this was not me" in a mail: what it was, a button, and what to do after it.

It takes no sign-in: the link is in the mailbox alone. Opening it changes nothing, as programs
that look into mails open links too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.clients.uris import return_targets
from tenantry.core import errors
from tenantry.identity.security_notices import service as security_notices

if TYPE_CHECKING:
    from tenantry.endpoints.login.site import LoginSite
    from tenantry.net.http import Request, Response


class NotMe:
    """Handlers of `/not-me/{token}`."""

    def __init__(self, site: LoginSite) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """Say what the mail was about, and ask."""
        try:
            notice = await security_notices.find(self._site.db, request.params["token"])
        except errors.NotFound:
            return await self._site.leaving(request, "not_me_over", status=410)
        words = self._site.words(request)
        return self._site.show(request, "not_me.html", words, notice=notice)

    async def disown(self, request: Request) -> Response:
        """End all sessions of the person, and say what to do next."""
        site = self._site
        try:
            notice = await security_notices.disown(site.call(request), request.params["token"])
        except errors.NotFound:
            return await site.leaving(request, "not_me_over", status=410)
        response = site.pages.render(
            "not_me_done.html",
            site.words(request),
            notice=notice,
            way=await return_targets.of_client_or_only(site.db, notice.client_id),
        )
        response.cookies.append(site.session_cookie.clear())
        return response
