"""Deliveries to a webhook endpoint, and sending one once more: the rest of `tenantry webhook`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit, PageToken  # noqa: TC001 - typer reads them
from tenantry.cli.tenants import organizations
from tenantry.cli.tenants.organizations import OfOrganization  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from protobuf.wkt import Timestamp

    from tenantry.api.in_process import InProcessClient
    from tenantry.cli.running import ListResponse
    from tenantry.gen.tenantry.v1.webhooks_pb import (
        DeliveryState,
        WebhookAttempt,
        WebhookDelivery,
    )

EndpointId = Annotated[
    str, typer.Argument(metavar="ENDPOINT_ID", help="The endpoint, whe_ and digits.")
]
EventTypes = Annotated[
    list[str],
    typer.Option("--event-type", "-e", help="Event type; can be repeated."),
]
DeliveryId = Annotated[
    str, typer.Argument(metavar="DELIVERY_ID", help="The delivery, dlv_ and digits.")
]


def send_test(
    endpoint_id: EndpointId,
    event_type: Annotated[
        str, typer.Argument(metavar="EVENT_TYPE", help="Event type.")
    ] = "organization.created",
    *,
    as_json: AsJson = False,
) -> None:
    """Send an example event."""

    async def work(api: InProcessClient) -> tuple[WebhookDelivery, dict[str, Any]]:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        sent = await api.webhooks.send_test_event(
            pb.SendTestEventRequest(endpoint_id=endpoint_id, event_type=event_type)
        )
        assert sent.delivery is not None
        return sent.delivery, running.members_of(sent)["event_payload"]

    delivery, payload = running.with_api(work, named=endpoint_id)
    if as_json:
        running.print_json({"delivery": _delivery(delivery), "event_payload": payload})
        return
    running.say(f"{delivery.id} {delivery.event_type}")
    running.remark(f"`tenantry webhook attempts {endpoint_id} {delivery.id}` shows the result.")


def deliveries(
    endpoint_id: EndpointId,
    *,
    state: Annotated[str, typer.Option(help="Only PENDING, SUCCEEDED or FAILED.")] = "",
    event_type: Annotated[
        str, typer.Option("--event-type", "-e", help="Only this event type.")
    ] = "",
    organization: OfOrganization = "",
    since: Annotated[str, typer.Option(help="Queued at this time or later, RFC 3339.")] = "",
    until: Annotated[str, typer.Option(help="Queued at this time or earlier, RFC 3339.")] = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List an endpoint's deliveries, sent and pending, the newest first."""
    start, end = _time(since, "--since"), _time(until, "--until")

    async def work(api: InProcessClient) -> tuple[list[WebhookDelivery], str, int]:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        narrow: Any = {
            "state": _one_of_states(state),
            "event_type": event_type,
            "organization_id": await organizations.id_in(api, organization),
            "start_time": start,
            "end_time": end,
        }

        async def page(size: int, token: str) -> tuple[list[WebhookDelivery], ListResponse]:
            found = await api.webhooks.list_deliveries(
                pb.ListDeliveriesRequest(
                    endpoint_id=endpoint_id, page_size=size, page_token=token, **narrow
                )
            )
            return found.deliveries, found

        return await running.collected(page, limit=limit, page_token=page_token)

    named = {"endpoint": endpoint_id, "organization": organization}
    found, token, total = running.with_api(work, named=named)
    if as_json:
        running.print_json([_delivery(delivery) for delivery in found])
    else:
        running.print_table(
            ["Delivery", "Event", "State", "Attempts", "Queued", "Next attempt"],
            [
                (
                    d.id,
                    f"{d.event_type}\n{d.event_id}",
                    f"{d.state.name} {d.last_status or ''}",
                    str(d.attempts),
                    running.moment(d.create_time) or "",
                    running.moment(d.next_attempt_time) or "",
                )
                for d in found
            ],
        )
    running.remark_more(len(found), token, total)


def attempts(endpoint_id: EndpointId, delivery_id: DeliveryId, *, as_json: AsJson = False) -> None:
    """List the attempts of a delivery, the oldest first."""

    async def work(api: InProcessClient) -> list[WebhookAttempt]:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        request = pb.ListAttemptsRequest(endpoint_id=endpoint_id, delivery_id=delivery_id)
        return (await api.webhooks.list_attempts(request)).attempts

    found = running.with_api(work, named={"endpoint": endpoint_id, "delivery": delivery_id})
    if as_json:
        running.print_json([_attempt(attempt) for attempt in found])
        return
    running.print_table(
        ["Attempt", "Time", "Took", "Status", "Problem"],
        [
            (
                str(a.number),
                running.moment(a.attempt_time) or "",
                f"{_milliseconds(a)} ms",
                str(a.status_code or "-"),
                a.problem,
            )
            for a in found
        ],
    )


def replay(
    endpoint_id: EndpointId,
    delivery_id: Annotated[
        str,
        typer.Argument(metavar="[DELIVERY_ID]", help="One delivery; omit it to replay a period."),
    ] = "",
    *,
    since: Annotated[str, typer.Option(help="Events of this time or later, RFC 3339.")] = "",
    until: Annotated[str, typer.Option(help="Events of this time or earlier, RFC 3339.")] = "",
    event_type: EventTypes = [],  # noqa: B006
    organization: OfOrganization = "",
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, or all events of a period."""
    start, end = _time(since, "--since"), _time(until, "--until")
    if delivery_id and (since or until or event_type or organization):
        running.fail("a single delivery cannot be combined with filters")
    if not delivery_id and start is None:
        running.fail("specify a delivery, or a period with --since")

    async def one(api: InProcessClient) -> WebhookDelivery:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        request = pb.ReplayDeliveryRequest(endpoint_id=endpoint_id, delivery_id=delivery_id)
        replayed = await api.webhooks.replay_delivery(request)
        assert replayed.delivery is not None
        return replayed.delivery

    async def many(api: InProcessClient) -> int:
        from tenantry.gen.tenantry.v1 import webhooks_pb as pb

        replayed = await api.webhooks.replay_events(
            pb.ReplayEventsRequest(
                endpoint_id=endpoint_id,
                start_time=start,
                end_time=end,
                event_types=event_type,
                organization_id=await organizations.id_in(api, organization) or None,
            )
        )
        return replayed.queued

    named = {"endpoint": endpoint_id, "delivery": delivery_id, "organization": organization}
    if delivery_id:
        delivery = running.with_api(one, named=named)
        if as_json:
            running.print_json(_delivery(delivery))
        else:
            running.say(delivery.id)
        return
    queued = running.with_api(many, named=named)
    if as_json:
        running.print_json({"queued": queued})
    else:
        running.say(f"{queued} queued")


def _one_of_states(text: str) -> DeliveryState:
    from tenantry.gen.tenantry.v1.webhooks_pb import DeliveryState

    if not text:
        return DeliveryState.UNSPECIFIED
    states = [state.name for state in DeliveryState if state is not DeliveryState.UNSPECIFIED]
    if text.upper() not in states:
        running.fail(f"--state must be {', '.join(states)}")
    return DeliveryState[text.upper()]


def _time(text: str, option: str) -> Timestamp | None:
    from datetime import UTC, datetime

    from tenantry.core.times import timestamp

    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        running.fail(f"{option} must be a time such as 2026-01-05T14:48:00Z, got {text!r}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return timestamp(round(moment.timestamp() * 1_000_000))


def _delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "organization_id": delivery.organization_id or None,
        "state": delivery.state.name,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status or None,
        "next_attempt_time": running.moment(delivery.next_attempt_time),
        "replay": delivery.replay,
        "test": delivery.test,
        "create_time": running.moment(delivery.create_time),
        "end_time": running.moment(delivery.end_time),
    }


def _milliseconds(attempt: WebhookAttempt) -> int:
    took = attempt.duration
    return 0 if took is None else took.seconds * 1000 + took.nanos // 1_000_000


def _attempt(attempt: WebhookAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "attempt_time": running.moment(attempt.attempt_time),
        "duration_ms": _milliseconds(attempt),
        "status_code": attempt.status_code or None,
        "problem": attempt.problem or None,
        "response": attempt.response or None,
    }
