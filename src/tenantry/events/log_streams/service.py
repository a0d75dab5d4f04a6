"""How far each stream has come: kept in its row, which one process at a time holds.

A row is held by a time in it rather than by a lock: nobody else is at it before `due_time`. A lock
would keep a connection, or on SQLite all writers, waiting for a server that does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, exists, func, literal, select, update

from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.schema import event_columns, events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log.model import event_log
from tenantry.events.log_streams.lines import Line
from tenantry.events.log_streams.model import log_streams
from tenantry.events.log_streams.sinks import SEND_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Session

PAGE = 500
# Longer than a batch may take: a holder of a stream that is not done by then is thought dead.
LEASE_SECONDS = SEND_SECONDS + 5

_s, _l = log_streams.c, event_log.c
_NAME = bindparam("p_name", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_DUE = bindparam("p_due", type_=BigInteger)

_FIND = Statement(
    select(
        _s.due_time,
        exists(literal(1)).where(_l.position > _s.position).label("has_more"),
    ).where(_s.name == _NAME)
)
_ADD = crud.insert(log_streams, or_leave=True)
_CLAIM = Statement(
    update(log_streams)
    .where(_s.name == _NAME, _s.due_time <= _NOW)
    .values(due_time=_DUE)
    .returning(_s.position, _s.problem)
)
_PAGE = Statement(
    select(*event_columns, _l.position, _l.hash)
    .join_from(event_log, events, events.c.id == _l.event_id)
    .where(_l.position > bindparam("p_after", type_=BigInteger))
    .order_by(_l.position)
    .limit(PAGE)
)
# Only the lease holder writes: after its time another worker may have come further.
_RELEASE = Statement(
    update(log_streams)
    .where(_s.name == _NAME, _s.due_time == bindparam("p_held", type_=BigInteger))
    .values(
        position=bindparam("p_position", type_=BigInteger),
        due_time=_DUE,
        problem=bindparam("p_problem", type_=Text),
    )
    .returning(_s.position)
)


_BEHIND = Statement(
    select(
        _s.name,
        _s.problem,
        func.coalesce(select(func.max(_l.position)).scalar_subquery() - _s.position, 0).label("n"),
    ).order_by(_s.name)
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many events of the log a stream has yet to send, and its receiver's last complaint."""

    name: str
    events: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class StreamLease:
    """A stream that this process holds, until a time in microseconds since 1970."""

    name: str
    position: int  # of the last event that was sent
    problem: str | None
    until: int


async def backlog(db: Session) -> list[Backlog]:
    """Return how far each stream is behind the log; also those that are set no more."""
    rows = await db.fetch_all(_BEHIND)
    return [Backlog(row["name"], max(0, row["n"]), row["problem"]) for row in rows]


async def has_more(db: Session, name: str) -> bool:
    """Whether there is something to send on a stream and nobody is at it; add a new one."""
    found = await db.fetch_one(_FIND, p_name=name)
    if found is None:
        await db.fetch_all(_ADD, p_name=name, p_position=0, p_problem=None, p_due_time=0)
        return True
    return bool(found["has_more"]) and found["due_time"] <= now()


async def claim(db: Session, name: str) -> StreamLease | None:
    """Take a stream for `LEASE_SECONDS`, unless another process has it."""
    at = now()
    until = at + int(LEASE_SECONDS * 1_000_000)
    row = await db.fetch_one(_CLAIM, p_name=name, p_now=at, p_due=until)
    return StreamLease(name, row["position"], row["problem"], until) if row else None


async def page(db: Session, after: int) -> Sequence[Line]:
    """Return the events that follow a position of the event log, `PAGE` at most."""
    async with db.transaction() as session:
        await session.expect_growth()
        rows = await session.fetch_all(_PAGE, p_after=after)
    return [Line.from_row(row, db.environment_id) for row in rows]


async def release(
    db: Session, held: StreamLease, position: int, *, problem: str | None, seconds: float = 0
) -> bool:
    """Note how far a stream has come, and let anybody go on with it after some seconds.

    Returns False when it was held for too long, and so was not ours any more.
    """
    row = await db.fetch_one(
        _RELEASE,
        p_name=held.name,
        p_held=held.until,
        p_position=position,
        p_problem=problem,
        p_due=now() + int(seconds * 1_000_000),
    )
    return row is not None
