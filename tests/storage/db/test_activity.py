"""Counts of activity: processes add up, users count once, series have every period."""

from __future__ import annotations

import asyncio
import re

import pytest
from plans import explain
from sqlalchemy import select
from statements import sql

from tenantry.core.caller import Caller
from tenantry.core.caller import Kind as CallerKind
from tenantry.core.times import DAY, SECOND, now
from tenantry.db.activity import counters, model, series
from tenantry.db.activity.counters import ActivityCounters, Count
from tenantry.db.activity.model import DAYS, HOUR, HOURS, Kind, activity_counts, activity_marks
from tenantry.db.activity.series import Range
from tenantry.db.engine import Unavailable
from tenantry.db.sql.statements import Statement
from tenantry.telemetry import request_context
from tenantry.telemetry.request_context import Occurrence, RequestContext

_COUNTS = Statement(select(activity_counts))
_MARKS = Statement(select(activity_marks))
# In the middle of an hour and a day, so that no test runs across an end.
NOON = 20_000 * DAY + 12 * HOUR + HOUR // 2


@pytest.fixture
def at_noon(monkeypatch):
    """Set the clock of the counters; return a function that sets another time."""
    monkeypatch.setattr(counters, "now", lambda: NOON)
    return lambda at: monkeypatch.setattr(counters, "now", lambda: at)


async def _series(db, kind, range_=Range.DAY, at=NOON, key=""):
    return {one.key: one for one in (await series.read(db, kind, range_, at, key=key)).series}


async def test_processes_add_to_the_same_rows(db, at_noon):
    processes = [ActivityCounters(db) for _ in range(4)]
    for number, process in enumerate(processes):
        for _ in range(5):
            process.add(Kind.API_CALLS, "skc_1", failed=number == 0, milliseconds=3)
        process.add(Kind.API_CALLS, f"skc_{number}")
    await asyncio.gather(*(process.close() for process in processes))
    for range_ in Range:
        found = await _series(db, Kind.API_CALLS, range_)
        assert found[""].n[-1] == 24
        assert found["skc_1"].n[-1] == 21
        assert found["skc_1"].failed[-1] == 5
        assert found["skc_1"].milliseconds[-1] == 60
        assert sum(found[""].n) == 24


async def test_counts_are_written_some_seconds_later(db, eventually, monkeypatch):
    monkeypatch.setattr(counters, "WRITE_SECONDS", 0.01)
    counting = ActivityCounters(db)
    counting.add(Kind.RATE_LIMITS, "client")

    async def is_written():
        return len(await db.fetch_all(_COUNTS)) == 4

    await eventually(is_written)
    await counting.close()


async def test_counts_of_a_failed_write_are_added_to_later_ones(
    db, at_noon, monkeypatch, eventually
):
    monkeypatch.setattr(counters, "WRITE_SECONDS", 0.01)
    right, refused = counters.add, asyncio.Event()
    counting = ActivityCounters(db)

    async def broken(db, counts):
        monkeypatch.setattr(counters, "add", right)
        counting.add(Kind.API_CALLS, "skc_1")  # while the first is written
        refused.set()
        raise Unavailable("not now")

    monkeypatch.setattr(counters, "add", broken)
    counting.add(Kind.API_CALLS, "skc_1")
    await refused.wait()
    await counting.close()

    async def is_written():
        return (await _series(db, Kind.API_CALLS))[""].n[-1] == 2

    await eventually(is_written)


async def test_a_user_counts_once_an_hour_and_once_a_day(db, at_noon):
    first, second = ActivityCounters(db), ActivityCounters(db)
    for process in (first, second, first):
        process.mark(Kind.ACTIVE_USERS, "usr_1")
    second.mark(Kind.ACTIVE_USERS, "usr_2")
    await asyncio.gather(first.close(), second.close())
    at_noon(NOON + HOUR)
    first.mark(Kind.ACTIVE_USERS, "usr_1")
    await first.close()
    hours = (await _series(db, Kind.ACTIVE_USERS, at=NOON + HOUR))[""].n
    assert hours[-3:] == (0, 2, 1)
    assert (await _series(db, Kind.ACTIVE_USERS, Range.WEEK))[""].n[-2:] == (0, 2)
    assert len(await db.fetch_all(_MARKS)) == 2 + 2 + 1


async def test_a_process_remembers_a_limited_number_of_users(db, at_noon, monkeypatch):
    monkeypatch.setattr(counters, "MOST_SEEN", 2)
    counting = ActivityCounters(db)
    written = []
    for number in (1, 2, 2, 3, 1, 2, 3, 3):
        before = db.transactions
        counting.mark(Kind.ACTIVE_USERS, f"usr_{number}")
        await counting.close()
        written += [number] * (db.transactions - before)
    assert written == [1, 2, 3, 1, 2, 3]
    assert (await _series(db, Kind.ACTIVE_USERS))[""].n[-1] == 3


async def test_a_request_is_counted_for_its_client(db, at_noon):
    counting = ActivityCounters(db)
    client = Caller(CallerKind.MANAGEMENT_CLIENT, "skc_1")
    member = Caller(CallerKind.USER_SESSION, "usr_1", client_id="skc_2")
    for context in (
        RequestContext(wire="rest", status=200, caller=client),
        RequestContext(wire="rest", status=429, caller=client),
        RequestContext(wire="grpc", status=200, grpc_status=7, caller=client),
        RequestContext(wire="grpc", status=200, grpc_status=0, caller=member),
        RequestContext(wire="rest", status=401),
        RequestContext(wire="http", status=200, caller=client),
    ):
        counting.observe(context)
    counting.observe(
        RequestContext(
            occurrences=(
                Occurrence(Kind.SIGN_INS, "password", failed=True),
                Occurrence(Kind.ACTIVE_USERS, "usr_1"),
            )
        )
    )
    await counting.close()
    calls = await _series(db, Kind.API_CALLS)
    numbers = {key: (one.n[-1], one.failed[-1]) for key, one in calls.items()}
    assert numbers == {"": (5, 3), "skc_1": (3, 2), "skc_2": (1, 0), "anonymous": (1, 1)}
    assert (await _series(db, Kind.SIGN_INS))["password"].failed[-1] == 1
    assert (await _series(db, Kind.ACTIVE_USERS))[""].n[-1] == 1


def test_occurrences_outside_of_requests_are_not_counted():
    request_context.count(Kind.SIGN_INS, "password")
    context = RequestContext()
    token = request_context.CURRENT.set(context)
    request_context.count(Kind.SIGN_INS, "password")
    request_context.CURRENT.reset(token)
    assert context.occurrences == (Occurrence("sign_ins", "password"),)


async def test_keys_beyond_the_limit_are_counted_together(db, at_noon, monkeypatch):
    monkeypatch.setattr(counters, "MOST_KEYS", 3)
    counting = ActivityCounters(db)
    for number in range(10):
        counting.add(Kind.API_CALLS, f"skc_{number}")
    counting.add(Kind.API_CALLS, "skc_0")
    await counting.close()
    found = await _series(db, Kind.API_CALLS)
    assert {key: one.n[-1] for key, one in found.items()} == {
        "": 11,
        "other": 7,
        "skc_0": 2,
        "skc_1": 1,
        "skc_2": 1,
    }


async def test_a_series_has_every_period_and_the_largest_keys(db):
    counts = {
        (Kind.EVENTS, f"type_{number:02}", NOON - day * DAY): Count(number + 1)
        for number in range(15)
        for day in (0, 3)
    }
    await counters.add(db, counts)
    await counters.add(db, {(Kind.EVENTS, "type_00", NOON - 40 * DAY): Count(1000)})
    read = await series.read(db, Kind.EVENTS, Range.WEEK, NOON)
    assert read.starts == tuple(DAYS.start(NOON) - DAY * n for n in range(6, -1, -1))
    assert [one.key for one in read.series] == ["", *(f"type_{n:02}" for n in range(14, 4, -1))]
    assert read.series[0].n == (0, 0, 0, 120, 0, 0, 120)
    (one,) = (await series.read(db, Kind.EVENTS, Range.MONTH, NOON, key="type_00")).series
    assert sum(one.n) == 2
    assert len(one.n) == 30


async def test_a_series_without_counts_has_zeros(db):
    for range_ in Range:
        (one,) = (await series.read(db, Kind.SIGN_INS, range_, NOON)).series
        assert one.n == one.failed == one.milliseconds == (0,) * range_.number


async def test_a_backlog_keeps_its_highest_number(db):
    for n in (5, 9, 2):
        await counters.raise_to(db, Kind.WEBHOOK_BACKLOG, {"whe_1": n, "whe_2": 1}, NOON)
    found = await _series(db, Kind.WEBHOOK_BACKLOG)
    assert {key: one.n[-1] for key, one in found.items()} == {"": 10, "whe_1": 9, "whe_2": 1}


async def test_huge_numbers_are_kept(db):
    await counters.add(db, {(Kind.EVENTS, "x", NOON): Count(2**61, 0, 2**61)})
    await counters.add(db, {(Kind.EVENTS, "x", NOON): Count(2**61, 0, 2**61)})
    assert (await _series(db, Kind.EVENTS, Range.MONTH))[""].n[-1] == 2**62


async def test_old_counts_are_deleted(db):
    at = now()
    await counters.add(db, {(Kind.EVENTS, "x", at - 3 * DAY): Count()})
    await counters.add(db, {(Kind.EVENTS, "x", at): Count()})
    await counters.add(db, {(Kind.EVENTS, "x", at - 40 * DAY): Count()})
    await model.prune_counts(db)
    rows = await db.fetch_all(_COUNTS)
    assert {(row["period"], (at - row["start_time"]) // DAY) for row in rows} == {
        *(("hour", 0), ("day", 0)),
        ("day", (at - DAYS.start(at - 3 * DAY)) // DAY),
    }


def test_periods_are_kept_for_as_long_as_they_are_shown():
    for range_ in Range:
        first = range_.period.starts(NOON, range_.number)[0]
        assert range_.period.expire_time(first) > NOON
    assert HOURS.starts(NOON, 2) == [NOON - HOUR // 2 - HOUR, NOON - HOUR // 2]
    assert DAYS.start(NOON + SECOND) == 20_000 * DAY


@pytest.mark.parametrize("statement", [series._TOP, series._ONE])
async def test_series_are_read_by_the_primary_key(db, database_url, statement):
    at = now()
    for hours in range(48):
        counts = {(Kind.API_CALLS, f"skc_{n}", at - hours * HOUR): Count() for n in range(50)}
        await counters.add(db, counts)
    given = {
        "p_kind": "api_calls",
        "p_period": "hour",
        "p_low": HOURS.start(at - 2 * HOUR),
        "p_high": HOURS.start(at),
        "p_key": "skc_1",
    }
    if not database_url.startswith("sqlite"):
        await db.fetch_all(sql("VACUUM ANALYZE"))
    plan = await explain(db, statement, given)
    assert not re.search("SCAN activity_counts|Seq Scan", plan), plan
    assert re.search(
        r"sqlite_autoindex_activity_counts_1 \(kind=\? AND period=\? AND start_time>"
        "|pk_activity_counts",
        plan,
    ), plan
