"""Figures of webhooks: the numbers of pending and failed deliveries, URLs of endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, func, literal_column, select, text, true

from tenantry.db.lists import pages
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.deliveries.plans import first
from tenantry.events.webhooks.model import webhook_deliveries, webhook_endpoints

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.db.engine import Session

_d, _e = webhook_deliveries.c, webhook_endpoints.c
# In the words of the partial indexes, which so have all that is counted.
_waiting = pages.counted(select(_d.endpoint_id).where(text("state = 'PENDING' AND due_time > 0")))
_failed = pages.counted(select(_d.endpoint_id).where(text("state = 'FAILED'")))
_BOTH = Statement(
    select(
        select(_waiting.c.total).scalar_subquery().label("waiting"),
        select(_failed.c.total).scalar_subquery().label("failed"),
    )
)
# The first of each endpoint, by the index that the pump goes by.
_due = first(
    select(_d.due_time)
    .where(_d.endpoint_id == _e.id, text("state = 'PENDING' AND due_time > 0"))
    .order_by(_d.due_time)
)
_of_endpoints = select(_due.label("due_time")).where(_e.enabled == true()).subquery()
_WAITING = Statement(
    select(
        select(_waiting.c.total).scalar_subquery().label("waiting"),
        select(func.min(_of_endpoints.c.due_time)).scalar_subquery().label("since"),
    )
)
# No attempt moves a due time backward, and a delivery that is new is not overdue.
_OVERDUE_HEADS = Statement(
    select(
        func.count().label("endpoints"),
        func.coalesce(func.sum(_of_endpoints.c.due_time), 0).label("due_times"),
    ).where(_of_endpoints.c.due_time < bindparam("p_before"))
)
ANY_ENDPOINT = select(_e.id).limit(literal_column("1")).exists()
_URLS = Statement(
    select(_e.id, _e.url).where(_e.id.in_(json_values(bindparam("p_ids", type_=Text))))
)


async def overdue_heads(db: Session, before: int) -> tuple[int, int]:
    """Return the number of endpoints with a delivery due ``before`` a time, and a sum of times.

    The sum is that of the due times of their first deliveries. One of both changes when a first
    delivery is attempted.
    """
    row = await db.fetch_one(_OVERDUE_HEADS, p_before=before)
    assert row is not None
    return row["endpoints"], int(row["due_times"])


async def urls(db: Session, endpoint_ids: Collection[str]) -> dict[str, str]:
    """Return the URLs of endpoints by ID; endpoints that do not exist are left out."""
    rows = await db.fetch_all(_URLS, p_ids=to_json(sorted(endpoint_ids)))
    return {row["id"]: row["url"] for row in rows}


async def waiting(db: Session) -> tuple[int, int | None]:
    """Return how many deliveries wait, up to `pages.MOST_COUNTED`, and when the first is due.

    The time is in microseconds since 1970, None where no delivery to an enabled endpoint waits.
    """
    row = await db.fetch_one(_WAITING)
    assert row is not None
    return row["waiting"], row["since"]


async def waiting_and_failed(db: Session) -> tuple[int, int]:
    """Return how many deliveries wait and how many failed, each up to `pages.MOST_COUNTED`."""
    row = await db.fetch_one(_BOTH)
    assert row is not None
    return row["waiting"], row["failed"]
