"""Workers are processes that may be killed: what they had taken is taken up by others."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from repository import PYTHONPATH
from servers import without_settings
from webhook_receivers import (
    ALLOW,
    KEY,
    TIMEOUT_SECONDS,
    Worker,
    deliveries,
    endpoint,
    event,
    hang,
    hasten,
    publish,
)

from tenantry.events.webhooks.deliveries import delivery

SCRIPT = Path(__file__).with_name("webhook_worker.py")


@asynccontextmanager
async def process(database_url, **more: str):
    """A worker process, killed in the end."""
    given = {
        "database_url": database_url,
        "master_key": KEY,
        "outgoing_allow": ALLOW,
        "webhook_timeout_seconds": f"{TIMEOUT_SECONDS}",
        "config": os.devnull,
        **more,
    }
    named = {f"TENANTRY_{name.upper()}": value for name, value in given.items()}
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        SCRIPT,
        env=without_settings() | named | {"PYTHONPATH": PYTHONPATH},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert await asyncio.wait_for(started.stdout.readline(), 60) == b"started\n"
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def test_what_a_killed_worker_had_taken_is_delivered_by_another(
    db, database_url, receiver, eventually
):
    receiver.answers = {"/hook": hang}
    await endpoint(db, receiver.url())
    await db.record_all([event(f"n{number}") for number in range(5)])
    async with process(database_url) as killed:
        await eventually(lambda: len(receiver.got) == 5)
        killed.kill()
        await killed.wait()
    receiver.answers = {}
    # Not before the claim is over: the timeout and five seconds.
    for row in await deliveries(db):
        assert row["due_time"] >= row["create_time"] + (TIMEOUT_SECONDS + 5) * 1_000_000
    async with Worker(db):
        await publish(db, "another")
        await eventually(lambda: len(receiver.got) == 6)
        assert receiver.got.pop().name == "another"
        await eventually(lambda: _succeeded(db, 1))
        await hasten(db)
        await eventually(lambda: _succeeded(db, 6))
    assert sorted(got.name for got in receiver.got[5:]) == [f"n{number}" for number in range(5)]
    assert sorted(row["attempts"] for row in await deliveries(db)) == [1, 2, 2, 2, 2, 2]


async def _succeeded(db, number):
    return [row["state"] for row in await deliveries(db)].count("SUCCEEDED") == number


async def test_a_claim_that_is_answered_too_late_is_not_used(db, receiver, eventually, clock):
    await endpoint(db, receiver.url())
    late = clock.of(delivery).forward
    async with Worker(db):
        late(6)  # a claim is for five seconds more than an attempt
        await publish(db, "a")
        await eventually(lambda: _attempted(db, 1))
        await asyncio.sleep(0.2)  # for one too many
        assert receiver.got == []
        late(-6)
        await hasten(db)
        await eventually(lambda: _succeeded(db, 1))
    assert [got.name for got in receiver.got] == ["a"]
    assert [row["attempts"] for row in await deliveries(db)] == [2]


async def _attempted(db, number):
    return [row["attempts"] for row in await deliveries(db)] == [number]


async def test_processes_share_without_sending_anything_twice(
    db, database_url, receiver, eventually
):
    for number in range(4):
        await endpoint(db, receiver.url(f"/{number}"))
    receiver.delay = 0.01
    async with process(database_url) as one, process(database_url) as two:
        for number in range(10):
            await db.record_all([event(f"n{number}-{n}") for n in range(20)])
        await eventually(lambda: len(receiver.got) >= 800)
        await eventually(lambda: _succeeded(db, 800))
        await asyncio.sleep(0.2)  # for one too many
        for running in (one, two):
            running.terminate()
            assert await asyncio.wait_for(running.wait(), 60) == 0
    assert len(receiver.got) == 800
    assert len({(got.path, got.headers["webhook-id"]) for got in receiver.got}) == 800
    assert {row["state"] for row in await deliveries(db)} == {"SUCCEEDED"}
