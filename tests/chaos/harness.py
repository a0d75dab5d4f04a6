"""Writes under load while servers and workers are killed; then looks for every one of them."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import httpx
from checks import check
from deployment import Deployment
from receiver import Receiver
from sqlalchemy import func, select, text
from writers import Ledger, Writer

from tenantry import master_key, settings
from tenantry.db.opening import open_database
from tenantry.db.schema import events
from tenantry.db.statements import Statement
from tenantry.events.event_log.model import event_log
from tenantry.events.webhooks.model import webhook_deliveries

if TYPE_CHECKING:
    from pathlib import Path

    from checks import Findings

    from tenantry.db.engine import Database

_WRITERS = 4
_SCHEDULE = [0, 1, 1, 2, 2, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]
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


async def run(folder: Path, database_url: str | None, *, kills: int, seed: int) -> Findings:
    """Kill so many processes, let the rest be delivered, and check everything."""
    chance = random.Random(seed)
    deployment = Deployment(
        folder,
        database_url,
        outgoing_allow="127.0.0.0/8",
        webhook_retries=",".join(map(str, _SCHEDULE)),
        webhook_timeout_seconds=1,
        rate_limit_failures="",
    )
    await asyncio.to_thread(deployment.prepare)
    ledger = Ledger()
    began = time.monotonic()
    try:
        async with Receiver(chance) as receiver:
            await _open_endpoints(deployment, receiver)
            stop = asyncio.Event()
            credentials = (deployment.first.client_id, deployment.first.client_secret)
            writers = [
                asyncio.create_task(
                    Writer(
                        f"w{number}",
                        deployment.urls,
                        credentials,
                        ledger,
                        random.Random(chance.random()),
                    ).run(stop)
                )
                for number in range(_WRITERS)
            ]
            await deployment.run(kills, chance)
            stop.set()
            await asyncio.gather(*writers)
            known = settings.load(
                {k: v for k, v in deployment.first.environment.items() if k.startswith("TENANTRY_")}
            )
            async with open_database(known.database, master_key.load(known), pool_size=2) as db:
                await _drain(db)
                found = await check(db, ledger, receiver, _ORDERED, _SCHEDULE)
    finally:
        deployment.stop()
    found.counts["kills"] = sum(victim.killed for victim in deployment.victims)
    found.counts["seconds"] = round(time.monotonic() - began)
    return found


async def _open_endpoints(deployment: Deployment, receiver: Receiver) -> None:
    """Make two endpoints by the API: one takes events as they come, one in order."""
    server = deployment.first.start()
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
                json={
                    "url": f"http://127.0.0.1:{receiver.port}/{name}",
                    "ordered": name in _ORDERED,
                },
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
