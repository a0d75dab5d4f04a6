"""Old events go, all of them and nothing else; the rest is still proven."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from logs import ONLY_POSTGRESQL, entries, event, names, run, seal_all, write, write_many

from tenantry.db.event_rows import partitions as months
from tenantry.events.event_log import retention
from tenantry.events.event_log.verification import Kind, verify

DAYS = 100


def ago(days):
    return datetime.now(UTC) - timedelta(days=days)


async def write_old(db, name, days, organization_id="org_1"):
    """Write an event as of some days ago."""
    await write(db, name, organization_id=organization_id)
    moment = ago(days)
    (newest,) = await run(db, "SELECT max(id) AS id FROM events")
    # Its last digits are those of the counter, which tell one from the next.
    number = int(months.first_id(moment).removeprefix("evt_")) + int(newest["id"][-6:])
    await run(
        db,
        "UPDATE events SET id = :id, occurred_at = :at WHERE id = :newest",
        id=f"evt_{number}",
        at=int(moment.timestamp()) * 1_000_000,
        newest=newest["id"],
    )


async def prune(db, days=DAYS):
    """Run the job until it has nothing more to do."""
    while (pause := await retention.run(db, days=days)) != retention.PAUSE_SECONDS:
        assert pause < 1


async def left(db):
    """The names of the events that there are."""
    rows = await run(db, "SELECT after FROM events WHERE type <> 'event_log.pruned' ORDER BY id")
    return [json.loads(row["after"])["display_name"] for row in rows]


@pytest.fixture
async def partitions(db):
    """On PostgreSQL the months of a year, as a worker that ran then has made them."""
    await months_of_a_year(db)


async def months_of_a_year(db):
    if await months.there(db) is not None:
        year = months.around(ago(365), ahead=12)
        known = await months.there(db)
        await months.add(db, [month for month in year if month not in known])


async def told(db):
    found = []
    await verify(db, found=found.append)
    return [problem.kind for problem in found]


async def test_old_events_go_and_the_rest_is_still_proven(db, partitions):
    for turn, days in enumerate((300, 299, 200)):
        await write_old(db, f"old{turn}", days, f"org_{turn % 2}")
    await write_old(db, "young", 2)
    await write(db, "new")
    await seal_all(db)
    await prune(db)
    assert await left(db) == ["young", "new"]
    assert await told(db) == []
    await seal_all(db)
    assert [row["position"] for row in await entries(db)] == [4, 5, 6]
    counts = await verify(db)
    assert (counts.events, counts.problems) == (3, 0)
    assert (await verify(db, "org_1")).problems == 0
    (state,) = await run(db, "SELECT pruned_before FROM event_log_state")
    assert state["pruned_before"] > months.first_id(ago(199))
    *_, pruned = await entries(db)
    assert pruned["type"] == "event_log.pruned"
    assert json.loads(pruned["after"])["before_id"] == state["pruned_before"]
    # And again: there is nothing more to go, and nothing is told twice.
    await prune(db)
    await seal_all(db)
    assert len(await entries(db)) == 3


async def test_what_is_removed_from_what_stays_is_still_found(db, partitions):
    await write_old(db, "old", 200)
    await write(db, "a", "b", "c")
    await seal_all(db)
    await prune(db)
    _, b, _ = await entries(db)
    await run(db, "DELETE FROM events WHERE id = :id", id=b["event_id"])
    assert await told(db) == [Kind.MISSING_EVENT]
    # Nor does it help to say that retention took it.
    await run(db, "UPDATE event_log_state SET pruned_before = 'evt_9'")
    assert Kind.WRONG_SEAL in await told(db)


async def test_events_that_are_not_in_the_log_stay(db, partitions):
    await write_old(db, "old", 200)
    await prune(db)
    assert await left(db) == ["old"]
    await seal_all(db)
    await prune(db)
    assert await left(db) == []


@pytest.mark.parametrize("in_month", [True, False])
async def test_what_finds_an_event_by_its_context_goes_with_it(db, in_month):
    if in_month:
        await months_of_a_year(db)
    contexts = [{"connection_id": f"conn_{number}", "source": "x"} for number in range(2)]
    await db.record_all([event("old", context=contexts[0])])
    shift = 200 * 24 * 3600 * 1000 << 22
    for table, column in (("events", "id"), ("event_contexts", "event_id")):
        moved = f"'evt_' || (CAST(substr({column}, 5) AS bigint) - {shift})"
        await run(db, f"UPDATE {table} SET {column} = {moved}")
    await db.record(event("new", context=contexts[1]))
    await seal_all(db)
    assert len(await run(db, "SELECT key FROM event_contexts")) == 4
    await prune(db)
    assert await left(db) == ["new"]
    found = await run(db, "SELECT value FROM event_contexts ORDER BY value")
    assert [row["value"] for row in found] == ["conn_1", "x"]


async def test_no_days_keep_everything(db, partitions):
    await write_old(db, "old", 3000)
    await seal_all(db)
    await prune(db, days=0)
    assert await left(db) == ["old"]
    assert await told(db) == []


async def test_many_go_in_pages(db):
    # On PostgreSQL these have no month of their own.
    await write_many(db, 2100)
    shift = 200 * 24 * 3600 * 1000 << 22
    await run(
        db,
        f"UPDATE events SET id = 'evt_' || (CAST(substr(id, 5) AS bigint) - {shift}),"
        " occurred_at = occurred_at - 17280000000000",
    )
    await write(db, "new")
    await seal_all(db)
    assert await retention.run(db, days=DAYS) < 1
    assert 1 < len(await left(db)) < 2000
    assert await told(db) == []
    await prune(db)
    assert await left(db) == ["new"]
    assert await names(db) == ["new"]
    assert await told(db) == []


async def test_it_is_cut_off_anywhere_and_gone_on_with(db, partitions, monkeypatch):
    await write_old(db, "old", 200)
    await write(db, "new")
    await seal_all(db)
    for step in ("_delete_events", "_delete_entries"):
        with monkeypatch.context() as patched:

            async def killed(_db, _before):
                raise RuntimeError

            patched.setattr(retention, step, killed)
            with pytest.raises(RuntimeError):
                await retention.run(db, days=DAYS)
        assert await told(db) == []
    await prune(db)
    await seal_all(db)
    assert await left(db) == ["new"]
    assert [row["position"] for row in await entries(db)] == [2, 3]
    assert await told(db) == []


@ONLY_POSTGRESQL
async def test_an_old_event_of_a_slow_transaction_goes_with_the_younger_ones_before_it(
    db, partitions
):
    await write_old(db, "young", 2)
    await seal_all(db)
    await write_old(db, "old", 200)
    await write(db, "new")
    await seal_all(db)
    await prune(db)
    assert await left(db) == ["young", "new"]
    assert len(await entries(db)) == 3
    assert await told(db) == []


@ONLY_POSTGRESQL
async def test_months_are_made_ahead_and_go_whole(db, partitions):
    await write_old(db, "old", 200)
    await seal_all(db)
    await prune(db)
    known = await months.there(db)
    assert known[0] == months.around(ago(DAYS))[0]
    assert known[-1] == months.around(ago(0), ahead=months.AHEAD)[-1]
    assert len(known) == len(set(known))


@ONLY_POSTGRESQL
async def test_a_month_whose_events_went_elsewhere_is_not_made(db):
    month = months.around(ago(0), ahead=5)[-1]
    await write(db, "early")
    await run(db, "UPDATE events SET id = :id", id=month.first_id)
    await months.add(db, [month])
    assert month not in await months.there(db)
    await run(db, "DELETE FROM events")
    await months.add(db, [month])
    assert month in await months.there(db)


@ONLY_POSTGRESQL
async def test_who_uses_the_table_for_long_only_delays_it(db, partitions):
    await write_old(db, "old", 200)
    await seal_all(db)
    async with db.transaction() as session:
        await session.record(event("slow"))
        # Long before it, a writer would have waited for the one that waits.
        assert await retention.run(db, days=DAYS) == retention.AWAY_SECONDS
        await write(db, "meanwhile")
    await prune(db)
    assert await left(db) == ["slow", "meanwhile"]
    await seal_all(db)
    assert await told(db) == []
