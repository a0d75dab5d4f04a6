"""Webhooks: endpoints, their deliveries with all attempts, and events once more."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from protobuf.wkt import Timestamp

from tenantry.core import errors, structs
from tenantry.core.event import PUBLISHED
from tenantry.endpoints.console import activity, forms, names, sorting
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.overview_pb import ActivityMetric
from tenantry.gen.tenantry.v1.webhooks_pb import (
    CreateEndpoint,
    CreateEndpointRequest,
    DeleteEndpointRequest,
    DeliveryState,
    DisableEndpointRequest,
    EnableEndpointRequest,
    GetDeliveryRequest,
    GetEndpointRequest,
    ListAttemptsRequest,
    ListDeliveriesRequest,
    ListEndpointsRequest,
    ReplayDeliveryRequest,
    ReplayEventsRequest,
    RotateEndpointSecretRequest,
    SendTestEventRequest,
    UpdateEndpoint,
    UpdateEndpointRequest,
    WebhookEndpoint,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from protobuf.wkt import Struct

    from tenantry.net.http import Response

_SHOWN = 20
STATES = ("", "PENDING", "SUCCEEDED", "FAILED")
_FIELDS = {
    "endpoint.url": "url",
    "endpoint.description": "description",
    "endpoint.event_types": "types",
    "endpoint.organization_id": "organization_id",
    "start_time": "start",
    "end_time": "end",
    "event_type": "event_type",
}
_TYPED: tuple[str, ...] = ("url", "description", "types")


def pages(site: ConsoleSite) -> list[Page]:
    webhooks, deliveries = _Webhooks(site), _Deliveries(site)
    return [
        Page("GET", "/webhooks", webhooks.listed),
        Page("POST", "/webhooks/create", webhooks.create),
        Page("GET", "/webhooks/{id}", webhooks.show),
        Page("POST", "/webhooks/{id}/update", webhooks.update),
        Page("POST", "/webhooks/{id}/enable", webhooks.enable),
        Page("POST", "/webhooks/{id}/disable", webhooks.disable),
        Page("POST", "/webhooks/{id}/rotate", webhooks.rotate),
        Page("POST", "/webhooks/{id}/test", webhooks.test),
        Page("POST", "/webhooks/{id}/replay", webhooks.replay),
        Page("POST", "/webhooks/{id}/delete", webhooks.delete),
        Page("GET", "/webhooks/{id}/deliveries/{delivery}", deliveries.show),
        Page("POST", "/webhooks/{id}/deliveries/{delivery}/replay", deliveries.replay),
    ]


async def _charts(visit: Visit) -> activity.ChartGrid:
    counts = await activity.load(visit, [ActivityMetric.WEBHOOK_ATTEMPTS])
    path = visit.path("webhooks")
    return activity.grid(
        visit, path, activity.webhooks(counts, ""), activity.webhooks_by_endpoint(counts)
    )


async def _charts_of(visit: Visit, endpoint_id: str) -> activity.ChartGrid:
    metric = ActivityMetric.WEBHOOK_ATTEMPTS
    counts = await activity.load(visit, [metric, ActivityMetric.WEBHOOK_BACKLOG], key=endpoint_id)
    return activity.grid(
        visit,
        visit.path("webhooks", endpoint_id),
        activity.webhooks(counts, ""),
        activity.latency(counts, metric, "attempt_latency"),
        activity.backlog(counts),
    )


class _Webhooks:
    """Handlers of the pages about endpoints."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        listed = await visit.api.webhooks.list_endpoints(
            ListEndpointsRequest(page_size=_SHOWN, page_token=visit.query("page_token"))
        )
        return self._site.render(
            visit,
            "webhooks",
            "webhooks/list.html",
            names=await names.of_rows(visit, listed.endpoints, "organization_id"),
            listed=listed,
            endpoint=WebhookEndpoint(),
            types=tuple(PUBLISHED),
            charts=await _charts(visit) if listed.endpoints else None,
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and show its secret, this once."""
        form = visit.request.form()
        endpoint = CreateEndpoint(
            url=form.get("url", "").strip(),
            description=form.get("description", "").strip(),
            event_types=forms.words_of(form.get("types", "")),
            organization_id=form.get("organization_id", "").strip() or None,
            ordered="ordered" in form,
        )
        try:
            made = await visit.api.webhooks.create_endpoint(
                CreateEndpointRequest(endpoint=endpoint)
            )
        except errors.InvalidArgument as problem:
            given = {name: form.get(name, "") for name in (*_TYPED, "organization_id")}
            return self._site.wrong(visit, problem, visit.path("webhooks"), _FIELDS, given)
        assert made.endpoint is not None
        return self._secret(visit, made.endpoint.id, made.secret)

    async def show(self, visit: Visit) -> Response:
        """Show one with its deliveries."""
        id_ = visit.request.params["id"]
        found = await visit.api.webhooks.get_endpoint(GetEndpointRequest(endpoint_id=id_))
        state = visit.query("state")
        query = {"state": state} if state in STATES[1:] else {}
        order = sorting.paged(visit, visit.path("webhooks", id_), query)
        listed = await visit.api.webhooks.list_deliveries(
            ListDeliveriesRequest(
                endpoint_id=id_,
                state=DeliveryState[state] if query else DeliveryState.UNSPECIFIED,
                page_size=_SHOWN,
                page_token=order.page_token,
            )
        )
        order.arrange(listed, listed.deliveries)
        return self._site.render(
            visit,
            "webhooks",
            "webhooks/one.html",
            names=await names.of_rows(
                visit, [*listed.deliveries, found.endpoint], "organization_id"
            ),
            endpoint=found.endpoint,
            listed=listed,
            order=order,
            query=query,
            states=STATES,
            types=tuple(PUBLISHED),
            here=visit.path("webhooks", id_),
            charts=await _charts_of(visit, id_),
        )

    async def update(self, visit: Visit) -> Response:
        """Change where it goes to and what it gets."""
        form = visit.request.form()
        event_types = forms.words_of(form.get("types", ""))
        endpoint = UpdateEndpoint(
            url=form.get("url", "").strip(),
            description=form.get("description", "").strip(),
            event_types=event_types,
            all_event_types=not event_types,
            ordered="ordered" in form,
        )
        request = UpdateEndpointRequest(endpoint_id=visit.request.params["id"], endpoint=endpoint)
        return await self._send(visit, visit.api.webhooks.update_endpoint(request), "changed")

    async def enable(self, visit: Visit) -> Response:
        """Let it have events."""
        request = EnableEndpointRequest(endpoint_id=visit.request.params["id"])
        return await self._send(
            visit,
            visit.api.webhooks.enable_endpoint(request),
            "enabled",
            undoing.of_switch(visit.request.path),
        )

    async def disable(self, visit: Visit) -> Response:
        """Stop deliveries."""
        request = DisableEndpointRequest(endpoint_id=visit.request.params["id"])
        return await self._send(
            visit,
            visit.api.webhooks.disable_endpoint(request),
            "disabled",
            undoing.of_switch(visit.request.path),
        )

    async def rotate(self, visit: Visit) -> Response:
        """Give it a new secret and show it, this once."""
        id_ = visit.request.params["id"]
        made = await visit.api.webhooks.rotate_endpoint_secret(
            RotateEndpointSecretRequest(endpoint_id=id_)
        )
        return self._secret(visit, id_, made.secret)

    async def test(self, visit: Visit) -> Response:
        """Send an example."""
        request = SendTestEventRequest(
            endpoint_id=visit.request.params["id"],
            event_type=visit.request.form().get("event_type", ""),
        )
        return await self._send(visit, visit.api.webhooks.send_test_event(request), "queued")

    async def replay(self, visit: Visit) -> Response:
        """Send the events of a time once more."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        try:
            request = ReplayEventsRequest(
                endpoint_id=id_,
                start_time=_time(form, "start", "start_time"),
                end_time=_time(form, "end", "end_time"),
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, visit.path("webhooks", id_), _FIELDS)
        return await self._send(visit, visit.api.webhooks.replay_events(request), "queued")

    async def delete(self, visit: Visit) -> Response:
        """Delete it with its deliveries."""
        request = DeleteEndpointRequest(endpoint_id=visit.request.params["id"])
        call = visit.api.webhooks.delete_endpoint(request)
        return await forms.send(self._site, visit, call, visit.path("webhooks"), "deleted")

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[object],
        change: str,
        undo: undoing.Undo | None = None,
    ) -> Response:
        path = visit.path("webhooks", visit.request.params["id"])
        form = visit.request.form()
        given = {name: form.get(name, "") for name in _TYPED if name in form}
        return await forms.send(
            self._site, visit, call, path, change, fields=_FIELDS, given=given, undo=undo
        )

    def _secret(self, visit: Visit, endpoint_id: str, secret: str) -> Response:
        path = visit.path("webhooks", endpoint_id)
        return self._site.render(visit, "webhooks", "secret.html", secret=secret, onward=path)


class _Deliveries:
    """Handlers of the pages about deliveries."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show one with its attempts."""
        params = visit.request.params
        endpoint_id, delivery_id = params["id"], params["delivery"]
        found = await visit.api.webhooks.get_delivery(
            GetDeliveryRequest(endpoint_id=endpoint_id, delivery_id=delivery_id)
        )
        attempts = await visit.api.webhooks.list_attempts(
            ListAttemptsRequest(endpoint_id=endpoint_id, delivery_id=delivery_id)
        )
        payload, delivery = found.event_payload, found.delivery
        return self._site.render(
            visit,
            "webhooks",
            "webhooks/delivery.html",
            names=await names.of_rows(visit, [delivery], "endpoint_id", "organization_id"),
            delivery=delivery,
            payload="" if payload is None else _written(payload),
            attempts=attempts.attempts,
            endpoint_path=visit.path("webhooks", params["id"]),
            here=visit.path("webhooks", params["id"], "deliveries", params["delivery"]),
        )

    async def replay(self, visit: Visit) -> Response:
        """Send it once more."""
        params = visit.request.params
        request = ReplayDeliveryRequest(endpoint_id=params["id"], delivery_id=params["delivery"])
        call = visit.api.webhooks.replay_delivery(request)
        path = visit.path("webhooks", params["id"])
        return await forms.send(self._site, visit, call, path, "queued")


def _time(form: Mapping[str, str], name: str, path: str) -> Timestamp | None:
    """Return the time of a field, which is in UTC; ``path`` is its name in the API."""
    text = form.get(name, "")
    if not text:
        return None
    try:
        return Timestamp.from_datetime(datetime.fromisoformat(f"{text}+00:00"))
    except ValueError:
        expected = "must be a time such as 2026-01-05T14:48"
        raise errors.InvalidArgument.field(path, "type", expected) from None


def _written(payload: Struct) -> str:
    return json.dumps(structs.members(payload), ensure_ascii=False, indent=2)
