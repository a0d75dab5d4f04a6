"""Reading connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry import ids
from tenantry.db.statements import Statement
from tenantry.identity.connections.model import Connection, connections

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_c = connections.c
_FIND = Statement(select(connections).where(_c.id == bindparam("p_id", type_=Text)))


async def find(db: Session, connection_id: str) -> Connection | None:
    """Return any connection, by its id alone: for what a provider or a browser brings it to."""
    if not ids.well_formed(ids.CONNECTION, connection_id):
        return None
    row = await db.fetch_one(_FIND, p_id=connection_id)
    return None if row is None else Connection.from_row(row)
