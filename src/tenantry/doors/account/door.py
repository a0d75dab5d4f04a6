"""What all pages of this door share: whose they are, errors as pages, our own forms alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tenantry import errors
from tenantry.access.clients import ways_on
from tenantry.call import Call
from tenantry.caller import signed_in
from tenantry.db.engine import Failure
from tenantry.identity.proofs.totp import service as totp
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.freshness import Freshness
from tenantry.pages import words
from tenantry.pages.assets import Asset
from tenantry.pages.rendering import HEADERS, Look, Pages
from tenantry.tenants.users import service as users
from tenantry.web import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.db.engine import Database
    from tenantry.identity.proofs.totp.model import Registration
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sessions.model import Session
    from tenantry.pages.words import Words
    from tenantry.settings import Settings
    from tenantry.tenants.users.model import User

    Handler = Callable[[Request], Awaitable[Response]]
    PersonsHandler = Callable[["Visit"], Awaitable[Response]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by a signed-in person."""

    request: Request
    call: Call  # as this person
    session: Session
    person: User
    words: Words
    is_fresh: bool  # the person signed in so lately that nothing more is asked

    def query(self, name: str) -> str:
        """Return a member of the query, "" without it."""
        try:
            return parse_qs(self.request.query, max_num_fields=20).get(name, [""])[0]
        except ValueError:
            return ""

    def proof(self, registration: Registration | None) -> str:
        """Return what a sensitive change takes: "" for nothing more, a "code", or a new sign_in."""
        if self.is_fresh:
            return ""
        return "code" if registration is not None else "sign_in"


class Door:
    """The pages of one deployment, and what a request to them is looked at for."""

    def __init__(self, db: Database, settings: Settings, session_cookie: SessionCookie) -> None:
        self.db = db
        self.style = Asset.of_files("/ui/account.css", "doors/account/static/account.css")
        self.script = Asset.of_files("/ui/account.js", "doors/account/static/account.js")
        self.pages = Pages(
            "account",
            Look.of(settings),
            layout="account/templates/layout.html",
            styles=(self.style,),
            scripts=(self.script,),
            defaults={"person": None, "page": ""},
        )
        self.freshness = Freshness.of(settings)
        self._session_cookie = session_cookie
        self._public_url = settings.public_url

    def page(self, handler: PersonsHandler) -> Handler:
        """Return a handler for signed-in people whose errors are pages."""

        async def answered(request: Request) -> Response:
            try:
                visit = await self._visit(request)
                if visit is None:
                    return await self._closed(request)
                return await handler(visit)
            except Exception as problem:  # noqa: BLE001 - whatever it is, people get a page
                return self._refusal(request, problem)

        return answered

    def form(self, handler: PersonsHandler) -> Handler:
        """Return a handler of what our own pages post, and nobody else's."""
        answered = self.page(handler)

        async def checked(request: Request) -> Response:
            if not self._is_ours(request):
                return self.pages.message(
                    "not_same_origin", self._words(request), status=403, back=_back(request)
                )
            return await answered(request)

        return checked

    def render(self, visit: Visit, template: str, **values: Any) -> Response:
        """Return a page for this person."""
        return self.pages.render(
            template,
            visit.words,
            person=visit.person,
            fresh_minutes=self.freshness.minutes,
            **values,
        )

    def stale(self, visit: Visit) -> str:
        """Return why something takes a new proof of the person."""
        return visit.words.plain("fresh.sign_in", minutes=self.freshness.minutes)

    def redirect(self, location: str) -> Response:
        """Return a redirect to another page."""
        response = Response.redirect(location)
        response.headers |= HEADERS
        return response

    async def _visit(self, request: Request) -> Visit | None:
        secret = self._session_cookie.read(request.headers.get("cookie", ""))
        session = await sessions.find(self.db, secret) if secret else None
        if session is None:
            return None
        caller = signed_in(session.user_id, session.organization_id, session.id)
        call = Call(caller, self.db, request.request_id, origin=request.origin)
        try:
            person = await users.get(call, users.Identity(session.user_id))
        except errors.NotFound:  # gone just now
            return None
        fresh = self.freshness.has(session)
        return Visit(request, call, session, person, self._words(request), fresh)

    async def _closed(self, request: Request) -> Response:
        way = await ways_on.of_environment(self.db)
        said_in = self._words(request)
        link = None
        if way is not None:
            key = "closed.sign_in" if way.begins else "page.continue_to"
            link = way.uri, said_in(key, app=way.app or self.pages.look.brand.name)
        return self.pages.message("closed", said_in, status=401, link=link)

    def _is_ours(self, request: Request) -> bool:
        """Whether a page of this origin sent a form.

        Browsers say so in Sec-Fetch-Site, older ones in Origin alone; one that says neither is
        none that people use.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        return request.headers.get("origin") == self._public_url

    def _words(self, request: Request) -> Words:
        return words.choose("account", request.headers.get("accept-language", ""))

    def _refusal(self, request: Request, problem: Exception) -> Response:
        more: dict[str, Any] = {}
        if isinstance(problem, Failure):
            problem = problem.error()
        match problem:
            case errors.RateLimited():
                key, more["wait"] = "limited", int(problem.headers["retry-after"])
            case errors.NotFound():
                key = "gone"
            case errors.Busy() | errors.OutcomeUnknown():
                key = "busy"
            case errors.Error():
                key = "refused"
            case _:
                fields = {"request_id": request.request_id}
                _log.error("unexpected error", exc_info=problem, extra={"fields": fields})
                key, more["quoted"] = "broken", request.request_id
        status = problem.status if isinstance(problem, errors.Error) else 500
        response = self.pages.message(
            key, self._words(request), status=status, back=_back(request), **more
        )
        if isinstance(problem, errors.Error):
            response.headers |= problem.headers
        return response


async def registration_of(visit: Visit) -> Registration | None:
    """Return the registration of a second factor that the person has in force."""
    return await totp.of_user(visit.call.db, visit.person.id)


def _back(request: Request) -> str:
    """Return the page of a form: `/ui/profile/passkeys` or `/ui/profile/security`."""
    return "/".join(request.path.split("/")[:4])
