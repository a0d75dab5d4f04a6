"""Following the event log: by position, which skips no event however late it was committed."""

from __future__ import annotations

import asyncio
import functools
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, and_, bindparam, literal_column, select

from tenantry.core import errors, ids
from tenantry.db.engine import Unavailable
from tenantry.db.lists import key_ranges
from tenantry.db.sql.schema import event_columns, events, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log.model import event_log, event_log_state
from tenantry.net.http import STOPPING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from tenantry.db.engine import Row, Session

PAGE = 500  # rows of the log that are looked at by one statement
TICK_SECONDS = 1.0
_POLL_SECONDS = 0.1
_CLOSE_SECONDS = 2.0
_SEAL_SECONDS = 5.0  # an event is in the log within 0.1 s of its commit, if a worker runs
_LARGEST = 2**63 - 1

_e, _l = events.c, event_log.c

_HEAD = Statement(select(event_log_state.c.position, event_log_state.c.pruned_before))
_PLACE = Statement(select(_l.position).where(_l.event_id == bindparam("event_id", type_=Text)))
_IS_THERE = Statement(select(_e.id).where(_e.id == bindparam("event_id", type_=Text)))
_LAST = Statement(
    select(_l.event_id)
    .where(_l.position <= bindparam("position", type_=BigInteger))
    .order_by(_l.position.desc())
    .limit(literal_column("1"))
)


class EventGone(errors.Error):
    """The event that a client has come to was removed by retention: some behind it may be, too."""

    code = errors.Code.OUT_OF_RANGE
    error_code = "EVENT_GONE"
    http_status = 410
    sentence = (
        "after: this event is older than what is kept; start from the beginning, without `after`"
    )


@dataclass(frozen=True, slots=True)
class Narrow:
    """Which events of the log are wanted; everything that is set must hold."""

    types: tuple[str, ...] | None = None  # None for all there are
    organization_id: str | None = None  # by chain: what an organization's own chain holds
    start_time: int | None = None  # microseconds since 1970, both included
    end_time: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the log: the rows that are wanted, and how far it was looked through."""

    rows: Sequence[Row]
    position: int
    is_last: bool


async def part(db: Session, narrow: Narrow, position: int) -> Part:
    """Return the entries behind a position: rows of `events` and of `event_log`.

    A part looks at 500 events at most, however few are wanted: no statement takes long.
    """
    seen = await db.fetch_all(
        _part_statement(
            typed=narrow.types is not None,
            of_chain=narrow.organization_id is not None,
            timed=narrow.start_time is not None or narrow.end_time is not None,
        ),
        position=position,
        end=_LARGEST,
        chain=narrow.organization_id,
        types=to_json(narrow.types or ()),
        since=0 if narrow.start_time is None else narrow.start_time,
        until=_LARGEST if narrow.end_time is None else narrow.end_time,
    )
    return Part(
        [row for row in seen if row["id"] is not None],
        seen[-1]["position"] if seen else position,
        len(seen) < PAGE,
    )


@functools.cache
def _part_statement(*, typed: bool, of_chain: bool, timed: bool) -> Statement:
    chain = (_l.chain, bindparam("chain", type_=Text))
    seen = key_ranges.nearest(
        select(event_log),
        *([chain] if of_chain else []),
        (_l.position, None),
        low="position",
        high="end",
        most=PAGE,
        backward=True,
    ).subquery("seen")
    wanted = [_e.id == seen.c.event_id]
    if typed:
        wanted.append(_e.type.in_(json_values(bindparam("types", type_=Text))))
    if timed:
        wanted += [
            _e.occurred_at >= bindparam("since", type_=BigInteger),
            _e.occurred_at <= bindparam("until", type_=BigInteger),
        ]
    statement = select(seen, *event_columns).select_from(seen.outerjoin(events, and_(*wanted)))
    return Statement(statement.order_by(seen.c.position))


async def head(db: Session) -> int:
    """Return the position of the newest event in the log, 0 while there is none."""
    return (await _state(db))[0]


async def _state(db: Session) -> tuple[int, str | None]:
    row = await db.fetch_one(_HEAD)
    assert row is not None
    return row["position"], row["pruned_before"]


async def event_at(db: Session, position: int) -> str | None:
    """Return the id of the event at a position, or of the one before it that is still there."""
    row = await db.fetch_one(_LAST, position=position)
    return row["event_id"] if row is not None else None


class Follower:
    """Tells any number of clients when the log has grown, by one question for all of them."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._head = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._polling: asyncio.Task[None] | None = None
        self._followed = 0
        self._closing = False

    async def place(self, event_id: str) -> int:
        """Return the position of an event."""
        until = time.monotonic() + _SEAL_SECONDS
        while True:
            row = await self._db.fetch_one(_PLACE, event_id=event_id)
            if row is not None:
                return int(row["position"])
            if await self._db.fetch_one(_IS_THERE, event_id=event_id) is None:
                raise await self._no_event(event_id)
            if time.monotonic() > until:
                raise errors.Busy("after: this event is not in the log yet, try again")
            await asyncio.sleep(_POLL_SECONDS)

    async def _no_event(self, event_id: str) -> errors.Error:
        _, pruned_before = await _state(self._db)
        if (
            pruned_before is not None
            and ids.well_formed(ids.EVENT, event_id)
            and event_id < pruned_before
        ):
            return EventGone()
        return errors.InvalidArgument.field("after", "event", "event not found")

    async def follow(
        self, narrow: Narrow, position: int, *, seconds: float
    ) -> AsyncGenerator[Sequence[Row]]:
        """Yield the entries behind a position, and those that come within these seconds.

        Nothing is yielded each second, as a sign that it goes on. It ends once the time is over
        and all there is was told, or the server is to stop.
        """
        self._followed += 1
        try:
            until = time.monotonic() + seconds
            async with aclosing(self._follow(narrow, position, until)) as parts:
                async for rows in parts:
                    yield rows
        finally:
            self._followed -= 1

    async def _follow(
        self, narrow: Narrow, position: int, until: float
    ) -> AsyncGenerator[Sequence[Row]]:
        while not self._is_over():
            # Read before the rows: each of them up to here can be seen by now.
            known = self._head
            found = await part(self._db, narrow, position)
            position = found.position
            yield found.rows
            if not found.is_last:
                continue
            position = max(position, known)
            left = until - time.monotonic()
            while left > 0 and not await self._grown(position, min(left, TICK_SECONDS)):
                if self._is_over():
                    return
                yield ()
                left = until - time.monotonic()
            if left <= 0:
                return

    async def close(self) -> None:
        """Let all followers come to an end, and stop asking."""
        self._closing = True
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
        until = time.monotonic() + _CLOSE_SECONDS
        while self._followed and time.monotonic() < until:  # noqa: ASYNC110 - they come and go
            await asyncio.sleep(_POLL_SECONDS / 10)
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling

    def _is_over(self) -> bool:
        return self._closing or STOPPING.is_set()

    async def _grown(self, position: int, seconds: float) -> bool:
        """Wait this long until the log goes on behind a position; return whether it does."""
        if self._head <= position:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.add(turn)
            if self._polling is None or self._polling.done():
                self._polling = asyncio.create_task(self._poll())
            try:
                await asyncio.wait({turn}, timeout=seconds)
            finally:
                self._waiting.discard(turn)
        return self._head > position

    async def _poll(self) -> None:
        """Ask how far the log is while somebody waits."""
        while self._waiting:
            with suppress(Unavailable):  # the next read will say so
                self._tell(await head(self._db))
            await asyncio.sleep(_POLL_SECONDS)

    def _tell(self, position: int) -> None:
        if position <= self._head:
            return
        self._head = position
        waiting, self._waiting = self._waiting, set()
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
