"""Receivers of webhooks, and what tests do with endpoints: real servers, on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web
from sqlalchemy import text

from tenantry import settings
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.event import Event
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing
from tenantry.events.webhooks import service
from tenantry.events.webhooks.deliveries.delivery import DeliverySender

MASTER_KEY = b"m" * 32
KEY = base64.b64encode(MASTER_KEY).decode()
ALLOW = "127.0.0.0/8"
TIMEOUT_SECONDS = 60  # of an endpoint, which may be slow beside other tests
RETRIES = (0, 60, 300, 1800, 7200, 18000, 36000, 36000)


@dataclass
class Got:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def name(self) -> str:
        """The name of the event's organization."""
        name: str = self.event["data"]["display_name"]
        return name


class Receiver:
    """A server that notes requests; ``answers`` has the answer of a path.

    An answer is a status, a list of them of which the last one stays, or a function of the
    request; without one it is 200.
    """

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: dict[str, Any] = {}
        self.port = 0
        self.open = 0
        self.most_open = 0
        self.delay = 0.0
        self.go = asyncio.Event()  # until then no request is answered
        self.go.set()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Got]:
        """The requests to a path."""
        return [one for one in self.got if one.path == path]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = {name.decode(): value.decode() for name, value in request.raw_headers}
        self.got.append(Got(request.path, raw, await request.read(), time.monotonic()))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self.delay)
            await self.go.wait()
            answer = self.answers.get(request.path, 200)
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if callable(answer):
                return await answer(request)
            return web.Response(status=answer)
        finally:
            self.open -= 1


async def hang(_request):
    """Never answer."""
    await asyncio.sleep(3600)


async def drip(request):
    """Answer, and never end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b".")
        await asyncio.sleep(0.05)


def configured(**values: object) -> settings.Settings:
    """Settings as an operator writes them, loopback allowed; nothing is tried again soon."""
    given = {
        "outgoing_allow": ALLOW,
        "webhook_timeout_seconds": TIMEOUT_SECONDS,
        "webhook_retries": ",".join(map(str, RETRIES)),
        **values,
    }
    named = {f"TENANTRY_{name.upper()}": str(value) for name, value in given.items()}
    return settings.load({**named, "TENANTRY_CONFIG": "/dev/null"})


class Worker:
    """A worker's job of webhooks, as a task of this process."""

    def __init__(self, db, **values: object) -> None:
        self.db = db
        self.pump = DeliverySender(configured(**values))
        self._sealing = sequencing.Sequencer(self.pump.queue)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._seal()), asyncio.create_task(self._pump())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        done = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pump.close()
        for one in done:
            if not isinstance(one, asyncio.CancelledError):
                raise one

    async def _seal(self) -> None:
        while True:
            seconds = await self._sealing.run(self.db)
            self.pump.nudge()
            await asyncio.sleep(seconds)

    async def _pump(self) -> None:
        while True:
            await self.pump.run(self.db)


async def endpoint(db, url: str, **members: Any):
    """A new endpoint, and its secret."""
    call = Call(SYSTEM, db, request_id="test")
    return await service.create(
        call,
        {
            "url": url,
            "description": "",
            "event_types": members.pop("event_types", []),
            "ordered": members.pop("ordered", False),
        },
        allow=(ALLOW,),
        **members,
    )


def event(name: str = "Acme", type_: str = "organization.updated", **members: Any) -> Event:
    """An event that says its name."""
    return Event(
        type=type_,
        actor={"type": "system", "id": "test"},
        request_id="req_1",
        organization_id=members.pop("organization_id", "org_1"),
        after={"id": "org_1", "display_name": name, "metadata": {"é": "🐘"}},
        **members,
    )


async def publish(db, *names: str, **members: Any) -> None:
    """Write an event of each name, in a transaction each."""
    for name in names:
        await db.record_all([event(name, **members)])


async def queue(db, *names: str, **members: Any) -> None:
    """Write events and have them queued; no pump runs."""
    await publish(db, *names, **members)
    pump = DeliverySender(configured())
    while await sequencing.sequence(db, pump.queue) == 0:
        pass
    await pump.close()


async def rows(db, sql: str, **params: Any) -> list[Any]:
    """Run a statement as a holder of the database's password does."""
    statement = Statement(text(sql))
    statement.is_read = sql.lstrip().upper().startswith(("SELECT", "EXPLAIN"))
    return list(await db.fetch_all(statement, **params))


async def deliveries(db) -> list[Any]:
    """All deliveries, the oldest first."""
    return await rows(db, "SELECT * FROM webhook_deliveries ORDER BY position, id")


async def attempts(db) -> list[Any]:
    """All attempts, the oldest first."""
    return await rows(db, "SELECT * FROM webhook_attempts ORDER BY attempt_time, number")


async def hasten(db) -> None:
    """Have everything that waits due now."""
    await rows(db, "UPDATE webhook_deliveries SET due_time = 1 WHERE state = 'PENDING'")
