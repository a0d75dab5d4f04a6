"""A visit of an organization's pages: whose it is, and what of the organization it may touch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote, urlencode

from protobuf import Oneof

from tenantry.api.in_process import InProcessClient
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.core.times import SECOND, now
from tenantry.db.engine import Failure
from tenantry.endpoints.organization import embedding, widget_sessions
from tenantry.identity.grants import subjects
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sessions import applications
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.tokens import api_scopes
from tenantry.net.http import MAX_ANONYMOUS
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.portal_links import service as portal_links
from tenantry.tenants.users import service as users
from tenantry.web import domains, site
from tenantry.web.assets import Asset
from tenantry.web.forms.problems import Problems
from tenantry.web.frames import areas, members
from tenantry.web.frames.navigation import Entry, Group
from tenantry.web.themes import Kind as ThemeKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.app_context import AppContext
    from tenantry.core.caller import Caller
    from tenantry.endpoints.organization.embedding import Event
    from tenantry.identity.sessions.model import Impersonation
    from tenantry.net.http import Cookie, Request, Response
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import User
    from tenantry.web.frames.areas import Area
    from tenantry.web.rendering import Pages
    from tenantry.web.site import Handler
    from tenantry.web.words import Words

    Visited = Callable[["Visit"], Awaitable[Response]]


STYLE = Asset.of_files(
    "/ui/organization.css",
    "web/static/avatars.css",
    "endpoints/organization/static/organization.css",
)


class Frame(Enum):
    """Where pages are shown; the value is the beginning of their paths."""

    PORTAL = "/portal"
    MEMBERS = members.ORGANIZATION
    WIDGET = "/widgets/organization"

    @classmethod
    def of(cls, path: str) -> Frame:
        """Return the frame of a path; that of members for any other."""
        return next((one for one in cls if path.startswith(one.value)), cls.MEMBERS)

    @property
    def is_embedded(self) -> bool:
        """Whether other sites may show its pages in a frame."""
        return self is not Frame.MEMBERS


@dataclass(frozen=True, slots=True)
class Page:
    """One address, below the frame and the segment of its area, and its permission.

    It takes ``permission``; without one, a GET takes one of the area's, a form the one to manage.
    """

    verb: str
    path: str  # "" for the area's own page, "/{id}/enable"
    handler: Visited
    area: Area
    permission: str = ""
    body_limit: int = MAX_ANONYMOUS

    @property
    def changes(self) -> bool:
        """Whether it is a form, or a page that begins a change."""
        return self.verb != "GET" or bool(self.permission)

    def allows(self, permissions: frozenset[str]) -> bool:
        """Whether a member with these permissions may ask for it."""
        if self.verb == "GET" and not self.permission:
            return not {self.area.read, self.area.manage}.isdisjoint(permissions)
        return (self.permission or self.area.manage) in permissions


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by a visitor of the pages of one organization."""

    request: Request
    frame: Frame
    call: Call  # as this visitor
    api: InProcessClient  # as this visitor
    organization: Organization
    features: frozenset[str]  # that the organization has on and, of a link, that it is for
    words: Words
    permissions: frozenset[str] | None = None  # of a member; None: a link needs none
    person: User | None = None  # of a member
    impersonation: Impersonation | None = None  # of an operator in the member's place
    expire_time: int = 0  # of a link's session or a widget's token, in microseconds since 1970
    way: ReturnTarget | None = None  # of a member: back to the application

    @property
    def identities(self) -> Oneof[Literal["organization_id"], str]:
        """The organization, as requests of the API name it."""
        return Oneof("organization_id", self.organization.id)

    @property
    def seconds_left(self) -> int:
        """How long the session of a link goes on."""
        return max(0, (self.expire_time - now()) // SECOND)

    def query(self, name: str) -> str:
        """Return a member of the query, "" without it."""
        return site.query(self.request, name, strict=True)

    def path(self, area: Area, *segments: str, **query: str) -> str:
        """Return the address of a page of an area."""
        quoted = (quote(each, safe="") for each in segments)
        found = "/".join((f"{self.frame.value}/{area.key}", *quoted))
        return f"{found}?{urlencode(query)}" if query else found

    def form(self, area: Area, *segments: str) -> str:
        """Return the address of a form, which is for this organization alone.

        Another tab may have taken the browser's session to another one meanwhile, or opened a link
        into the portal of another one.
        """
        return self.path(area, *segments, organization=self.organization.id)

    @property
    def is_of_another(self) -> bool:
        """Whether the form that came was on a page of another organization."""
        return self.query("organization") not in {"", self.organization.id}

    def sees(self, area: Area) -> bool:
        """Whether the visitor sees an area."""
        if self.permissions is None:
            return area.in_portal and area.is_on(self.features)
        return area.is_seen(self.features, self.permissions)

    @property
    def areas(self) -> tuple[Area, ...]:
        """The areas that the visitor sees, in the order of the navigation."""
        return tuple(area for area in areas.AREAS if self.sees(area))

    def may(self, permission: str) -> bool:
        """Whether the visitor makes the changes of a permission: a link has those of its features.

        An operator in a member's place makes none.
        """
        if self.impersonation is not None:
            return False
        return self.permissions is None or permission in self.permissions

    async def has_verified_domain(self) -> bool:
        """Whether the organization has a verified domain; True where the visitor may not know."""
        try:
            return await domains.has_verified(self.api, self.organization.id)
        except errors.PermissionDenied:
            return True

    def manages(self, area: Area) -> bool:
        """Whether the visitor changes an area, and does not only see it."""
        return self.may(area.manage)


class OrganizationSite(site.Site):
    """The base of all pages of an organization."""

    sections: ClassVar = {
        **site.Site.sections,
        errors.NotFound: "gone",
        errors.Impersonated: "impersonated",
        enforcement.PolicyRefused: "policy_refused",
        errors.ReauthenticationRequired: "reauthenticate",
    }

    def __init__(self, context: AppContext, portal_cookie: Cookie) -> None:
        settings = context.settings
        pages = members.pages("organization", context.themes, styles=(STYLE,))
        super().__init__(pages, context.db.vault, settings.public_url)
        self.context = context
        self.db = context.db
        self.framing: tuple[str, ...] = ()  # origins around the portal, as they were last read
        self._portal_cookie = portal_cookie
        self._widgets = widget_sessions.WidgetSessions(settings.public_url, context.db.vault)

    def holder(self, request: Request) -> str:
        """Return the secret of the session that the page is of."""
        cookies = request.headers.get("cookie", "")
        frame = Frame.of(request.path)
        if frame is Frame.WIDGET:
            return self._widgets.cookie.read(cookies)
        portal = frame is Frame.PORTAL
        return (self._portal_cookie if portal else self.context.session_cookie).read(cookies)

    def pages_of(self, request: Request) -> Pages:
        """Return the pages of the frame that a request is for."""
        if Frame.of(request.path) is Frame.WIDGET:
            return self.embedded("widget")
        return self.pages if _is_of_members(request) else self.portal()

    def portal(self, failure: str = "") -> Pages:
        """Return the pages of the portal, which tell the page around them of a failure."""
        return self.embedded("portal", failure)

    def embedded(self, layout: str, failure: str = "") -> Pages:
        """Return the pages of a layout for frames of other sites, with a failure that they tell."""
        shown = {"origins": self.framing, "failure": failure}
        return replace(
            self.pages,
            layout=f"organization/templates/{layout}.html",
            kind=ThemeKind.PORTAL,
            scripts=(*self.pages.scripts, embedding.SCRIPT),
            defaults={"navigation": (), "visit": None, "told": "", "portal": shown},
        )

    def framed(self, handler: Handler) -> Handler:
        """Return a handler whose answers pages of allowed origins may hold in a frame."""

        async def answered(request: Request) -> Response:
            # Without the database the earlier ones: its page of an error has to be seen there, too.
            with contextlib.suppress(Failure):
                self.framing = await self.context.framing.get()
            return embedding.framed(await handler(request), self.framing)

        return answered

    def visited(self, page: Page, frame: Frame) -> Handler:
        """Return the handler of a page for visitors with its permission alone."""

        async def answered(request: Request) -> Response:
            visit = await self.visit(request, frame)
            if visit is None:
                return await self.closed(request, frame)
            if not visit.sees(page.area) or not (
                visit.permissions is None or page.allows(visit.permissions)
            ):
                raise errors.PermissionDenied
            if page.verb != "GET" and visit.is_of_another:
                return self.pages_of(request).message(
                    "other_organization", visit.words, status=409, back=visit.path(page.area)
                )
            if visit.impersonation is not None and page.changes:
                raise errors.Impersonated
            await request.read_body(page.body_limit)
            return await page.handler(visit)

        handler = self.page(answered) if page.verb == "GET" else self.form(answered)
        return self.framed(handler) if frame.is_embedded else handler

    async def visit(self, request: Request, frame: Frame) -> Visit | None:
        """Return the visit of a request, None where its session is over or was never there."""
        if frame is Frame.PORTAL:
            return await self._by_link(request)
        if frame is Frame.WIDGET:
            return await self._by_access_token(request)
        return await self._by_session(request)

    def render(self, visit: Visit, area: Area | None, template: str, **values: Any) -> Response:
        """Return a page of an area for this visitor; without one, the overview of the portal."""
        return self.show(
            visit.request,
            template,
            visit.words,
            packs=True,
            visit=visit,
            organization=visit.organization,
            person=visit.person,
            impersonation=visit.impersonation,
            way_back=members.way_back(self.pages, visit.way),
            area=area,
            navigation=self._navigation(visit, area),
            done=_done(visit),
            told=embedding.decode(visit.query("told"), self.db.vault, visit.organization.id),
            brand=members.brand(self.pages_of(visit.request), visit.organization, visit.way),
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

        ``fields`` are ids of the form's fields by the paths that the API names. A field that it
        does not have is told at its top, by the section `refusal` of the words where they have
        the error's name, else as `refusal.other`.
        """
        key = f"refusal.{problem.name.lower()}"
        said = key if visit.words.has(key) else "refusal.other"
        place = site.place_of(problem, fields or {})
        problems = Problems({place: "refusal.field" if place else said}, dict(given or {}))
        return self.failed(visit.request, problems, path)

    def done(self, path: str, change: str, told: Event | None = None) -> Response:
        """Return the redirect to a page that tells of a change: `done.{change}` of the words.

        In a frame it also tells the page around it of an event.
        """
        members = {"done": change}
        if told is not None and Frame.of(path).is_embedded:
            members["told"] = embedding.encode(told, self.db.vault)
        return self.redirect(f"{path}{'&' if '?' in path else '?'}{urlencode(members)}")

    async def closed(self, request: Request, frame: Frame) -> Response:
        """Return the page of somebody without a session."""
        words = self.words(request)
        if frame.is_embedded:
            layout = frame.name.lower()
            pages = self.embedded(layout, embedding.SESSION_EXPIRED)
            key = "expired" if frame is Frame.PORTAL else "widget_expired"
            return pages.message(key, words, status=401)
        return await members.signed_out(self.pages, self.db, words)

    def _navigation(self, visit: Visit, shown: Area | None) -> tuple[Group, ...]:
        if visit.frame is Frame.WIDGET:
            return ()
        if visit.permissions is not None:
            key = "" if shown is None else shown.key
            return members.navigation(visit.words, visit.features, visit.permissions, key)
        entries = [
            Entry(
                visit.words.plain(f"areas.{area.key}"),
                members.ICONS[area.key],
                visit.path(area),
                current=area is shown,
            )
            for area in visit.areas
        ]
        if len(entries) > 1:
            label = visit.words.plain("overview.title")
            overview = Entry(label, "layout-dashboard", visit.frame.value, current=shown is None)
            entries.insert(0, overview)
        return (Group("", tuple(entries)),)

    async def _by_link(self, request: Request) -> Visit | None:
        secret = self._portal_cookie.read(request.headers.get("cookie", ""))
        session = await portal_links.find_session(self.db, secret) if secret else None
        if session is None:
            return None
        caller = portal_links.caller(session, self.context.effective.settings.portal_roles)
        visit = await self._of(request, Frame.PORTAL, caller)
        if visit is None:
            return None
        features = visit.features & frozenset(session.features)
        return replace(visit, features=features, expire_time=session.expire_time)

    async def _by_session(self, request: Request) -> Visit | None:
        secret = self.context.session_cookie.read(request.headers.get("cookie", ""))
        subject = await subjects.find_of_cookie(self.db, secret) if secret else None
        if subject is None or subject.organization_id == NO_ORGANIZATION:
            return None
        await enforcement.check(self.db, subject, address=request.address)
        visit = await self._of(request, Frame.MEMBERS, self.context.authenticate.person(subject))
        if visit is None:
            return None
        return replace(
            visit,
            permissions=frozenset(subject.permissions),
            person=subject.user,
            impersonation=subject.impersonation,
            way=await applications.of_session(self.db, subject.session_id, subject.organization_id),
        )

    async def begin_widget(self, request: Request, token: str) -> str | None:
        """Return the cookie of a widget for a user's access token, None if it is not valid."""
        if await self._caller_of_token(request, token) is None:
            return None
        return self._widgets.issue(token)

    async def _by_access_token(self, request: Request) -> Visit | None:
        token = self._widgets.read(request.headers.get("cookie", ""))
        caller = await self._caller_of_token(request, token) if token else None
        if caller is None:
            return None
        visit = await self._of(request, Frame.WIDGET, caller)
        if visit is None:
            return None
        return replace(
            visit,
            permissions=frozenset(api_scopes.permissions_of(caller.permissions or ())),
            person=await users.get(visit.call, users.UserIdentifier(caller.id)),
            expire_time=widget_sessions.expire_time(token),
        )

    async def _caller_of_token(self, request: Request, token: str) -> Caller | None:
        """Return the user of an access token, limited to its scopes; None for any other token."""
        if "," in token:  # a header would name several
            return None
        headers = {"authorization": f"Bearer {token}"}
        try:
            caller = await self.context.authenticate(headers, request.address)
        except (errors.Unauthenticated, errors.PermissionDenied):
            return None
        return caller if caller.kind is Kind.USER_SESSION and not caller.impersonator else None

    async def _of(self, request: Request, frame: Frame, caller: Caller) -> Visit | None:
        """Return the visit of a caller, None where the organization is gone."""
        request.context.caller = caller
        call = Call(caller, self.db, request.request_id, origin=request.origin)
        assert caller.organization_id is not None
        try:
            organization = await organizations.get(
                call, OrganizationIdentifier(caller.organization_id)
            )
        except errors.NotFound:
            return None
        api = InProcessClient(self.context.rpcs, caller, request.request_id, request.origin)
        said_in = self.words(request)
        return Visit(request, frame, call, api, organization, organization.features, said_in)


def _done(visit: Visit) -> str:
    key = f"done.{visit.query('done')}"
    return visit.words.plain(key) if visit.words.has(key) else ""


def _is_of_members(request: Request) -> bool:
    return request.path.startswith(Frame.MEMBERS.value)
