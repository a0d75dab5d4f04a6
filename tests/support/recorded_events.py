"""The events that a test recorded, in the order of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from tenantry.db.event_rows.log import parsed
from tenantry.db.sql.schema import event_columns, events
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_AFTER = Statement(
    select(*event_columns)
    .where(events.c.id > bindparam("after"))
    .order_by(events.c.id)
    .limit(bindparam("take"))
)


async def after(db: Session, event_id: str, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return the events that follow one, the oldest first; "" is before the first."""
    return [parsed(row) for row in await db.fetch_all(_AFTER, after=event_id, take=limit)]
