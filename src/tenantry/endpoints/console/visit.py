"""A visit of the console: an operator, and the API as they may call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote, urlencode

from protobuf import Oneof

from tenantry.api.in_process import InProcessClient
from tenantry.call import Call
from tenantry.core import errors, urlencoded
from tenantry.endpoints.console import undo as undoing
from tenantry.identity.operators import service as operators
from tenantry.identity.operators import sessions
from tenantry.identity.operators.model import OPERATOR, OWNER, READER
from tenantry.identity.operators.provider import Provider
from tenantry.net.http import MAX_ANONYMOUS, Cookie
from tenantry.web import site
from tenantry.web.assets import Asset
from tenantry.web.forms import done
from tenantry.web.forms.problems import Problems
from tenantry.web.frames import workspace
from tenantry.web.frames.navigation import Entry, Group
from tenantry.web.themes import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from tenantry.app_context import AppContext
    from tenantry.identity.operators.model import OperatorSession
    from tenantry.net.http import Request, Response
    from tenantry.web.site import Handler
    from tenantry.web.words import Words

    Visited = Callable[["Visit"], Awaitable[Response]]

ROOT = "/console"
PASSKEYS_SCRIPT = Asset.of_files(f"{ROOT}/passkeys.js", "endpoints/console/static/passkeys.js")
PALETTE_SCRIPT = Asset.of_files(f"{ROOT}/palette.js", "endpoints/console/static/palette.js")
LIVE_SCRIPT = Asset.of_files(f"{ROOT}/live.js", "endpoints/console/static/live.js")
LISTS_SCRIPT = Asset.of_files(f"{ROOT}/lists.js", "endpoints/console/static/lists.js")
LISTS_STYLE = Asset.of_files(
    f"{ROOT}/lists.css", "web/static/avatars.css", "endpoints/console/static/lists.css"
)
_MESSAGES = ("done", "done_to", "undo", "failed")  # members of the query, for one view of the page
_RANK = (READER, OPERATOR, OWNER)
# The groups of the navigation: subjects, which are also the paths of their pages, with icons.
NAVIGATION = (
    ("", {"overview": "layout-dashboard"}),
    (
        "tenants",
        {
            "organizations": "building-2",
            "people": "users",
            "connections": "log-in",
            "directories": "folder-sync",
            "roles": "shield-check",
        },
    ),
    (
        "access",
        {
            "applications": "app-window",
            "resources": "server",
            "api-keys": "key-round",
            "token-claims": "braces",
            "keys": "signature",
        },
    ),
    (
        "activity",
        {
            "sign-ins": "activity",
            "events": "list",
            "webhooks": "webhook",
            "interceptors": "split",
            "mail": "mail",
        },
    ),
    (
        "deployment",
        {
            "branding": "palette",
            "settings": "settings",
            "health": "heart-pulse",
            "operators": "user-cog",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One address of the console, and the role that it takes.

    A reader sees every page and sends no form; the API refuses them the same.
    """

    verb: str
    path: str  # below /console, "/organizations/{id}"
    handler: Visited
    role: str = ""  # "": a READER for a page, an OPERATOR for a form
    body_limit: int = MAX_ANONYMOUS

    @property
    def least_role(self) -> str:
        """The role that is enough."""
        return self.role or (READER if self.verb == "GET" else OPERATOR)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by an operator."""

    request: Request
    call: Call
    api: InProcessClient
    session: OperatorSession
    words: Words

    def query(self, name: str) -> str:
        """Return a member of the query, "" without it."""
        return site.query(self.request, name, strict=True)

    def path(self, *segments: str, **query: str) -> str:
        """Return the address of a page of the console."""
        found = "/".join((ROOT, *(quote(each, safe="") for each in segments)))
        return f"{found}?{urlencode(query)}" if query else found

    @property
    def list_query(self) -> dict[str, str]:
        """The members of the query that select the rows of a list."""
        try:
            found = urlencoded.members(self.request.query, most=20, errors="replace")
        except ValueError:
            return {}
        return {name: value for name, value in found if value and name not in _MESSAGES}

    def has_role(self, role: str) -> bool:
        """Whether the operator has this role, or one that may more."""
        return _RANK.index(self.session.operator.role) >= _RANK.index(role)

    @property
    def writes(self) -> bool:
        """Whether the operator may change anything: a reader sees no form."""
        return self.has_role(OPERATOR)


class ConsoleSite(site.Site):
    """The base of all pages of the console."""

    sections: ClassVar = {**site.Site.sections, errors.NotFound: "gone"}

    def __init__(self, context: AppContext) -> None:
        settings = context.settings
        super().__init__(
            workspace.pages(
                "console",
                context.themes,
                styles=(LISTS_STYLE,),
                scripts=(LISTS_SCRIPT, PALETTE_SCRIPT),
                layout="console/templates/frame.html",
                kind=Kind.PLAIN,
            ),
            context.db.vault,
            settings.public_url,
        )
        self.context = context
        self.db = context.db
        self.provider = Provider(context.openid, settings)
        self.cookie = Cookie.of(
            settings.public_url,
            "tenantry_console",
            seconds=sessions.LIFE // 1_000_000,
            same_site="strict",
        )

    def holder(self, request: Request) -> str:
        """Return the secret of the session."""
        return self.cookie.read(request.headers.get("cookie", ""))

    def visited(self, page: Page) -> Handler:
        """Return the handler of a page, for operators of its role."""

        async def answered(request: Request) -> Response:
            visit = await self.visit(request)
            if visit is None:
                return self.signed_out(request)
            if not visit.has_role(page.least_role):
                raise errors.PermissionDenied
            await request.read_body(page.body_limit)
            return await page.handler(visit)

        return self.page(answered) if page.verb == "GET" else self.form(answered)

    def signed_out(self, request: Request) -> Response:
        """Return what somebody without a session gets: the way to sign in, and back here.

        A browser that comes from another site keeps the strict cookie to itself, and sends it with
        the next request, of a Tenantry page.
        """
        if request.verb != "GET":
            return self.pages.message("signed_out", self.words(request), status=401, back=ROOT)
        here = self.here(request)
        if request.origin.site == "cross-site" and not self.holder(request):
            return self.pages.render("onward.html", self.words(request), path=here)
        response = self.sign_in(request, here)
        response.status = 401
        return response

    def sign_in(self, request: Request, goal: str) -> Response:
        """Return the page with the ways to sign in; ``goal`` is the Tenantry page to continue
        to.
        """
        return self.show(
            request,
            "sign_in.html",
            self.words(request),
            next=goal,
            provider=self.provider.name,
            passkeys_script=PASSKEYS_SCRIPT,
        )

    def entered(self, goal: str, secret: str) -> Response:
        """Return the redirect that begins a session in a browser."""
        response = self.redirect(goal)
        response.cookies.append(self.cookie.issue(secret))
        return response

    async def visit(self, request: Request) -> Visit | None:
        """Return the visit of a request, None where nobody is signed in."""
        secret = self.holder(request)
        session = await sessions.find(self.db, secret) if secret else None
        if session is None:
            return None
        caller = request.context.caller = operators.caller(session.operator)
        call = Call(caller, self.db, request.request_id, origin=request.origin)
        api = InProcessClient(self.context.rpcs, caller, request.request_id, request.origin)
        return Visit(request, call, api, session, self.words(request))

    def render(
        self,
        visit: Visit,
        subject: str,
        template: str,
        problems: Problems | None = None,
        *,
        names: Mapping[str, Any] | None = None,
        logos: Iterable[str] = (),
        packs: bool = True,
        **values: Any,
    ) -> Response:
        """Return a page of a subject, one of those of `NAVIGATION`.

        ``problems`` are those of a form that is answered at once, in the place of a redirect's.
        ``names`` are the objects to which the page refers (names.py), ``logos`` the URLs of other
        logos on the page. ``packs`` is passed to `Site.show`.
        """
        names = names or {}
        return self.show(
            visit.request,
            template,
            visit.words,
            problems,
            packs=packs,
            visit=visit,
            subject=subject,
            names=names,
            logos={*filter(None, logos), *(one.logo for one in names.values() if one.logo)},
            operator=visit.session.operator,
            passkeys_script=PASSKEYS_SCRIPT,
            public_url=self.public_url,
            navigation=_navigation(visit, subject),
            asked=tuple(visit.api.sent),
            done=self._message(visit),
            **values,
        )

    def wrong(
        self,
        visit: Visit,
        problem: errors.Error,
        path: str,
        fields: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the redirect to the page of a form that the API did not take.

        ``fields`` are ids of the form's fields by the paths that the API names; a field that it
        does not have is told at its top. Operators read the API's own sentence.
        """
        place = site.place_of(problem, fields or {})
        kept = {**(given or {}), "": problem.message}
        return self.failed(visit.request, Problems({place: "refusal.said"}, kept), path)

    def done(self, path: str, change: str, name: str = "", undo: str = "") -> Response:
        """Redirect to a page that shows the message `done.{change}`.

        With the name of an object, the page shows `done_to.{change}` if there is such a message.
        ``undo`` is an encrypted undo (`undo.encrypt`), "" for none.
        """
        members = {"done": change}
        if name:
            members["done_to"] = done.encrypt(name, self.db.vault, change)
        if undo:
            members["undo"] = undo
        return self.redirect(f"{path}{'&' if '?' in path else '?'}{urlencode(members)}")

    def _message(self, visit: Visit) -> undoing.Message:
        """Return the message of the change before this page, "" for none."""
        change, vault = visit.query("done"), self.db.vault
        name = done.decrypt(visit.query("done_to"), vault, change)
        if name and visit.words.has(f"done_to.{change}"):
            message = undoing.Message(visit.words(f"done_to.{change}", name=name))
        elif visit.words.has(f"done.{change}"):
            message = undoing.Message(visit.words(f"done.{change}"))
        else:
            return undoing.Message()
        message.undo = undoing.decrypt(visit.query("undo"), vault, visit.session.operator.id)
        return message


def by_id(value: str) -> Oneof[Literal["id"], str]:
    """Return the identity of a request that names its object by its ID."""
    return Oneof("id", value)


def _navigation(visit: Visit, shown: str) -> tuple[Group, ...]:
    return tuple(
        Group(
            visit.words.plain(f"navigation.{group}") if group else "",
            tuple(
                Entry(
                    visit.words.plain(f"subjects.{key}"),
                    icon,
                    visit.path(key),
                    current=key == shown,
                )
                for key, icon in subjects.items()
            ),
        )
        for group, subjects in NAVIGATION
    )
