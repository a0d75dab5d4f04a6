"""Events that tests write, and the log as it comes to be of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from tenantry.core.event import Event
from tenantry.db.sql.schema import events, from_json
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing
from tenantry.events.event_log.model import event_log

MASTER_KEY = b"m" * 32
# SQLite's writers come one after the other.
ONLY_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
_LOG = Statement(
    select(event_log, events.c.type, events.c.after)
    .outerjoin(events, events.c.id == event_log.c.event_id)
    .order_by(event_log.c.position)
)


def event(name: str = "Acme", organization_id: str | None = "org_1", **members: Any) -> Event:
    """An event that says its name."""
    return Event(
        type="organization.updated",
        actor={"type": "system", "id": "test"},
        request_id="req_1",
        organization_id=organization_id,
        before={"id": organization_id, "display_name": "Before"},
        after={"id": organization_id, "display_name": name, "metadata": {"é": "🐘", "n": 1.5}},
        **members,
    )


async def write(db, *names: str, organization_id: str | None = "org_1") -> None:
    """Write an event of each name, in a transaction each."""
    for name in names:
        await db.record_all([event(name, organization_id)])


async def write_many(db, count: int, organizations: int = 3) -> None:
    """Write many in one transaction, of several organizations in turn, and of none."""
    owners = [None, *(f"org_{number}" for number in range(1, organizations))]
    await db.record_all(event(f"n{n}", owners[n % len(owners)]) for n in range(count))


async def seal_all(db, *after: Any) -> None:
    """Put all that was committed into the log."""
    while await sequencing.sequence(db, *after) == 0:
        pass


async def entries(db) -> list[Any]:
    """All entries of the log, each with its event."""
    return list(await db.fetch_all(_LOG))


async def names(db) -> list[str]:
    """The names of the events in the log, in its order."""
    return [from_json(row["after"])["display_name"] for row in await entries(db)]


async def run(db, sql: str, **params: Any) -> list[Any]:
    """Run a statement as a holder of the database's password does."""
    statement = Statement(text(sql))
    statement.is_read = sql.lstrip().upper().startswith("SELECT")
    return list(await db.fetch_all(statement, **params))
