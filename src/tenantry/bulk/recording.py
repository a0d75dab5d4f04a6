"""Many events at once, in the transaction of the changes that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import insert

from tenantry import ids
from tenantry.db.engine import now
from tenantry.db.records import named, rows_of, spelled
from tenantry.db.schema import events, to_json
from tenantry.db.statements import Statement
from tenantry.events import OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.caller import Call
    from tenantry.db.engine import Session

_COLUMNS = named(events)
_INSERT = Statement(
    insert(events).from_select(
        [column.name for column in _COLUMNS], rows_of("new_events", _COLUMNS)
    )
)


class Happened(NamedTuple):
    """One change, as `tenantry.events.Event` has it: all of a call have one actor and one time."""

    type: str
    organization_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


async def record(db: Session, call: Call, happened: Iterable[Happened]) -> None:
    """Record events of a transaction, in this order."""
    of_all = {
        "occurred_at": now(),
        "actor": to_json(call.caller.actor),
        "request_id": call.request_id,
    }
    rows = [
        {
            "id": db.new_id(ids.EVENT),
            "type": one.type,
            "object": OBJECT[one.type],
            "organization_id": one.organization_id,
            "before": None if one.before is None else to_json(one.before),
            "after": None if one.after is None else to_json(one.after),
            **of_all,
        }
        for one in happened
    ]
    if rows:
        await db.fetch_all(_INSERT, new_events=spelled(_COLUMNS, rows))
