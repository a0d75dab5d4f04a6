"""Pending deliveries of each endpoint, sampled once a minute for the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, literal_column, select, text

from tenantry.core.times import now
from tenantry.db.activity import counters
from tenantry.db.activity.model import Kind
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.model import webhook_deliveries, webhook_endpoints

if TYPE_CHECKING:
    from tenantry.db.engine import Session

SECONDS = 60.0

_d, _e = webhook_deliveries.c, webhook_endpoints.c
# The condition is that of the partial index by endpoint.
_few = (
    select(_d.endpoint_id)
    .where(_d.endpoint_id == _e.id, text("state = 'PENDING' AND due_time > 0"))
    .correlate(webhook_endpoints)
    .limit(literal_column(str(pages.MOST_COUNTED)))
    .subquery("few")
)
_waiting = select(func.count()).select_from(_few).scalar_subquery()
_PENDING = Statement(select(_e.id, _waiting.label("n")))


async def run(db: Session) -> float:
    """Store the highest backlog of this hour and day; return the seconds until the next sample."""
    rows = await db.fetch_all(_PENDING)
    numbers = {row["id"]: row["n"] for row in rows if row["n"]}
    await counters.raise_to(db, Kind.WEBHOOK_BACKLOG, numbers, now())
    return SECONDS
