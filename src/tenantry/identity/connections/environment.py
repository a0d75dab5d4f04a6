"""The connections of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, literal_column, or_, select

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed
from tenantry.identity.connections.model import COMPLETED, TYPES, Connection, connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Session

_c = connections.c
_INSERT = crud.insert(connections)
_of_a_type = or_(*(_c.type == literal_column(f"'{type_}'") for type_ in TYPES))
_LIST = Statement(select(connections).where(_c.organization_id.is_(None), _of_a_type))
_KEY = "connections.of_environment"
_OURS = Statement(
    select(_c.id).where(
        _c.id.in_(json_values(bindparam("p_ids", type_=Text))), _c.organization_id.is_(None)
    )
)


async def ensure(db: Session) -> None:
    """Make the connections of a fresh environment."""
    there = {row["type"] for row in await db.fetch_all(_LIST)}
    at = now()
    for type_ in TYPES:
        if type_ not in there:
            made = Connection(
                id=db.new_id(ids.CONNECTION),
                type=type_,
                provider="",
                status=COMPLETED,
                enabled=True,
                create_time=at,
                update_time=at,
            )
            await db.fetch_all(_INSERT, **prefixed(made.to_row()))


async def of_environment(db: Session) -> dict[str, Connection]:
    """Return the environment's connections by their types; they are there for good."""
    kept: dict[str, Connection] | None = (db.remembered or {}).get(_KEY)
    if kept is not None:
        return kept
    rows = await db.fetch_all(_LIST)
    found = {row["type"]: Connection.from_row(row) for row in rows}
    if db.remembered is not None and found.keys() >= set(TYPES):
        db.remembered[_KEY] = found
    return found


async def any_of(db: Session, amr: Sequence[str]) -> bool:
    """Whether a session by these connections rests on one of the environment, or on none at all.

    Else an organization's provider has vouched for its person, and it is good for that one alone.
    """
    if not amr:
        return True
    fixed = {one.id for one in (await of_environment(db)).values()}
    if not fixed.isdisjoint(amr):
        return True
    return await db.fetch_one(_OURS, p_ids=to_json(list(amr))) is not None
