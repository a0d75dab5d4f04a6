"""The one wiring file: everything that a process serves, read top to bottom."""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tenantry import credentials, data_folder, log, worker
from tenantry import settings as settings_module
from tenantry.access.api_tokens import service as api_token_service
from tenantry.access.api_tokens.known import Known as KnownApiTokens
from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.api_tokens.rpc import ApiTokenService
from tenantry.access.clients import redirect_uris
from tenantry.access.clients import service as clients
from tenantry.access.clients.directory import Directory
from tenantry.access.clients.model import client_secrets
from tenantry.access.clients.rpc import ClientService, ClientSettingsService
from tenantry.access.clients.token_events import TokenEvents
from tenantry.access.keys import service as keys
from tenantry.call import Call
from tenantry.caller import SYSTEM
from tenantry.db import copies
from tenantry.db.budget import budget_of_process
from tenantry.db.engine import Unavailable
from tenantry.db.last_uses import LastUses
from tenantry.db.opening import OpenError, alone, bring_up_to_date, master_key_of, open_database
from tenantry.doors.account import web as account
from tenantry.doors.dev import web as dev
from tenantry.doors.feed import web as feed
from tenantry.doors.health import web as health
from tenantry.doors.home import web as home
from tenantry.doors.imports import web as imports
from tenantry.doors.login import web as login
from tenantry.doors.oauth import front_channel
from tenantry.doors.oauth import web as oauth
from tenantry.doors.oauth.access_tokens import AccessTokens
from tenantry.doors.oauth.authenticate import Authenticator
from tenantry.doors.oauth.client_authentication import ClientAuthentication
from tenantry.doors.oauth.grant_types import authorization_code, client_credentials, refresh_token
from tenantry.doors.oauth.id_tokens import IdTokens
from tenantry.doors.oauth.introspection import IntrospectionEndpoint
from tenantry.doors.oauth.key_ring import KeyRing
from tenantry.doors.oauth.revocation import RevocationEndpoint
from tenantry.doors.oauth.signed_tokens import SignedTokens
from tenantry.doors.oauth.token import TokenEndpoint
from tenantry.doors.oauth.user_tokens import UserTokens
from tenantry.doors.oauth.userinfo import UserInfoEndpoint
from tenantry.doors.portal import web as portal
from tenantry.doors.reference import web as reference
from tenantry.doors.transport import absent, methods, rest
from tenantry.doors.transport.call import Pipeline
from tenantry.doors.transport.entry import Entry
from tenantry.doors.transport.router import Router
from tenantry.doors.transport.rpc import RpcDoor
from tenantry.events.event_log.following import Follower
from tenantry.events.event_log.rpc import EventsService
from tenantry.events.interceptors.rpc import InterceptorSecretService, InterceptorService
from tenantry.events.interceptors.service import Interceptors
from tenantry.events.webhooks.rpc import WebhookService
from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb
from tenantry.gen.scalekit.v1.auth import auth_pb, passwordless_pb, totp_pb, webauthn_pb
from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.events import events_pb
from tenantry.gen.scalekit.v1.interceptors import interceptors_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.sessions import sessions_pb
from tenantry.gen.scalekit.v1.tokens import tokens_pb
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.gen.tenantry.v1 import client_settings_pb, interceptor_secrets_pb, webhooks_pb
from tenantry.identity.connections import service as connections
from tenantry.identity.proofs.passkeys.relying_party import RelyingParty
from tenantry.identity.proofs.passkeys.rpc import WebAuthnService
from tenantry.identity.proofs.passwordless.rpc import PasswordlessService
from tenantry.identity.proofs.passwords.service import Passwords
from tenantry.identity.proofs.totp.rpc import TOTPService
from tenantry.identity.sessions.cookies import SessionCookie
from tenantry.identity.sessions.freshness import Freshness
from tenantry.identity.sessions.rpc import SessionService
from tenantry.identity.sign_in.browsers import BrowserCookies
from tenantry.identity.sign_in.rpc import AuditLogsService, AuthService
from tenantry.identity.sign_in.service import SignIn
from tenantry.rate_limits.rates import Rates
from tenantry.tenants.domains.rpc import DomainService
from tenantry.tenants.domains.verification import Resolver
from tenantry.tenants.memberships import leaving
from tenantry.tenants.memberships.joining import Rules
from tenantry.tenants.organizations.model import ApplicationPolicy
from tenantry.tenants.organizations.rpc import OrganizationService
from tenantry.tenants.portal_links.rpc import PortalLinkService
from tenantry.tenants.roles.rpc import RolesService
from tenantry.tenants.users.rpc import UserService

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tenantry.access.api_tokens.model import ApiToken
    from tenantry.db.engine import Database, Session
    from tenantry.doors.oauth.grant_types import Grant
    from tenantry.settings import Settings

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)


def wire(settings: Settings, db: Database, closing: AsyncExitStack) -> Entry:
    """Return the application on an open database; what its end has to do is pushed."""
    ring = KeyRing(db)
    directory = Directory(db)
    signed = SignedTokens(ring, settings.public_url)
    tokens = AccessTokens(db, directory, ring, signed, issuer=settings.public_url)
    user_tokens = UserTokens(
        db,
        ring,
        signed,
        issuer=settings.public_url,
        minutes=settings.access_token_minutes,
        compact=settings.compact_tokens,
    )
    session_cookie = SessionCookie.of(settings)
    authenticate = Authenticator(
        db,
        tokens,
        user_tokens,
        session_cookie=session_cookie,
        portal_cookie=portal.cookie_name(settings.public_url),
        public_url=settings.public_url,
    )
    rates = Rates.of(settings)
    pipeline = Pipeline(
        db, authenticate, rates, visible_metadata=frozenset(settings.visible_metadata)
    )
    browser_cookies = BrowserCookies.of(settings.public_url)
    relying_party = RelyingParty.of(settings)
    passwords = Passwords(breached=settings.breached_passwords)
    interceptors = Interceptors(db, settings)
    for open_one in (rates, passwords, interceptors):
        closing.push_async_callback(open_one.aclose)
    sign_in = SignIn(
        settings, passwords=passwords, interceptors=interceptors, relying_party=relying_party
    )
    known_api_tokens = KnownApiTokens(db)
    api_token_uses, secret_uses = LastUses(db, api_tokens), LastUses(db, client_secrets)
    token_events = TokenEvents(db, settings.token_events)
    for written_later in (api_token_uses, secret_uses, token_events):
        closing.push_async_callback(written_later.close)

    rpcs = [
        *methods.of_service(
            organizations_pb.desc().services[0],
            OrganizationService(
                region_code=settings.region,
                session_policy=ApplicationPolicy.of(settings),
                dismiss_members=leaving.dismiss_members,
            ),
            PortalLinkService(public_url=settings.public_url),
        ),
        *methods.of_service(
            domains_pb.desc().services[0],
            DomainService(Resolver(settings.dns_resolver), txt_label=settings.domain_txt_label),
        ),
        *methods.of_service(roles_pb.desc().services[0], RolesService()),
        *methods.of_service(
            users_pb.desc().services[0],
            UserService(
                invitation_days=settings.invitation_days,
                block_disposable_emails=settings.block_disposable_emails,
                block_public_emails=settings.block_public_emails,
                interceptors=interceptors,
            ),
        ),
        *methods.of_service(
            clients_pb.desc().services[0],
            ClientService(
                production=redirect_uris.is_production(
                    settings.public_url, development=settings.development
                ),
                api_access=settings.application_api_access,
            ),
        ),
        *methods.of_service(client_settings_pb.desc().services[0], ClientSettingsService()),
        *methods.of_service(
            tokens_pb.desc().services[0],
            ApiTokenService(known_api_tokens, api_token_uses, prefix=settings.api_token_prefix),
        ),
        *methods.of_service(events_pb.desc().services[0], EventsService()),
        *methods.of_service(
            webhooks_pb.desc().services[0], WebhookService(allow=settings.outgoing_allow)
        ),
        *methods.of_service(sessions_pb.desc().services[0], SessionService()),
        *methods.of_service(
            passwordless_pb.desc().services[0],
            PasswordlessService(code_seconds=settings.email_code_seconds),
        ),
        *methods.of_service(
            webauthn_pb.desc().services[0], WebAuthnService(relying_party, Freshness.of(settings))
        ),
        *methods.of_service(totp_pb.desc().services[0], TOTPService(issuer=relying_party.name)),
        *methods.of_service(
            auth_pb.desc().services[0],
            AuthService(
                sign_in,
                settings,
                browser_cookies=browser_cookies,
                session_cookie=session_cookie,
            ),
        ),
        *methods.of_service(auditlogs_pb.desc().services[0], AuditLogsService()),
        *methods.of_service(interceptors_pb.desc().services[0], InterceptorService(interceptors)),
        *methods.of_service(
            interceptor_secrets_pb.desc().services[0], InterceptorSecretService(interceptors)
        ),
    ]
    router = Router()
    rest.add_routes(router, rpcs, pipeline)
    absent.add_routes(router)
    entry = Entry(
        router,
        RpcDoor(rpcs, pipeline, absent.calls()),
        rates,
        public_url=settings.public_url,
        cors_origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        refusal=home.refusal,
    )

    async def api_token(text: str) -> ApiToken | None:
        token = await known_api_tokens.find(text)
        if token is not None:
            api_token_uses.note(token.id)
        return token

    async def end_api_token(call: Call, text: str) -> None:
        token = await api_token_service.invalidate(call, text)
        if token is not None:
            known_api_tokens.forget(token)

    of_client = ClientAuthentication(db, directory, secret_uses, rates, issuer=settings.public_url)
    grants: dict[str, Grant] = {
        authorization_code.GRANT_TYPE: authorization_code.AuthorizationCode(
            user_tokens,
            IdTokens(ring, settings.public_url, compact=settings.compact_tokens),
        ),
        refresh_token.GRANT_TYPE: refresh_token.RefreshToken(user_tokens),
        client_credentials.GRANT_TYPE: client_credentials.ClientCredentials(
            directory, tokens, interceptors
        ),
    }
    entry.add_routes(
        oauth.routes(
            ring,
            TokenEndpoint(db, of_client, grants, token_events=token_events, rates=rates),
            IntrospectionEndpoint(
                of_client,
                db,
                tokens,
                user_tokens,
                find_api_token=api_token,
                rates=rates,
                issuer=settings.public_url,
            ),
            RevocationEndpoint(
                db,
                of_client,
                directory,
                tokens,
                user_tokens,
                end_api_token=end_api_token,
                rates=rates,
            ),
            UserInfoEndpoint(user_tokens, rates),
            issuer=settings.public_url,
        )
    )
    entry.add_routes(
        front_channel.routes(
            db,
            sign_in,
            settings,
            directory=directory,
            ring=ring,
            rates=rates,
            session_cookie=session_cookie,
            browser_cookies=browser_cookies,
        )
    )
    entry.add_routes(
        login.routes(
            db, sign_in, settings, session_cookie=session_cookie, browser_cookies=browser_cookies
        )
    )
    entry.add_routes(
        account.routes(
            db,
            settings,
            session_cookie=session_cookie,
            relying_party=relying_party,
            passwords=passwords,
        )
    )
    entry.add_routes(home.routes(settings))
    entry.add_routes(portal.routes(db, settings.public_url))
    entry.add_routes(reference.routes(rpcs, settings.public_url))
    rules = Rules(
        settings.invitation_days, settings.block_disposable_emails, settings.block_public_emails
    )
    entry.add_routes(imports.routes(db, authenticate, rates, rules, region_code=settings.region))
    follower = Follower(db)
    closing.push_async_callback(follower.close)
    entry.add_routes(feed.routes(db, follower, authenticate, rates))
    if settings.development:
        entry.add_routes(dev.routes(db, settings.public_url, local=settings.is_local))
    entry.add_routes(health.routes(db))
    return entry


class Application:
    """The ASGI application: lifespan, then requests to what `wire` returned."""

    def __init__(self) -> None:
        self._entry: Entry | None = None
        self._open = AsyncExitStack()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "http":
            assert self._entry is not None
            await self._entry(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start(settings_module.load())
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
        log.configure(settings.log_level)
        data_folder.make(settings)
        before, applied = await bring_up_to_date(settings.database)
        if before is not None and applied:
            fields = {"from": before, "revisions": applied}
            _log.info("schema upgraded", extra={"fields": fields})
        db = await self._open.enter_async_context(
            open_database(
                settings.database,
                await master_key_of(settings),
                budget=budget_of_process(settings.pool_size),
            )
        )
        try:
            async with alone(db) as session:
                await keys.ensure(session)
                await connections.ensure(session)
                await _first_client(settings, session)
            await copies.notice(db, settings)
        except Unavailable as problem:
            raise OpenError(f"the database cannot be used: {problem}") from problem
        self._entry = wire(settings, db, self._open)
        await self._open.enter_async_context(worker.beside(db, settings))
        # All objects of now stay: the collector need not look at it again. A call leaves next to
        # no cycles, and looking for them every 700 objects was 6 % of a PATCH.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)


async def _first_client(settings: Settings, db: Session) -> None:
    """Create the management client of a fresh database; `tenantry env` reads its secret.

    The secret is kept before the commit: a crash in between leaves one that is replaced by the
    next start, and never a client whose secret nobody knows.
    """
    if await clients.live_ids(db):
        return
    client, secret = await clients.create(Call(SYSTEM, db, request_id="start"), name="First client")
    credentials.write(settings.data_dir, credentials.Credentials(client.id, secret))


app = Application()
