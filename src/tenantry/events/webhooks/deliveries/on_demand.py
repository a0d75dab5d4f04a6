"""Deliveries that somebody asks for: an example of an event, or events once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.schema import to_json
from tenantry.db.writes.rows import prefixed
from tenantry.events.webhooks import catalogue, service, values
from tenantry.events.webhooks.deliveries import queue, replaying
from tenantry.events.webhooks.model import webhook_deliveries
from tenantry.events.webhooks.records import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call

TEST_EVENT = "organization.created"
_NOWHERE = 0  # before all that the log has: an example waits for nothing

_INSERT = crud.insert(webhook_deliveries, whole_row=True)


async def send_test_event(
    call: Call, endpoint_id: str, event_type: str = TEST_EVENT
) -> tuple[Delivery, dict[str, Any]]:
    """Queue an example of an event for an endpoint; return the delivery and what it sends.

    The type need not be one of those that the endpoint gets. The event is in no log.

    Raises:
        errors.InvalidArgument: it is disabled, or there is no example of this type.

    """
    if event_type not in catalogue.TYPES:
        raise errors.InvalidArgument.field(
            "event_type",
            "in",
            f"{event_type[:60]!r} is not a published event type; GET {catalogue.PATH} lists them",
        )
    endpoint = await service.get_enabled(call.db, endpoint_id)
    event_id, at = call.db.new_id(ids.EVENT), now()
    payload = catalogue.sample(
        event_type,
        environment_id=call.db.environment_id,
        organization_id=endpoint.organization_id,
        event_id=event_id,
        at=at,
    )
    row = queue.new_row(
        call.db,
        endpoint.id,
        event_id=event_id,
        event_type=event_type,
        organization_id=endpoint.organization_id,
        position=_NOWHERE,
    )
    row |= queue.waiting(at) | {"body": to_json(payload)}
    made = await call.db.fetch_one(_INSERT, **prefixed(row))
    return Delivery.from_row(made), payload


async def replay_delivery(call: Call, endpoint_id: str, delivery_id: str) -> Delivery:
    """Send what a delivery brought once more, by a new delivery with the same id of the event.

    Raises:
        errors.InvalidArgument: the endpoint is disabled.

    """
    await service.get_enabled(call.db, endpoint_id)
    row = await replaying.replay_delivery(call.db, endpoint_id, delivery_id)
    if row is None:
        raise errors.NotFound("delivery")
    return Delivery.from_row(row)


async def replay_events(
    call: Call,
    endpoint_id: str,
    *,
    start: int,
    end: int | None = None,
    event_types: Sequence[str] = (),
    organization_id: str | None = None,
) -> int:
    """Send the events of a time once more; return how many were queued.

    Both ends, in microseconds since 1970, are included; ``end`` None is now. Without types, those
    that the endpoint gets.

    Raises:
        errors.InvalidArgument: it is disabled, the end is before the start, there is no such type,
            or the endpoint gets events of another organization only.

    """
    end = now() if end is None else end
    values.span(start, end)
    types = values.event_types(event_types, "event_types")
    endpoint = await service.get_enabled(call.db, endpoint_id)
    only = endpoint.organization_id
    if only is not None and organization_id not in {None, only}:
        raise errors.InvalidArgument.field(
            "organization_id", "const", f"the endpoint only receives events of {only}"
        )
    return await replaying.replay_events(
        call.db,
        endpoint,
        start=start,
        end=end,
        types=list(types),
        organization_id=organization_id or only,
    )
