"""Several servers in one URL: the one that takes changes is found, and left once another does."""

from __future__ import annotations

import asyncio
import time

import pytest
from servers import PostgreSQL
from standbys import Standby, socket_of
from statements import INSERT_CLIENT, event, names, sql

from tenantry.access.clients.model import clients
from tenantry.core import errors
from tenantry.db import copies, migrate
from tenantry.db.connecting import OpenError
from tenantry.db.engine import Failure, OutcomeUnknown, Unavailable
from tenantry.db.opening import open_database
from tenantry.db.postgresql.cluster import Cluster, NoPrimary
from tenantry.db.sql.statements import Statement
from tenantry.settings import load

KEY = b"m" * 32
SESSION = {"application_name": "tenantry of a test"}


def client(name):
    return {"p_id": f"skc_{name}", "p_name": name}


@pytest.fixture
def primary():
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture
def standby(primary):
    migrate.upgrade(primary.url)
    server = Standby(primary)
    yield server
    server.close()


@pytest.fixture
def url(primary, standby):
    """Both, the standby first."""
    return f"postgresql://postgres@/postgres?host={standby.folder},{socket_of(primary.url)}"


async def seconds_until_it_takes_changes(db, name):
    """Make a change until it is taken; each refusal is an answer, and comes within seconds."""
    began, answers = time.monotonic(), []
    while True:
        at = time.monotonic()
        try:
            await db.apply(INSERT_CLIENT, event(), **client(f"{name}{len(answers)}"))
        except Failure as problem:
            answers.append(type(problem.error()))
            assert time.monotonic() - at < 30
            assert time.monotonic() - began < 200
            await asyncio.sleep(0.1)
        else:
            return time.monotonic() - began, answers


@pytest.mark.thorough
async def test_a_standby_in_the_first_place_is_passed_over(url, primary, standby):
    for one in (url, f"{url}&target_session_attrs=read-write"):
        assert await asyncio.to_thread(migrate.upgrade, one) == []
        async with open_database(one, KEY, pool_size=2) as db:
            await db.apply(INSERT_CLIENT, event(), **client(f"of {one[-5:]}"))
            with standby.paused():
                assert len(await names(db)) >= 1
                # On a new connection, while the first server says nothing.
                db._pool.give_back(await db._pool.acquire_new())
    alone = f"postgresql://postgres@/postgres?host={standby.folder}"
    with pytest.raises(OpenError, match="it is a standby"):
        async with open_database(f"{alone}&target_session_attrs=read-write", KEY):
            pass
    with pytest.raises(OpenError, match="read-only") as problem:
        async with open_database(alone, KEY):
            pass
    assert problem.value.answer is errors.ReadOnly


@pytest.mark.thorough
async def test_a_primary_that_is_killed_is_left_for_the_one_promoted(
    url, primary, standby, tmp_path
):
    settings = load({"TENANTRY_DATABASE_URL": url, "TENANTRY_DATA_DIR": str(tmp_path)})
    async with open_database(url, KEY, pool_size=3) as db:
        await copies.notice(db, settings)
        await copies.beat(db, settings)
        await db.apply(INSERT_CLIENT, event(), **client("before"))
        await asyncio.gather(*(db.fetch_all(sql("SELECT pg_sleep(0.05)")) for _ in range(3)))
        await follows(primary)
        await asyncio.to_thread(primary.kill)
        with pytest.raises(Unavailable) as away:
            await names(db)
        assert away.value.answer is errors.DatabaseUnavailable
        with pytest.raises(Unavailable):
            await db.probe()
        promoted = asyncio.create_task(asyncio.to_thread(standby.promote))
        seconds, answers = await seconds_until_it_takes_changes(db, "after")
        await promoted
        assert set(answers) <= {errors.DatabaseUnavailable}
        assert seconds < 100
        assert await names(db) == ["after" + str(len(answers)), "before"]
        await db.probe()
        # Nothing tells it from the database of before, so outgoing work is not held.
        await copies.notice(db, settings)
        assert await copies.held(db) is None
    await asyncio.to_thread(primary.start)


async def follows(primary):
    """Wait until the standby has all that the primary has."""
    while True:
        with_it = await asyncio.to_thread(
            primary.rows,
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) = 0 FROM pg_stat_replication",
        )
        if with_it == [(True,)]:
            return
        await asyncio.sleep(0.02)


@pytest.mark.thorough
async def test_a_primary_that_hangs_is_left_and_never_gone_back_to(url, primary, standby):
    async with open_database(url, KEY, pool_size=4) as db:
        await asyncio.gather(*(db.fetch_all(sql("SELECT pg_sleep(0.05)")) for _ in range(4)))
        await follows(primary)
        with primary.paused():
            began = time.monotonic()
            sent = asyncio.create_task(db.apply(INSERT_CLIENT, event(), **client("lost")))
            read = asyncio.create_task(db.fetch_all(Statement(clients.select())))
            await asyncio.sleep(0.1)
            await asyncio.to_thread(standby.promote)
            with pytest.raises(OutcomeUnknown):
                await sent
            assert await read == []  # asked again where there was an answer
            _, answers = await seconds_until_it_takes_changes(db, "after")
            assert set(answers) <= {errors.DatabaseUnavailable, errors.Busy}
            assert time.monotonic() - began < 100
        # It goes on, and takes itself for the primary: on an older timeline.
        assert await seconds_until_it_takes_changes(db, "again") < (1, [])
        connection = await db._pool.acquire_new()
        assert connection.server == (str(standby.folder), None)
        db._pool.give_back(connection)
        fresh = Cluster(
            f"postgresql://postgres@/postgres?host={socket_of(primary.url)},{standby.folder}"
        )
        connection = await fresh.connect(SESSION, timeout=3)
        assert not await connection.fetchval("SELECT pg_is_in_recovery()")
        assert (
            await connection.fetchval("SELECT count(*) FROM clients WHERE name LIKE 'again%'") == 1
        )
        await connection.close()


@pytest.mark.thorough
async def test_each_server_that_takes_none_says_why(primary, standby):
    both = Cluster(f"postgresql://postgres@/postgres?host={standby.folder},127.0.0.1&port=5432,1")
    with pytest.raises(NoPrimary) as problem:
        await both.connect(SESSION, timeout=3)
    assert f"{standby.folder}: it is a standby; 127.0.0.1:1: " in str(problem.value)
