"""WebhookService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from protobuf.wkt import Duration, Empty, Struct

from tenantry.core import errors
from tenantry.core.times import microseconds, timestamp
from tenantry.events.webhooks import listing, service
from tenantry.events.webhooks.deliveries import on_demand
from tenantry.gen.tenantry.v1 import webhooks_pb as pb

if TYPE_CHECKING:
    from protobuf.wkt import Timestamp

    from tenantry.call import Call
    from tenantry.events.webhooks.records import Attempt, Delivery, Endpoint

_NO_TIME = "is not within the years 1 to 9999"


class WebhookService:
    """One async method per rpc; ``allow`` are the private networks that may be sent to."""

    def __init__(self, *, allow: tuple[str, ...]) -> None:
        self._allow = allow

    async def create_endpoint(
        self, request: pb.CreateEndpointRequest, call: Call
    ) -> pb.CreateEndpointResponse:
        new = request.endpoint
        assert new is not None
        endpoint, secret = await service.create(
            call,
            {
                "url": new.url,
                "description": new.description,
                "event_types": new.event_types,
                "ordered": new.ordered,
            },
            organization_id=new.organization_id if new.has_field("organization_id") else None,
            enabled=not new.disabled,
            allow=self._allow,
        )
        return pb.CreateEndpointResponse(endpoint=_answer(call, endpoint), secret=secret)

    async def get_endpoint(
        self, request: pb.GetEndpointRequest, call: Call
    ) -> pb.GetEndpointResponse:
        endpoint = await service.get(call.db, request.endpoint_id)
        return pb.GetEndpointResponse(endpoint=_answer(call, endpoint))

    async def list_endpoints(
        self, request: pb.ListEndpointsRequest, call: Call
    ) -> pb.ListEndpointsResponse:
        page = await listing.endpoints(
            call,
            request.organization_id or None,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListEndpointsResponse(
            endpoints=[_endpoint(endpoint) for endpoint in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
            total_size=page.total_size,
        )

    async def update_endpoint(
        self, request: pb.UpdateEndpointRequest, call: Call
    ) -> pb.UpdateEndpointResponse:
        assert request.endpoint is not None
        endpoint = await service.change(
            call, request.endpoint_id, _changes(request.endpoint), allow=self._allow
        )
        return pb.UpdateEndpointResponse(endpoint=_answer(call, endpoint))

    async def delete_endpoint(self, request: pb.DeleteEndpointRequest, call: Call) -> Empty:
        await service.remove(call, request.endpoint_id)
        return Empty()

    async def enable_endpoint(
        self, request: pb.EnableEndpointRequest, call: Call
    ) -> pb.EnableEndpointResponse:
        endpoint = await service.enable(call, request.endpoint_id)
        return pb.EnableEndpointResponse(endpoint=_answer(call, endpoint))

    async def disable_endpoint(
        self, request: pb.DisableEndpointRequest, call: Call
    ) -> pb.DisableEndpointResponse:
        endpoint = await service.disable(call, request.endpoint_id)
        return pb.DisableEndpointResponse(endpoint=_answer(call, endpoint))

    async def rotate_endpoint_secret(
        self, request: pb.RotateEndpointSecretRequest, call: Call
    ) -> pb.RotateEndpointSecretResponse:
        endpoint, secret = await service.rotate_secret(call, request.endpoint_id)
        return pb.RotateEndpointSecretResponse(endpoint=_answer(call, endpoint), secret=secret)

    async def send_test_event(
        self, request: pb.SendTestEventRequest, call: Call
    ) -> pb.SendTestEventResponse:
        delivery, payload = await on_demand.send_test_event(
            call, request.endpoint_id, request.event_type or on_demand.TEST_EVENT
        )
        return pb.SendTestEventResponse(
            delivery=_delivery(delivery), event_payload=_struct(payload)
        )

    async def list_deliveries(
        self, request: pb.ListDeliveriesRequest, call: Call
    ) -> pb.ListDeliveriesResponse:
        page = await listing.deliveries(
            call,
            request.endpoint_id,
            listing.Filter(
                state="" if request.state == pb.DeliveryState.UNSPECIFIED else request.state.name,
                event_type=request.event_type,
                organization_id=request.organization_id,
                start_time=microseconds(request.start_time, "start_time", refusal=_NO_TIME),
                end_time=microseconds(request.end_time, "end_time", refusal=_NO_TIME),
            ),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListDeliveriesResponse(
            deliveries=[_delivery(delivery) for delivery in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )

    async def get_delivery(
        self, request: pb.GetDeliveryRequest, call: Call
    ) -> pb.GetDeliveryResponse:
        delivery = await listing.delivery(call.db, request.endpoint_id, request.delivery_id)
        payload = await listing.payload(call.db, delivery)
        return pb.GetDeliveryResponse(
            delivery=_delivery(delivery),
            event_payload=None if payload is None else _struct(payload),
        )

    async def list_attempts(
        self, request: pb.ListAttemptsRequest, call: Call
    ) -> pb.ListAttemptsResponse:
        attempts = await listing.attempts(call.db, request.endpoint_id, request.delivery_id)
        return pb.ListAttemptsResponse(attempts=[_attempt(attempt) for attempt in attempts])

    async def replay_delivery(
        self, request: pb.ReplayDeliveryRequest, call: Call
    ) -> pb.ReplayDeliveryResponse:
        delivery = await on_demand.replay_delivery(call, request.endpoint_id, request.delivery_id)
        return pb.ReplayDeliveryResponse(delivery=_delivery(delivery))

    async def replay_events(
        self, request: pb.ReplayEventsRequest, call: Call
    ) -> pb.ReplayEventsResponse:
        start = microseconds(request.start_time, "start_time", refusal=_NO_TIME)
        assert start is not None
        queued = await on_demand.replay_events(
            call,
            request.endpoint_id,
            start=start,
            end=microseconds(request.end_time, "end_time", refusal=_NO_TIME),
            event_types=request.event_types,
            organization_id=(
                request.organization_id if request.has_field("organization_id") else None
            ),
        )
        return pb.ReplayEventsResponse(queued=queued)


def _changes(given: pb.UpdateEndpoint) -> dict[str, Any]:
    """Return the members to change: those that are present."""
    changes: dict[str, Any] = {
        name: getattr(given, name)
        for name in ("url", "description", "ordered")
        if given.has_field(name)
    }
    if given.event_types and given.all_event_types:
        raise errors.InvalidArgument.field(
            "endpoint.all_event_types", "oneof", "cannot be given together with event_types"
        )
    if given.event_types or given.all_event_types:
        changes["event_types"] = given.event_types
    return changes


def _answer(call: Call, endpoint: Endpoint) -> pb.WebhookEndpoint:
    call.tag(endpoint.revision)
    return _endpoint(endpoint)


def _endpoint(endpoint: Endpoint) -> pb.WebhookEndpoint:
    return pb.WebhookEndpoint(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        event_types=list(endpoint.event_types),
        organization_id=endpoint.organization_id,
        enabled=endpoint.enabled,
        ordered=endpoint.ordered,
        disabled_reason=endpoint.disabled_reason or "",
        failing_since=_timestamp(endpoint.failing_since),
        previous_secret_expire_time=_timestamp(endpoint.previous_secret_expire_time),
        create_time=timestamp(endpoint.create_time),
        update_time=timestamp(endpoint.update_time),
    )


def _delivery(delivery: Delivery) -> pb.WebhookDelivery:
    return pb.WebhookDelivery(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        organization_id=delivery.organization_id,
        state=pb.DeliveryState[delivery.state],
        attempts=delivery.attempts,
        last_status=delivery.last_status or 0,
        next_attempt_time=_timestamp(delivery.due_time),
        replay=delivery.replay,
        test=delivery.body is not None,
        create_time=timestamp(delivery.create_time),
        end_time=_timestamp(delivery.end_time),
    )


def _attempt(attempt: Attempt) -> pb.WebhookAttempt:
    seconds, rest = divmod(attempt.duration, 1_000_000)
    return pb.WebhookAttempt(
        number=attempt.number,
        attempt_time=timestamp(attempt.attempt_time),
        duration=Duration(seconds=seconds, nanos=rest * 1000),
        status_code=attempt.status_code or 0,
        problem=attempt.problem or "",
        response=attempt.response or "",
    )


def _timestamp(microseconds: int | None) -> Timestamp | None:
    return None if microseconds is None else timestamp(microseconds)


def _struct(plain: dict[str, Any]) -> Struct:
    return Struct.from_json(json.dumps(plain))
