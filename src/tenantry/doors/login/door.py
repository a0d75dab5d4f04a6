"""What all pages of this door share: whose they are, errors as pages, our own forms alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenantry import errors
from tenantry.access.clients import ways_on
from tenantry.call import Call
from tenantry.caller import ANONYMOUS
from tenantry.db.engine import Failure
from tenantry.doors.login import words
from tenantry.doors.login.branding import Brand
from tenantry.doors.login.pages import HEADERS, Pages
from tenantry.identity.known_origins.cookies import DeviceCookie
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in import states
from tenantry.web import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tenantry.access.clients.ways_on import WayOn
    from tenantry.db.engine import Database
    from tenantry.doors.login.words import Words
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sessions.model import Session
    from tenantry.settings import Settings

    Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)


class Door:
    """The pages of one deployment, and what a request to them is looked at for."""

    def __init__(self, db: Database, settings: Settings, session_cookie: SessionCookie) -> None:
        self.db = db
        self.session_cookie = session_cookie
        self.device_cookie = DeviceCookie.of(settings.public_url)
        self.public_url = settings.public_url
        self.brand = Brand.of(settings, urlsplit(settings.public_url).hostname or "")
        self.pages = Pages(
            self.brand, color=settings.app_color, support=_address(settings.support_email)
        )

    def page(self, handler: Handler) -> Handler:
        """Return a handler whose errors are pages."""

        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except states.OutOfStep:
                # Another tab was faster, or a second click: show how far it has come.
                return self.redirect(f"/login/{request.params['id']}")
            except Exception as problem:  # noqa: BLE001 - whatever it is, people get a page
                return await self._refusal(request, problem)

        return answered

    def form(self, handler: Handler) -> Handler:
        """Return a handler of what our own pages post, and nobody else's."""

        async def checked(request: Request) -> Response:
            if not self._is_ours(request):
                return self.message(request, "not_same_origin", status=403, back=_above(request))
            return await handler(request)

        return self.page(checked)

    def call(self, request: Request) -> Call:
        """Return the call that a request makes to the rooms."""
        return Call(ANONYMOUS, self.db, request.request_id, origin=request.origin)

    async def session(self, request: Request) -> Session | None:
        """Return the live session of the browser."""
        secret = self.session_cookie.read(request.headers.get("cookie", ""))
        return await sessions.find(self.db, secret) if secret else None

    def words(self, request: Request, wanted: tuple[str, ...] = ()) -> Words:
        """Return the words for who reads the answer; ``wanted`` are languages named elsewhere."""
        return words.choose(request.headers.get("accept-language", ""), wanted)

    def message(
        self,
        request: Request,
        key: str,
        *,
        status: int = 200,
        wait: int = 0,
        said: str = "",
        quoted: str = "",
        way: WayOn | None = None,
        back: str = "",
        came: str = "",
        registered: Sequence[str] = (),
    ) -> Response:
        """Return a page that says one thing, which the words have under this key.

        ``wait`` is the number of seconds in it, ``said`` what somebody else says about it,
        ``quoted`` what to quote to support, ``way`` where to go on, and ``back`` the page of ours
        to go back to, or to be taken to after the wait. ``came`` is a redirect_uri that is none of
        those ``registered``, for the developer.
        """
        return self.pages.render(
            "message.html",
            self.words(request),
            status=status,
            path="",
            key=key,
            wait=wait,
            said=said,
            quoted=quoted,
            way=way,
            back=back,
            came=came,
            registered=registered,
        )

    async def leaving(self, request: Request, key: str, *, status: int, **more: Any) -> Response:
        """Return a page that says one thing, and leads on to an application."""
        way = await ways_on.of_environment(self.db)
        return self.message(request, key, status=status, way=way, **more)

    def redirect(self, location: str) -> Response:
        """Return a redirect to another page."""
        response = Response.redirect(location)
        response.headers |= HEADERS
        return response

    def _is_ours(self, request: Request) -> bool:
        """Whether a page of this origin sent a form.

        Browsers say so in Sec-Fetch-Site, older ones in Origin alone; one that says neither is
        none that people use.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        return request.headers.get("origin") == self.public_url

    async def _refusal(self, request: Request, problem: Exception) -> Response:
        more: dict[str, Any] = {"back": _above(request)}
        if isinstance(problem, Failure):
            problem = problem.error()
        match problem:
            case errors.RateLimited():
                key, more["wait"] = "limited", int(problem.headers["retry-after"])
            case errors.Intercepted():
                way = await ways_on.of_environment(self.db)
                key = "denied"
                more |= {"said": problem.message, "way": way}
            case errors.Busy() | errors.OutcomeUnknown():
                key = "busy"
            case errors.Error():
                key = "refused"
            case _:
                fields = {"request_id": request.request_id}
                _log.error("unexpected error", exc_info=problem, extra={"fields": fields})
                key, more["quoted"] = "broken", request.request_id
        status = problem.status if isinstance(problem, errors.Error) else 500
        response = self.message(request, key, status=status, **more)
        if isinstance(problem, errors.Error):
            response.headers |= problem.headers
        return response


def _above(request: Request) -> str:
    """Return the page to go back to: that of a form, `/login/{id}` or `/invitations/{token}`."""
    if request.verb == "GET":
        return f"{request.path}?{request.query}" if request.query else request.path
    return "/".join(request.path.split("/")[:3])


def _address(mailbox: str) -> str:
    """Return the address of `Name <address>`."""
    _, bracket, address = mailbox.rpartition("<")
    return address.rstrip(">") if bracket else mailbox
