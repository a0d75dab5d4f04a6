"""Opening a database: its user, the rows of the first start, and the number of each process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from statements import count, sql

from tenantry import __version__
from tenantry.core.ids import NODES
from tenantry.crypto.vault import Binding
from tenantry.db.connecting import OpenError, make_file
from tenantry.db.engine import Unavailable
from tenantry.db.opening import alone, open_database
from tenantry.db.revisions import HEAD
from tenantry.db.schema_versions import bring_up_to_date, schema_version

KEY = b"m" * 32


def run(url, statement):
    """Run it on a connection that knows nothing of us."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


FIRST = sql("INSERT INTO clients (id, name, create_time) VALUES ('skc_1', 'first', 1)")


async def test_the_first_to_open_it_names_the_environment_for_all(database_url):
    seen = []
    for _ in range(3):
        async with open_database(database_url, KEY) as db:
            seen.append((db.environment_id, db.vault.derive("x")))
    assert len(set(seen)) == 1
    assert seen[0][0].startswith("env_")


async def test_each_process_has_a_node_number_of_its_own(database_url):
    numbers = []
    for _ in range(3):
        async with open_database(database_url, KEY) as db:
            numbers.append(int(db.new_id("")) >> 12 & NODES - 1)
    assert numbers == [1, 2, 3]


async def test_all_who_open_a_fresh_one_at_once_agree(database_url):
    """Environment, data key, and no two with one node number."""
    ready = asyncio.Barrier(8)

    async def process():
        async with open_database(database_url, KEY, pool_size=1) as db:
            await ready.wait()
            sealed = db.vault.encrypt(b"secret", Binding("test"))
            return db.environment_id, int(db.new_id("")) >> 12 & NODES - 1, sealed, db.vault

    opened = await asyncio.gather(*(process() for _ in range(8)))
    assert len({environment for environment, *_ in opened}) == 1
    assert len({node for _, node, *_ in opened}) == 8
    for *_, vault in opened:
        assert {vault.decrypt(sealed, Binding("test")) for _, _, sealed, _ in opened} == {b"secret"}


async def test_another_master_key_is_refused_in_one_line_that_names_it(database_url):
    async with open_database(database_url, KEY) as db:
        sealed = db.vault.encrypt(b"secret", Binding("test"))
    with pytest.raises(OpenError) as problem:
        async with open_database(database_url, b"n" * 32):
            pass
    assert str(problem.value) == (
        "TENANTRY_MASTER_KEY: is not the key that this database was made with"
    )
    async with open_database(database_url, KEY) as db:
        assert db.vault.decrypt(sealed, Binding("test")) == b"secret"


async def test_neither_key_nor_secret_is_in_the_database_as_it_is(db):
    row = await db.fetch_one(sql("SELECT * FROM environment"))
    assert row["only"] == 1
    stored = str(tuple(row))
    assert KEY.hex() not in stored
    assert db.vault._key.hex() not in stored
    assert await count(db, "environment") == 1


async def test_a_schema_that_is_not_current_is_refused_with_what_to_do(empty_url):
    assert await schema_version(empty_url) is None
    if empty_url.startswith("sqlite"):
        make_file(Path(empty_url.removeprefix("sqlite:///")))
    with pytest.raises(OpenError) as problem:
        async with open_database(empty_url, KEY):
            pass
    assert str(problem.value) == (
        f"the database's schema is at nothing, this version needs {HEAD}: run `tenantry migrate`"
    )


async def test_a_schema_of_a_later_version_is_refused_by_the_name_of_that_version(database_url):
    async with open_database(database_url, KEY) as db:
        await db.fetch_all(sql("UPDATE alembic_version SET version_num = '9999'"))
    this = f"this is version {__version__} (schema {HEAD}): run that version or a later one"
    said = f"this database belongs to a later version (schema 9999), {this}"
    for refused in (schema_version, bring_up_to_date):
        with pytest.raises(OpenError) as problem:
            await refused(database_url)
        assert str(problem.value) == said
    await asyncio.to_thread(
        run, database_url, "INSERT INTO schema_history VALUES ('9999','7.1',1,false)"
    )
    with pytest.raises(OpenError) as problem:
        async with open_database(database_url, KEY):
            pass
    assert str(problem.value) == said.replace("a later version", "version 7.1", 1)


async def test_the_schema_says_which_version_of_the_program_made_it(db):
    rows = await db.fetch_all(sql("SELECT revision, program FROM schema_history ORDER BY revision"))
    assert rows[-1]["revision"] == HEAD
    assert {row["program"] for row in rows} == {__version__}


async def test_what_is_made_once_is_made_by_one_of_many(db, database_url):
    """As the first signing keys are, by all processes of a first start."""
    made = 0
    ready = asyncio.Barrier(4)

    async def process():
        nonlocal made
        async with open_database(database_url, KEY, pool_size=1) as own:
            await ready.wait()
            async with alone(own) as tx:
                if not await count(tx, "clients"):
                    await asyncio.sleep(0.01)
                    made += 1
                    await tx.fetch_all(FIRST)

    await asyncio.gather(*(process() for _ in range(4)))
    assert made == 1
    assert await count(db, "clients") == 1


async def test_what_fails_while_alone_leaves_nothing_and_locks_nobody_out(db):
    with pytest.raises(Unavailable):  # noqa: PT012 - all of it is one call
        async with alone(db) as tx:
            await tx.fetch_all(FIRST)
            raise Unavailable("as if")
    async with asyncio.timeout(60), alone(db) as tx:
        assert await count(tx, "clients") == 0


async def test_a_look_that_fails_in_an_unknown_way_is_not_the_last_one(
    database_url, eventually, caplog
):
    async def said():
        return "failed to read the schema version" in caplog.text

    async def stopped():
        return db.refusal is not None

    async with open_database(database_url, KEY) as db:
        run(database_url, "ALTER TABLE schema_history RENAME TO elsewhere")
        await eventually(said)
        run(database_url, "ALTER TABLE elsewhere RENAME TO schema_history")
        run(
            database_url,
            "INSERT INTO schema_history (revision, program, apply_time, stops_older) "
            "VALUES ('9999', '12.3', 1, true)",
        )
        await eventually(stopped)
        assert "version 12.3 (schema 9999)" in db.refusal
