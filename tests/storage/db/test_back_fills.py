"""Back-fills: in batches, by one process at a time, resumed, and begun anew beside former ones."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import insert
from statements import sql
from waiting import eventually

from tenantry.core.times import now
from tenantry.db.revisions import HEAD
from tenantry.db.sql.schema import schema_steps
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import back_fills, steps
from tenantry.db.upgrades.back_fills import BackFilling

ROWS = 1000
NAME = "organizations 1"
FORMER = "tenantry 0.0.9 (schema 0001) 1@x"
BACK_FILL = steps.BackFill(
    "organizations",
    ("id",),
    "slug = upper(display_name)",
    "slug IS NULL OR slug <> upper(display_name)",
)
ORGANIZATION = (
    "INSERT INTO organizations (id, display_name, region_code, create_time, update_time, revision,"
    " metadata, features) VALUES (:id, :name, 'US', 1, 1, 1, '{}', '{}')"
)
DECLARE = Statement(
    insert(schema_steps).values(revision=HEAD, name=NAME, kind=steps.BACK_FILL, state=steps.WAITING)
)


@pytest.fixture
async def filled(db, monkeypatch):
    """A database with rows whose values are to be filled in, by the newest migration."""
    declared = steps.Declared(SimpleNamespace(back_fills=(BACK_FILL,)))
    monkeypatch.setattr(steps, "declared_by", lambda _revision: declared)
    async with db.transaction() as tx:
        for number in range(ROWS):
            await tx.fetch_all(sql(ORGANIZATION), id=f"org_{number:06}", name=f"Unit {number}")
    await db.fetch_all(sql(f"DELETE FROM schema_steps WHERE kind = '{steps.BACK_FILL}'"))
    await db.fetch_all(DECLARE)
    return db


async def lacking(db):
    row = await db.fetch_one(
        sql(f"SELECT count(*) AS n FROM organizations WHERE {BACK_FILL.missing}")
    )
    return row["n"]


async def step(db):
    found = f"SELECT * FROM schema_steps WHERE name = '{NAME}'"
    return dict(await db.fetch_one(sql(found)))


async def done(db, filling):
    """Let it go on until it has nothing to do; return how many turns that took."""
    turns = 0
    while (seconds := await filling.run(db)) is not None:
        assert seconds <= back_fills._MISSED_SECONDS
        turns += 1
    return turns


async def gone(db):
    """Wait until PostgreSQL no longer shows the former process, whose connection was closed."""
    found = sql("SELECT 1 FROM pg_stat_activity WHERE application_name = :name")

    async def is_gone():
        return await db.fetch_one(found, name=FORMER) is None

    await eventually(is_gone)


async def test_every_row_gets_its_value_in_several_transactions(filled):
    assert await lacking(filled) == ROWS
    assert await done(filled, BackFilling()) > 3
    assert await lacking(filled) == 0
    row = await step(filled)
    assert (row["state"], row["done"]) == (steps.DONE, ROWS)
    assert row["total"] == ROWS
    assert row["start_time"] <= row["end_time"] <= now()


async def test_one_that_was_killed_is_gone_on_with_when_its_lease_is_over(filled, other, clock):
    clock.of(back_fills)
    killed, heir = BackFilling(), BackFilling()
    for _ in range(2):
        await killed.run(filled)
    left = await lacking(filled)
    assert 0 < left < ROWS
    assert await heir.run(other) == back_fills.LEASE_SECONDS
    assert await lacking(filled) == left
    clock.forward(back_fills.LEASE_SECONDS + 1)
    so_far = (await step(filled))["done"]
    await heir.run(other)
    assert (await step(filled))["done"] > so_far > 0  # from there, and not from the first row
    # The former one has come back to life: it writes nothing any more.
    assert await killed.run(filled) == back_fills.LEASE_SECONDS
    await done(other, heir)
    assert await lacking(filled) == 0
    assert (await step(filled))["done"] == ROWS


async def test_a_batch_of_one_that_has_lost_its_lease_is_undone(filled, other, clock, monkeypatch):
    clock.of(back_fills)
    slow, heir = BackFilling(), BackFilling()
    await slow.run(filled)
    so_far = await step(filled)
    claim = filled.fetch_one

    async def late(statement, **params: object):
        row = await claim(statement, **params)
        if statement is back_fills._CLAIM:
            clock.forward(back_fills.LEASE_SECONDS + 1)
            await heir.run(other)
        return row

    monkeypatch.setattr(filled, "fetch_one", late)
    assert await slow.run(filled) == back_fills.LEASE_SECONDS
    monkeypatch.undo()
    assert (await step(other))["done"] > so_far["done"]
    assert (await step(other))["holder"] == heir._holder


async def test_what_a_pass_could_not_write_is_written_by_the_next(
    filled, clock, kind, database_url
):
    if kind == "sqlite":
        pytest.skip("SQLite has one writer")
    clock.of(back_fills)
    filling = BackFilling()
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM organizations WHERE id = 'org_000500' FOR UPDATE")
        while (await step(filled))["missed"] == 0 or await lacking(filled) > 1:
            await asyncio.wait_for(filling.run(filled), 60)  # it waits for nobody
        holder.rollback()
    while await filling.run(filled) is not None:
        clock.forward(back_fills._MISSED_SECONDS)
    assert await lacking(filled) == 0


async def test_it_begins_anew_until_processes_of_before_have_gone(
    filled, clock, kind, database_url
):
    if kind == "sqlite":
        pytest.skip("SQLite does not say which version another process has")
    clock.of(back_fills)
    former = psycopg.connect(database_url, autocommit=True, application_name=FORMER)
    filling = BackFilling()
    while (seconds := await filling.run(filled)) < back_fills.LEASE_SECONDS:
        pass
    assert seconds == back_fills._PASS_SECONDS
    assert await lacking(filled) == 0
    assert (await step(filled))["state"] == steps.WAITING
    former.execute("UPDATE organizations SET display_name = 'Later' WHERE id = 'org_000001'")
    assert await filling.run(filled) == back_fills.LEASE_SECONDS  # not yet
    former.close()
    await gone(filled)
    clock.forward(back_fills._PASS_SECONDS + 1)
    await done(filled, filling)
    assert await lacking(filled) == 0
    assert (await step(filled))["state"] == steps.DONE
    # Rolled back, and forward again.
    assert await filling.work(filled) == back_fills._IDLE_SECONDS
    with psycopg.connect(database_url, application_name=FORMER) as former:
        former.execute("UPDATE organizations SET display_name = 'Again' WHERE id = 'org_000001'")
        former.commit()
        assert await filling.work(filled) == 0
    await gone(filled)
    clock.forward(back_fills._PASS_SECONDS + 1)
    await done(filled, filling)
    assert await lacking(filled) == 0
