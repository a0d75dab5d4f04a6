"""The bodies of deliveries: the events' envelopes as they are sent, rendered when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Column, Text, select

from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.schema import event_columns, events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log.envelopes import envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Session

# `spelled` takes rows of two columns at least.
_GIVEN = [Column("id", Text), Column("type", Text)]
_given = records("given", _GIVEN)
_EVENTS = Statement(select(*event_columns).join(_given, _given.c.id == events.c.id))


async def render(db: Session, event_ids: Iterable[str]) -> dict[str, str]:
    """Return the envelopes of these events as JSON, by their ids; without those that are gone."""
    rows = [{"id": event_id, "type": None} for event_id in event_ids]
    if not rows:
        return {}
    found = await db.fetch_all(_EVENTS, given=spelled(_GIVEN, rows))
    return {row["id"]: orjson.dumps(envelope(row, db.environment_id)).decode() for row in found}
