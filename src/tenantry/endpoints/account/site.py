"""Shared by all account pages: the signed-in person, and the problems of a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tenantry.api.in_process import InProcessClient
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import signed_in
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sessions import applications
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.freshness import Freshness
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import service as users
from tenantry.web import site
from tenantry.web.assets import Asset
from tenantry.web.forms.problems import Problems
from tenantry.web.frames import members

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.app_context import AppContext
    from tenantry.identity.authenticators.totp.model import Registration
    from tenantry.identity.sessions.model import Session
    from tenantry.net.http import Request, Response
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import User
    from tenantry.web.site import Handler
    from tenantry.web.words import Words

    PersonsHandler = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by a signed-in person."""

    request: Request
    call: Call  # as this person
    api: InProcessClient  # as this person
    session: Session
    person: User  # with the membership in that organization
    organization: Organization  # that the session is of now
    words: Words
    is_fresh: bool  # the person signed in so lately that nothing more is asked
    way: ReturnTarget | None  # back to the application

    def query(self, name: str) -> str:
        """Return a member of the query, "" without it."""
        return site.query(self.request, name)

    def proof(self, registration: Registration | None) -> str:
        """Return what a sensitive change takes: "" for nothing more, a "code", or a new sign_in."""
        if self.is_fresh:
            return ""
        return "code" if registration is not None else "sign_in"


class AccountSite(site.Site):
    """The pages of signed-in people of one deployment: `/ui/profile/...`."""

    sections: ClassVar = {
        **site.Site.sections,
        errors.NotFound: "gone",
        errors.Impersonated: "impersonated",
    }

    def __init__(self, context: AppContext) -> None:
        self.style = Asset.of_files(
            "/ui/account.css",
            "web/static/avatars.css",
            "endpoints/account/static/account.css",
        )
        self.script = Asset.of_files(
            "/ui/account.js", "web/static/six_digits.js", "endpoints/account/static/account.js"
        )
        framed = members.pages(
            "account", context.themes, styles=(self.style,), scripts=(self.script,)
        )
        super().__init__(framed, context.db.vault, context.settings.public_url, depth=3)
        self.context = context
        self.db = context.db
        self.freshness = Freshness.of(context.settings)
        self.values["minutes"] = self.freshness.minutes
        self._session_cookie = context.session_cookie

    def holder(self, request: Request) -> str:
        """Return the secret of the session."""
        return self._session_cookie.read(request.headers.get("cookie", ""))

    def visit(self, handler: PersonsHandler) -> Handler:
        """Return a handler that answers signed-in people alone.

        An operator in their place sees these pages, and changes nothing on them.
        """

        async def answered(request: Request) -> Response:
            visit = await self.find(request)
            if visit is None:
                return await members.signed_out(self.pages, self.db, self.words(request))
            if visit.session.impersonation is not None and request.verb != "GET":
                raise errors.Impersonated
            return await handler(visit)

        return answered

    def render(
        self, visit: Visit, template: str, page: str, *, packs: bool = True, **values: Any
    ) -> Response:
        """Return a page for this person: ``page`` is the last segment of its address.

        One with a secret on it ``packs`` nothing: see `show`.
        """
        held = [role for place in visit.person.memberships for role in place.roles]
        subject = page if page in members.OWN else "security"
        navigation = members.navigation(
            visit.words, visit.organization.features, catalogue.effective(held), subject
        )
        return self.show(
            visit.request,
            template,
            visit.words,
            packs=packs,
            page=page,
            navigation=navigation,
            person=visit.person,
            organization=visit.organization,
            brand=members.brand(self.pages, visit.organization, visit.way),
            impersonation=visit.session.impersonation,
            way_back=members.way_back(self.pages, visit.way),
            fresh_minutes=self.freshness.minutes,
            **values,
        )

    def wrong(
        self,
        visit: Visit,
        name: str,
        key: str,
        path: str = "",
        query: Mapping[str, str] | None = None,
        *,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the redirect of `failed` where one field is wrong, "" for none of them."""
        return self.failed(visit.request, Problems({name: key}, dict(given or {})), path, query)

    async def find(self, request: Request) -> Visit | None:
        """Return the visit of a request, None where nobody is signed in."""
        secret = self._session_cookie.read(request.headers.get("cookie", ""))
        session = await sessions.find(self.db, secret) if secret else None
        if session is None:
            return None
        caller = signed_in(
            session.user_id,
            session.organization_id,
            session.id,
            impersonator=session.impersonator,
        )
        request.context.caller = caller
        call = Call(caller, self.db, request.request_id, origin=request.origin)
        api = InProcessClient(self.context.rpcs, caller, request.request_id, request.origin)
        identity = organizations.OrganizationIdentifier(session.organization_id)
        try:
            person = await users.get(call, users.UserIdentifier(session.user_id))
            organization = await organizations.get(call, identity)
        except errors.NotFound:  # gone just now
            return None
        fresh = (await self.freshness.within(self.db, session)).has(session)
        way = await applications.of_session(self.db, session.id, session.organization_id)
        said_in = self.words(request)
        return Visit(request, call, api, session, person, organization, said_in, fresh, way)


async def registration_of(visit: Visit) -> Registration | None:
    """Return the registration of a second factor that the person has in force."""
    return await totp.of_user(visit.call.db, visit.person.id)
