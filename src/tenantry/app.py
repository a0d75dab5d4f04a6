"""The application that a server process runs: its start, and everything that it serves."""

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

from tenantry import services, worker
from tenantry import settings as settings_module
from tenantry.access.clients import service as clients
from tenantry.access.keys import service as keys
from tenantry.api.pipeline import Pipeline
from tenantry.app_context import AppContext
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.crypto import credentials
from tenantry.db import copies
from tenantry.db.connecting import OpenError
from tenantry.db.engine import Unavailable
from tenantry.db.opening import alone, database_of
from tenantry.db.postgresql.budget import budget_of_process
from tenantry.db.schema_versions import bring_up_to_date
from tenantry.endpoints.account import web as account
from tenantry.endpoints.assets import web as assets
from tenantry.endpoints.console import web as console
from tenantry.endpoints.dev import web as dev
from tenantry.endpoints.docs import web as reference
from tenantry.endpoints.feeds import web as feed
from tenantry.endpoints.grpc_rest import absent, rest
from tenantry.endpoints.grpc_rest.entry import Entry
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.endpoints.grpc_rest.rpc import RpcServer
from tenantry.endpoints.health import web as health
from tenantry.endpoints.home import web as home
from tenantry.endpoints.imports import web as imports
from tenantry.endpoints.login import web as login
from tenantry.endpoints.mcp import web as mcp
from tenantry.endpoints.oauth import front_channel, operator_clients
from tenantry.endpoints.oauth import web as oauth
from tenantry.endpoints.organization import web as organization
from tenantry.endpoints.scim import web as scim
from tenantry.endpoints.simulator import web as simulator_pages
from tenantry.endpoints.sso import web as sso
from tenantry.identity.connections import environment as connections
from tenantry.identity.operators import service as operators
from tenantry.identity.simulator import test_organization
from tenantry.settings import data_folder, tracing
from tenantry.telemetry import log, request_log, spans
from tenantry.telemetry.metrics import kinds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tenantry.db.engine import Database, Session
    from tenantry.net.http import Route
    from tenantry.settings import Settings
    from tenantry.telemetry.request_context import Observer

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)
services.load()


# An endpoint is one line here; the services of the contract are in services/.
_ENDPOINTS: tuple[Callable[[AppContext], list[Route]], ...] = (
    oauth.routes,
    front_channel.routes,
    operator_clients.routes,
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
    mcp.routes,
    feed.routes,
    dev.routes,
    health.routes,
)


def wire(settings: Settings, db: Database, closing: AsyncExitStack) -> Entry:
    """Return the application on an open database; what its end has to do is pushed."""
    router = Router()
    context = AppContext(settings, db, closing)
    rpcs = services.all_rpcs(context)
    pipeline = Pipeline(
        db,
        context.authenticate,
        context.rates,
        visible_metadata=frozenset(settings.visible_metadata),
    )
    context.rpcs.serve(rpcs, pipeline)
    rest.add_routes(router, rpcs, pipeline)
    absent.add_routes(router)
    entry = Entry(
        router,
        RpcServer(rpcs, pipeline, absent.calls()),
        context.rates,
        public_url=settings.public_url,
        cors_origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        refusal=home.refusal,
        before=functools.partial(context.effective.refresh, db),
        observers=(context.activity.observe, *_observers(settings)),
    )
    kinds.watch(entry)
    for routes in _ENDPOINTS:
        entry.add_routes(routes(context))
    # It shows all that is served.
    entry.add_routes(reference.routes(rpcs, settings.public_url, development=settings.development))
    return entry


def _observers(settings: Settings) -> tuple[Observer, ...]:
    """Return the observers of all requests that the settings ask for."""
    observers: list[Observer] = []
    if settings.request_log:
        observers.append(request_log.write)
    if settings.metrics_listen:
        from tenantry.telemetry.metrics import requests

        observers.append(requests.count)
    if spans.tracer is not None:
        observers.append(spans.tracer.observe)
    return tuple(observers)


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
                settings = settings_module.load()
                log.configure(settings.log_level, in_background=True)
                self._open.callback(log.lines.flush)
                _trace(settings, self._open)
                await self.start(settings)
                _keep_all()
            else:
                await self._follow(self._first, settings_module.load())
        except (OpenError, settings_module.SettingError) as problem:
            print(f"tenantry: {problem}", file=sys.stderr, flush=True)  # noqa: T201
            # The server around us would start without an application.
            os._exit(2)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self, settings: Settings) -> None:
        """Open the database, bring it up to date, and get ready to answer.

        Raises:
            OpenError: the database cannot be used.

        """
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
        self.is_ready.set()

    async def stop(self) -> None:
        """End the worker's jobs and close the database."""
        await self._open.aclose()

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
