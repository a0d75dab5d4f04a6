"""/livez and /readyz, as balancers ask them: while the database is well, and while it is not."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from types import SimpleNamespace

import pytest
from databases import MASTER_KEY
from sqlalchemy import text as clause

from tenantry.core import errors
from tenantry.db import migrate, readiness
from tenantry.db.opening import open_database
from tenantry.db.postgresql import database
from tenantry.db.readiness import Readiness
from tenantry.db.sql.statements import Statement
from tenantry.endpoints.health import web as health
from tenantry.net import http as web
from tenantry.net.http import Request

PATHS = ["/livez", "/readyz", "/healthz"]


@pytest.fixture
def looking_each_time(monkeypatch):
    """Remember no look at the database."""
    monkeypatch.setattr(readiness, "REMEMBERED_SECONDS", 0.0)


@pytest.fixture
def ask(db, looking_each_time, monkeypatch):
    """Ask as a balancer does that has time."""
    monkeypatch.setattr(database, "_PROBE_SECONDS", 60.0)
    return asking(db)


def asking(db):
    routes = {route.template: route.handler for route in health.routes(SimpleNamespace(db=db))}

    async def ask(path):
        request = Request("GET", path, "", {}, b"", "req_test")
        try:
            return (await routes[path](request)).status
        except errors.Busy as problem:
            return problem.error_code if "retry-after" in problem.headers else "no retry-after"

    return ask


async def answers(ask):
    return [await ask(path) for path in PATHS]


async def holds(ask, expected):
    """Wait until /readyz says this, while the other two say that the process lives."""
    until = time.monotonic() + 60
    while await ask("/readyz") != expected:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    assert await ask("/livez") == await ask("/healthz") == 200


async def test_all_are_well_on_a_running_server(http, eventually):
    """/readyz once the database has answered it within a second."""
    for path in PATHS:

        async def is_well(path=path):
            answer = await http.get(path)
            assert answer.headers["cache-control"] == "no-store"
            return answer.status_code == (await http.head(path)).status_code == 200

        await eventually(is_well)


async def test_readyz_is_503_while_the_process_drains(ask):
    assert await answers(ask) == [200, 200, 200]
    web.DRAINING.set()
    try:
        assert await answers(ask) == [200, "DRAINING", 200]
    finally:
        web.DRAINING.clear()
    assert await answers(ask) == [200, 200, 200]


async def test_a_look_is_remembered_for_a_second(db, monkeypatch):
    looks = 0
    real = db.probe

    async def probe():
        nonlocal looks
        looks += 1
        await real()

    monkeypatch.setattr(db, "probe", probe)
    monkeypatch.setattr(readiness, "REMEMBERED_SECONDS", 600.0)
    seen = Readiness(db)
    await asyncio.gather(*(seen.check() for _ in range(20)))
    for _ in range(20):
        await seen.check()
    assert looks == 1
    monkeypatch.setattr(readiness, "REMEMBERED_SECONDS", 0.0)
    await seen.check()
    assert looks == 2


@pytest.fixture
async def unsteady(unsteady_postgresql):
    """A database on a server that may be stopped, open."""
    url = unsteady_postgresql.fresh()
    await asyncio.to_thread(migrate.upgrade, url)
    async with open_database(url, MASTER_KEY, pool_size=4) as db:
        yield db


async def test_readyz_says_that_a_database_is_stopped_or_hangs(
    unsteady_postgresql, unsteady, looking_each_time
):
    ask = asking(unsteady)
    with unsteady_postgresql.paused():
        for _ in range(3):
            assert await ask("/readyz") == "DATABASE_UNAVAILABLE"
            assert await ask("/livez") == 200
    await holds(ask, 200)
    await asyncio.to_thread(unsteady_postgresql.stop)
    await holds(ask, "DATABASE_UNAVAILABLE")
    await asyncio.to_thread(unsteady_postgresql.start)
    await holds(ask, 200)


async def test_readyz_says_that_postgresql_is_read_only(
    unsteady_postgresql, unsteady, looking_each_time
):
    ask = asking(unsteady)
    assert await ask("/readyz") == 200
    for value, answer in (("on", "DATABASE_READ_ONLY"), ("off", 200)):
        unsteady_postgresql.run(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        unsteady_postgresql.run("SELECT pg_reload_conf()")
        await holds(ask, answer)


@pytest.mark.thorough
@pytest.mark.parametrize("table", ["organizations", "events", "environment"])
async def test_a_locked_table_makes_no_process_unready(
    postgresql_migrated, looking_each_time, table
):
    """Also while every connection of its pool waits for that table."""
    async with (
        open_database(postgresql_migrated, MASTER_KEY, pool_size=2) as db,
        open_database(postgresql_migrated, MASTER_KEY, pool_size=1) as other,
    ):
        ask = asking(db)
        assert await ask("/readyz") == 200
        async with other.transaction() as holding:
            await holding.fetch_all(sql(f"LOCK TABLE {table}"))
            calls = [
                asyncio.create_task(db.fetch_all(sql(f"SELECT FROM {table}"))) for _ in range(20)
            ]
            while db._pool._waiting or not all(one.done() for one in calls):
                assert await ask("/readyz") == 200
                await asyncio.sleep(0.05)
            await asyncio.sleep(0)
            problems = [one.exception() for one in calls]
            assert {one.answer for one in problems} <= {errors.Locked, errors.Busy}


async def test_readyz_says_that_postgresql_is_full(postgresql_migrated, looking_each_time):
    async with (
        open_database(postgresql_migrated, MASTER_KEY, pool_size=1) as db,
        open_database(postgresql_migrated, MASTER_KEY, pool_size=1) as other,
    ):
        ask = asking(db)
        assert await ask("/readyz") == 200
        for statement in FULL:
            await other.fetch_all(sql(statement))
        assert await ask("/readyz") == "DATABASE_FULL"
        await other.fetch_all(sql("DROP TRIGGER full_disk ON environment"))
        await holds(ask, 200)


# The server's words when a file cannot grow (https://www.postgresql.org/docs/current/
# errcodes-appendix.html), said by a trigger.
FULL = [
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
    "CREATE TRIGGER full_disk BEFORE UPDATE ON environment EXECUTE FUNCTION full_disk()",
]


async def test_readyz_while_another_program_holds_the_sqlite_file(
    sqlite_template, tmp_path, looking_each_time
):
    """Reads go on: it is ready once the probe has found that only a lock is in the way."""
    path = shutil.copy(sqlite_template, tmp_path / "tenantry.db")
    async with open_database(f"sqlite:///{path}", MASTER_KEY) as db:
        ask = asking(db)
        assert await ask("/readyz") == 200
        async with db.transaction():  # our own is no trouble
            assert await ask("/readyz") == 200
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await ask("/readyz") in {"DATABASE_UNAVAILABLE", 200}
        other.execute("ROLLBACK")
        other.close()
        await holds(ask, 200)


def sql(text):
    return Statement(clause(text))
