"""Counts of activity with the names of their keys, for the charts of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.access.clients.model import clients
from tenantry.core.times import now
from tenantry.db.activity import series
from tenantry.db.activity.model import Kind
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.deliveries import figures as webhooks
from tenantry.tenants.directories.model import directories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.activity.series import Activity, Range
    from tenantry.db.engine import Session

_given = json_values(bindparam("p_ids", type_=Text))
_CLIENTS = Statement(select(clients.c.id, clients.c.name).where(clients.c.id.in_(_given)))
_DIRECTORIES = Statement(
    select(directories.c.id, directories.c.name).where(directories.c.id.in_(_given))
)


async def read(
    db: Session, kinds: Sequence[Kind], range_: Range, *, key: str = ""
) -> tuple[int, Mapping[Kind, Activity]]:
    """Return the time, and each kind over a range up to now; with a ``key`` only that of it."""
    at = now()
    return at, {kind: await series.read(db, kind, range_, at, key=key) for kind in kinds}


async def names(db: Session, activities: Mapping[Kind, Activity]) -> dict[str, str]:
    """Return the names of the objects whose IDs are keys, by ID."""
    found: dict[str, str] = {}
    if keys := _keys(activities, Kind.WEBHOOK_ATTEMPTS, Kind.WEBHOOK_BACKLOG):
        found |= await webhooks.urls(db, keys)
    for kind, statement in ((Kind.API_CALLS, _CLIENTS), (Kind.DIRECTORY_SYNCS, _DIRECTORIES)):
        if keys := _keys(activities, kind):
            rows = await db.fetch_all(statement, p_ids=to_json(sorted(keys)))
            found |= {row["id"]: row["name"] for row in rows}
    return found


def _keys(activities: Mapping[Kind, Activity], *kinds: Kind) -> set[str]:
    return {
        one.key
        for kind in kinds
        if kind in activities
        for one in activities[kind].series
        if one.key
    }
