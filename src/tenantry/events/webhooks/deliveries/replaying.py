"""Sending events once more, by new deliveries of the same events.

A replay has the id of the event as its webhook-id: a receiver that has it already may ignore it.
Where deliveries are in order, replayed ones stand behind all that is in the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal_column, select

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import ForeignKey
from tenantry.db.sql.schema import event_organization, events
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed
from tenantry.events.event_log.model import event_log, event_log_state
from tenantry.events.webhooks.deliveries import queue
from tenantry.events.webhooks.model import webhook_deliveries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Row, Session
    from tenantry.events.webhooks.records import Endpoint

_PAGE = 2000
# The database makes id and time of an event one after the other.
_SLACK_MICROSECONDS = 1_000_000

_ev = events.c
# An event that is not in the log yet is about to be delivered for the first time.
_EVENTS = Statement(
    select(_ev.id, _ev.type, event_organization, _ev.occurred_at)
    .join(event_log, event_log.c.event_id == _ev.id)
    .where(_ev.id > bindparam("p_after"), _ev.id < bindparam("p_before"))
    .order_by(_ev.id)
    .limit(literal_column(str(_PAGE)))
)
_POSITION = Statement(select(event_log_state.c.position))
_DELIVERY = crud.get(webhook_deliveries, by=("endpoint_id", "id"))
_EVENT = Statement(select(_ev.id).where(_ev.id == bindparam("p_id")))
_INSERT = crud.insert(webhook_deliveries, whole_row=True)


async def replay_delivery(db: Session, endpoint_id: str, delivery_id: str) -> Row | None:
    """Queue what a delivery brought once more; return the new row.

    None when the endpoint has no such delivery, or its event is kept no longer.
    """
    found = await db.fetch_one(_DELIVERY, p_endpoint_id=endpoint_id, p_id=delivery_id)
    if found is None:
        return None
    test = found["body"] is not None
    if not test and await db.fetch_one(_EVENT, p_id=found["event_id"]) is None:
        return None
    row = queue.new_row(
        db,
        endpoint_id,
        event_id=found["event_id"],
        event_type=found["event_type"],
        organization_id=found["organization_id"],
        position=found["position"] if test else await _position(db),
    )
    row |= queue.waiting(now(), replay=True) | {"body": found["body"]}
    try:
        return await db.fetch_one(_INSERT, **prefixed(row))
    except ForeignKey:  # the endpoint was deleted just now
        return None


async def replay_events(
    db: Session,
    endpoint: Endpoint,
    *,
    start: int,
    end: int,
    types: Sequence[str],
    organization_id: str | None,
) -> int:
    """Queue the events of a time once more, in their order; return how many.

    ``start`` and ``end`` are included, in microseconds since 1970. Without types, those that the
    endpoint takes. Each page is committed by itself, and none holds anybody up.
    """
    after = ids.at(ids.EVENT, max(0, start - _SLACK_MICROSECONDS))
    # No event from now on: it would go on for as long as it is busy.
    before = ids.at(ids.EVENT, min(end, now()) + _SLACK_MICROSECONDS)
    replayed = 0
    while True:
        async with db.transaction() as page:
            await page.expect_growth()
            found = await page.fetch_all(_EVENTS, p_after=after, p_before=before)
            wanted = [
                row
                for row in found
                if start <= row["occurred_at"] <= end
                and queue.takes_type(types or endpoint.event_types, row["type"])
                and organization_id in {None, row["organization_id"]}
            ]
            replayed += await _queue(page, endpoint.id, wanted)
        if len(found) < _PAGE:
            return replayed
        after = found[-1]["id"]


async def _queue(db: Session, endpoint_id: str, wanted: Sequence[Row]) -> int:
    if not wanted:
        return 0
    position = await _position(db)
    rows = [
        queue.new_row(
            db,
            endpoint_id,
            event_id=event["id"],
            event_type=event["type"],
            organization_id=event["organization_id"],
            position=position,
        )
        for event in wanted
    ]
    await queue.insert_rows(db, rows, queue.waiting(now(), replay=True))
    return len(rows)


async def _position(db: Session) -> int:
    row = await db.fetch_one(_POSITION)
    position: int = row["position"] if row else 0
    return max(position, 1)
