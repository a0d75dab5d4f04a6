"""A deployment without a server, and the browsers that visit its sign-in."""

from __future__ import annotations

import functools
import itertools
import re
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import pyotp
import recorded_events
from aiohttp import web
from software_authenticator import Authenticator

from tenantry import settings, worker
from tenantry.access.clients import applications
from tenantry.call import Call
from tenantry.core.caller import ANONYMOUS, SYSTEM, Caller, Kind, Origin
from tenantry.db import crud
from tenantry.db.event_rows import log
from tenantry.db.writes.rows import members
from tenantry.events.email import service as email_service
from tenantry.events.interceptors import registry
from tenantry.events.interceptors.service import Interceptors
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.identity.authenticators.passwords.service import Passwords
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.federation.model import federated_identities
from tenantry.identity.known_origins import cookies as device_cookies
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in import (
    beginning,
    choosing,
    completing,
    invitations,
    places,
    verification,
)
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.identity.sign_in.dependencies import SignInDependencies
from tenantry.identity.sign_in.federated import completion
from tenantry.identity.sign_in.model import AuthorizationResponse, AuthRequest, Params
from tenantry.tenants.domains import service as domains
from tenantry.tenants.environment.effective import Effective
from tenantry.tenants.memberships import joining, leaving
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.model import NamedRole, Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations import session_policies
from tenantry.tenants.organizations.model import ApplicationPolicy
from tenantry.tenants.roles import service as roles
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.tenants.organizations.model import Organization

PUBLIC_URL = "https://sign-in.example:8443"
REDIRECT_URI = "https://app.example/callback"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
MINUTE = 60_000_000  # microseconds
_CODE = re.compile(r"^\d{6}$", re.MULTILINE)
_URL = re.compile(r"^https://\S+$", re.MULTILINE)
_RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
_NUMBERS = itertools.count(1)
_IDENTITIES = crud.list_all(federated_identities, by=("user_id",), order_by="create_time")


def configured(**values: object) -> settings.Settings:
    """Settings as an operator writes them."""
    values = {"public_url": PUBLIC_URL, **values}
    named = {f"TENANTRY_{name.upper()}": str(value) for name, value in values.items()}
    return settings.load({**named, "TENANTRY_CONFIG": "/dev/null"})


class SignIn:
    """The functions of the room, those that need the means of a deployment with these."""

    find, newest = staticmethod(requests.find), staticmethod(requests.newest)
    resend_email = staticmethod(verification.resend_email)
    choices = staticmethod(choosing.choices)
    choose_organization = staticmethod(choosing.choose_organization)
    invitation = staticmethod(invitations.find)

    def __init__(self, dependencies: SignInDependencies) -> None:
        self.accept_invitation = functools.partial(invitations.accept, dependencies)
        for function in (
            beginning.begin,
            beginning.stay,
            completing.cancel,
            completing.complete,
            choosing.sign_up,
            completion.arrive,
            completion.failed,
            places.go_to,
            verification.choose_password,
            verification.passkey_options,
            verification.start_email,
            verification.verify_code,
            verification.verify_link,
            verification.verify_link_elsewhere,
            verification.verify_passkey,
            verification.verify_password,
            verification.verify_second_factor,
        ):
            setattr(self, function.__name__, functools.partial(function, dependencies))


class Place:
    """A deployment: its rooms, its application, and what its operator does."""

    def __init__(self, db, known: settings.Settings) -> None:
        self.db = db
        self.settings = known
        self.passwords = Passwords(breached=None)
        self.interceptors = Interceptors(db, known)
        self.sign_in = SignIn(
            SignInDependencies(
                effective=Effective(known),
                passwords=self.passwords,
                interceptors=self.interceptors,
                relying_party=RelyingParty.of(known),
            )
        )
        self.operator = Call(SYSTEM, db, "req_operator")
        self._seen = ""
        self._postman: worker.Job | None = None
        self._read: dict[str, tuple[str, str]] = {}

    async def open(self) -> None:
        newest = await log.last(self.db, limit=1)
        self._seen = newest[-1]["id"] if newest else ""
        self.client = await self.application()

    async def close(self) -> None:
        if self._postman is not None:
            await self._postman.close()
        await self.interceptors.close()
        await self.passwords.close()

    async def application(self, name: str = "App", client_type: str = "WEB_APP", **members: Any):
        return await applications.create(
            self.operator,
            client_type=client_type,
            members={"name": name, "post_login_uris": [REDIRECT_URI], **members},
            production=False,
        )

    async def organization(self, name: str = "Acme"):
        return await organizations.create(self.operator, region_code="US", display_name=name)

    async def member(
        self,
        *of: Organization,
        email: str = "",
        invited: bool = False,
        client: Client | None = None,
    ):
        """A user, an active member of these organizations, or invited to them from a client."""
        first, *others = of or (await self.organization(),)
        client_id = client.id if client else None
        terms = Terms(inviter_email="boss@acme.example", invite=invited, client_id=client_id)
        user = await joining.create(
            self.operator,
            first.id,
            terms,
            rules=_RULES,
            email=email or f"user{next(_NUMBERS)}@acme.example",
        )
        for organization in others:
            await self.join(organization, user, invited=invited)
        return user

    async def join(self, organization, user, *, invited: bool = False) -> None:
        terms = Terms(inviter_email="boss@acme.example", invite=invited)
        await joining.add(
            self.operator, organization.id, users.UserIdentifier(user.id), terms, rules=_RULES
        )

    async def limit(self, organization, *, absolute: int) -> None:
        """Give an organization a session policy of its own, in minutes."""
        await organizations.set_features(self.operator, organization.id, [("session_policy", True)])
        await session_policies.set_own(
            self.operator,
            organization.id,
            application=ApplicationPolicy.of(self.settings),
            absolute=absolute,
            idle_enabled=False,
            idle=None,
        )

    async def seats(self, organization, most: int) -> None:
        """Give an organization so many seats."""
        await organizations.set_max_allowed_users(self.operator, organization.id, most)

    async def role(self, name: str) -> None:
        """Make a role of the environment."""
        await roles.create(
            self.operator,
            None,
            name=name,
            display_name=name,
            description=None,
            extends=None,
            permission_names=(),
        )

    async def give(self, organization, user_id: str, role: str) -> None:
        """Give a member a role."""
        named = [NamedRole("roles[0]", "", role)]
        await memberships.add_roles(self.operator, organization.id, user_id, named)

    async def claim(self, organization, domain: str):
        """Have an organization claim a domain, without a proof so far."""
        features = frozenset({"domain_verification"})
        caller = Caller(Kind.PORTAL_SESSION, "lnk_1", organization.id, features=features)
        return await domains.create(
            Call(caller, self.db, "req_claim"),
            organizations.OrganizationIdentifier(organization.id),
            domain=domain,
            domain_type="ORGANIZATION_DOMAIN",
            txt_label="_tenantry",
        )

    async def disown(self, organization, domain) -> None:
        """Take a domain from an organization."""
        await domains.remove(
            self.operator, organizations.OrganizationIdentifier(organization.id), domain.id
        )

    async def leave(self, organization, user) -> None:
        await leaving.remove_member(
            self.operator,
            organization.id,
            users.UserIdentifier(user.id),
            cascade=False,
            forced=True,
        )

    async def emails(self) -> list[tuple[str, str]]:
        """Have the worker deliver; return recipient and text of all mail, the oldest first."""
        if self._postman is None:
            jobs = worker.jobs(self.settings)
            self._postman = next(job for job in jobs if job.name == "mail")
        while (seconds := await email_service.seconds_until_due(self.db)) is not None:
            if seconds > 0:
                break
            await self._postman.run(self.db)
        for mail in reversed(await email_service.newest(self.db, limit=100)):
            if mail.id not in self._read:
                _, content = await email_service.find(self.db, mail.id)
                if content is not None:
                    self._read[mail.id] = mail.recipient, content.text
        return [self._read[mail_id] for mail_id in sorted(self._read)]

    async def code(self, email: str) -> str:
        """The code of the last mail to an address."""
        return _CODE.findall(await self._text(email))[0]

    async def link(self, email: str) -> str:
        """The link of the last mail to an address."""
        return _URL.findall(await self._text(email))[0]

    async def link_token(self, email: str) -> str:
        (token,) = parse_qs(urlsplit(await self.link(email)).query)["link_token"]
        return token

    async def _text(self, email: str) -> str:
        return [text for to, text in await self.emails() if to == email][-1]

    async def events(self) -> list[dict[str, Any]]:
        """The events since the last time, the oldest first."""
        found = await recorded_events.after(self.db, self._seen, limit=1000)
        if found:
            self._seen = found[-1]["id"]
        return found

    async def identities(self, user_id: str) -> list[SimpleNamespace]:
        """The identities by which a user has signed in, the oldest first."""
        rows = await self.db.fetch_all(_IDENTITIES, p_user_id=user_id)
        return [SimpleNamespace(**members(row, federated_identities)) for row in rows]

    async def user(self, user_id: str):
        return await users.get(self.operator, users.UserIdentifier(user_id))


class Browser:
    """One browser: its cookies, and the pages that it is sent to."""

    def __init__(self, place: Place, *, address: str = "192.0.2.7") -> None:
        self.place = place
        self.secrets: dict[str, str] = {}  # of the cookies that bind requests
        self.session_secret = ""
        self.call = Call(ANONYMOUS, place.db, "req_1", origin=Origin(address, CHROME))
        self.sign_in = place.sign_in

    async def session(self):
        return await sessions.find(self.place.db, self.session_secret)

    async def begin(self, *, client=None, **params: Any) -> AuthorizationResponse | AuthRequest:
        """Come from an application."""
        params = {"redirect_uri": REDIRECT_URI, "state": "s1", "code_challenge": "c" * 43, **params}
        begun = await self.sign_in.begin(
            self.call,
            client or self.place.client,
            Params(**params),
            session=await self.session(),
        )
        return self.take(begun) if isinstance(begun, AuthRequest) else begun

    def take(self, request: AuthRequest) -> AuthRequest:
        """Take the request's new secret, if it has one, as of a cookie."""
        if request.secret is not None:
            self.secrets[request.id] = request.secret
        return request

    async def again(self, request: AuthRequest) -> AuthRequest | None:
        """The request as the next page finds it."""
        secret = self.secrets.get(request.id, "")
        return await self.sign_in.find(self.place.db, request.id, secret)

    async def prove(self, request: AuthRequest, email: str, **how: Any) -> AuthRequest:
        """Prove an inbox by the code."""
        request = await self.sign_in.start_email(self.call, request, email=email, **how)
        code = await self.place.code(email)
        return self.take(await self.sign_in.verify_code(self.call, request, code))

    async def complete(self, request: AuthRequest) -> AuthorizationResponse:
        done = await self.finish(request)
        assert isinstance(done, AuthorizationResponse), done
        return done

    async def finish(self, request: AuthRequest) -> AuthorizationResponse | AuthRequest:
        """Complete a sign-in, or get to the step that the organization's policy asks for."""
        done = await self.sign_in.complete(self.call, request, session=await self.session())
        if isinstance(done, AuthRequest):
            return self.take(done)
        self.session_secret = done.secret or self.session_secret
        if done.devices:
            self.keep(done.devices)
        return done.answer

    async def stay(self, request: AuthRequest) -> AuthorizationResponse | None:
        """Want no other organization after all."""
        client, session = self.place.client, await self.session()
        return await self.sign_in.stay(self.call, client, request, session)

    def keep(self, devices: tuple[str, ...]) -> None:
        """Keep the cookie that this browser is known by."""
        cookie = device_cookies.issue(PUBLIC_URL, devices).partition(";")[0]
        self.call = replace(self.call, origin=replace(self.call.origin, cookies=cookie))

    async def sign_up(
        self, email: str, organization_name: str = "Acme", **params: Any
    ) -> AuthorizationResponse:
        request = await self.prove(await self.begin(**params), email)
        request = await self.sign_in.sign_up(
            self.call, request, organization_name=organization_name
        )
        return await self.complete(request)

    async def sign_in_as(self, user, **params: Any) -> AuthorizationResponse:
        """Sign in by mail, from an application to a code."""
        request = await self.begin(**params)
        assert isinstance(request, AuthRequest), request
        request = await self.prove(request, user.email)
        assert request.state == states.ORGANIZATION_SELECTED, request
        return await self.complete(request)

    def at(self, address: str) -> Browser:
        """The same browser at another address."""
        self.call = replace(self.call, origin=replace(self.call.origin, address=address))
        return self


def code_of(answer: AuthorizationResponse) -> str:
    assert set(answer.members) == {"code", "state", "iss"}, answer
    assert answer.members["iss"] == PUBLIC_URL
    return answer.members["code"]


def error_of(answer: AuthorizationResponse) -> str:
    assert isinstance(answer, AuthorizationResponse), answer
    assert set(answer.members) == {"error", "error_description", "state", "iss"}, answer
    return answer.members["error"]


async def register_totp(place: Place, user):
    """Give somebody an authenticator app that is in force; return it, and the recovery codes."""
    call = place.operator
    registration = await totp.register(call, user_id=user.id)
    app = pyotp.parse_uri(totp.uri(place.db, registration, "App"))
    _, codes = await totp.enable(call, registration.id, app.now())
    return app, codes


def next_code(app) -> str:
    """The code of the next time step: that of this one may be used up."""
    return app.at(int(time.time()), counter_offset=1)


async def register_passkey(place: Place, user, **how: Any) -> Authenticator:
    """Give somebody a passkey; return the device that it is on."""
    device = Authenticator(PUBLIC_URL, **how)
    relying_party = RelyingParty.of(place.settings)
    challenge_id, options = await passkeys.begin_registration(place.operator, user, relying_party)
    credential = device.create(options)
    await passkeys.finish_registration(place.operator, user.id, relying_party, credential)
    assert challenge_id
    return device


class Deciding:
    """An interceptor of a trigger, that decides as a test says."""

    def __init__(self, place: Place, trigger: str) -> None:
        self.place = place
        self.trigger = trigger
        self.answer: dict[str, Any] = {"decision": "ALLOW"}
        self.got: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._decide)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        made, _ = await registry.create(
            self.place.operator,
            {
                "display_name": "Ask",
                "trigger_point": self.trigger,
                "api_url": f"http://127.0.0.1:{port}/",
                "timeout_ms": 5000,
                "failure_policy": "FAIL_CLOSED",
            },
            allow=self.place.settings.outgoing_allow,
        )
        await registry.enable(self.place.operator, made.id)
        self.place.interceptors.forget(made.id)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _decide(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        return web.json_response(self.answer)
