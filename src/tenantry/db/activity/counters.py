"""Counting: in the process first, then in the database.

`request_context.count` adds an occurrence to the current request. `ActivityCounters` adds up the
occurrences of requests that are over, and writes the counts `WRITE_SECONDS` later. Background jobs
call `add` themselves. A process that is killed loses the counts that it has not written.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import case, select, true
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from tenantry.core.caller import Kind as CallerKind
from tenantry.core.times import now
from tenantry.db.activity.model import (
    HOURS,
    MARK_KEPT,
    PERIODS,
    TOTAL,
    Kind,
    activity_counts,
    activity_marks,
)
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.write_behind import MOST, WriteBehindBuffer
from tenantry.telemetry import request_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Session
    from tenantry.telemetry.request_context import RequestContext

WRITE_SECONDS = 10.0
_AT_ONCE = 500  # keys of a statement, each of which has four rows
MOST_KEYS = 1000  # of one kind that a process counts separately in an hour
MOST_SEEN = 100_000  # active IDs that a process remembers
OTHER = "other"  # the key of the rest
# Kinds that count each ID once a period.
_DISTINCT = (Kind.ACTIVE_USERS, Kind.ACTIVE_ORGANIZATIONS)
_FIRST_ERROR = 400
_LONGEST_KEY = 200  # characters

_COUNT = named(activity_counts)
_MARK = named(activity_marks)
_given = records("given", _COUNT)
_marks = records("given", _MARK)
_c = activity_counts.c
# Sorted by the primary key, so that concurrent processes do not deadlock.
_rows = insert_or_update(activity_counts).from_select(
    [column.name for column in _COUNT],
    # Without a condition, SQLite parses ON CONFLICT as a constraint of a join.
    select(*_given.c)
    .where(true())
    .order_by(_given.c.kind, _given.c.period, _given.c.start_time, _given.c.key),
)
_new = _rows.excluded
_ADD = Statement(
    _rows.on_conflict_do_update(
        index_elements=list(activity_counts.primary_key),
        set_={name: _c[name] + _new[name] for name in ("n", "failed", "milliseconds")},
    )
)
_RAISE = Statement(
    _rows.on_conflict_do_update(
        index_elements=list(activity_counts.primary_key),
        set_={"n": case((_c.n < _new.n, _new.n), else_=_c.n)},
    )
)
_INSERT_MARKS = Statement(
    insert_or_update(activity_marks)
    .from_select(
        [column.name for column in _MARK],
        select(*_marks.c)
        .where(true())
        .order_by(_marks.c.kind, _marks.c.period, _marks.c.start_time, _marks.c.id),
    )
    .on_conflict_do_nothing()
    .returning(activity_marks.c.kind, activity_marks.c.period, activity_marks.c.start_time)
)


class Count(NamedTuple):
    """The number of occurrences, the number of failed ones, and the sum of their durations."""

    n: int = 1
    failed: int = 0
    milliseconds: int = 0

    def merged(self, other: Count) -> Count:
        """Return the sum of both."""
        return Count(
            self.n + other.n, self.failed + other.failed, self.milliseconds + other.milliseconds
        )


_SUCCEEDED, _FAILED = Count(), Count(failed=1)


class ActivityCounters:
    """The counts of one application that are not yet in the database."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._hour = 0
        self._keys: defaultdict[str, set[str]] = defaultdict(set)
        self._seen: set[tuple[str, str]] = set()  # active in this hour
        buffer = functools.partial(WriteBehindBuffer, at_once=_AT_ONCE, seconds=WRITE_SECONDS)
        self._counts: WriteBehindBuffer[tuple[str, str, int], Count] = buffer(
            self._write_counts, name="activity counts", merge=Count.merged
        )
        self._marks: WriteBehindBuffer[tuple[str, str, int], None] = buffer(
            self._write_marks, name="active users"
        )

    def observe(self, request: RequestContext) -> None:
        """Count a request that is over: an observer of `tenantry.endpoints.grpc_rest.entry`."""
        if request.wire != "http":
            failed = request.status >= _FIRST_ERROR or bool(request.grpc_status)
            self.add(Kind.API_CALLS, _client_of(request), failed=failed)
        for one in request.occurrences:
            if one.kind in _DISTINCT:
                self.mark(one.kind, one.key)
            else:
                self.add(one.kind, one.key, failed=one.failed)

    def add(self, kind: str, key: str, *, failed: bool = False, milliseconds: int = 0) -> None:
        """Count something now; beyond `MOST_KEYS` in an hour, keys are counted as `OTHER`."""
        hour = self._at()
        keys = self._keys[kind]
        if key not in keys:
            if len(keys) >= MOST_KEYS:
                key = OTHER
            keys.add(key)
        if milliseconds:
            count = Count(1, int(failed), milliseconds)
        else:
            count = _FAILED if failed else _SUCCEEDED
        self._counts.add((kind, key, hour), count)

    def mark(self, kind: str, id_: str) -> None:
        """Count a user or an organization as active now, once a period."""
        hour = self._at()
        if (kind, id_) not in self._seen and self._marks.waiting < MOST:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()  # the table has them
            self._seen.add((kind, id_))
            self._marks.add((kind, id_, hour), None)

    async def close(self) -> None:
        """Write the waiting counts, if possible; to be called before the database is closed."""
        await self._marks.close()
        await self._counts.close()

    def _at(self) -> int:
        at = now()
        hour = at - at % HOURS.length
        if hour != self._hour:
            self._hour = hour
            self._keys.clear()
            self._seen.clear()
        return hour

    async def _write_counts(self, noted: dict[tuple[str, str, int], Count]) -> None:
        await add(self._db, noted)

    async def _write_marks(self, noted: dict[tuple[str, str, int], None]) -> None:
        rows = [
            {
                "kind": kind,
                "period": period.name,
                "start_time": start,
                "id": id_,
                "expire_time": start + period.length + MARK_KEPT,
            }
            for kind, id_, hour in noted
            for period in PERIODS.values()
            for start in (period.start(hour),)
        ]
        async with self._db.transaction() as db:
            made = await db.fetch_all(_INSERT_MARKS, given=spelled(_MARK, rows))
            numbers = Counter((row["kind"], row["period"], row["start_time"]) for row in made)
            if numbers:
                counts = {(*period, TOTAL): Count(n) for period, n in numbers.items()}
                await db.fetch_all(_ADD, given=_spelled(counts))


def active(user_id: str, organization_id: str | None) -> None:
    """Count a user as active, and the organization that they are signed in to."""
    request_context.count(Kind.ACTIVE_USERS, user_id)
    if organization_id:
        request_context.count(Kind.ACTIVE_ORGANIZATIONS, organization_id)


async def add(db: Session, counts: Mapping[tuple[str, str, int], Count]) -> None:
    """Add counts by kind, key and time to those of the hour and the day, and to the totals."""
    if not counts:
        return
    rows: defaultdict[tuple[str, str, int, str], Count] = defaultdict(lambda: Count(0))
    for (kind, key, at), count in counts.items():
        for period in PERIODS.values():
            for each in {key[:_LONGEST_KEY], TOTAL}:
                place = (str(kind), period.name, period.start(at), each)
                rows[place] = rows[place].merged(count)
    await db.fetch_all(_ADD, given=_spelled(rows))


async def raise_to(db: Session, kind: Kind, numbers: Mapping[str, int], at: int) -> None:
    """Raise the numbers of this hour and day, by key, to these; higher ones remain."""
    if not numbers:
        return
    rows = {
        (str(kind), period.name, period.start(at), key): Count(n)
        for period in PERIODS.values()
        for key, n in {**numbers, TOTAL: sum(numbers.values())}.items()
    }
    await db.fetch_all(_RAISE, given=_spelled(rows))


def _spelled(rows: Mapping[tuple[str, str, int, str], Count]) -> str:
    return spelled(
        _COUNT,
        [
            {
                "kind": kind,
                "period": period,
                "start_time": start,
                "key": key,
                **count._asdict(),
                "expire_time": PERIODS[period].expire_time(start),
            }
            for (kind, period, start, key), count in rows.items()
        ],
    )


def _client_of(request: RequestContext) -> str:
    caller = request.caller
    if caller is None:
        return CallerKind.ANONYMOUS.label
    return caller.id if caller.is_client else caller.client_id or caller.kind.label
