"""Which deliveries a process takes, and for how long nobody else does.

A claim moves the time at which a delivery is due behind the end of its attempt, and counts the
attempt: one whose process died is due again by itself, and what that process would still have to
say of it has the wrong number.

Each endpoint is looked at by itself, so that none is behind another one's line. Where deliveries
are in order, the one with the lowest position is taken, while its endpoint's row is held and
nothing else of the line is under way or waits to be tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    Integer,
    Text,
    bindparam,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from tenantry.core.times import now
from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.deliveries.plans import among, first
from tenantry.events.webhooks.model import PENDING, webhook_deliveries, webhook_endpoints
from tenantry.events.webhooks.records import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, Select
    from sqlalchemy.sql.compiler import SQLCompiler

    from tenantry.db.engine import Row, Session

MOST = 20  # of one endpoint, at a time and in a process


class _line(GenericFunction[Any]):  # noqa: N801 - named as it reads in a statement
    """The deliveries of an endpoint that are due: (endpoint, now, room), as rows of value and key.

    Those that another process is taking right now are left out. LIMIT takes a column on PostgreSQL
    alone: on SQLite ``key``, which counts from 0, is to be compared with the free capacity.
    """

    inherit_cache = True
    only = ""


class _tests(_line):  # noqa: N801
    """The same of its test events: they stand at 0, in no line."""

    inherit_cache = True
    only = "AND position = 0 "


_DUE = (
    "FROM webhook_deliveries WHERE endpoint_id = {} AND state = 'PENDING'"
    " AND due_time > 0 AND due_time <= {} {}ORDER BY due_time LIMIT {}"
)


@compiles(_line, "postgresql")
@compiles(_tests, "postgresql")
def _line_postgresql(element: _line, compiler: SQLCompiler, **kw: Any) -> str:
    endpoint, at, room = (compiler.process(clause, **kw) for clause in element.clauses)
    due = _DUE.format(endpoint, at, element.only, room)
    return f"LATERAL (SELECT id AS value, 0 AS key {due} FOR UPDATE SKIP LOCKED)"


@compiles(_line, "sqlite")
@compiles(_tests, "sqlite")
def _line_sqlite(element: _line, compiler: SQLCompiler, **kw: Any) -> str:
    endpoint, at, _ = (compiler.process(clause, **kw) for clause in element.clauses)
    due = _DUE.format(endpoint, at, element.only, MOST)
    return f"json_each((SELECT json_group_array(id) FROM (SELECT id {due})))"  # noqa: S608 - ours


_d, _e = webhook_deliveries.c, webhook_endpoints.c
# Spelled out, as the indexes of rows that wait are: by time, and in line.
_PENDING = _d.state == literal_column(f"'{PENDING}'")
_BY_TIME = _PENDING & (_d.due_time > literal_column("0"))
_IN_LINE = _PENDING & (_d.position > literal_column("0"))
_now: ColumnElement[int] = bindparam("p_now")


_WITH_WORK = Statement(
    select(_e.id, _e.ordered).where(
        _e.enabled == bindparam("p_enabled"),
        first(select(_d.id).where(_d.endpoint_id == _e.id, _BY_TIME, _d.due_time <= _now)).is_not(
            None
        ),
    )
)

_GIVEN: list[Column[Any]] = [Column("endpoint_id", Text), Column("room", Integer)]
_given = records("given", _GIVEN)
_taken = {"due_time": bindparam("p_lease_end"), "attempts": _d.attempts + 1}


def _due(of: type[_line]) -> Select[tuple[str]]:
    """Return the ids of due deliveries for each of the endpoints given."""
    line = of(_given.c.endpoint_id, _now, _given.c.room).table_valued(
        Column("value", Text), Column("key", Integer), name="line"
    )
    return (
        select(line.c.value.label("id"))
        .select_from(_given.join(webhook_endpoints, _e.id == _given.c.endpoint_id))
        .select_from(line)
        .where(
            _e.enabled == bindparam("p_enabled"),
            _e.ordered == bindparam("p_ordered"),
            line.c.key < _given.c.room,
        )
    )


def _claim(due: CTE, *conditions: ColumnElement[bool]) -> Statement:
    # To look is to take, so it is done once, regardless of the planner.
    ids = due.prefix_with("MATERIALIZED", dialect="postgresql")
    return Statement(
        update(webhook_deliveries)
        .where(among(_d.id, select(ids.c.id)), *conditions)
        .values(_taken)
        .returning(webhook_deliveries)
    )


_CLAIM = _claim(_due(_line).cte("due"))
_CLAIM_TESTS = _claim(_due(_tests).cte("due"))

# Workers pass each other by; new deliveries, which refer to the row, are not held up.
_HOLD = Statement(
    select(_e.id)
    .join(_given, _given.c.endpoint_id == _e.id)
    .where(_e.enabled == bindparam("p_enabled"), _e.ordered == bindparam("p_ordered"))
    .with_for_update(of=webhook_endpoints, skip_locked=True, key_share=True)
)
_of_one = _d.endpoint_id == _given.c.endpoint_id
_head = first(select(_d.id).where(_of_one, _IN_LINE).order_by(_d.position, _d.id))
# Tried before, and due later: under way, or the head that waits while others were put before it.
_busy = first(
    select(_d.id).where(
        _of_one,
        _BY_TIME,
        _d.due_time > _now,
        _d.position != literal_column("0"),
        _d.attempts > 0,
    )
)
_heads = select(_head.label("id")).select_from(_given).where(_busy.is_(None))
_CLAIM_HEADS = _claim(
    _heads.cte("due"),
    # Not by its state: this must not be sought in the index of all that waits.
    _d.end_time.is_(None),
    _d.due_time <= _now,
)
_ENDPOINTS = Statement(select(webhook_endpoints).join(_given, _given.c.endpoint_id == _e.id))


async def with_work(db: Session) -> dict[str, bool]:
    """Return the endpoints that something is due for, and whether in order."""
    rows = await db.fetch_all(_WITH_WORK, p_enabled=True, p_now=now())
    return {row["id"]: bool(row["ordered"]) for row in rows}


async def claim(db: Session, rooms: Mapping[str, int], *, lease_seconds: float) -> Sequence[Row]:
    """Take due deliveries of each of these endpoints, up to its free capacity."""
    return await db.fetch_all(_CLAIM, **_params(rooms, lease_seconds), p_ordered=False)


async def claim_heads(
    db: Session, endpoint_ids: Iterable[str], *, lease_seconds: float
) -> Sequence[Row]:
    """Take the heads of the lines of these endpoints that are in order, and their test events.

    In a transaction: until its end nobody else takes one.
    """
    rooms = dict.fromkeys(endpoint_ids, 1)
    held = await db.fetch_all(_HOLD, p_enabled=True, p_ordered=True, given=_spelled(rooms))
    if not held:
        return []
    # In their own statements: they see all changes from before the rows were held.
    params = _params(dict.fromkeys((row["id"] for row in held), MOST), lease_seconds)
    heads = await db.fetch_all(_CLAIM_HEADS, **params)
    return [*heads, *await db.fetch_all(_CLAIM_TESTS, **params, p_ordered=True)]


async def endpoints(db: Session, endpoint_ids: Iterable[str]) -> dict[str, Endpoint]:
    """Return these endpoints by their ids."""
    rows = await db.fetch_all(_ENDPOINTS, given=_spelled(dict.fromkeys(endpoint_ids, 1)))
    return {row["id"]: Endpoint.from_row(row) for row in rows}


def _params(rooms: Mapping[str, int], lease_seconds: float) -> dict[str, Any]:
    at = now()
    return {
        "given": _spelled(rooms),
        "p_enabled": True,
        "p_now": at,
        "p_lease_end": at + int(lease_seconds * 1_000_000),
    }


def _spelled(rooms: Mapping[str, int]) -> str:
    return spelled(_GIVEN, [{"endpoint_id": one, "room": room} for one, room in rooms.items()])
