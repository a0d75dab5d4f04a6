"""The connections of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from tenantry import ids
from tenantry.db.rows import bound
from tenantry.db.statements import Statement
from tenantry.identity.connections.model import TYPES, Connection, connections
from tenantry.times import now

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_c = connections.c
_INSERT = Statement(insert(connections).values(bound(connections)).returning(_c.id))
_LIST = Statement(select(connections).where(_c.organization_id.is_(None)))
_KEY = "connections.of_environment"


async def ensure(db: Session) -> None:
    """Make the connections of a fresh environment."""
    there = {row["type"] for row in await db.fetch_all(_LIST)}
    at = now()
    for type_ in TYPES:
        if type_ not in there:
            await db.fetch_all(
                _INSERT,
                p_id=db.new_id(ids.CONNECTION),
                p_organization_id=None,
                p_type=type_,
                p_provider="",
                p_enabled=True,
                p_create_time=at,
                p_update_time=at,
            )


async def of_environment(db: Session) -> dict[str, Connection]:
    """Return the environment's connections by their types; they are there for good."""
    kept: dict[str, Connection] | None = (db.remembered or {}).get(_KEY)
    if kept is not None:
        return kept
    rows = await db.fetch_all(_LIST)
    found = {row["type"]: Connection(row["id"], row["type"], row["provider"]) for row in rows}
    if db.remembered is not None and found.keys() >= set(TYPES):
        db.remembered[_KEY] = found
    return found
