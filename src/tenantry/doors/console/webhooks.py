"""Webhooks: endpoints, their deliveries with all attempts, and events once more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import forms
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.event import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.web import Response

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
_ONE = "/webhooks/endpoints/{}"


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    webhooks, deliveries = _Webhooks(door), _Deliveries(door)
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


class _Webhooks:
    """Handlers of the pages about endpoints."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them."""
        listed = await visit.api.get(
            "/webhooks/endpoints",
            page_size=_SHOWN,
            page_token=visit.query("page_token") or None,
        )
        return self._door.render(
            visit, "webhooks", "webhooks/list.html", listed=listed, types=tuple(PUBLISHED)
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and show its secret, this once."""
        form = visit.request.form()
        body = _endpoint(form)
        if organization_id := form.get("organization_id", "").strip():
            body["organization_id"] = organization_id
        try:
            made = await visit.api.post("/webhooks/endpoints", body=body)
        except errors.InvalidArgument as problem:
            given = {name: form.get(name, "") for name in (*_TYPED, "organization_id")}
            return self._door.wrong(visit, problem, visit.path("webhooks"), _FIELDS, given)
        return _secret(self._door, visit, made)

    async def show(self, visit: Visit) -> Response:
        """Show one with its deliveries."""
        id_ = visit.request.params["id"]
        endpoint = (await visit.api.get(_ONE, id_))["endpoint"]
        state = visit.query("state")
        query = {"state": state} if state in STATES[1:] else {}
        listed = await visit.api.get(
            f"{_ONE}/deliveries",
            id_,
            page_size=_SHOWN,
            page_token=visit.query("page_token") or None,
            **query,
        )
        return self._door.render(
            visit,
            "webhooks",
            "webhooks/one.html",
            endpoint=endpoint,
            listed=listed,
            query=query,
            states=STATES,
            types=tuple(PUBLISHED),
            here=visit.path("webhooks", id_),
        )

    async def update(self, visit: Visit) -> Response:
        """Change where it goes to and what it gets."""
        form = visit.request.form()
        body = _endpoint(form)
        body["all_event_types"] = not body["event_types"]
        return await self._send(
            visit, visit.api.patch(_ONE, visit.request.params["id"], body=body), "changed"
        )

    async def enable(self, visit: Visit) -> Response:
        """Let it have events."""
        call = visit.api.patch(f"{_ONE}:enable", visit.request.params["id"])
        return await self._send(visit, call, "enabled")

    async def disable(self, visit: Visit) -> Response:
        """Stop deliveries."""
        call = visit.api.patch(f"{_ONE}:disable", visit.request.params["id"])
        return await self._send(visit, call, "disabled")

    async def rotate(self, visit: Visit) -> Response:
        """Give it a new secret and show it, this once."""
        made = await visit.api.post(f"{_ONE}/secret:rotate", visit.request.params["id"])
        return _secret(self._door, visit, made)

    async def test(self, visit: Visit) -> Response:
        """Send an example."""
        body = {"event_type": visit.request.form().get("event_type", "")}
        call = visit.api.post(f"{_ONE}:test", visit.request.params["id"], body=body)
        return await self._send(visit, call, "queued")

    async def replay(self, visit: Visit) -> Response:
        """Send the events of a time once more."""
        form = visit.request.form()
        body = {
            name: moment
            for name, given in (("start_time", "start"), ("end_time", "end"))
            if (moment := _moment(form.get(given, "")))
        }
        call = visit.api.post(f"{_ONE}:replay", visit.request.params["id"], body=body)
        return await self._send(visit, call, "queued")

    async def delete(self, visit: Visit) -> Response:
        """Delete it with its deliveries."""
        call = visit.api.delete(_ONE, visit.request.params["id"])
        return await forms.send(self._door, visit, call, visit.path("webhooks"), "deleted")

    async def _send(self, visit: Visit, call: Any, change: str) -> Response:
        path = visit.path("webhooks", visit.request.params["id"])
        form = visit.request.form()
        given = {name: form.get(name, "") for name in _TYPED if name in form}
        return await forms.send(self._door, visit, call, path, change, fields=_FIELDS, given=given)


class _Deliveries:
    """Handlers of the pages about deliveries."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show one with its attempts."""
        params = visit.request.params
        names = (params["id"], params["delivery"])
        found = await visit.api.get(f"{_ONE}/deliveries/{{}}", *names)
        attempts = await visit.api.get(f"{_ONE}/deliveries/{{}}/attempts", *names)
        payload = found.get("event_payload")
        return self._door.render(
            visit,
            "webhooks",
            "webhooks/delivery.html",
            delivery=found["delivery"],
            payload=json.dumps(payload, ensure_ascii=False, indent=2) if payload else "",
            attempts=attempts.get("attempts", []),
            endpoint_path=visit.path("webhooks", params["id"]),
            here=visit.path("webhooks", params["id"], "deliveries", params["delivery"]),
        )

    async def replay(self, visit: Visit) -> Response:
        """Send it once more."""
        params = visit.request.params
        call = visit.api.post(
            f"{_ONE}/deliveries/{{}}:replay", params["id"], params["delivery"], body={}
        )
        path = visit.path("webhooks", params["id"])
        return await forms.send(self._door, visit, call, path, "queued")


def _endpoint(form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "url": form.get("url", "").strip(),
        "description": form.get("description", "").strip(),
        "event_types": forms.words_of(form.get("types", "")),
        "ordered": "ordered" in form,
    }


def _moment(text: str) -> str:
    """Return a field's time, which is by UTC, as the API takes it."""
    return f"{text}{':00' if text.count(':') == 1 else ''}Z" if text else ""


def _secret(door: Door, visit: Visit, made: Mapping[str, Any]) -> Response:
    path = visit.path("webhooks", made["endpoint"]["id"])
    return door.render(visit, "webhooks", "secret.html", secret=made["secret"], onward=path)
