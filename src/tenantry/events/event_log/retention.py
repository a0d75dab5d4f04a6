"""How long events are kept: on PostgreSQL in whole months, on SQLite in days.

The end of events is first made known: `pruned_before` is set, authenticated and recorded as an
event. From then on events with smaller ids may be gone, and the work can be cut off anywhere and
gone on with. Entries of the log go from its start; the anchors of the chains keep what the rest
links to.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, delete, func, literal_column, select, tuple_

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.db.engine import Unavailable
from tenantry.db.event_rows import partitions, snapshots
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import event_contexts, events, from_json
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import heads
from tenantry.events.event_log.heads import Heads
from tenantry.events.event_log.model import event_log, event_log_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Row, Session

PAUSE_SECONDS = 3600.0
# Between two pages: the sequencing of events has its turn.
_PAGE_SECONDS = 0.05
AWAY_SECONDS = 60.0
_PAGE = 1000

_l = event_log.c
_before = bindparam("before", type_=Text)
_STATE = Statement(select(event_log_state))
_ANY_BEFORE = Statement(select(events.c.id).where(events.c.id < _before).limit(1))
_OLDEST = Statement(
    select(_l.position, _l.event_id, _l.chain, _l.number, _l.hash)
    .order_by(_l.position)
    .limit(bindparam("take"))
)
_DELETE_ENTRIES = Statement(
    delete(event_log).where(_l.position <= bindparam("position", type_=BigInteger))
)
_WINDOW = 5000  # events that are looked through for contexts by one statement
_after = bindparam("after", type_=Text)
_window = (
    select(events.c.id)
    .where(events.c.id > _after, events.c.id < _before)
    .order_by(events.c.id)
    .limit(literal_column(str(_WINDOW)))
    .subquery("some_events")
)
_NAMING = named(events, "organization_id", "type", "id", "context")  # the rows of a context
_LAST = Statement(select(func.max(_window.c.id).label("id")))
_FOUND = Statement(
    select(*_NAMING).where(
        events.c.id > _after,
        events.c.id <= bindparam("last", type_=Text),
        events.c.context.is_not(None),
    )
)
_CONTEXTS = named(event_contexts)
_DELETE_CONTEXTS = Statement(
    delete(event_contexts).where(
        tuple_(*event_contexts.c).in_(select(*records("given", _CONTEXTS).c))
    )
)
_some = select(events.c.id).where(events.c.id < _before).order_by(events.c.id)
_DELETE_EVENTS = Statement(
    delete(events)
    .where(events.c.id.in_(_some.limit(literal_column(str(_PAGE)))))
    .returning(*_NAMING)
)


async def run(db: Session, *, days: int) -> float:
    """Make the months ahead, and let some go that are older than these days; 0 keeps all.

    Return the seconds to wait.
    """
    known = await partitions.there(db)
    moment = datetime.fromtimestamp(now() / 1_000_000, UTC)
    try:
        if known is not None:
            ahead = partitions.around(moment, ahead=partitions.AHEAD)
            await partitions.add(db, [month for month in ahead if month not in known])
        if not days:
            return PAUSE_SECONDS
        return await _prune(db, moment - timedelta(days=days), known)
    except Unavailable:
        return AWAY_SECONDS


async def _prune(db: Session, moment: datetime, known: list[partitions.Month] | None) -> float:
    if known is None:
        start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    else:
        start = partitions.around(moment)[0].start
    bound = partitions.first_id(start)
    state = await db.fetch_one(_STATE)
    assert state is not None
    pruned_before = state["pruned_before"] or ""
    if (
        pruned_before < bound
        and await db.fetch_one(_ANY_BEFORE, before=bound)
        and await _announce(db, bound, start)
    ):
        pruned_before = bound
    if not pruned_before:
        return PAUSE_SECONDS
    for month in known or ():
        if month.end_id <= pruned_before:
            await _delete_contexts(db, month.end_id)  # before the events, which know them
            await partitions.drop(db, month)
    # The rest is where there are no months, or went where there was none for it.
    more = await _delete_events(db, pruned_before) == _PAGE
    more = await _delete_entries(db, pruned_before) or more
    return _PAGE_SECONDS if more else PAUSE_SECONDS


async def _announce(db: Session, bound: str, start: datetime) -> bool:
    """Let everything before this go, if all of it is in the log; return whether it is."""
    async with db.transaction() as session:
        await session.expect_growth()
        state = await heads.hold(session)
        if not await snapshots.has_sequenced_before(session, bound):
            return False
        loaded = await Heads.load(session, state, ())
        await loaded.save(session, position=state["position"], pruned_before=bound)
        await snapshots.prune_before(session, bound)
        after = {"before": f"{start:%Y-%m-%dT%H:%M:%SZ}", "before_id": bound}
        call = Call(SYSTEM, session, request_id="worker")
        await session.record(call.event("event_log.pruned", after=after))
    return True


async def _delete_contexts(db: Session, before: str) -> None:
    after = ""
    while True:
        row = await db.fetch_one(_LAST, after=after, before=before)
        if row is None or row["id"] is None:
            return
        last = row["id"]
        async with db.transaction() as session:
            await session.expect_growth()
            await _forget(session, await session.fetch_all(_FOUND, after=after, last=last))
        after = last


async def _forget(db: Session, gone: Sequence[Row]) -> None:
    """Delete the contexts of these events."""
    rows = [
        {
            "organization_id": event["organization_id"],
            "key": key,
            "value": value,
            "type": event["type"],
            "event_id": event["id"],
        }
        for event in gone
        if event["context"] is not None
        for key, value in from_json(event["context"]).items()
    ]
    if rows:
        await db.fetch_all(_DELETE_CONTEXTS, given=spelled(_CONTEXTS, rows))


async def _delete_events(db: Session, before: str) -> int:
    async with db.transaction() as session:
        await session.expect_growth()
        rows = await session.fetch_all(_DELETE_EVENTS, before=before)
        await _forget(session, rows)
    return len(rows)


async def _delete_entries(db: Session, before: str) -> bool:
    """Delete a page of the oldest entries, and move the anchors; return whether it was full."""
    oldest = await db.fetch_one(_OLDEST, take=1)
    if oldest is None or oldest["event_id"] >= before:
        return False
    async with db.transaction() as session:
        await session.expect_growth()
        state = await heads.hold(session)
        rows = await session.fetch_all(_OLDEST, take=_PAGE)
        # One of a slow transaction stands behind younger ones, and goes with them.
        young = [at for at, row in enumerate(rows) if row["event_id"] >= before]
        gone = rows[: young[0]] if young else rows
        if not gone:
            return False
        loaded = await Heads.load(session, state, {row["chain"] for row in gone})
        for row in gone:
            anchor = {"anchor_number": row["number"], "anchor_hash": row["hash"]}
            loaded[row["chain"]].update(anchor)
        await session.fetch_all(_DELETE_ENTRIES, position=gone[-1]["position"])
        await loaded.save(session, position=state["position"], pruned_before=state["pruned_before"])
    return len(gone) == _PAGE
