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
    from tenantry.endpoints.login.door import Door
    from tenantry.net.http import Request, Response


class NotMe:
    """Handlers of `/not-me/{token}`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, request: Request) -> Response:
        """Say what the mail was about, and ask."""
        try:
            notice = await security_notices.find(self._door.db, request.params["token"])
        except errors.NotFound:
            return await self._door.leaving(request, "not_me_over", status=410)
        words = self._door.words(request)
        return self._door.show(request, "not_me.html", words, notice=notice)

    async def disown(self, request: Request) -> Response:
        """End all sessions of the person, and say what to do next."""
        door = self._door
        try:
            notice = await security_notices.disown(door.call(request), request.params["token"])
        except errors.NotFound:
            return await door.leaving(request, "not_me_over", status=410)
        response = door.pages.render(
            "not_me_done.html",
            door.words(request),
            notice=notice,
            way=await return_targets.of_client_or_only(door.db, notice.client_id),
        )
        response.cookies.append(door.session_cookie.clear())
        return response
