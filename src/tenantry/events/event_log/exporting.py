"""The event log as a file: oldest first by position, with its proof, as NDJSON or CSV."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Text, bindparam, func, literal_column, select

from tenantry.core import errors, ids
from tenantry.core.times import check_span, rfc3339
from tenantry.db.lists import key_ranges
from tenantry.db.sql.schema import events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import following
from tenantry.events.event_log.following import Narrow
from tenantry.events.event_log.listing import known_types
from tenantry.events.event_log.model import event_log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from tenantry.db.engine import Row, Session

_JSON = ("actor", "before", "after", "context")
COLUMNS = (
    *("position", "chain", "number", "id", "type", "object", "occurred_at", "organization_id"),
    *("actor", "before", "after", "context", "request_id"),
    *("salt", "content_hash", "hash", "erasure"),
)
# Characters that a spreadsheet takes for the start of a formula, also behind a line break.
_FORMULA = re.compile("[=+\\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 5000  # events whose positions are looked at by one statement

_e, _l = events.c, event_log.c
_some = (
    select(_e.id)
    .where(
        _e.id > bindparam("low", type_=Text),
        _e.id < bindparam("high", type_=Text),
    )
    .order_by(_e.id)
    .limit(literal_column(str(_AT_ONCE)))
    .subquery("some")
)
_POSITIONS = Statement(
    select(
        func.min(_l.position).label("first"),
        func.max(_l.position).label("last"),
        func.max(_some.c.id).label("id"),
        func.count(_some.c.id).label("seen"),
    ).select_from(_some.outerjoin(event_log, _l.event_id == _some.c.id))
)


class Format(Enum):
    """The format of an export; the value is its media type."""

    NDJSON = "application/x-ndjson"
    CSV = "text/csv"

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Order:
    """The filters and the format of an export; all filters that are set hold."""

    format: Format = Format.NDJSON
    types: tuple[str, ...] = ()  # () for all, those of the audit log too
    organization_id: str | None = None
    start_time: int | None = None  # microseconds since 1970, both included
    end_time: int | None = None

    def __post_init__(self) -> None:
        """Check it."""
        known_types(self.types, "event_types")
        check_span(self.start_time, self.end_time)


async def pieces(
    db: Session,
    order: Order,
    *,
    columns: Sequence[str] = COLUMNS,
    members: Callable[[Row], dict[str, Any]] | None = None,
) -> AsyncGenerator[bytes]:
    """Yield the file, some rows at a time: all that is in the log when it begins.

    ``members`` are what the file has of a row, by these ``columns``; without it, all there is.
    Nothing is held but these: an export of any size takes little memory.
    """
    write = _WRITERS[order.format] if members is None else _writer(order.format, members)
    if order.format is Format.CSV:
        yield _csv([columns])
    narrow = Narrow(
        types=tuple(sorted(set(order.types))) or None,
        organization_id=order.organization_id,
        start_time=order.start_time,
        end_time=order.end_time,
    )
    position, end = await _span(db, order)
    while position < end:
        part = await following.part(db, narrow, position)
        rows = [row for row in part.rows if row["position"] <= end]
        if rows:
            yield write(rows)
        if part.is_last:
            return
        position = part.position


async def _span(db: Session, order: Order) -> tuple[int, int]:
    """Return the position before the first row that may be wanted, and that of the last one.

    Positions are given at the commit, and say nothing of the time: each event of the time that is
    asked for is looked up. An organization has its own list, and needs no such bounds.
    """
    head = await following.head(db)
    timed = order.start_time is not None or order.end_time is not None
    if order.organization_id is not None or not timed:
        return 0, head
    low, high = key_ranges.between(ids.EVENT, order.start_time, order.end_time)
    first, last = head, 0
    while True:
        row = await db.fetch_one(_POSITIONS, low=low, high=high)
        assert row is not None
        if row["first"] is not None:
            first, last = min(first, row["first"] - 1), max(last, row["last"])
        if row["seen"] < _AT_ONCE:
            return first, min(last, head)
        low = row["id"]


def _ndjson(rows: Sequence[Row]) -> bytes:
    return b"".join(orjson.dumps(_members_of(row)) + b"\n" for row in rows)


def _members_of(row: Row) -> dict[str, Any]:
    shown = _members(row)
    for name in _JSON:
        if shown[name] is not None:
            shown[name] = orjson.Fragment(shown[name])
    return shown


def _cells(rows: Sequence[Row]) -> bytes:
    return _csv([[safe_cell(value) for value in _members(row).values()] for row in rows])


def _members(row: Row) -> dict[str, Any]:
    return {name: rfc3339(row[name]) if name == "occurred_at" else row[name] for name in COLUMNS}


def safe_cell(value: str | int | None) -> str | int:
    """Return a value as a cell that no spreadsheet takes for a formula: with a ' before it."""
    if value is None:
        return ""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def _csv(rows: Sequence[Sequence[str | int]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


_WRITERS: dict[Format, Callable[[Sequence[Row]], bytes]] = {
    Format.NDJSON: _ndjson,
    Format.CSV: _cells,
}


def _writer(
    kind: Format, members: Callable[[Row], dict[str, Any]]
) -> Callable[[Sequence[Row]], bytes]:
    def cell(value: Any) -> str | int:
        return safe_cell(value if isinstance(value, str | int) else orjson.dumps(value).decode())

    def lines(rows: Sequence[Row]) -> bytes:
        return b"".join(orjson.dumps(members(row)) + b"\n" for row in rows)

    def cells(rows: Sequence[Row]) -> bytes:
        return _csv([[cell(value) for value in members(row).values()] for row in rows])

    return cells if kind is Format.CSV else lines


def parsed_time(text: str, field: str) -> int:
    """Return a time in RFC 3339 as microseconds since 1970."""
    try:
        if not _TIME.fullmatch(text):
            raise ValueError  # noqa: TRY301
        # Python reads six digits of a second.
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).upper())
    except ValueError:
        raise errors.InvalidArgument.field(
            field, "timestamp", "must be a time like 2026-01-31T09:30:00Z"
        ) from None
    return (moment - _EPOCH) // timedelta(microseconds=1)
