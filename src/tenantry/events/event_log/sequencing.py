"""Giving events their place in the log: a position, and a link in the chain of their organization.

One transaction at a time does it, in whichever worker holds the row of the log's state; it takes
the events that were committed since the last look. Work that has to happen exactly once for each
event, such as the queueing of its deliveries, hangs on as a hook and commits with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, literal_column, select

from tenantry.db import crud
from tenantry.db.engine import Session
from tenantry.db.event_rows import snapshots
from tenantry.db.revisions import HEAD
from tenantry.db.sql.records import named, spelled
from tenantry.db.sql.schema import schema_history
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import chain
from tenantry.events.event_log.heads import Heads
from tenantry.events.event_log.model import event_log, event_log_state
from tenantry.telemetry.metrics import table as metrics

if TYPE_CHECKING:
    from tenantry.db.engine import Row

PAGE = 1000
WAIT_SECONDS = 0.05
# Where many events come, the next look is later and takes more of them: a look costs as much as
# sealing thirty events does.
BUSY_SECONDS = 0.1
_MANY = 25
IDLE_SECONDS = 0.1
_IDLE_LOOKS = 100  # without an event, then the looks become rarer

_COLUMNS = named(event_log)
# A worker passes by what another one holds, and what only a later version knows how to go on with.
_LATER = select(schema_history.c.revision).where(
    schema_history.c.stops_older, schema_history.c.revision > literal_column(f"'{HEAD}'")
)
_TRY = Statement(
    select(event_log_state)
    .where(~exists(_LATER))
    .with_for_update(of=event_log_state, skip_locked=True)
)
_INSERT = crud.insert_all(event_log)


@dataclass(frozen=True, slots=True)
class SequencedEvent:
    """An event that has got its position in the log."""

    position: int
    id: str
    type: str
    organization_id: str | None


# Runs within the transaction, and records no event itself: the look would have seen it already.
Hook = Callable[[Session, Sequence[SequencedEvent]], Awaitable[object]]


class Sequencer:
    """The worker's job, with the hooks of each event."""

    def __init__(self, *after: Hook) -> None:
        self._after = after
        self._idle = 0
        self._found = 0

    async def run(self, db: Session) -> float:
        """Put some events into the log; return the seconds to wait, 0 while there are more."""
        # While they come, the look itself tells whether there are more.
        is_due = self._found > 0 or await snapshots.is_due(db)
        self._found = await _sequence(db, self._after) if is_due else 0
        self._idle = 0 if self._found else self._idle + 1
        return IDLE_SECONDS if self._idle > _IDLE_LOOKS else _wait(self._found)


async def sequence(db: Session, *after: Hook) -> float:
    """Put a page of new events into the log; return the seconds to wait, 0 if it was full."""
    return _wait(await _sequence(db, after) if await snapshots.is_due(db) else 0)


def _wait(sequenced: int) -> float:
    if sequenced == PAGE:
        return 0.0
    return BUSY_SECONDS if sequenced > _MANY else WAIT_SECONDS


async def _sequence(db: Session, after: Sequence[Hook]) -> int:
    async with db.transaction() as session:
        await session.expect_growth()
        state = await session.fetch_one(_TRY)
        page = None if state is None else await snapshots.page(session, state, size=PAGE)
        if state is None or page is None:
            return 0
        sequenced = await _append(session, state, page.events) if page.events else []
        await snapshots.save(session, state["position"] + len(sequenced), page)
        if sequenced:
            for hook in after:
                await hook(session, sequenced)
    metrics.EVENTS_LOGGED.add(by=len(sequenced))
    return len(sequenced)


async def _append(db: Session, state: Row, events: Sequence[Row]) -> list[SequencedEvent]:
    """Write the entries of these events and the new heads of their chains."""
    heads = await Heads.load(db, state, {chain.of(event) for event in events})
    entries: list[dict[str, Any]] = []
    for position, event in enumerate(events, state["position"] + 1):
        head = heads[chain.of(event)]
        salt = chain.new_salt()
        entry = {
            "position": position,
            "event_id": event["id"],
            "chain": head["chain"],
            "number": head["number"] + 1,
            "salt": salt,
            "content_hash": chain.content_hash(salt, chain.canonical(event)),
            "erasure": None,
        }
        entry["hash"] = chain.link(head["hash"], entry)
        head |= {"number": entry["number"], "hash": entry["hash"]}
        entries.append(entry)
    await db.fetch_all(_INSERT, given=spelled(_COLUMNS, entries))
    last = state["position"] + len(entries)
    await heads.save(db, position=last, pruned_before=state["pruned_before"])
    return [
        SequencedEvent(entry["position"], event["id"], event["type"], event["organization_id"])
        for entry, event in zip(entries, events, strict=True)
    ]
