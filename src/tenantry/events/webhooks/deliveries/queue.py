"""The queue of deliveries: the endpoints that get an event, and the rows that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, cast, insert, or_, select

from tenantry.core import ids
from tenantry.core.event import PUBLISHED
from tenantry.core.times import now
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed
from tenantry.events.webhooks.model import PENDING, webhook_deliveries, webhook_endpoints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Session
    from tenantry.events.event_log.sequencing import SequencedEvent

_e = webhook_endpoints.c
# The columns in which new deliveries of one moment differ, and those in which they do not.
_OWN = named(
    webhook_deliveries,
    *("id", "endpoint_id", "event_id", "event_type", "organization_id", "position"),
)
_COMMON = [column for column in webhook_deliveries.c if column not in set(_OWN)]
# Held, so that none of them is deleted before its deliveries are there; in the order of their ids,
# in which others hold them too.
_ENDPOINTS = Statement(
    select(_e.id, _e.event_types, _e.organization_id)
    .where(
        _e.enabled == bindparam("p_enabled"),
        or_(
            _e.organization_id.is_(None),
            _e.organization_id.in_(json_values(bindparam("organizations", type_=Text))),
        ),
    )
    .order_by(_e.id)
    .with_for_update(read=True, key_share=True, of=webhook_endpoints)
)
_given = records("given", _OWN)
_common = [cast(bindparam(f"p_{column.name}"), column.type) for column in _COMMON]
_INSERT = Statement(
    insert(webhook_deliveries).from_select(
        [column.name for column in (*_OWN, *_COMMON)], select(*_given.c, *_common)
    )
)


async def add(db: Session, sequenced: Sequence[SequencedEvent], *, wait_seconds: int = 0) -> int:
    """Queue events for every endpoint that takes them; return how many deliveries that made.

    To be called in the transaction that gives the events their positions in the log, so that none
    is in the log without its deliveries. They are due after a number of seconds.
    """
    organizations = {one.organization_id for one in sequenced if one.organization_id is not None}
    endpoints = await db.fetch_all(
        _ENDPOINTS, p_enabled=True, organizations=to_json(sorted(organizations))
    )
    takes = [
        (row["id"], row["organization_id"], from_json(row["event_types"])) for row in endpoints
    ]
    rows = [
        new_row(
            db,
            endpoint_id,
            event_id=event.id,
            event_type=event.type,
            organization_id=event.organization_id,
            position=event.position,
        )
        for event in sequenced
        for endpoint_id, only, types in takes
        if takes_type(types, event.type) and only in {None, event.organization_id}
    ]
    await insert_rows(db, rows, waiting(now(), seconds=wait_seconds))
    return len(rows)


def takes_type(event_types: Sequence[str], type_: str) -> bool:
    """Whether an endpoint of these types takes an event of this one; no types: all published."""
    return type_ in (event_types or PUBLISHED)


def new_row(
    db: Session,
    endpoint_id: str,
    *,
    event_id: str,
    event_type: str,
    organization_id: str | None,
    position: int,
) -> dict[str, Any]:
    """Return the columns of a new delivery that others of its moment have otherwise."""
    return {
        "id": db.new_id(ids.WEBHOOK_DELIVERY),
        "endpoint_id": endpoint_id,
        "event_id": event_id,
        "event_type": event_type,
        "organization_id": organization_id,
        "position": position,
    }


def waiting(at: int, *, seconds: int = 0, replay: bool = False) -> dict[str, Any]:
    """Return the other columns of deliveries that are new at a time, and due so much later.

    The time is in microseconds since 1970.
    """
    return {
        "state": PENDING,
        "attempts": 0,
        "due_time": at + seconds * 1_000_000,
        "last_status": None,
        "body": None,
        "replay": replay,
        "create_time": at,
        "end_time": None,
    }


async def insert_rows(
    db: Session, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]
) -> None:
    """Insert rows of deliveries, as `new_row` and `waiting` return them, by one statement.

    Raises:
        ForeignKey: an endpoint is gone.

    """
    if rows:
        await db.fetch_all(_INSERT, given=spelled(_OWN, rows), **prefixed(common))
