"""Deliveries to a webhook endpoint, and sending one once more: the rest of `tenantry webhook`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import organizations, running
from tenantry.cli.organizations import OfOrganization  # noqa: TC001 - typer reads it
from tenantry.cli.running import AsJson, Limit, PageToken  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.pages import Page
    from tenantry.events.webhooks.records import Attempt, Delivery

EndpointId = Annotated[
    str, typer.Argument(metavar="ENDPOINT_ID", help="The endpoint, whe_ and digits.")
]
EventTypes = Annotated[
    list[str],
    typer.Option("--event-type", "-e", help="A type of events; may be given several times."),
]
DeliveryId = Annotated[
    str, typer.Argument(metavar="DELIVERY_ID", help="The delivery, dlv_ and digits.")
]


def send_test(
    endpoint_id: EndpointId,
    event_type: Annotated[
        str, typer.Argument(metavar="EVENT_TYPE", help="The type of the event.")
    ] = "organization.created",
    *,
    as_json: AsJson = False,
) -> None:
    """Send an example event."""

    async def work(call: Call) -> tuple[Delivery, dict[str, Any]]:
        from tenantry.events.webhooks import on_demand

        return await on_demand.send_test_event(call, endpoint_id, event_type)

    delivery, payload = running.with_call(work, named=endpoint_id)
    if as_json:
        running.print_json({"delivery": _delivery(delivery), "event_payload": payload})
        return
    running.say(f"{delivery.id} {delivery.event_type}")
    running.remark(
        f"`tenantry webhook attempts {endpoint_id} {delivery.id}` shows what came of it."
    )


def deliveries(
    endpoint_id: EndpointId,
    *,
    state: Annotated[str, typer.Option(help="PENDING, SUCCEEDED or FAILED alone.")] = "",
    event_type: Annotated[str, typer.Option("--event-type", "-e", help="One type alone.")] = "",
    organization: OfOrganization = "",
    since: Annotated[str, typer.Option(help="Queued at this time or later, RFC 3339.")] = "",
    until: Annotated[str, typer.Option(help="Queued at this time or earlier, RFC 3339.")] = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List an endpoint's deliveries, sent and pending, the newest first."""
    start, end = _microseconds(since, "--since"), _microseconds(until, "--until")

    async def work(call: Call) -> tuple[list[Delivery], str, int]:
        from tenantry.events.webhooks import listing

        narrow = listing.Filter(
            state=_one_of_states(state),
            event_type=event_type,
            organization_id=await organizations.id_of(call, organization),
            start_time=start,
            end_time=end,
        )

        async def page(size: int, token: str) -> Page[Delivery]:
            return await listing.deliveries(
                call, endpoint_id, narrow, page_size=size, page_token=token
            )

        return await running.collected(page, limit=limit, page_token=page_token)

    named = {"endpoint": endpoint_id, "organization": organization}
    found, token, total = running.with_call(work, named=named)
    if as_json:
        running.print_json([_delivery(delivery) for delivery in found])
    else:
        running.print_table(
            ["Delivery", "Event", "State", "Attempts", "Queued", "Next attempt"],
            [
                (
                    d.id,
                    f"{d.event_type}\n{d.event_id}",
                    f"{d.state} {d.last_status or ''}",
                    str(d.attempts),
                    running.moment(d.create_time) or "",
                    running.moment(d.due_time) or "",
                )
                for d in found
            ],
        )
    running.remark_more(len(found), token, total)


def attempts(endpoint_id: EndpointId, delivery_id: DeliveryId, *, as_json: AsJson = False) -> None:
    """List the attempts of a delivery, the oldest first."""

    async def work(call: Call) -> list[Attempt]:
        from tenantry.events.webhooks import listing

        return await listing.attempts(call.db, endpoint_id, delivery_id)

    found = running.with_call(work, named={"endpoint": endpoint_id, "delivery": delivery_id})
    if as_json:
        running.print_json([_attempt(attempt) for attempt in found])
        return
    running.print_table(
        ["Attempt", "Time", "Took", "Status", "Problem"],
        [
            (
                str(a.number),
                running.moment(a.attempt_time) or "",
                f"{a.duration // 1000} ms",
                str(a.status_code or "-"),
                a.problem or "",
            )
            for a in found
        ],
    )


def replay(
    endpoint_id: EndpointId,
    delivery_id: Annotated[
        str, typer.Argument(metavar="[DELIVERY_ID]", help="One delivery; else those of a time.")
    ] = "",
    *,
    since: Annotated[str, typer.Option(help="Events of this time or later, RFC 3339.")] = "",
    until: Annotated[str, typer.Option(help="Events of this time or earlier, RFC 3339.")] = "",
    event_type: EventTypes = [],  # noqa: B006
    organization: OfOrganization = "",
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, or all events of a period."""
    start, end = _microseconds(since, "--since"), _microseconds(until, "--until")
    if delivery_id and (since or until or event_type or organization):
        running.fail("a delivery is replayed alone: leave out what narrows a time")
    if not delivery_id and start is None:
        running.fail("name a delivery, or a time by --since")

    async def one(call: Call) -> Delivery:
        from tenantry.events.webhooks import on_demand

        return await on_demand.replay_delivery(call, endpoint_id, delivery_id)

    async def many(call: Call) -> int:
        from tenantry.events.webhooks import on_demand

        assert start is not None
        return await on_demand.replay_events(
            call,
            endpoint_id,
            start=start,
            end=end,
            event_types=event_type,
            organization_id=await organizations.id_of(call, organization) or None,
        )

    named = {"endpoint": endpoint_id, "delivery": delivery_id, "organization": organization}
    if delivery_id:
        delivery = running.with_call(one, named=named)
        if as_json:
            running.print_json(_delivery(delivery))
        else:
            running.say(delivery.id)
        return
    queued = running.with_call(many, named=named)
    if as_json:
        running.print_json({"queued": queued})
    else:
        running.say(f"{queued} queued")


def _one_of_states(text: str) -> str:
    from tenantry.events.webhooks.listing import STATES

    if text and text.upper() not in STATES:
        running.fail(f"--state must be {', '.join(STATES)}")
    return text.upper()


def _microseconds(text: str, option: str) -> int | None:
    from datetime import UTC, datetime

    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        running.fail(f"{option} must be a time such as 2026-01-05T14:48:00Z, got {text!r}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "organization_id": delivery.organization_id,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "next_attempt_time": running.moment(delivery.due_time),
        "replay": delivery.replay,
        "test": delivery.body is not None,
        "create_time": running.moment(delivery.create_time),
        "end_time": running.moment(delivery.end_time),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "attempt_time": running.moment(attempt.attempt_time),
        "duration_ms": attempt.duration // 1000,
        "status_code": attempt.status_code,
        "problem": attempt.problem,
        "response": attempt.response,
    }
