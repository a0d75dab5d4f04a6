"""The log holds every event once, in the order in which they came to be seen."""

from __future__ import annotations

import asyncio

import pytest
from logs import ONLY_POSTGRESQL, entries, event, names, run, seal_all, write, write_many

from tenantry.events.event_log import sequencing
from tenantry.events.event_log.verification import verify


async def test_events_get_positions_from_one_on_in_the_order_of_their_commits(db):
    await write(db, "a", "b")
    await seal_all(db)
    await write(db, "c")
    await seal_all(db)
    assert await names(db) == ["a", "b", "c"]
    assert [row["position"] for row in await entries(db)] == [1, 2, 3]
    assert [row["number"] for row in await entries(db)] == [1, 2, 3]


@ONLY_POSTGRESQL
async def test_a_slow_writer_comes_later_and_is_not_passed_over(db):
    async with db.transaction() as slow:
        await slow.record(event("slow"))
        await write(db, "quick")
        await seal_all(db)
        assert await names(db) == ["quick"]
        await write(db, "quicker")
        await seal_all(db)
        await seal_all(db)
    assert await names(db) == ["quick", "quicker"]
    await seal_all(db)
    assert await names(db) == ["quick", "quicker", "slow"]
    first, *_, last = await entries(db)
    assert last["event_id"] < first["event_id"], "it was written first"


async def test_a_worker_seals_nothing_that_a_later_version_would_seal_otherwise(db):
    """Strictly so: between a migration and its next look it does not know of it."""
    await write(db, "a")
    later = "INSERT INTO schema_history VALUES ('9999', '7.1', 1, true)"
    await run(db, later)
    await seal_all(db)
    assert await names(db) == []
    await run(db, "DELETE FROM schema_history WHERE revision = '9999'")
    await seal_all(db)
    assert await names(db) == ["a"]


async def test_what_is_rolled_back_gets_no_position(db):
    async def fail():
        async with db.transaction() as session:
            await session.record(event("undone"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await write(db, "a")
    await seal_all(db)
    assert await names(db) == ["a"]


async def test_a_transaction_of_many_events_is_sealed_in_pages_in_their_order(db):
    await write(db, "before")
    await seal_all(db)
    await write_many(db, 2500)
    calls = []

    async def hook(_session, sealed):
        calls.append(len(sealed))

    assert await sequencing.sequence(db, hook) == 0
    # Events written meanwhile come after all that this look has seen.
    await write(db, "meanwhile")
    await seal_all(db, hook)
    await seal_all(db, hook)
    assert calls == [1000, 1000, 500, 1]
    assert await names(db) == ["before", *(f"n{n}" for n in range(2500)), "meanwhile"]
    assert [row["position"] for row in await entries(db)] == list(range(1, 2503))
    found = await verify(db)
    assert (found.events, found.chains, found.problems) == (2502, 3, 0)


async def test_a_first_start_takes_in_what_is_there_already_by_id(db):
    await write_many(db, 2100)
    await seal_all(db)
    await seal_all(db)
    ids = [row["event_id"] for row in await entries(db)]
    assert len(ids) == 2100
    assert ids == sorted(ids)


async def test_without_news_nothing_is_written(db):
    await write(db, "a")
    await seal_all(db)
    (before,) = await run(db, "SELECT * FROM event_log_state")
    assert await sequencing.sequence(db) == sequencing.WAIT_SECONDS
    (after,) = await run(db, "SELECT * FROM event_log_state")
    assert tuple(before) == tuple(after)


async def test_the_more_events_come_the_more_of_them_are_sealed_at_once(db):
    job = sequencing.Sequencer()
    waits = []
    for count in (1, 200, 1000, 3, 0, 1):
        if count:
            await write_many(db, count)
        waits.append(await job.run(db))
    few, many = sequencing.WAIT_SECONDS, sequencing.BUSY_SECONDS
    # The first look goes through all that is there, and is no part of this.
    assert waits[1:] == [many, 0.0, few, few, few]
    assert len(await entries(db)) == 1205


async def test_a_hook_gets_each_event_once_and_commits_with_it(db):
    got = []

    async def hook(_session, sealed):
        got.extend(sealed)

    async def failing(session, sealed):
        raise RuntimeError

    await write(db, "a")
    with pytest.raises(RuntimeError):
        await sequencing.sequence(db, failing)
    assert await entries(db) == []
    await sequencing.sequence(db, hook)
    await sequencing.sequence(db, hook)
    (row,) = await entries(db)
    assert got == [sequencing.SequencedEvent(1, row["event_id"], "organization.updated", "org_1")]


async def test_a_worker_that_dies_within_a_page_leaves_it_to_the_next(db, other):
    await write_many(db, 1500)
    await sequencing.sequence(db)
    stuck = asyncio.Event()

    async def hanging(_session, _sealed):
        stuck.set()
        await asyncio.Event().wait()

    doomed = asyncio.create_task(sequencing.sequence(db, hanging))
    await stuck.wait()
    doomed.cancel()
    await asyncio.gather(doomed, return_exceptions=True)
    await seal_all(other)
    assert await names(other) == [f"n{n}" for n in range(1500)]
    assert (await verify(other)).problems == 0


async def test_several_workers_at_once_put_each_event_into_the_log_once(db, other):
    got = []

    async def hook(_session, sealed):
        await asyncio.sleep(0)
        got.extend(one.id for one in sealed)

    written = asyncio.Event()

    async def writer(number):
        for turn in range(20):
            await write(db, f"{number}-{turn}", organization_id=f"org_{number}")

    async def sealer(database):
        while not written.is_set():
            await sequencing.sequence(database, hook)
            await asyncio.sleep(0.001)

    sealers = [asyncio.create_task(sealer(database)) for database in (db, other, other)]
    await asyncio.gather(*(writer(number) for number in range(4)))
    written.set()
    await asyncio.gather(*sealers)
    await seal_all(db, hook)
    log = await entries(db)
    assert len(log) == 80
    assert got == [row["event_id"] for row in log]
    for number in range(4):
        mine = [name for name in await names(db) if name.startswith(f"{number}-")]
        assert mine == [f"{number}-{turn}" for turn in range(20)]
    assert (await verify(other)).problems == 0


async def test_the_job_looks_more_rarely_when_nothing_comes(db):
    job = sequencing.Sequencer()
    assert await job.run(db) == sequencing.WAIT_SECONDS
    for _ in range(200):
        wait = await job.run(db)
    assert wait == sequencing.IDLE_SECONDS
    await write(db, "a")
    assert await job.run(db) == sequencing.WAIT_SECONDS
