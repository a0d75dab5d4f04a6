"""Which events are new since the last look, in the database's own terms.

PostgreSQL: a transaction takes its number when it first writes and shows when it commits, so
neither ids nor numbers tell new events. Snapshots do: an event is new if the snapshot of this look
sees its transaction and that of the last look did not. So no event is passed over however late its
transaction commits, and none waits for another's.

SQLite has one writer at a time: an event is new if its number is above that of the last look.

`seen` is what the last look saw. On PostgreSQL the transaction that wrote it stands behind it:
where another one did, the row came out of a dump, and a snapshot of another server says nothing
here. Then, as at the first look of all, the whole table is gone through, by id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tenantry.db.sql.schema import events
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from tenantry.db.engine import Row, Session

_SOME = 1000
MOST_COUNTED = _SOME  # of events that wait
_NOTHING = "1:1:"  # a snapshot before the first transaction


class Spelled(Statement):
    """A statement that is spelled by hand, for each database in its own way."""

    __slots__ = ("_spellings",)

    def __init__(self, *, postgresql: str, sqlite: str, is_read: bool = True) -> None:
        spellings = {"postgresql": Statement(text(postgresql)), "sqlite": Statement(text(sqlite))}
        super().__init__(spellings["postgresql"].clause)
        self.is_read = is_read
        self._spellings = spellings

    def bind(self, dialect: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
        return self._spellings[dialect].bind(dialect, params)


# The statements below are put together from these constants only.
_ORGANIZATION = "nullif(events.organization_id, '') AS organization_id"
_COLUMNS = ", ".join(
    _ORGANIZATION if column.name == "organization_id" else f"events.{column.name}"
    for column in events.columns
)
# As a value, not as NOT EXISTS: of that PostgreSQL would make a join that reads all of the log.
_UNLOGGED = (
    "(SELECT event_log.position FROM event_log WHERE event_log.event_id = events.id) IS NULL"
)
_STATE_LOOKED = "CAST(split_part(s.seen, ' ', 1) AS pg_snapshot)"
_LOOKED = "CAST(CAST(:looked AS text) AS pg_snapshot)"
_TARGET = "CAST(CAST(:target AS text) AS pg_snapshot)"
_NOW = "pg_current_snapshot()"
_STRAY = "split_part(s.seen, ' ', 2) NOT IN ('', s.xmin::text)"


def _fresh(columns: str, looked: str, target: str, more: str = "") -> str:
    """Return the select of events that are new, each part by the index of their transactions."""
    rest = f"pg_visible_in_snapshot(events.xid, {target}) AND {_UNLOGGED}{more}"
    return (
        f"SELECT {columns} FROM events"
        f" WHERE events.xid >= pg_snapshot_xmax({looked})"
        f" AND events.xid < pg_snapshot_xmax({target}) AND {rest}"
        f" UNION ALL SELECT {columns} FROM events"
        f" WHERE events.xid = ANY(ARRAY(SELECT pg_snapshot_xip({looked}))) AND {rest}"
    )


_NUMBERS = (
    "events.number > CAST(:looked AS INTEGER) AND events.number <= CAST(:target AS INTEGER)"
    f" AND {_UNLOGGED}"
)

_ANY = Spelled(
    postgresql=(
        f"SELECT s.target IS NOT NULL OR {_STRAY}"
        f" OR EXISTS ({_fresh('1', _STATE_LOOKED, _NOW)}) AS is_due FROM event_log_state s"
    ),
    sqlite=(
        "SELECT s.target IS NOT NULL OR EXISTS (SELECT 1 FROM events"
        f" WHERE events.number > CAST(s.seen AS INTEGER) AND {_UNLOGGED}) AS is_due"
        " FROM event_log_state s"
    ),
)
# Its own statement, after the row is held: a snapshot from before could be older than what
# the last holder has looked at.
_SEEN = Spelled(
    postgresql=f"SELECT {_NOW}::text AS seen, {_STRAY} AS is_stray FROM event_log_state s",
    sqlite="SELECT CAST(coalesce(max(number), 0) AS TEXT) AS seen, 0 AS is_stray FROM events",
)
_FEW = Spelled(
    postgresql=f"{_fresh(f'{_COLUMNS}, events.id AS place', _LOOKED, _TARGET)} LIMIT :take",
    sqlite=f"SELECT {_COLUMNS}, number AS place FROM events WHERE {_NUMBERS} LIMIT :take",
)
_FIRST = Spelled(
    postgresql=(
        f"SELECT min(fresh.id) AS place FROM ({_fresh('events.id', _LOOKED, _TARGET)}) AS fresh"
    ),
    sqlite=f"SELECT CAST(min(number) AS TEXT) AS place FROM events WHERE {_NUMBERS}",
)
# By id: no condition here can be answered from the index of transactions. One that is visible but
# not begun yet came with a dump.
_PAGE = Spelled(
    postgresql=(
        f"SELECT {_COLUMNS}, events.id AS place FROM events"
        f" WHERE events.id >= :cursor AND NOT pg_visible_in_snapshot(events.xid, {_LOOKED})"
        f" AND (pg_visible_in_snapshot(events.xid, {_TARGET})"
        f" OR events.xid >= pg_snapshot_xmax({_NOW}))"
        f" AND {_UNLOGGED} ORDER BY events.id LIMIT :take"
    ),
    sqlite=(
        f"SELECT {_COLUMNS}, number AS place FROM events"
        f" WHERE events.number >= CAST(:cursor AS INTEGER) AND {_NUMBERS}"
        " ORDER BY events.number LIMIT :take"
    ),
)
_SAVE = Spelled(
    postgresql=(
        "UPDATE event_log_state SET position = :position,"
        " seen = CAST(:looked AS text) || ' ' || pg_current_xact_id()::xid::text,"
        " target = :target, cursor = :cursor"
    ),
    sqlite=(
        "UPDATE event_log_state SET position = :position, seen = :looked,"
        " target = :target, cursor = :cursor"
    ),
    is_read=False,
)
_UNSEQUENCED = Spelled(
    postgresql=(
        f"SELECT count(*) AS waiting, min(fresh.occurred_at) AS since"
        f" FROM event_log_state s, LATERAL"
        f" ({_fresh('events.occurred_at, events.id', _STATE_LOOKED, _NOW)} LIMIT :take) AS fresh"
    ),
    sqlite=(
        "SELECT count(*) AS waiting, min(occurred_at) AS since FROM"
        " (SELECT events.occurred_at FROM events,"
        f" event_log_state s WHERE events.number > CAST(s.seen AS INTEGER) AND {_UNLOGGED}"
        " ORDER BY events.number LIMIT :take)"
    ),
)


_HAS_SEQUENCED_BEFORE = Spelled(
    postgresql=(
        f"SELECT s.target IS NULL AND NOT ({_STRAY}) AND NOT EXISTS"
        f" ({_fresh('1', _STATE_LOOKED, _NOW, ' AND events.id < :before')}) AS is_so"
        " FROM event_log_state s"
    ),
    sqlite=(
        "SELECT s.target IS NULL AND NOT EXISTS (SELECT 1 FROM events"
        " WHERE events.number > CAST(s.seen AS INTEGER) AND events.id < :before"
        f" AND {_UNLOGGED}) AS is_so FROM event_log_state s"
    ),
)
_PRUNE_BEFORE = Spelled(
    postgresql=(
        "UPDATE event_log_state SET pruned_before = :before,"
        " seen = split_part(seen, ' ', 1) || ' ' || pg_current_xact_id()::xid::text"
    ),
    sqlite="UPDATE event_log_state SET pruned_before = :before",
    is_read=False,
)
_VISIBLE = (
    f"NOT ({_STRAY}) AND (pg_visible_in_snapshot(events.xid, {_STATE_LOOKED})"
    f" OR events.xid >= pg_snapshot_xmax({_NOW}) AND split_part(s.seen, ' ', 1) <> :nothing)"
)


def _skipped(narrowed: str, order: str) -> Spelled:
    """Return the select of a page of events, each with whether a look has passed over it."""

    def spelled(condition: str) -> str:
        return (
            f"SELECT events.id, events.type, {_ORGANIZATION},"
            f" ({condition}) AND events.id >= coalesce(s.pruned_before, '') AND {_UNLOGGED}"
            f" AS is_skipped FROM events, event_log_state s WHERE {narrowed}"
            f" ORDER BY {order} LIMIT :take"
        )

    return Spelled(
        postgresql=spelled(_VISIBLE),
        sqlite=spelled("events.number <= CAST(s.seen AS INTEGER) AND :nothing <> ''"),
    )


_SKIPPED = _skipped("events.id > :id", "events.id")
_SKIPPED_OF = _skipped(
    "events.organization_id = :organization_id AND (events.type, events.id) > (:type, :id)",
    "events.type, events.id",
)


@dataclass(frozen=True, slots=True)
class Page:
    """Events that are new, in their order, and what to remember once they are dealt with."""

    events: Sequence[Row]
    looked: str
    target: str | None = None
    cursor: str | None = None


async def is_due(db: Session) -> bool:
    """Whether there is an event to be dealt with: one cheap statement, by an index."""
    row = await db.fetch_one(_ANY)
    return row is not None and bool(row["is_due"])


async def page(db: Session, state: Row, *, size: int) -> Page | None:
    """Return the next events, in a transaction that holds the row of `event_log_state`.

    None if there are none, and nothing to remember either.

    Those of one look come in the order of their ids, which is that of changes to one row; a look
    that finds more than a page is gone on with by the next call, from the saved place.
    """
    now = await db.fetch_one(_SEEN)
    assert now is not None
    looked, target, cursor = state["seen"].partition(" ")[0], state["target"], state["cursor"]
    if now["is_stray"]:
        looked, target = _NOTHING, None
    if target is None:
        target, cursor = now["seen"], state["pruned_before"]
        if looked != _NOTHING:
            window = {"looked": looked, "target": target}
            few = await db.fetch_all(_FEW, **window, take=size + 1)
            if not few:
                return None
            if len(few) <= size:
                return Page(sorted(few, key=lambda row: row["place"]), target)
            first = await db.fetch_one(_FIRST, **window)
            cursor = first["place"] if first else ""
    rows = await db.fetch_all(_PAGE, looked=looked, target=target, cursor=cursor or "", take=size)
    if len(rows) < size:
        return Page(rows, target)
    return Page(rows, looked, target, str(rows[-1]["place"]))


async def unsequenced(db: Session) -> tuple[int, int | None]:
    """Return how many events wait to be dealt with, 1,000 at most, and since when about the oldest.

    The time is in microseconds since 1970, None where no event waits.
    """
    row = await db.fetch_one(_UNSEQUENCED, take=_SOME)
    return (row["waiting"], row["since"]) if row else (0, None)


async def unsequenced_since(db: Session) -> int | None:
    """Return the time of an event that waits to be dealt with, about the oldest; None if none."""
    _, since = await unsequenced(db)
    return since


async def save(db: Session, position: int, done: Page) -> None:
    """Remember that the events of a page are dealt with, the last of them at this position."""
    await db.fetch_all(
        _SAVE, position=position, looked=done.looked, target=done.target, cursor=done.cursor
    )


async def skipped(db: Session, organization_id: str | None = None) -> AsyncIterator[Row]:
    """Yield the events that a look should have found and that are not in the log.

    All of them, or those of one organization; in pages, in a session that reads as of one moment.
    """
    place: dict[str, Any] = {"id": ""}
    statement = _SKIPPED
    if organization_id is not None:
        place = {"organization_id": organization_id, "type": "", "id": ""}
        statement = _SKIPPED_OF
    while True:
        rows = await db.fetch_all(statement, **place, nothing=_NOTHING, take=_SOME)
        for row in rows:
            if row["is_skipped"]:
                yield row
        if len(rows) < _SOME:
            return
        place |= {name: rows[-1][name] for name in place}


async def has_sequenced_before(db: Session, event_id: str) -> bool:
    """Whether every event with a smaller id than this is dealt with."""
    row = await db.fetch_one(_HAS_SEQUENCED_BEFORE, before=event_id)
    return row is not None and bool(row["is_so"])


async def prune_before(db: Session, event_id: str) -> None:
    """Remember that events with smaller ids may be gone, in a transaction that holds the row."""
    await db.fetch_all(_PRUNE_BEFORE, before=event_id)
