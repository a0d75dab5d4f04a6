"""Writes under load while something goes wrong; then looks for every one of them."""

from __future__ import annotations

import asyncio
import math
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from checks import Findings, check
from deployment import Deployment
from network import Wire
from receiver import Receiver
from sqlalchemy import func, select, text
from writers import Ledger, Writer

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log.model import event_log
from tenantry.events.webhooks.model import webhook_deliveries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tenantry.db.engine import Database

_WRITERS = 4
_SCHEDULE = [0, 1, 1, 2, 2, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]
_ATTEMPT_SECONDS = 1
_DRAIN_SECONDS = 120.0
_ORDERED = {"ordered"}

_COUNTS = Statement(
    select(
        select(func.count()).select_from(events).scalar_subquery().label("events"),
        select(func.count()).select_from(event_log).scalar_subquery().label("logged"),
        select(func.count())
        .select_from(webhook_deliveries)
        .where(text("state = 'PENDING'"))
        .scalar_subquery()
        .label("pending"),
    )
)


@dataclass
class Wires:
    """The connections between the processes: of clients, to the database, to the receiver."""

    clients: list[Wire]  # one to each server
    database: Wire | None  # None on SQLite
    receiver: Wire


@dataclass
class Scene:
    """A deployment under load."""

    folder: Path
    deployment: Deployment
    database_url: str  # as nothing comes between
    master_key: bytes
    urls: list[str]  # of the servers, as clients reach them
    wires: Wires | None
    found: Findings
    others: str = ""  # names of organizations that the writers do not know begin with it

    @property
    def credentials(self) -> tuple[str, str]:
        """Of the management client."""
        return self.deployment.first.client_id, self.deployment.first.client_secret


async def run(folder: Path, database_url: str | None, *, kills: int, seed: int) -> Findings:
    """Kill so many processes, let the rest be delivered, and check everything."""
    chance = random.Random(seed)

    async def disturb(scene: Scene) -> None:
        await scene.deployment.run(kills, chance)

    return await under_load(folder, database_url, disturb, chance)


async def under_load(
    folder: Path,
    database_url: str | None,
    disturb: Callable[[Scene], Awaitable[None]],
    chance: random.Random,
    *,
    database_socket: str = "",
    **more: object,
) -> Findings:
    """Let clients write while something disturbs; let the rest be delivered, and check everything.

    With the path of a socket, of the database or any on SQLite, all connections lead over wires.
    """
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        reached = database_url
        to_database = None
        if database_socket and database_url:
            to_database = await stack.enter_async_context(Wire(database_socket))
            name = database_url.partition("?")[0].rpartition("/")[2]
            reached = f"postgresql://postgres@127.0.0.1:{to_database.port}/{name}"
        deployment = Deployment(
            folder,
            reached,
            outgoing_allow="127.0.0.0/8",
            webhook_retries=",".join(map(str, _SCHEDULE)),
            webhook_timeout_seconds=_ATTEMPT_SECONDS,
            rate_limit_failures="",
            **more,
        )
        await asyncio.to_thread(deployment.prepare)
        stack.push_async_callback(asyncio.to_thread, deployment.stop)
        receiver = await stack.enter_async_context(Receiver(chance))
        known = settings.load(
            {k: v for k, v in deployment.first.environment.items() if k.startswith("TENANTRY_")}
        )
        scene = Scene(
            folder=folder,
            deployment=deployment,
            database_url=database_url or known.database,
            master_key=master_key.load(known),
            urls=deployment.urls,
            wires=None,
            found=Findings(),
        )
        at = receiver.port
        if database_socket:
            clients = [
                await stack.enter_async_context(Wire(("127.0.0.1", victim.port)))
                for victim in deployment.victims
                if victim.port
            ]
            to_receiver = await stack.enter_async_context(Wire(("127.0.0.1", receiver.port)))
            scene.wires, at = Wires(clients, to_database, to_receiver), to_receiver.port
            scene.urls = [f"http://127.0.0.1:{wire.port}" for wire in clients]
        await _open_endpoints(deployment, receiver, at)
        ledger = Ledger()
        stop = asyncio.Event()
        writers = [
            asyncio.create_task(
                Writer(
                    f"w{number}",
                    scene.urls,
                    scene.credentials,
                    ledger,
                    random.Random(chance.random()),
                ).run(stop)
            )
            for number in range(_WRITERS)
        ]
        await disturb(scene)
        stop.set()
        await asyncio.gather(*writers)
        async with open_database(scene.database_url, scene.master_key, pool_size=2) as db:
            await _drain(db)
            await check(
                *(db, ledger, receiver, _ORDERED, _SCHEDULE),
                found=scene.found,
                others=scene.others,
                least_wait=_ATTEMPT_SECONDS if scene.wires else math.inf,
            )
    scene.found.counts["kills"] = sum(victim.killed for victim in deployment.victims)
    scene.found.counts["seconds"] = round(time.monotonic() - began)
    return scene.found


async def _open_endpoints(deployment: Deployment, receiver: Receiver, port: int) -> None:
    """Make two endpoints by the API: one takes events as they come, one in order."""
    server = await asyncio.to_thread(deployment.first.start)
    async with httpx.AsyncClient(base_url=deployment.urls[0], timeout=30) as http:
        token = await http.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": server.client_id,
                "client_secret": server.client_secret,
            },
        )
        headers = {"authorization": f"Bearer {token.json()['access_token']}"}
        for name in ("any", "ordered"):
            answer = await http.post(
                "/api/v1/webhooks/endpoints",
                json={"url": f"http://127.0.0.1:{port}/{name}", "ordered": name in _ORDERED},
                headers=headers,
            )
            assert answer.status_code == 201, answer.text
            receiver.open(name, answer.json()["secret"])
    await asyncio.to_thread(server.stop)


async def _drain(db: Database) -> None:
    """Wait until every event is in the log and every delivery has ended, while there are fewer."""
    best, until = None, 0.0
    while True:
        counts = await db.fetch_one(_COUNTS)
        assert counts is not None
        left = counts["events"] - counts["logged"] + counts["pending"]
        if not left:
            return
        if best is None or left < best:
            best, until = left, time.monotonic() + _DRAIN_SECONDS
        if time.monotonic() > until:
            raise AssertionError(
                f"nothing was delivered for {_DRAIN_SECONDS:.0f} s: {dict(counts)}"
            )
        await asyncio.sleep(0.5)
