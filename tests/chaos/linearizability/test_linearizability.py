"""The answers to several clients of one object have an order, also while workers die.

`make test-all` records such histories; `make chaos` does so for longer, with more trouble.
"""

from __future__ import annotations

import asyncio
import time

import history_checker
import pytest
from doc_programs import need
from rounds import at_work
from servers import LiveServer
from shared_objects import KINDS

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database

SEED = 7
SECONDS = 16
WORKERS = 3
KILLS = 2


@pytest.mark.thorough
@pytest.mark.timeout(180)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_answers_have_an_order_while_workers_are_killed(request, tmp_path, database):
    need("go")
    chosen = {"workers": WORKERS, "background": "false", "rate_limit_sign_ins": ""}
    if database == "postgresql":
        chosen["database_url"] = request.getfixturevalue("postgresql_url")
    server = LiveServer(tmp_path, **chosen).fork()
    try:
        await asyncio.to_thread(server.until_serving, WORKERS)
        credentials = (server.client_id, server.client_secret)
        known = settings.load(
            {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
        )
        async with open_database(known.database, master_key.load(known), pool_size=2) as opened:
            urls = [f"http://127.0.0.1:{server.port}"]
            async with at_work(urls, credentials, opened, seed=SEED) as history:
                for _ in range(KILLS):
                    await asyncio.sleep(SECONDS / (KILLS + 1))
                    await asyncio.to_thread(kill_the_busiest, server)
                await asyncio.sleep(SECONDS / (KILLS + 1))
    finally:
        server.stop()
    history.write(tmp_path / "history.ndjson")
    found = await asyncio.to_thread(history_checker.judge, history.operations)
    print(found.objects, found.operations, found.open, f"{history.undone} had no effect")
    assert found.problems == []
    assert history.surprises == []
    assert found.objects.keys() == {kind.model for kind in KINDS}
    assert min(found.operations.values()) > 30
    assert sum(found.open.values()) > 0, "workers were killed, and nobody noticed"


def kill_the_busiest(server: LiveServer) -> None:
    """Kill a worker, and wait for the next one.

    It stands still before: the database commits what it was asked, and nobody hears of it.
    """
    worker = server.serving()[0]
    worker.suspend()
    time.sleep(0.2)
    worker.kill()
    server.until_serving(WORKERS)
