"""Refusals of a database: each has an answer of its own, in bounded time, and changes nothing."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from contextlib import asynccontextmanager

import pytest
from statements import INSERT_CLIENT, count, event, names, sql

from tenantry.api import error_details
from tenantry.core import errors
from tenantry.db.connecting import OpenError
from tenantry.db.engine import Unavailable
from tenantry.db.opening import open_database
from tenantry.db.postgresql import pool
from tenantry.db.postgresql.budget import Budget
from tenantry.telemetry.request_context import CURRENT, RequestContext

KEY = b"m" * 32


def client(name):
    return {"p_id": f"skc_{name}", "p_name": name}


@asynccontextmanager
async def refused(answer):
    """Calls within are refused with this answer, which says when to come again."""
    with pytest.raises(Unavailable) as problem:
        yield
    error = error_details.translate(problem.value, "req_1")
    assert type(error) is answer
    assert error.status == 503
    assert error.headers["retry-after"] == str(answer.seconds)


def test_each_refusal_has_an_error_code_of_its_own():
    kinds = [errors.Busy, *errors.Busy.__subclasses__()]
    assert len({kind().name for kind in kinds}) == len(kinds)
    assert all(int(kind().headers["retry-after"]) > 0 for kind in kinds)


async def test_nobody_waits_for_a_connection_for_longer_than_three_seconds(pg):
    held = [await pg._pool.acquire() for _ in range(2)]
    began = time.monotonic()
    async with refused(errors.Busy):
        await names(pg)
    assert 2.5 < time.monotonic() - began < 30
    for connection in held:
        pg._pool.give_back(connection)
    assert await names(pg) == []
    assert not pg._pool._waiting


@pytest.fixture
def request_that_waited():
    """The request that is answered; it has waited for connections so many seconds."""
    request_context = RequestContext()
    token = CURRENT.set(request_context)
    yield request_context
    CURRENT.reset(token)


async def lock_timeout(db):
    row = await db.fetch_one(sql("SELECT current_setting('lock_timeout') AS it"))
    return row["it"]


async def test_all_waits_of_a_request_take_three_seconds_together(
    pg, request_that_waited, monkeypatch
):
    """One that waited for a connection waits the less for the next one and for a lock."""
    assert await lock_timeout(pg) == "2s"
    for waited, left in ((0.5, "2s"), (1.5, "1500ms"), (2.6, "250ms"), (5.0, "250ms"), (0.0, "2s")):
        request_that_waited.waited = waited
        assert await lock_timeout(pg) == left
    held = [await pg._pool.acquire() for _ in range(2)]
    monkeypatch.setattr(pool, "ACQUIRE_SECONDS", 600.0)
    request_that_waited.waited = 599.8
    with pytest.raises(Unavailable) as problem:
        await names(pg)
    assert problem.value.answer is errors.Busy
    assert request_that_waited.waited > 599.8
    monkeypatch.undo()
    for connection in held:
        pg._pool.give_back(connection)
    CURRENT.set(None)
    assert await lock_timeout(pg) == "2s"


async def test_a_locked_table_holds_up_nobody_else(pg, postgresql_migrated):
    """A call that needs it is refused, and gives its connection to those who do not."""
    async with (
        open_database(postgresql_migrated, KEY, pool_size=1) as other,
        other.transaction() as holding,
    ):
        await holding.fetch_all(sql("LOCK TABLE clients"))
        calls = [asyncio.create_task(names(pg)) for _ in range(2)]
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await count(pg, "organizations") == 0
        assert time.monotonic() - began < 100
        for call in calls:
            async with refused(errors.Locked):
                await call
    assert await names(pg) == []


async def test_a_read_only_postgresql_is_read(pg):
    for statement in ("SET default_transaction_read_only = on", "SELECT 1"):
        await pg.fetch_all(sql(statement))
    async with refused(errors.ReadOnly):
        await pg.apply(INSERT_CLIENT, event(), **client("a"))
    async with refused(errors.ReadOnly), pg.transaction() as tx:
        await tx.apply(INSERT_CLIENT, event(), **client("a"))
    assert await names(pg) == []


FULL = [
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
    "CREATE TRIGGER full_disk BEFORE INSERT ON clients EXECUTE FUNCTION full_disk()",
]


async def test_a_full_disk_of_postgresql_is_named(pg):
    """As the server does; and the next look makes sure that there is room, and not for a row."""
    for statement in FULL:
        await pg.fetch_all(sql(statement))
    async with refused(errors.DiskFull):
        await pg.apply(INSERT_CLIENT, event(), **client("a"))
    assert pg._was_full
    await pg.probe()
    assert not pg._was_full
    async with refused(errors.DiskFull), pg.transaction() as tx:
        await tx.apply(INSERT_CLIENT, event(), **client("a"))
    assert pg._was_full
    assert await names(pg) == []


@pytest.fixture
def limited(postgresql, postgresql_migrated):
    """The URL of a database as a user with two connections."""
    user = f"limited_{postgresql.name_of(postgresql_migrated)}"
    postgresql.run(
        f"CREATE ROLE {user} LOGIN CONNECTION LIMIT 2;"
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {user};"
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {user};",
        postgresql_migrated,
    )
    return postgresql_migrated.replace("//postgres:@", f"//{user}@")


async def test_where_one_more_connection_is_refused_the_others_do(limited):
    async with open_database(limited, KEY, pool_size=10) as db:
        reads = [db.fetch_all(sql("SELECT pg_sleep(0.02)")) for _ in range(30)]
        writes = [db.apply(INSERT_CLIENT, event(), **client(f"{n}")) for n in range(30)]
        await asyncio.gather(*reads, *writes)
        assert await count(db, "clients") == 30
        assert db._pool._open == 2


async def test_without_any_connection_too_many_are_named(limited):
    async with (
        open_database(limited, KEY, pool_size=1) as one,
        open_database(limited, KEY, pool_size=1) as two,
    ):
        await asyncio.gather(names(one), names(two))
        with pytest.raises(OpenError, match="too many connections") as problem:
            async with open_database(limited, KEY, pool_size=1):
                pass
        assert problem.value.answer is errors.TooManyConnections


def test_the_event_loops_of_a_process_share_one_budget():
    budget = Budget(10)
    one, two = object(), object()
    budget.join(one)
    assert [budget.take(one) for _ in range(11)] == [True] * 10 + [False]
    for _ in range(10):
        budget.give(one)
    budget.join(two)
    assert [budget.take(one) for _ in range(9)] == [True] * 8 + [False]
    assert [budget.take(two) for _ in range(3)] == [True] * 2 + [False]
    assert (budget.surplus(one), budget.surplus(two)) == (6, 0)
    budget.give(one)
    assert budget.take(two)
    budget.leave(one)
    assert [budget.take(two) for _ in range(8)] == [True] * 7 + [False]


async def test_a_loop_leaves_what_it_does_not_use_to_the_other(postgresql_migrated, monkeypatch):
    monkeypatch.setattr(pool, "_IDLE_SECONDS", 0.1)
    budget = Budget(4)
    async with (
        open_database(postgresql_migrated, KEY, budget=budget) as one,
        open_database(postgresql_migrated, KEY, budget=budget) as two,
    ):
        slow = sql("SELECT pg_sleep(0.05)")
        await asyncio.gather(*(one.fetch_all(slow) for _ in range(20)))
        assert (one._pool._open, two._pool._open) == (3, 1)
        until = time.monotonic() + 60
        while two._pool._open < 3:
            await asyncio.gather(*(two.fetch_all(slow) for _ in range(20)))
            assert time.monotonic() < until
        assert one._pool._open == 1


async def test_a_read_only_sqlite_is_read(sqlite_migrated):
    async with open_database(sqlite_migrated, KEY) as db:
        await db._writer.run(lambda c: c.execute("PRAGMA query_only = ON"))
        async with refused(errors.ReadOnly):
            await db.apply(INSERT_CLIENT, event(), **client("a"))
        async with refused(errors.ReadOnly):
            await db.probe()
        assert await names(db) == []


async def test_a_full_sqlite_is_named(sqlite_migrated):
    async with open_database(sqlite_migrated, KEY) as db:
        await db._writer.run(lambda c: c.execute("PRAGMA max_page_count = 1"))
        long = "x" * 1_000_000
        async with refused(errors.DiskFull):
            await db.apply(INSERT_CLIENT, event(), p_id="skc_a", p_name=long)
        async with refused(errors.DiskFull), db.transaction() as tx:
            await tx.apply(INSERT_CLIENT, event(), p_id="skc_a", p_name=long)
        assert await names(db) == []


async def test_an_sqlite_without_room_is_not_ready(sqlite_migrated, monkeypatch):
    from tenantry.db.sqlite import database

    async with open_database(sqlite_migrated, KEY) as db:
        await db.probe()
        monkeypatch.setattr(database, "_LEAST_ROOM", 1 << 62)
        async with refused(errors.DiskFull):
            await db.probe()


async def test_an_sqlite_that_another_program_holds_is_named_in_bounded_time(sqlite_migrated):
    """However many wait for it: each for its turn, and one of them for the other program."""
    other = sqlite3.connect(sqlite_migrated.removeprefix("sqlite:///"), isolation_level=None)
    async with open_database(sqlite_migrated, KEY) as db:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        writes = [db.apply(INSERT_CLIENT, event(), **client(f"{n}")) for n in range(20)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert time.monotonic() - began < 100
        assert {one.answer for one in outcomes} <= {errors.Locked, errors.Busy}
        assert await names(db) == []  # reading goes on meanwhile
        other.execute("ROLLBACK")
        other.close()
        await db.apply(INSERT_CLIENT, event(), **client("a"))
        assert await names(db) == ["a"]


async def test_a_damaged_sqlite_is_named(sqlite_migrated, tmp_path):
    path = shutil.copy(sqlite_migrated.removeprefix("sqlite:///"), tmp_path / "damaged.db")
    content = path.read_bytes()
    for broken in (b"no database at all" * 1000, content[:4096] + b"\xff" * (len(content) - 4096)):
        path.write_bytes(broken)
        with pytest.raises(OpenError) as problem:
            async with open_database(f"sqlite:///{path}", KEY):
                pass
        assert problem.value.answer is errors.DatabaseDamaged
        assert "\n" not in str(problem.value)


async def test_whoever_waits_while_no_connection_comes_about_is_refused_in_time(
    eventually, monkeypatch
):
    """A server that takes connections and says nothing, and more calls than connections."""
    monkeypatch.setattr(pool, "ACQUIRE_SECONDS", 0.3)
    hangs = asyncio.Event()

    async def connect(_seconds):
        await hangs.wait()

    waiting = pool.Pool(connect, Budget(2))
    calls = [asyncio.create_task(waiting.acquire()) for _ in range(10)]
    await eventually(lambda: sum(call.done() for call in calls) == 8)
    done, pending = await asyncio.wait(calls, timeout=0)
    assert {type(call.exception()) for call in done} == {Unavailable}
    for call in pending:
        call.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    await waiting.close()
