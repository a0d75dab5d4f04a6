"""A server with something on every page to look at, and the addresses of all of its pages.

The lists of pages are those of the sites: a new page has no address here until it is furnished,
and the tests that go over all pages fail.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

from hosted import Application, Deployment, deployment
from idp_metadata_pages import certificate, pem
from mcp_resources import CALLBACK, Resources, registration
from operators_at_work import Browser, enter
from organization_visitors import FEATURES, by_link
from scim_pages import PORTAL as SCIM
from scim_pages import Pushing, copied
from scim_pages import Visitor as AtDirectories
from signed_in_people import Person
from sso_pages import Pages
from widget_people import Member
from wires import over_https

from tenantry.access.client_metadata import metadata
from tenantry.access.registrations import service as registrations
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.endpoints.console import web as console
from tenantry.endpoints.organization import web as organization
from tenantry.identity.consents import service as consents
from tenantry.identity.operators.model import OWNER
from tenantry.web.frames import members

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx
    from servers import LiveServer

PORTAL, WIDGETS, CONSOLE, SIGN_IN = "portal", "ui", "console", "sign-in"
SETTINGS = {
    "app_name": "Acme Projects",
    "support_email": "help@acme.example",
    "sign_in_methods": "email,passkey,password",
    "background": "true",
    "outgoing_allow": "127.0.0.0/8",
    "rate_limit_failures": "",
}
# Listed by the sites, and shown by no browser: files, streams, addresses that lead elsewhere.
NO_PAGES = {
    "audit/export",
    *("/console/suggestions/organizations", "/console/suggestions/users"),
    *("/console", "/console/jump", "/console/events/stream", "/console/events/export"),
    "scim/{id}/followed",  # the directory is pushed to, and has no groups to follow
}
# Pages that their links lead to with a query.
_QUERIES = {"/console/mail/templates/new": "?use_case=USER_LOGIN_OTP"}
_PEOPLE = (
    *("Ada Lindqvist", "Bruno Keller", "Chiara Romano", "Dmitri Sokolov", "Elena Petrova"),
    *("Farid Haddad", "Greta Johansson", "Hugo Fernández", "Ines Carvalho", "Jonas Weber"),
)
_CUSTOMERS = (
    *("Aurora Logistics", "Birchwood Clinics", "Cobalt Insurance", "Driftwood Hotels"),
    *("Evergreen Schools", "Foxglove Foods", "Granite Banking"),
    "Gesellschaft für angewandte Werkstofftechnik und Oberflächenveredelung mbH",
)
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class ListedPage:
    """One page, and the browser that sees it."""

    name: str  # "portal-sso-id-guide": of its picture
    site: str
    path: str
    cookies: dict[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass
class PageServer:
    """A furnished server."""

    place: Deployment
    listed_pages: list[ListedPage]

    @property
    def url(self) -> str:
        return self.place.server.url

    def of(self, *names: str) -> list[ListedPage]:
        """The pages of these names, in their order."""
        known = {listed_page.name: listed_page for listed_page in self.listed_pages}
        return [known[name] for name in names]

    @asynccontextmanager
    async def opened(
        self, browser: Any, listed_page: ListedPage, **options: Any
    ) -> AsyncIterator[Any]:
        """A listed page, in a browser of playwright."""
        context = await browser.new_context(**{"locale": "en-GB", **options})
        await context.add_cookies(
            [
                {"name": name, "value": value, "url": self.url, "secure": True}
                for name, value in listed_page.cookies.items()
            ]
        )
        page = await context.new_page()
        answer = await page.goto(f"{self.url}{listed_page.path}")
        assert answer is not None
        assert answer.status == listed_page.status, (
            listed_page.path,
            answer.status,
            await answer.text(),
        )
        yield page
        await context.close()


def templates() -> Iterator[tuple[str, str]]:
    """All pages that the sites list: the door, and the address with its variables."""
    for page in organization.pages(MagicMock()):  # they are only asked what they are
        if page.verb == "GET":
            below = f"{page.area.key}{page.path}"
            if page.area.in_portal:
                yield PORTAL, below
            yield WIDGETS, below
    for page in console.pages(MagicMock()):
        if page.verb == "GET":
            yield CONSOLE, f"/console{page.path}"


def listed_pages(known: dict[str, str], cookies: dict[str, dict[str, str]]) -> list[ListedPage]:
    """A listed page for each page that the sites list.

    ``known`` has the value of a variable by the address before it, "sso/", "sso/new/".
    """
    found = []
    frames = {PORTAL: "/portal/", WIDGETS: f"{members.ORGANIZATION}/", CONSOLE: ""}
    for site, template in templates():
        if template in NO_PAGES:
            continue
        path = re.sub(r"{\w+}", lambda match, of=template: known[of[: match.start()]], template)
        name = re.sub(r"\W+", "-", template.replace("/console/", "")).strip("-")
        path = frames[site] + path + _QUERIES.get(template, "")
        found.append(ListedPage(f"{site}-{name}", site, path, cookies[site]))
    return found


@asynccontextmanager
async def furnished(server: LiveServer) -> AsyncIterator[PageServer]:
    """Fill a new server; its settings are SETTINGS."""
    async with deployment(server) as place, over_https(server) as http:
        yield await _Furnishing(place, http).all()


class _Furnishing:
    """Makes customers, people and all that they have; always the same, but for ids and times."""

    def __init__(self, place: Deployment, http: httpx.AsyncClient) -> None:
        self.place, self.http = place, http
        self.api, self.make = place.api, place.make
        self.known: dict[str, str] = {}
        self.of: dict[str, str] = {}

    async def all(self) -> PageServer:
        """Make everything, in the order in which a customer comes to be."""
        operator = await enter(self.http, self.place.database, OWNER, name="Robin Vance")
        await self.customers()
        await self.roles()
        people = await self.people()
        link = await by_link(self.http, self.make, self.of["organization_id"])
        await self.connections(Pages(self.http, link.cookie))
        await self.directories(AtDirectories(self.http, link.cookie, SCIM, *self.of.values()))
        member = await self.member(people[0])
        await self.programs(member)
        application = await self.access()
        await self.apps(people[0])
        await self.activity(operator)
        signing_in = await self.sign_ins(application)
        await self.later(operator)
        cookies = {
            PORTAL: _cookies(link.cookie),
            WIDGETS: _cookies(member.headers["cookie"]),
            CONSOLE: _cookies(operator.cookie),
        }
        own = [
            ListedPage(
                f"{WIDGETS}-profile-{name}", WIDGETS, f"{members.PROFILE}/{name}", cookies[WIDGETS]
            )
            for name in (*members.OWN, "passkeys", "confirm")
        ]
        own.append(ListedPage("portal-overview", PORTAL, "/portal", cookies[PORTAL]))
        own.append(ListedPage("console-sign-in", CONSOLE, "/console/sign-in"))
        own.append(ListedPage("design", "dev", "/dev/design"))
        return PageServer(self.place, [*listed_pages(self.known, cookies), *own, *signing_in])

    async def customers(self) -> None:
        """The organizations; the first one has all that pages show."""
        made = await self.make.organization(
            "Hollis Robotics",
            external_id="cust_1042",
            metadata={"plan": "enterprise", "seats": "250"},
        )
        self.of = {"organization_id": made["id"]}
        self.known["/console/organizations/"] = made["id"]
        await self.api.organizations.update_organization_settings(
            id=made["id"],
            settings={"features": [{"name": name, "enabled": True} for name in FEATURES]},
        )
        for name in _CUSTOMERS:
            await self.make.organization(name)
        for name in ("hollis-robotics.example", "hollis.example"):
            await self.api.domains.create_domain(**self.of, domain={"domain": name})

    async def roles(self) -> None:
        for name, text in (
            ("projects:read", "See projects"),
            ("projects:write", "Change projects"),
            ("invoices:approve", "Approve invoices of any amount"),
        ):
            await self.make.permission(name, description=text)
        role = {"name": "planner", "display_name": "Planner", "permissions": ["projects:write"]}
        await self.api.roles.create_role(role=role)
        await self.api.roles.create_organization_role(
            org_id=self.of["organization_id"],
            role={"name": "auditor", "display_name": "Auditor", "permissions": ["projects:read"]},
        )
        self.known["/console/organizations/{id}/roles/"] = "auditor"
        self.known["/console/roles/of/"] = "planner"
        self.known["/console/roles/permissions/of/"] = "projects:write"

    async def people(self) -> list[dict[str, Any]]:
        found = []
        for number, name in enumerate(_PEOPLE):
            given, _, family = name.partition(" ")
            roles = ["admin"] if number == 0 else ["member", "planner"][: 1 + number % 2]
            found.append(
                await self.make.user(
                    self.of["organization_id"],
                    email=f"{given.lower()}@hollis-robotics.example",
                    user_profile={"given_name": given, "family_name": family},
                    membership={"roles": [{"name": role} for role in roles]},
                )
            )
        await self.api.users.create_user_and_membership(
            **self.of, send_invitation_email=True, user={"email": "kiran@hollis-robotics.example"}
        )
        self.known["users/"] = self.known["/console/people/"] = found[1]["id"]
        return found

    async def connections(self, pages: Pages) -> None:
        """One that serves by SAML, and one that is begun; for all customers, one of GitHub."""
        path = await pages.make("okta", "saml")
        by_hand = {
            "idp_entity_id": "http://www.okta.com/exk1fxphMd9",
            "idp_sso_url": "https://hollis.okta.example/app/sso/saml",
            "idp_slo_url": "",
            "idp_sso_request_binding": "HTTP_POST",
            "certificate": pem(certificate("okta", days=20)),
        }
        nothing = ("", b"", "application/octet-stream")
        await pages.done(f"{path}/details/saml", by_hand, certificate_file=nothing)
        await pages.done(f"{path}/enable")
        self.known["sso/"] = self.known["/console/connections/"] = path.strip("/")
        self.known["sso/new/"] = "okta"
        await pages.make("entra-id", "oidc")
        await self.api.connections.create_environment_connection(
            connection={"provider": "GITHUB", "type": "OAUTH"}
        )

    async def directories(self, visitor: AtDirectories) -> None:
        """One that a provider pushes to."""
        id_ = await visitor.directory()
        shown = copied(await visitor.post(f"/{id_}/secrets"))
        await visitor.post(f"/{id_}/enable")
        push = Pushing(self.place.server, shown["SCIM 2.0 Base Url"], shown["OAuth Bearer Token"])
        pushed = []
        for name in _PEOPLE[:6]:
            given, _, family = name.partition(" ")
            pushed.append(
                await push.person(
                    f"{given.lower()}@hollis-robotics.example",
                    name={"givenName": given, "familyName": family},
                    displayName=name,
                    title="Engineer",
                )
            )
        await push.group("Engineering", *pushed[:4])
        await push.group("Finance and Controlling, Central Europe", *pushed[4:])
        await push("POST", "/Users", {"schemas": [], "userName": ""})
        await push.http.aclose()
        async with asyncio.timeout(60):
            while True:
                page = await visitor.get(f"/{id_}/requests")
                if found := re.findall(r"/requests/(dirreq_\w+)", page.text):
                    break
                await asyncio.sleep(0.1)
        self.known["scim/"] = self.known["/console/directories/"] = id_
        self.known["scim/{id}/requests/"] = found[0]

    async def member(self, user: dict[str, Any]) -> Member:
        """The admin of the customer, signed in, here and elsewhere."""
        person = Person(self.place.server, self.place.database, user)
        await person.sign_in()
        await person.sign_in("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/605.1")
        return Member(person, self.http)

    async def programs(self, member: Member) -> None:
        root = f"{members.ORGANIZATION}/programs"
        await member.post(f"{root}/keys", description="Nightly import")
        made = await member.post(f"{root}/clients", name="Warehouse sync")
        (client_id,) = re.findall(r'<code id="client_id"[^>]*>([^<]+)<', made.text)
        self.known["programs/clients/"] = client_id
        await self.api.tokens.create_token(token={**self.of, "description": "Reports"})
        self.known["/console/organizations/{id}/programs/clients/"] = client_id
        listed = await self.api.tokens.list_tokens(**self.of)
        self.known["/console/api-keys/"] = listed["tokens"][0]["token_id"]

    async def access(self) -> Any:
        """Applications and scopes."""
        await self.api.clients.create_scope(
            scope={"name": "projects:read", "description": "See projects"}
        )
        application = await self.place.application(name="Acme Projects")
        phones = {"name": "Acme for phones", "client_type": "NTV"}
        await self.api.clients.create_client(client=phones)
        self.known["/console/applications/"] = application.id
        resource = await self.api.clients.create_resource(
            resource={"resource_type": "MCP_SERVER", "name": "Acme MCP server"}
        )
        self.known["/console/resources/"] = resource["resource"]["id"]
        claims = {"plan": 'organization.metadata.plan ?? "free"', "department": "user.gender"}
        await self.api.interceptors.upsert_token_template(template=claims)
        return application

    async def apps(self, user: dict[str, Any]) -> None:
        """Apps that the admin of the customer has allowed."""
        call = Call(SYSTEM, self.place.database, "pages")
        resource = await self._documents("Acme Documents")
        for name in ("Assistant", "Meeting notes"):
            described = metadata.parse({"client_name": name, "redirect_uris": [CALLBACK]})
            made = await registrations.create(call, resource, described)
            await consents.grant(
                call,
                made.client,
                resource,
                user_id=user["id"],
                **self.of,
                scopes=["projects:read", "offline_access"],
            )

    async def _documents(self, name: str) -> Any:
        return await Resources(self.api, self.place.database)(
            name=name, scopes=["projects:read", "projects:write"]
        )

    async def activity(self, operator: Browser) -> None:
        """Webhooks, interceptors, mail: what an operator sets up by forms."""
        made = await operator.post(
            "/console/webhooks/create",
            url="https://hooks.acme.example/tenantry",
            description="Billing",
            types="organization.created\norganization.updated",
            organization_id="",
        )
        (id_,) = set(re.findall(r"/console/webhooks/(whe_\d+)", made.text))
        page = await operator.send(
            f"/console/webhooks/{id_}/test", event_type="organization.created"
        )
        self.known["/console/webhooks/"] = id_
        self.known["/console/webhooks/{id}/deliveries/"] = re.findall(r"/(dlv_\d+)", page)[0]
        place = await operator.lands(
            "/console/interceptors/create",
            display_name="Only known countries",
            trigger_point="PRE_SIGNUP",
            api_url="https://rules.acme.example/sign-up",
            timeout_ms="1000",
            failure_policy="FAIL_OPEN",
        )
        self.known["/console/interceptors/"] = _last(place)
        place = await operator.lands(
            "/console/mail/servers",
            provider="OTHER",
            host="smtp.acme.example",
            port="587",
            username="mailer",
            password="a-password-of-mail",
            from_email="hello@acme.example",
            from_name="Acme Projects",
        )
        self.known["/console/mail/servers/"] = _last(place)
        place = await operator.lands(
            "/console/mail/templates",
            use_case="USER_LOGIN_OTP",
            organization_id="-",
            subject="Your code is {{ otp }}",
            html_content="<p>Welcome back. Your code: <b>{{ otp }}</b></p>",
            plain_content="Your code: {{ otp }}",
        )
        self.known["/console/mail/templates/"] = _last(place)

    async def studio(self) -> list[str]:
        """A customer without a provider, whose people sign in by mail; the first has two places."""
        place, other = [
            await self.make.organization(name) for name in ("Lumen Studio", "Lumen Labs")
        ]
        emails = [f"{name}@lumen.example" for name in ("lea", "marco", "nadia", "oskar")]
        users = [await self.make.user(place["id"], email=email) for email in emails]
        await self.api.users.create_membership(
            organization_id=other["id"],
            id=users[0]["id"],
            membership={},
            send_invitation_email=False,
        )
        return emails

    async def sign_ins(self, application: Any) -> list[ListedPage]:
        """People at the steps of a sign-in; some have come through."""
        found, emails = [], await self.studio()

        def listed_page(name: str, path: str, visitor: Any = None, status: int = 200) -> None:
            cookies = dict(visitor.cookies) if visitor else {}
            found.append(ListedPage(f"{SIGN_IN}-{name}", SIGN_IN, path, cookies, status))

        async with self.place.visitor() as visitor:
            await visitor.begin(application)
            listed_page("first", visitor.path, visitor)
            sent = await visitor.step("email", email="nobody@localhost..")
            listed_page("refused", sent.headers["location"], visitor)
        async with self.place.visitor() as visitor:
            await visitor.begin(application)
            await visitor.step("email", email=emails[0])
            listed_page("code", visitor.path, visitor)
        async with self.place.visitor() as visitor:
            await visitor.begin(application)
            await self._prove(visitor, emails[0])
            listed_page("organizations", visitor.path, visitor)
        resource = await self._documents("Lumen Documents")
        async with self.place.visitor() as visitor:
            response = await visitor.http.post(
                f"/resources/{resource.id}/register", json=registration(client_name="Assistant")
            )
            await visitor.begin(Application(response.json()["client_id"], "", CALLBACK))
            await self._prove(visitor, emails[1])
            listed_page("consent", visitor.path, visitor)
        for email in emails[1:]:
            async with self.place.visitor() as visitor:
                await visitor.begin(application)
                await self._prove(visitor, email)
        async with self.place.visitor() as visitor:
            sent = await visitor.get(application.path(redirect_uri="https://elsewhere.example"))
            listed_page("error", sent.headers["location"], status=400)
        listed_page("portal-over", "/portal/sso", status=401)
        listed_page("signed-out", f"{members.PROFILE}/account", status=401)
        return found

    async def _prove(self, visitor: Any, email: str) -> None:
        """Sign in by the code of a mail, which the server's own worker delivers, too."""
        await visitor.step("email", email=email)
        async with asyncio.timeout(60):
            while True:
                try:
                    code = await self.place.code(email)
                except (AssertionError, IndexError):
                    await asyncio.sleep(0.1)
                else:
                    break
        await visitor.step("code", code=code)

    async def later(self, operator: Browser) -> None:
        """The ids of records that everything before has left behind."""
        for name, pattern in (
            ("sign-ins", r"/console/sign-ins/(\w+_\d+)"),
            ("events", r"/console/events/(evt_\d+)"),
            ("mail", r"/console/mail/(\w+_\d+)"),
            ("operators", r"/console/operators/(\w+_\d+)"),
        ):
            page = await operator.get(f"/console/{name}")
            self.known[f"/console/{name}/"] = re.findall(pattern, page)[0]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _cookies(header: str) -> dict[str, str]:
    name, _, value = header.partition("=")
    return {name: value}
