"""The database by way of the real PgBouncer, in session mode and in transaction mode."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from apis import access_token
from poolers import PgBouncer
from statements import INSERT_CLIENT, count, event, names, sql
from wires import over_https

from tenantry.db import migrate
from tenantry.db.connecting import OpenError
from tenantry.db.engine import DuplicateKey
from tenantry.db.opening import open_database
from tenantry.db.postgresql import pgbouncer
from tenantry.db.revisions import HEAD
from tenantry.db.schema_versions import schema_version

KEY = b"m" * 32


@pytest.fixture
def started(postgresql_migrated, tmp_path_factory):
    """Start a PgBouncer in front of a database whose schema is current."""
    running = []

    def start(mode, url=postgresql_migrated, **how: int):
        running.append(PgBouncer(url, tmp_path_factory.mktemp("pgbouncer"), mode, **how))
        return running[-1]

    yield start
    for one in running:
        one.close()


def client(name):
    return {"p_id": f"skc_{name}", "p_name": name}


@pytest.mark.parametrize("mode", pgbouncer.MODES)
async def test_the_database_is_used_by_way_of_pgbouncer(started, mode):
    """Two processes of ours with more connections than there are behind it."""
    pooler = started(mode, size=8 if mode == "session" else 2)
    url = pooler.url(mode)
    async with (
        open_database(url, KEY, pool_size=4) as db,
        open_database(url, KEY, pool_size=4) as other,
    ):

        async def work(number):
            use = (db, other)[number % 2]
            await use.apply(INSERT_CLIENT, event(), **client(f"{number}"))
            async with use.transaction() as tx:
                await tx.serialize("word")
                await tx.apply(INSERT_CLIENT, event(), **client(f"{number}-a"))
                with pytest.raises(DuplicateKey):
                    async with tx.transaction() as inner:
                        await inner.apply(INSERT_CLIENT, event(), **client(f"{number}-a"))
                await tx.apply(INSERT_CLIENT, event(), **client(f"{number}-b"))
            async with use.snapshot() as seen:
                assert await count(seen, "clients") >= 3

        await asyncio.gather(*(work(number) for number in range(40)))
        assert len(await names(db)) == 120
        await db.probe()


async def test_the_session_is_set_up_in_session_mode(started):
    async with open_database(started("session").url("session"), KEY, pool_size=1) as db:
        row = await db.fetch_one(sql("SELECT current_setting('lock_timeout') AS it"))
        assert row["it"] == "2s"


async def test_nothing_is_left_behind_in_transaction_mode(started):
    """Neither a setting nor a prepared statement: the connection is the next one's, too."""
    async with open_database(started("transaction", size=1).url("transaction"), KEY) as db:
        await asyncio.gather(*(names(db) for _ in range(20)))
        row = await db.fetch_one(sql("SELECT count(*) AS n FROM pg_prepared_statements"))
        assert row["n"] <= 1  # the statement that asks, which has no name
        row = await db.fetch_one(sql("SELECT current_setting('lock_timeout') AS it"))
        assert row["it"] == "0"


@pytest.mark.parametrize("mode", pgbouncer.MODES)
def test_the_schema_is_made_by_way_of_pgbouncer(started, postgresql_url, mode):
    pooler = started(mode, postgresql_url, size=1)
    for _ in range(2):
        migrate.upgrade(pooler.url(mode))
    assert asyncio.run(schema_version(pooler.url(mode))) == HEAD


async def test_a_refusal_names_the_setting(started):
    pooler = started("transaction")
    with pytest.raises(OpenError, match=r"pgbouncer=session or \?pgbouncer=transaction"):
        async with open_database(pooler.url(), KEY):
            pass


@pytest.mark.parametrize("round_robin", [True, False])
@pytest.mark.parametrize("size", [1, 5])
async def test_transaction_mode_behind_a_url_of_session_mode_is_refused(started, size, round_robin):
    url = started("transaction", size=size, round_robin=round_robin).url("session")
    with pytest.raises(OpenError, match=r"set \?pgbouncer=transaction"):
        async with open_database(url, KEY, pool_size=5):
            pass


@pytest.mark.parametrize("size", [2, 5])
async def test_session_mode_is_taken_for_what_it_is(started, size):
    url = started("session", size=size, round_robin=False).url("session")
    for _ in range(3):
        async with open_database(url, KEY, pool_size=1) as db:
            assert await names(db) == []


@pytest.mark.parametrize(
    "mode", ["transaction", pytest.param("session", marks=pytest.mark.thorough)]
)
async def test_a_server_works_by_way_of_pgbouncer(started, start_server, postgresql_url, mode):
    """From the first migration to an event that the worker has put into the log."""
    url = started(mode, postgresql_url, size=20 if mode == "session" else 3).url(mode)
    server = start_server(f"pgbouncer-{mode}", database_url=url, background="true")
    async with over_https(server) as http:
        token = await access_token(http, server.client_id, server.client_secret)
        http.headers["authorization"] = f"Bearer {token}"
        names = [f"Acme {number}" for number in range(20)]
        made = await asyncio.gather(
            *(http.post("/api/v1/organizations", json={"display_name": n}) for n in names)
        )
        assert {answer.status_code for answer in made} == {201}
        ids = {answer.json()["organization"]["id"] for answer in made}
        until = time.monotonic() + 60
        while True:
            # More than a page of ten: they have come in any order.
            listed = await http.post("/api/v1/events?page_size=100", json={})
            assert listed.status_code == 200, listed.text
            if all(id_ in listed.text for id_ in ids):
                break
            assert time.monotonic() < until
            await asyncio.sleep(0.1)
        assert (await http.get("/readyz")).status_code == 200
    found = server.run("doctor", "--json").stdout
    server.stop()
    assert all(one["ok"] for one in json.loads(found)["checks"] if one["check"] == "database")
    assert ("lock_timeout" in found) == (mode == "transaction")
    assert '"level":"error"' not in server.log.read_text()
