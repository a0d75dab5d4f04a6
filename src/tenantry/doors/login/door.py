"""What all pages of this door share: whose they are, errors as pages, our own forms alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.access.clients import ways_on
from tenantry.call import Call
from tenantry.caller import ANONYMOUS
from tenantry.db.engine import Failure
from tenantry.identity.known_origins.cookies import DeviceCookie
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in import states
from tenantry.pages import words
from tenantry.pages.assets import Asset
from tenantry.pages.rendering import HEADERS, Look, Pages
from tenantry.web import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from markupsafe import Markup

    from tenantry.access.clients.ways_on import WayOn
    from tenantry.db.engine import Database
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sessions.model import Session
    from tenantry.pages.words import Words
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
        self.script = Asset.of_files("/login/login.js", "doors/login/static/login.js")
        self.pages = Pages(
            "login",
            Look.of(settings),
            layout="login/templates/layout.html",
            scripts=(self.script,),
            defaults={"path": ""},
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
        return words.choose("login", request.headers.get("accept-language", ""), wanted)

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
    ) -> Response:
        """Return a page that says one thing, as `Pages.message`; ``way`` is where to go on."""
        said_in, link = self.words(request), None
        if way is not None:
            link = self.link(way, said_in, starts_again=key in {"gone", "denied"})
        return self.pages.message(
            key,
            said_in,
            status=status,
            wait=wait,
            said=said,
            quoted=quoted,
            back=back,
            link=link,
        )

    def link(self, way: WayOn, said_in: Words, *, starts_again: bool) -> tuple[str, Markup]:
        """Return the address of an application, and the text of a link to it."""
        if way.begins and starts_again:
            return way.uri, said_in("page.start_again")
        return way.uri, said_in("page.continue_to", app=way.app or self.pages.look.brand.name)

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
