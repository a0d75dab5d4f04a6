"""Counts of events by type, for the charts: exact, because they commit with the log's entries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tenantry.core.times import now
from tenantry.db.activity import counters
from tenantry.db.activity.model import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Session
    from tenantry.events.event_log.sequencing import SequencedEvent


async def count(db: Session, sequenced: Sequence[SequencedEvent]) -> None:
    """Count events, in the transaction that assigns their positions."""
    at = now()
    numbers = Counter(event.type for event in sequenced)
    counts: dict[tuple[str, str, int], counters.Count] = {
        (Kind.EVENTS, type_, at): counters.Count(n) for type_, n in numbers.items()
    }
    await counters.add(db, counts)
