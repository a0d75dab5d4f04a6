"""Figures of webhooks: how many deliveries wait, and how many were given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, text

from tenantry.db import pages
from tenantry.db.statements import Statement
from tenantry.events.webhooks.model import webhook_deliveries

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_d = webhook_deliveries.c
# In the words of the partial indexes, which so have all that is counted.
_waiting = pages.counted(select(_d.endpoint_id).where(text("state = 'PENDING' AND due_time > 0")))
_failed = pages.counted(select(_d.endpoint_id).where(text("state = 'FAILED'")))
_BOTH = Statement(
    select(
        select(_waiting.c.total).scalar_subquery().label("waiting"),
        select(_failed.c.total).scalar_subquery().label("failed"),
    )
)


async def waiting_and_failed(db: Session) -> tuple[int, int]:
    """Return how many deliveries wait and how many failed, each up to `pages.MOST_COUNTED`."""
    row = await db.fetch_one(_BOTH)
    assert row is not None
    return row["waiting"], row["failed"]
