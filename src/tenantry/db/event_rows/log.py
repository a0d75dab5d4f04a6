"""Events as records, and the newest of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from tenantry.db.sql.schema import event_columns, events
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import members

if TYPE_CHECKING:
    from tenantry.db.engine import Row, Session

_LAST = Statement(select(*event_columns).order_by(events.c.id.desc()).limit(bindparam("take")))


async def last(db: Session, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest events, the oldest first."""
    rows = await db.fetch_all(_LAST, take=limit)
    return [parsed(row) for row in rows][::-1]


def parsed(row: Row) -> dict[str, Any]:
    """Return the event of a row, its JSON read."""
    return members(row, events)
