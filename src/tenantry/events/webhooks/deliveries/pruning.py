"""The end of old deliveries, and at once of all that they kept of erased people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Text, and_, bindparam, literal_column, or_, select, update

from tenantry.core import ids
from tenantry.core.times import DAY, now
from tenantry.db import crud
from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.deliveries.plans import among
from tenantry.events.webhooks.model import (
    PENDING,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Session

_PAGE = 1000

_d, _a, _e = webhook_deliveries.c, webhook_attempts.c, webhook_endpoints.c
_pending = _d.state == literal_column(f"'{PENDING}'")
# By the key, which has the time in it: an old delivery that ended lately stays for its days.
_old = (
    select(_d.id)
    .where(
        _d.id < bindparam("p_before"),
        or_(
            and_(~_pending, _d.end_time < bindparam("p_end_time")),
            # Deliveries that wait for an endpoint that nobody enables.
            and_(
                _pending,
                _d.endpoint_id.in_(select(_e.id).where(_e.enabled == bindparam("p_enabled"))),
            ),
        ),
    )
    .order_by(_d.id)
    .limit(literal_column(str(_PAGE)))
)
_PRUNE = crud.delete(webhook_deliveries, by=(among(_d.id, _old),))

_GIVEN = [Column("id", Text), Column("type", Text)]
_given = records("given", _GIVEN)
_of_events = among(_d.event_id, select(_given.c.id))
_BLANK_ATTEMPTS = Statement(
    update(webhook_attempts)
    .where(
        among(_a.delivery_id, select(_d.id).where(_of_events)),
        _a.response.is_not(None),
    )
    .values(response=None)
)
_BLANK_BODIES = Statement(
    update(webhook_deliveries)
    .where(_of_events, _d.body.is_not(None))
    .values(body=literal_column("'{}'"))
)


async def prune(db: Session, *, days: int) -> bool:
    """Delete some deliveries that ended a number of days ago; return whether there may be more.

    Those queued so long ago for a disabled endpoint go as well.
    """
    before = now() - days * DAY
    async with db.transaction() as page:
        await page.expect_growth()
        gone = await page.fetch_all(
            _PRUNE,
            p_before=ids.at(ids.WEBHOOK_DELIVERY, before),
            p_end_time=before,
            p_enabled=False,
        )
    return len(gone) == _PAGE


async def forget(db: Session, event_ids: Iterable[str]) -> None:
    """Blank what deliveries of these events keep of their content: what receivers answered."""
    given = spelled(_GIVEN, [{"id": event_id, "type": None} for event_id in event_ids])
    async with db.transaction() as session:
        await session.expect_growth()
        await session.fetch_all(_BLANK_ATTEMPTS, given=given)
        await session.fetch_all(_BLANK_BODIES, given=given)
