"""SQLite: several processes on one file, and a writer that others wait for."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import recorded_events
from repository import SUPPORT
from statements import INSERT_CLIENT, count, event, names, sql

from tenantry.db.engine import Unavailable
from tenantry.db.opening import open_database
from tenantry.db.sqlite import connections
from tenantry.db.sqlite import writer as sqlite_writer

KEY = b"m" * 32


def client(name):
    return {"p_id": f"skc_{name}", "p_name": name}


@pytest.fixture
async def lite(sqlite_migrated):
    async with open_database(sqlite_migrated, KEY) as opened:
        yield opened


async def test_processes_that_write_at_once_all_succeed(lite, sqlite_migrated):
    writers = [
        subprocess.Popen(  # noqa: ASYNC220 - it starts at once
            [sys.executable, "sqlite_writer.py", sqlite_migrated, f"{number}", "100"],
            cwd=SUPPORT / "storage",
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for number in range(100):
        await lite.apply(INSERT_CLIENT, event(), **client(f"here-{number}"))
        assert await names(lite)
    for writer in writers:
        _, problem = await asyncio.to_thread(writer.communicate)
        assert writer.returncode == 0, problem
    assert await count(lite, "clients") == await count(lite, "events") == 400
    assert len({one["id"] for one in await recorded_events.after(lite, "", limit=1000)}) == 400


async def test_readers_do_not_wait_for_a_writer(lite):
    await lite.apply(INSERT_CLIENT, event(), **client("a"))
    async with lite.transaction() as tx:
        await tx.apply(INSERT_CLIENT, event(), **client("b"))
        began = time.monotonic()
        assert len(await recorded_events.after(lite, "", limit=10)) == 1
        assert time.monotonic() - began < 10


async def test_a_statement_of_any_kind_waits_for_a_transaction_elsewhere(lite, sqlite_migrated):
    await lite.apply(INSERT_CLIENT, event(), **client("a"))
    rename = sql("UPDATE clients SET name = 'b' RETURNING id")
    async with open_database(sqlite_migrated, KEY) as other:
        async with other.transaction() as tx:
            await tx.apply(INSERT_CLIENT, event(), **client("c"))
            waiting = asyncio.create_task(lite.fetch_all(rename))
            await asyncio.wait([waiting], timeout=0.1)  # longer than a statement takes
            assert not waiting.done()
        assert len(await waiting) == 2


async def test_a_query_as_text_waits_for_no_transaction_elsewhere(lite, sqlite_migrated):
    await lite.apply(INSERT_CLIENT, event(), **client("a"))
    async with open_database(sqlite_migrated, KEY) as other, other.transaction() as tx:
        await tx.apply(INSERT_CLIENT, event(), **client("b"))
        async with asyncio.timeout(10):
            assert len(await lite.fetch_all(sql("SELECT id FROM clients"))) == 1


async def test_a_file_that_another_holds_too_long_says_try_again(sqlite_migrated, monkeypatch):
    monkeypatch.setattr(sqlite_writer, "BUSY_SECONDS", 0.2)
    async with open_database(sqlite_migrated, KEY) as lite:
        holder = sqlite3.connect(sqlite_migrated.removeprefix("sqlite:///"), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await lite.apply(INSERT_CLIENT, event(), **client("a"))
        with pytest.raises(Unavailable):
            async with lite.transaction() as tx:
                await tx.apply(INSERT_CLIENT, event(), **client("a"))
        with pytest.raises(Unavailable):
            await lite.fetch_all(INSERT_CLIENT, **client("a"))
        assert await recorded_events.after(lite, "", limit=10) == []
        holder.execute("COMMIT")
        holder.close()
        await lite.apply(INSERT_CLIENT, event(), **client("b"))
        assert await names(lite) == ["b"]


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_BUSY_SNAPSHOT],
)
async def test_every_kind_of_busy_says_try_again(lite, code):
    def busy(_connection):
        problem = sqlite3.OperationalError("database is locked")
        problem.sqlite_errorcode = code
        raise problem

    with pytest.raises(Unavailable):
        await lite._writer.run(busy)


async def test_a_commit_is_on_the_disk_before_it_is_answered(lite):
    pragmas = {}
    for name in ("journal_mode", "synchronous", "foreign_keys"):
        row = await lite.fetch_one(sql(f"PRAGMA {name}"))
        pragmas[name] = row[0]
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_a_killed_process_loses_nothing_that_it_answered(sqlite_migrated):
    """It prints each change once it is committed; what it printed is there."""
    program = (
        "import asyncio, sys\n"
        "from statements import INSERT_CLIENT, event\n"
        "from tenantry.db.opening import open_database\n"
        "async def main():\n"
        f"    async with open_database({sqlite_migrated!r}, b'm' * 32) as db:\n"
        "        for n in range(100_000):\n"
        "            await db.apply(INSERT_CLIENT, event(), p_id=f'skc_{n}', p_name=str(n))\n"
        "            print(n, flush=True)\n"
        "asyncio.run(main())\n"
    )
    writer = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
        [sys.executable, "-c", program],
        cwd=SUPPORT / "storage",
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(50):
        writer.stdout.readline()
    writer.kill()
    answered = 50 + len(writer.stdout.readlines())
    writer.wait()
    writer.stdout.close()
    async with open_database(sqlite_migrated, KEY) as lite:
        made = await count(lite, "clients")
        assert made in {answered, answered + 1}
        assert await count(lite, "events") == made


async def test_a_folder_that_is_not_there_is_said_in_one_line(tmp_path):
    from tenantry.db.connecting import OpenError

    with pytest.raises(OpenError) as problem:
        async with open_database(f"sqlite:///{tmp_path}/missing/tenantry.db", KEY):
            pass
    assert str(problem.value).startswith("the database cannot be reached: ")
    assert "missing/tenantry.db" in str(problem.value)


async def test_a_file_that_is_no_database_is_said_in_one_line(tmp_path):
    from tenantry.db.connecting import OpenError

    path = tmp_path / "tenantry.db"
    path.write_text("this is a text, and not even a short one" * 100)
    with pytest.raises(OpenError) as problem:
        async with open_database(f"sqlite:///{path}", KEY):
            pass
    assert "\n" not in str(problem.value)


async def test_the_write_ahead_log_is_small_again_after_a_reader_that_stayed(
    sqlite_migrated, monkeypatch
):
    monkeypatch.setattr(connections, "_LOG_BYTES", 1 << 20)
    path = sqlite_migrated.removeprefix("sqlite:///")

    def size() -> int:
        return Path(f"{path}-wal").stat().st_size

    reader = sqlite3.connect(path, isolation_level=None)
    async with open_database(sqlite_migrated, KEY) as lite:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM clients").fetchone()
        for number in range(60):
            await lite.apply(INSERT_CLIENT, event(), **client(f"{number}" + "x" * 100_000))
        reader.close()
        assert size() > 5 << 20
        for number in range(3):
            await lite.apply(INSERT_CLIENT, event(), **client(f"after-{number}"))
        assert size() <= 1 << 20
