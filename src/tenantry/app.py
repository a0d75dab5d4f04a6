"""The one wiring file: everything that a process serves, read top to bottom."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import sys
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tenantry import settings as settings_module
from tenantry import worker
from tenantry.access.api_tokens.known import Known as KnownApiTokens
from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.api_tokens.rpc import ApiTokenRecordService, ApiTokenService
from tenantry.access.clients import redirect_uris
from tenantry.access.clients import service as clients
from tenantry.access.clients.directory import Directory
from tenantry.access.clients.framing import FramingOrigins
from tenantry.access.clients.model import client_secrets
from tenantry.access.clients.rpc import ClientService, ClientSettingsService
from tenantry.access.clients.token_events import TokenEvents
from tenantry.access.data_keys.rpc import KeyManagementService
from tenantry.access.keys import service as keys
from tenantry.access.keys.rpc import SigningKeyService
from tenantry.access.scopes.rpc import ScopeService
from tenantry.api import methods
from tenantry.api.in_process import Rpcs
from tenantry.api.pipeline import Pipeline
from tenantry.app_context import AppContext
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.crypto import credentials
from tenantry.db import copies
from tenantry.db.budget import budget_of_process
from tenantry.db.engine import Unavailable
from tenantry.db.last_uses import LastUses
from tenantry.db.opening import OpenError, alone, bring_up_to_date, database_of
from tenantry.endpoints.account import web as account
from tenantry.endpoints.assets import web as assets
from tenantry.endpoints.console import web as console
from tenantry.endpoints.dev import web as dev
from tenantry.endpoints.docs import web as reference
from tenantry.endpoints.feeds import web as feed
from tenantry.endpoints.grpc_rest import absent, rest
from tenantry.endpoints.grpc_rest.entry import Entry
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.endpoints.grpc_rest.rpc import RpcDoor
from tenantry.endpoints.health import web as health
from tenantry.endpoints.home import web as home
from tenantry.endpoints.imports import web as imports
from tenantry.endpoints.login import web as login
from tenantry.endpoints.oauth import front_channel
from tenantry.endpoints.oauth import web as oauth
from tenantry.endpoints.organization import web as organization
from tenantry.endpoints.organization.opening import portal_cookie
from tenantry.endpoints.scim import web as scim
from tenantry.endpoints.simulator import web as simulator_pages
from tenantry.endpoints.sso import web as sso
from tenantry.events.event_log.following import Follower
from tenantry.events.event_log.rpc import EventRecordService, EventsService
from tenantry.events.interceptors.rpc import InterceptorSecretService, InterceptorService
from tenantry.events.interceptors.service import Interceptors
from tenantry.events.mail.rpc import EmailPreviewService, EmailService, MailService
from tenantry.events.webhooks.rpc import WebhookService
from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb
from tenantry.gen.scalekit.v1.auth import auth_pb, passwordless_pb, totp_pb, webauthn_pb
from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.scalekit.v1.connections import connections_pb
from tenantry.gen.scalekit.v1.directories import directories_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.emails import emails_pb
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.scalekit.v1.events import events_pb
from tenantry.gen.scalekit.v1.interceptors import interceptors_pb
from tenantry.gen.scalekit.v1.keys import keys_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.sessions import sessions_pb
from tenantry.gen.scalekit.v1.tokens import tokens_pb
from tenantry.gen.scalekit.v1.user_attributes import user_attributes_pb
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.gen.tenantry.v1 import (
    api_token_records_pb,
    client_settings_pb,
    deployment_pb,
    directory_polling_pb,
    directory_requests_pb,
    email_previews_pb,
    event_records_pb,
    interceptor_secrets_pb,
    mail_pb,
    operators_pb,
    overview_pb,
    saml_key_pairs_pb,
    second_factors_pb,
    settings_pb,
    sign_ins_pb,
    signing_keys_pb,
    single_sign_on_pb,
    states_pb,
    webhooks_pb,
)
from tenantry.identity.auth_log.rpc import AuditLogsService, SignInService
from tenantry.identity.connections import service as connections
from tenantry.identity.connections.providers.fetching import Fetching
from tenantry.identity.connections.rpc import (
    ConnectionService,
    ConnectionStateService,
    SamlCertificateService,
    SamlKeyPairService,
    SingleSignOnService,
)
from tenantry.identity.federation.openid import RelyingParty as OpenIDParty
from tenantry.identity.grants import claims
from tenantry.identity.grants.rpc import TokenPreviewService
from tenantry.identity.operators import service as operators
from tenantry.identity.operators.rpc import OperatorService
from tenantry.identity.overview.rpc import OverviewService
from tenantry.identity.proofs.passkeys.relying_party import RelyingParty
from tenantry.identity.proofs.passkeys.rpc import WebAuthnService
from tenantry.identity.proofs.passwordless.rpc import PasswordlessService
from tenantry.identity.proofs.passwords.service import Passwords
from tenantry.identity.proofs.totp.rpc import SecondFactorService, TOTPService
from tenantry.identity.sessions.cookies import SessionCookie
from tenantry.identity.sessions.freshness import Freshness
from tenantry.identity.sessions.rpc import CurrentSessionService, SessionService
from tenantry.identity.sign_in import invitations
from tenantry.identity.sign_in.browsers import BrowserCookies
from tenantry.identity.sign_in.means import Means
from tenantry.identity.sign_in.rpc import AuthService
from tenantry.identity.simulator import test_organization
from tenantry.identity.simulator.openid_provider import OpenIDProvider
from tenantry.identity.simulator.provider import Simulator
from tenantry.identity.token_templates.issuing import TokenTemplates
from tenantry.identity.token_templates.rpc import TokenTemplateService
from tenantry.identity.tokens.access_tokens import AccessTokens
from tenantry.identity.tokens.authenticate import Authenticator
from tenantry.identity.tokens.key_ring import KeyRing
from tenantry.identity.tokens.signed_tokens import SignedTokens
from tenantry.identity.tokens.user_tokens import UserTokens
from tenantry.net.outgoing import Outgoing
from tenantry.rate_limits.rates import Rates
from tenantry.settings import data_folder, memory_limit, tracing
from tenantry.telemetry import log, request_log, spans
from tenantry.telemetry.metrics import kinds
from tenantry.tenants.branding.rpc import BrandingService
from tenantry.tenants.directories.model import directory_secrets
from tenantry.tenants.directories.polling.rpc import DirectoryPollingService
from tenantry.tenants.directories.request_log import RequestLog
from tenantry.tenants.directories.rpc import (
    DirectoryRequestService,
    DirectoryService,
    DirectoryStateService,
)
from tenantry.tenants.domains.rpc import DomainService
from tenantry.tenants.domains.verification import Resolver
from tenantry.tenants.environment.effective import Effective
from tenantry.tenants.environment.rpc import EnvironmentService, SettingService
from tenantry.tenants.memberships import leaving
from tenantry.tenants.memberships.rpc import MembershipService
from tenantry.tenants.organizations.rpc import OrganizationService
from tenantry.tenants.portal_links.rpc import PortalEventService, PortalLinkService
from tenantry.tenants.roles.rpc import RolesService
from tenantry.tenants.user_attributes.rpc import UserAttributeService
from tenantry.tenants.users.rpc import UserService
from tenantry.transfer.deployment.rpc import DeploymentService
from tenantry.web.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from types import ModuleType

    from tenantry.db.engine import Database, Session
    from tenantry.net.http import Route
    from tenantry.settings import Settings
    from tenantry.telemetry.observed import Observer

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)


# An endpoint package is one line here; a service of the contract is one of `_services`.
_DOORS: tuple[Callable[[AppContext], list[Route]], ...] = (
    oauth.routes,
    front_channel.routes,
    login.routes,
    sso.routes,
    simulator_pages.routes,
    account.routes,
    assets.routes,
    home.routes,
    organization.routes,
    console.routes,
    scim.routes,
    imports.routes,
    feed.routes,
    dev.routes,
    health.routes,
)


def wire(settings: Settings, db: Database, closing: AsyncExitStack) -> Entry:
    """Return the application on an open database; what its end has to do is pushed."""
    router = Router()
    in_process = Rpcs()
    parts = _parts(settings, db, closing, in_process)
    rpcs = [
        method
        for contract, *implementations in _services(parts)
        for method in methods.of_service(contract.desc().services[0], *implementations)
    ]
    pipeline = Pipeline(
        db, parts.authenticate, parts.rates, visible_metadata=frozenset(settings.visible_metadata)
    )
    in_process.serve(rpcs, pipeline)
    rest.add_routes(router, rpcs, pipeline)
    absent.add_routes(router)
    entry = Entry(
        router,
        RpcDoor(rpcs, pipeline, absent.calls()),
        parts.rates,
        public_url=settings.public_url,
        cors_origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        refusal=home.refusal,
        before=functools.partial(parts.effective.refresh, db),
        observers=_observers(settings),
    )
    kinds.watch(entry)
    for routes in _DOORS:
        entry.add_routes(routes(parts))
    # It shows all that is served.
    entry.add_routes(reference.routes(rpcs, settings.public_url, development=settings.development))
    return entry


def _observers(settings: Settings) -> tuple[Observer, ...]:
    """Return the observers of all requests."""
    observers: list[Observer] = []
    if settings.request_log:
        observers.append(request_log.write)
    if settings.metrics_listen:
        from tenantry.telemetry.metrics import requests

        observers.append(requests.count)
    if spans.tracer is not None:
        observers.append(spans.tracer.observe)
    return tuple(observers)


def _parts(settings: Settings, db: Database, closing: AsyncExitStack, rpcs: Rpcs) -> AppContext:
    """Make all that lives once in a process, and push its closing."""
    issuer, effective = settings.public_url, Effective(settings)
    ring, directory, rates = KeyRing(db), Directory(db), Rates.of(settings)
    signed = SignedTokens(ring, issuer)
    tokens = AccessTokens(db, directory, ring, signed, issuer=issuer)
    user_tokens = UserTokens(
        db,
        ring,
        signed,
        issuer=issuer,
        effective=effective,
        compact=settings.compact_tokens,
    )
    session_cookie = SessionCookie.of(effective)
    relying_party = RelyingParty.of(settings)
    passwords = Passwords(
        breached=settings.breached_passwords,
        memory=memory_limit.of_server(settings),
        shared=settings.data_dir / "run" / f"{settings.port}-hashing",
    )
    interceptors = Interceptors(db, settings)
    simulator = Simulator(db.vault, issuer) if settings.has_simulator else None
    near = OpenIDProvider(simulator) if simulator is not None else None
    fetching = Fetching(settings.outgoing_allow, near)
    outgoing = Outgoing(settings.outgoing_allow)
    parts = AppContext(
        settings=settings,
        effective=effective,
        db=db,
        rates=rates,
        ring=ring,
        directory=directory,
        tokens=tokens,
        user_tokens=user_tokens,
        token_templates=TokenTemplates(db),
        authenticate=Authenticator(
            db,
            signed,
            tokens,
            user_tokens,
            session_cookie=session_cookie,
            portal_cookie=portal_cookie(issuer),
            effective=effective,
        ),
        api_tokens=KnownApiTokens(db),
        api_token_uses=LastUses(db, api_tokens),
        secret_uses=LastUses(db, client_secrets),
        directory_secret_uses=LastUses(db, directory_secrets),
        directory_requests=RequestLog(db),
        token_events=TokenEvents(db, settings.token_events),
        session_cookie=session_cookie,
        browser_cookies=BrowserCookies.of(issuer),
        relying_party=relying_party,
        passwords=passwords,
        sign_in=Means(
            effective=effective,
            passwords=passwords,
            interceptors=interceptors,
            relying_party=relying_party,
        ),
        interceptors=interceptors,
        fetching=fetching,
        outgoing=outgoing,
        openid=OpenIDParty(db, fetching, settings, ring.client_assertion),
        simulator=simulator,
        looks=Looks(effective),
        rpcs=rpcs,
        framing=FramingOrigins(db),
        follower=Follower(db),
    )
    for close in (
        rates.aclose,
        passwords.aclose,
        interceptors.aclose,
        fetching.aclose,
        outgoing.close,
        parts.api_token_uses.close,
        parts.secret_uses.close,
        parts.directory_secret_uses.close,
        parts.directory_requests.close,
        parts.token_events.close,
        parts.follower.close,
    ):
        closing.push_async_callback(close)
    return parts


def _services(parts: AppContext) -> list[tuple[ModuleType, *tuple[object, ...]]]:
    """Return the files of the contract, each with the objects whose methods are its rpcs."""
    s, effective = parts.settings, parts.effective
    production = redirect_uris.is_production(s.public_url, development=s.development)
    organization_service = OrganizationService(
        effective,
        region_code=s.region,
        dismiss_members=leaving.dismiss_members,
    )
    connection_service = ConnectionService(
        effective, fetching=parts.fetching, outgoing=parts.outgoing
    )
    branding_service = BrandingService(effective)

    def color() -> str:
        return effective.settings.app_color

    return [
        (
            organizations_pb,
            organization_service,
            PortalLinkService(public_url=s.public_url),
        ),
        (
            domains_pb,
            DomainService(
                Resolver(s.dns_resolver), parts.framing.get, txt_label=s.domain_txt_label
            ),
        ),
        (roles_pb, RolesService()),
        (
            users_pb,
            UserService(),
            MembershipService(
                effective,
                parts.interceptors,
                parts.rates,
                invites=not s.is_modular,
                application_of=invitations.application_of,
            ),
        ),
        (
            clients_pb,
            ClientService(production=production, api_access=s.application_api_access),
            ScopeService(),
        ),
        (client_settings_pb, ClientSettingsService()),
        (
            tokens_pb,
            ApiTokenService(parts.api_tokens, parts.api_token_uses, prefix=s.api_token_prefix),
        ),
        (api_token_records_pb, ApiTokenRecordService()),
        (signing_keys_pb, SigningKeyService()),
        (keys_pb, KeyManagementService()),
        (events_pb, EventsService(), PortalEventService()),
        (event_records_pb, EventRecordService()),
        (mail_pb, MailService()),
        (webhooks_pb, WebhookService(allow=s.outgoing_allow)),
        (sessions_pb, SessionService()),
        (passwordless_pb, PasswordlessService(effective)),
        (
            webauthn_pb,
            WebAuthnService(parts.relying_party, Freshness.of(s), is_modular=s.is_modular),
        ),
        (totp_pb, TOTPService(issuer=parts.relying_party.name)),
        (second_factors_pb, SecondFactorService()),
        (
            auth_pb,
            AuthService(
                parts.sign_in,
                browser_cookies=parts.browser_cookies,
                session_cookie=parts.session_cookie,
            ),
        ),
        (
            connections_pb,
            connection_service,
        ),
        (
            single_sign_on_pb,
            SingleSignOnService(s, fetching=parts.fetching, outgoing=parts.outgoing),
        ),
        (
            environments_pb,
            EnvironmentService(effective, production=production),
            branding_service,
            SamlCertificateService(),
            CurrentSessionService(organization_service, connection_service, branding_service),
        ),
        (settings_pb, SettingService(effective)),
        (saml_key_pairs_pb, SamlKeyPairService()),
        (directories_pb, DirectoryService(s, parts.outgoing)),
        (directory_polling_pb, DirectoryPollingService(s, parts.outgoing)),
        (directory_requests_pb, DirectoryRequestService()),
        (user_attributes_pb, UserAttributeService()),
        (auditlogs_pb, AuditLogsService()),
        (sign_ins_pb, SignInService()),
        (states_pb, ConnectionStateService(), DirectoryStateService()),
        (overview_pb, OverviewService()),
        (emails_pb, EmailService(s, color)),
        (email_previews_pb, EmailPreviewService(color)),
        (
            interceptors_pb,
            InterceptorService(parts.interceptors),
            TokenTemplateService(room=claims.room(s.public_url, compact=s.compact_tokens)),
            TokenPreviewService(issuer=s.public_url, compact=s.compact_tokens),
        ),
        (interceptor_secrets_pb, InterceptorSecretService(parts.interceptors)),
        (deployment_pb, DeploymentService(s, parts.db)),
        (operators_pb, OperatorService(public_url=s.public_url)),
    ]


class Application:
    """The ASGI application: lifespan, then requests to the entry that `wire` returned.

    A further one of a process, on its own event loop, opens the database once the ``first``
    has done all that a process does once, and is wired by its first request.
    """

    def __init__(self, first: Application | None = None) -> None:
        self._first = first
        self._wire: Callable[[], Entry] | None = None
        self._entry: Entry | None = None
        self._open = AsyncExitStack()
        self.is_ready = threading.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "http":
            if self._entry is None:
                assert self._wire is not None
                self._entry = self._wire()
            await self._entry(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            if self._first is None:
                await self.start(settings_module.load())
            else:
                await self._follow(self._first, settings_module.load())
        except (OpenError, settings_module.SettingError) as problem:
            print(f"tenantry: {problem}", file=sys.stderr, flush=True)  # noqa: T201
            # The server around us would start without an application.
            os._exit(2)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._open.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self, settings: Settings) -> None:
        """Open the database, bring it up to date, and get ready to answer.

        Raises:
            OpenError: the database cannot be used.

        """
        log.configure(settings.log_level, in_background=True)
        self._open.callback(log.lines.flush)
        _trace(settings, self._open)
        data_folder.make(settings)
        begun: list[asyncio.Future[keys.PrivateKey]] = []
        before, applied = await bring_up_to_date(
            settings.database, meanwhile=lambda: begun.extend(keys.begin())
        )
        if before is not None and applied:
            fields = {"from": before, "revisions": applied}
            _log.info("schema upgraded", extra={"fields": fields})
        db = await self._open.enter_async_context(
            database_of(settings, budget=budget_of_process(settings.pool_size))
        )
        try:
            async with alone(db) as session:
                await keys.ensure(session, begun)
                await connections.ensure(session)
                await _first_client(settings, session)
                if os.environ.get("TENANTRY_LAUNCHER") == "1":  # its banner tells the link
                    credentials.FIRST_OPERATOR[:] = await _first_operator(settings, session)
            await copies.notice(db, settings)
        except Unavailable as problem:
            raise OpenError(f"the database cannot be used: {problem}") from problem
        await self._open.enter_async_context(worker.measured(db, settings))
        _trace_statements(db)
        self._entry = wire(settings, db, self._open)
        await self._open.enter_async_context(worker.beside(db, settings))
        _keep_all()
        self.is_ready.set()

    async def _follow(self, first: Application, settings: Settings) -> None:
        """Open the database after the first one; to wire the rest later needs no answer of it."""
        await asyncio.to_thread(first.is_ready.wait)
        opened = database_of(settings, budget=budget_of_process(settings.pool_size))
        db = await self._open.enter_async_context(opened)
        worker.measure_loop(settings)

        _trace_statements(db)

        def late() -> Entry:
            entry = wire(settings, db, self._open)
            _keep_all()
            return entry

        self._wire = late


def _trace(settings: Settings, closing: AsyncExitStack) -> None:
    """Make traces of requests, where there is a collector of them."""
    if tracing.is_wanted(settings):
        from tenantry.telemetry import traces

        closing.callback(traces.start(settings).close)


def _trace_statements(db: Database) -> None:
    if spans.tracer is not None:
        from tenantry.db import traced

        traced.trace(db)


def _keep_all() -> None:
    """Tell the collector that all objects of now stay: it need not look at them again.

    A call leaves next to no cycles, and looking for them every 700 objects was 6 % of a PATCH.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    gc.enable()


async def _first_client(settings: Settings, db: Session) -> None:
    """Create the management client of a fresh database; `tenantry env` reads its secret.

    In development there is an organization to try single sign-on with, too.

    The secret is kept before the commit: a crash in between leaves one that is replaced by the
    next start, and never a client whose secret nobody knows.
    """
    if await clients.live_ids(db):
        return
    client, secret = await clients.create(Call(SYSTEM, db, request_id="start"), name="First client")
    credentials.write(settings.data_dir, credentials.Credentials(client.id, secret))
    if settings.has_simulator:
        call = Call(SYSTEM, db, request_id="start")
        await test_organization.ensure(call, region_code=settings.region)


async def _first_operator(settings: Settings, db: Session) -> list[str]:
    """Return the link that makes the first operator, none where it is not for the terminal.

    In production a terminal's lines end up in a log: `tenantry operators link` makes one there.
    """
    if not (settings.development and settings.console) or await operators.any_there(db):
        return []
    token = await operators.make_link(Call(SYSTEM, db, request_id="start"))
    return [operators.link_address(settings.public_url, token)]


app = Application()
