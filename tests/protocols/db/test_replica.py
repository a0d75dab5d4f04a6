"""Lists on a standby: none misses a change that was acknowledged, and none waits for a slow one."""

from __future__ import annotations

import asyncio
import time

import pytest
from apis import Api, access_token
from servers import LiveServer, PostgreSQL
from standbys import Standby
from statements import INSERT_CLIENT, event, sql
from wires import Rest, over_https

from tenantry.access.clients.model import clients
from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.db.postgresql.budget import Budget
from tenantry.db.postgresql.replica import Replica
from tenantry.db.sql.statements import Statement

KEY = b"m" * 32
WHERE = sql("SELECT pg_is_in_recovery() AS standby")
NAMED = Statement(clients.select())


@pytest.fixture(scope="module")
def primary():
    server = PostgreSQL()
    migrate.upgrade(server.url)
    yield server
    server.close()


@pytest.fixture
def standby(primary):
    server = Standby(primary)
    yield server
    server.close()


@pytest.fixture
async def process(primary, standby):
    """Open the database with its standby as one more process does."""
    opened = []

    async def open_one():
        db = await asyncio.create_task(entered.put(open_database(primary.url, KEY, pool_size=2)))
        db.replica = Replica(db, standby.url, Budget(2))
        opened.append(db)
        return db

    entered = Entered()
    yield open_one
    await entered.leave()


class Entered:
    """Contexts that are left together."""

    def __init__(self) -> None:
        self._contexts = []

    async def put(self, context):
        self._contexts.append(context)
        return await context.__aenter__()

    async def leave(self):
        for context in self._contexts:
            await context.__aexit__(None, None, None)


async def listed(db):
    """The names as a list of clients shows them, and whether a standby was asked."""
    async with db.replica.reading() as session:
        rows = await (session or db).fetch_all(NAMED)
        if session is not None:
            (row,) = await session.fetch_all(WHERE)
            assert row["standby"]
        return {row["name"] for row in rows}, session is not None


async def change(db, name):
    await db.apply(INSERT_CLIENT, event(), p_id=f"skc_{name}", p_name=name)


async def test_a_list_has_each_change_whichever_process_made_it(process):
    one, other = await process(), await process()
    by_standby = number = 0
    while number < 100 or by_standby < 50:  # on a busy machine a standby is often behind
        await change(one, f"seen{number}")
        for db in (other, one):
            names, was_standby = await listed(db)
            assert f"seen{number}" in names
            by_standby += was_standby
        number += 1

    async def at_once(number):
        await change(one, f"at once {number}")
        names, _ = await listed(other)
        return f"at once {number}" in names

    assert all(await asyncio.gather(*(at_once(number) for number in range(50))))


async def test_a_standby_that_is_behind_is_passed_over(process, standby, eventually):
    db = await process()

    async def is_asked():
        return (await listed(db))[1]

    await eventually(is_asked)
    standby.run("SELECT pg_wal_replay_pause()")
    await change(db, "paused")
    names, was_standby = await listed(db)
    assert "paused" in names
    assert not was_standby
    standby.run("SELECT pg_wal_replay_resume()")
    await eventually(is_asked)
    assert "paused" in (await listed(db))[0]


async def test_a_standby_that_hangs_costs_one_list_half_a_second(process, standby, eventually):
    db = await process()

    async def is_asked():
        return (await listed(db))[1]

    await eventually(is_asked)
    with standby.paused():
        await change(db, "hung")
        began = time.monotonic()
        assert await listed(db) == ((await listed(db))[0], False)
        assert time.monotonic() - began < 20
        began = time.monotonic()
        for _ in range(20):
            assert "hung" in (await listed(db))[0]
        assert time.monotonic() - began < 10


async def test_a_standby_that_was_promoted_is_no_standby(process, standby, primary):
    db = await process()
    await asyncio.to_thread(standby.promote)
    await change(db, "elsewhere")
    names, was_standby = await listed(db)
    assert "elsewhere" in names
    assert not was_standby


@pytest.mark.thorough
async def test_lists_of_the_api_go_to_the_standby(primary, standby, tmp_path):
    """Over two servers: the one that lists has not made the change."""
    url = primary.fresh()
    common = {
        "database_url": url,
        "database_replica_url": standby.url.replace("/postgres?", f"/{primary.name_of(url)}?"),
        "background": "false",
        "master_key": "bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0=",
        "data_dir": tmp_path / "data",
    }
    first = LiveServer(tmp_path, **common)
    second = LiveServer(tmp_path, **common, public_url=first.url)
    await asyncio.to_thread(first.start)
    await asyncio.to_thread(second.start)
    try:
        async with over_https(first) as http:
            token = await access_token(http, first.client_id, first.client_secret)
        headers = (("authorization", f"Bearer {token}"),)
        second.url = f"https://localhost:{second.port}"
        writes, reads = Api(Rest(first), headers), Api(Rest(second), headers)
        asked = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE query LIKE '%organizations%' AND application_name LIKE 'tenantry %'"
        )
        seen = 0
        for number in range(30):
            name = f"Acme {number}"
            made = await writes.organizations.create_organization(
                organization={"display_name": name}
            )
            page = await reads.organizations.list_organization(page_size=30)
            assert made["organization"]["id"] in {one["id"] for one in page["organizations"]}
            seen += standby.rows(asked)[0][0]  # connections whose last query was such a list
        await writes.wire.aclose()
        await reads.wire.aclose()
        assert seen
    finally:
        for server in (first, second):
            await asyncio.to_thread(server.stop)
