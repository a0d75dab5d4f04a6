"""Measure webhooks: deliveries a second, from a change to its delivery, and the write path.

``python bench/run.py --webhooks 400`` writes so many events for 50 endpoints, of which 5 never
answer, and lets one ``tenantry worker`` deliver them; receiver, worker and PostgreSQL share the
machine. Then, idle, it changes an organization now and then and takes the time to its arrival.
Last, the write path with no endpoint subscribed and with 50, in turn: as many PATCH requests as go
through while no worker runs, for that can be on another machine; as many with the worker on this
one; and 20 a second, which are 1,000 deliveries a second, with the worker on this one.
`writes left` is how much of the rate without endpoints there is with 50.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from receivers import Receivers, taking
from sqlalchemy import text

from tenantry import settings
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.event import Event
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks import service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from serving import Server

    from tenantry.db.engine import Database

ENDPOINTS, HANGING = 50, 5
_CHANGES = 3
_PACED, _PACE_SECONDS = 100, 0.05
_ALLOW = "127.0.0.0/8"
_UNLOGGED = (
    "SELECT 1 FROM events WHERE NOT EXISTS "
    "(SELECT 1 FROM event_log WHERE event_log.event_id = events.id) LIMIT 1"
)


@dataclass(frozen=True)
class Figures:
    """Measures; times in milliseconds."""

    deliveries: int
    deliveries_per_second: float
    idle_p50_ms: float
    idle_p99_ms: float
    worker_cpu_us: float
    database_cpu_us: float


@dataclass(frozen=True)
class Paced:
    """Milliseconds of PATCH requests that come at a pace, while the worker delivers."""

    endpoints: int
    p50_ms: float
    p99_ms: float


class Webhooks:
    """A server's database with endpoints, and a worker that delivers."""

    def __init__(self, server: Server) -> None:
        server.environment |= {"TENANTRY_BACKGROUND": "false", "TENANTRY_OUTGOING_ALLOW": _ALLOW}
        self._server = server

    def measure(self, events: int, database_cpu: Callable[[], float]) -> Figures:
        """Measure deliveries of so many events, then single changes."""
        return asyncio.run(self._measure(events, database_cpu))

    def subscribe(self, number: int) -> None:
        """Have so many endpoints, and nothing queued."""
        asyncio.run(self._subscribe(number, 9))

    @contextmanager
    def beside(self, number: int) -> Iterator[None]:
        """Have so many endpoints that take everything, and a worker that delivers."""
        with taking() as port:
            asyncio.run(self._subscribe(number, port))
            with self.worker():
                time.sleep(2)
                yield

    def catch_up(self) -> None:
        """Have a worker put events of meanwhile into the log, for nobody to get."""
        asyncio.run(self._catch_up())

    def paced(self, number: int, organization_id: str) -> Paced:
        """Measure PATCH requests that come at a pace, with so many endpoints and a worker."""
        return asyncio.run(self._paced(number, organization_id))

    async def _opened(self) -> Any:
        known = settings.load({**self._server.environment, "TENANTRY_CONFIG": os.devnull})
        return open_database(known.database, master_key.load(known), pool_size=2)

    async def _subscribe(self, number: int, port: int) -> None:
        async with await self._opened() as db:
            await _run(db, "DELETE FROM webhook_endpoints")
            for n in range(number):
                await _endpoint(db, f"http://127.0.0.1:{port}/take/{n}")

    async def _catch_up(self) -> None:
        await self._subscribe(0, 9)
        async with await self._opened() as db:
            with self.worker():
                while await _run(db, _UNLOGGED):  # noqa: ASYNC110 - another process ends it
                    await asyncio.sleep(0.2)

    async def _paced(self, number: int, organization_id: str) -> Paced:
        token = await asyncio.to_thread(self._server.token)
        headers = {"authorization": f"Bearer {token}"}
        took = []
        async with Receivers() as receivers:
            await self._subscribe(number, receivers.port)
            with self.worker():
                await asyncio.sleep(2)
                due = time.perf_counter()
                for n in range(_PACED):
                    due += _PACE_SECONDS
                    await asyncio.sleep(due - time.perf_counter())
                    took.append(await self._patch(organization_id, headers, f"Paced {n}"))
        took.sort()
        return Paced(number, statistics.median(took), took[len(took) * 99 // 100])

    def _created(self, headers: dict[str, str]) -> str:
        answer = self._server.http.post(
            "/api/v1/organizations", json={"display_name": "Acme"}, headers=headers
        )
        organization_id: str = answer.raise_for_status().json()["organization"]["id"]
        return organization_id

    async def _patch(self, organization_id: str, headers: dict[str, str], name: str) -> float:
        """Change an organization by the API; return the milliseconds that it took."""
        path = f"/api/v1/organizations/{organization_id}"
        began = time.perf_counter()
        answer = await asyncio.to_thread(
            self._server.http.patch, path, json={"display_name": name}, headers=headers
        )
        answer.raise_for_status()
        return (time.perf_counter() - began) * 1000

    async def _measure(self, events: int, database_cpu: Callable[[], float]) -> Figures:
        from serving import usage

        good = ENDPOINTS - HANGING
        async with await self._opened() as db, Receivers() as receivers:
            for number in range(ENDPOINTS):
                path = "hang" if number < HANGING else "take"
                await _endpoint(db, f"http://127.0.0.1:{receivers.port}/{path}/{number}")
            with self.worker() as worker:
                await db.record_all([_event(0)])
                await receivers.until(good)
                before = usage(worker.pid).cpu, database_cpu()
                began = time.perf_counter()
                for start in range(0, events, 50):
                    await db.record_all([_event(n) for n in range(start, min(start + 50, events))])
                await receivers.until(good * (events + 1))
                took = receivers.last - began
                after = usage(worker.pid).cpu, database_cpu()
                deliveries = good * events
                await _run(db, "DELETE FROM webhook_endpoints")
                await asyncio.sleep(2)
                idle = await self._one_by_one(db, receivers)
        return Figures(
            deliveries=deliveries,
            deliveries_per_second=deliveries / took,
            idle_p50_ms=statistics.median(idle),
            idle_p99_ms=sorted(idle)[len(idle) * 99 // 100],
            worker_cpu_us=(after[0] - before[0]) / deliveries * 1e6,
            database_cpu_us=(after[1] - before[1]) / deliveries * 1e6,
        )

    async def _one_by_one(self, db: Database, receivers: Receivers) -> list[float]:
        """Change an organization by the API now and then; return the milliseconds to arrival."""
        await _endpoint(db, f"http://127.0.0.1:{receivers.port}/take")
        token = await asyncio.to_thread(self._server.token)
        headers = {"authorization": f"Bearer {token}"}
        organization_id = await asyncio.to_thread(self._created, headers)
        await asyncio.sleep(1)
        took = []
        for number in range(_CHANGES):
            count = receivers.count
            began = time.perf_counter()
            await self._patch(organization_id, headers, f"Acme {number}")
            await receivers.until(count + 1)
            took.append((receivers.last - began) * 1000)
            await asyncio.sleep(0.02 + number % 7 * 0.01)
        return took

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker; it ends with the context."""
        with self._server.log.open("ab") as log:
            return _Ended(
                [self._server.program.command, "worker"],
                env=self._server.environment,
                cwd=self._server.folder,
                stdout=log,
                stderr=log,
            )


class _Ended(subprocess.Popen[bytes]):
    """A process that is asked to end when its context does."""

    def __exit__(self, *_: object) -> None:
        self.terminate()
        self.wait()


def _event(number: int) -> Event:
    shown = {
        "id": "org_1",
        "display_name": f"Acme {number}",
        "external_id": f"seed-{number:06}",
        "region_code": "US",
        "metadata": {"plan": "starter", "seats": "10", "synced": f"{number:06}"},
        "settings": {"features": [{"name": "sso", "enabled": True}]},
    }
    return Event(
        type="organization.updated",
        actor=SYSTEM.actor,
        request_id="req_1",
        organization_id="org_1",
        before=shown,
        after=shown,
    )


async def _endpoint(db: Database, url: str) -> None:
    call = Call(SYSTEM, db, request_id="bench")
    await service.create(
        call,
        {"url": url, "description": "", "event_types": [], "ordered": False},
        allow=(_ALLOW,),
    )


async def _run(db: Database, sql: str) -> Any:
    statement = Statement(text(sql))
    statement.is_read = False
    return await db.fetch_all(statement)
