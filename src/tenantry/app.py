"""The one wiring file: everything that a process serves, read top to bottom."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tenantry import credentials, log, master_key, worker
from tenantry import settings as settings_module
from tenantry.caller import SYSTEM, Call
from tenantry.clients import service as clients
from tenantry.db import migrate
from tenantry.db.opening import OpenError, alone, open_database, schema_version
from tenantry.dev import web as dev
from tenantry.domains.rpc import DomainService
from tenantry.domains.verification import Resolver
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.imports import web as imports
from tenantry.keys import service as keys
from tenantry.oauth import web as oauth
from tenantry.oauth.access_tokens import AccessTokens
from tenantry.oauth.authenticate import Authenticator
from tenantry.oauth.key_ring import KeyRing
from tenantry.organizations.rpc import OrganizationService
from tenantry.portal import web as portal
from tenantry.reference import web as reference
from tenantry.roles.rpc import RolesService
from tenantry.transport import methods, rest
from tenantry.transport.call import Pipeline
from tenantry.transport.entry import Entry
from tenantry.transport.router import Router
from tenantry.transport.rpc import RpcDoor
from tenantry.users.joining import Rules
from tenantry.users.rpc import UserService
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tenantry.db.engine import Database, Session
    from tenantry.settings import Settings

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)


def wire(settings: Settings, db: Database) -> Entry:
    """Return the application on an open database."""
    ring = KeyRing(db)
    tokens = AccessTokens(db, ring, settings.public_url)
    authenticate = Authenticator(
        db,
        tokens,
        portal_cookie=portal.cookie_name(settings.public_url),
        public_url=settings.public_url,
    )
    pipeline = Pipeline(db, authenticate)

    rpcs = [
        *methods.of_service(
            organizations_pb.desc().services[0],
            OrganizationService(region_code=settings.region, public_url=settings.public_url),
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
            ),
        ),
    ]
    router = Router()
    rest.add_routes(router, rpcs, pipeline)
    entry = Entry(router, RpcDoor(rpcs, pipeline), cors_origins=settings.cors_origins)
    entry.add_routes(oauth.routes(db, ring, tokens, settings.public_url))
    entry.add_routes(portal.routes(db, settings.public_url))
    entry.add_routes(reference.routes(rpcs, settings.public_url))
    rules = Rules(
        settings.invitation_days, settings.block_disposable_emails, settings.block_public_emails
    )
    entry.add_routes(imports.routes(db, authenticate, rules, region_code=settings.region))
    if settings.development:
        entry.add_routes(dev.routes(db, settings.public_url))
    entry.add_routes([Route("GET", "/healthz", _health)])
    return entry


async def _health(_request: Request) -> Response:
    return Response.json({"status": "ok"})


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
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        version = await schema_version(settings.database)
        if version != migrate.HEAD:
            applied = await asyncio.to_thread(migrate.upgrade, settings.database)
            if version is not None:
                fields = {"from": version, "revisions": applied}
                _log.info("schema upgraded", extra={"fields": fields})
        db = await self._open.enter_async_context(
            open_database(
                settings.database, master_key.load(settings), pool_size=settings.pool_size
            )
        )
        async with alone(db) as session:
            await keys.ensure(session)
            await _first_client(settings, session)
        self._entry = wire(settings, db)
        await self._open.enter_async_context(worker.beside(db, settings))
        # What is here now stays: the collector need not look at it again. A call leaves next to
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
