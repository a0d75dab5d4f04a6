"""Interceptors: programs of the operator's that are asked on the way of a sign-in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry import errors, strict_json
from tenantry.doors.console import forms
from tenantry.doors.console.visit import Door, Page, Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.web import Response

POINTS = (
    *("PRE_SIGNUP", "PRE_SESSION_CREATION", "PRE_USER_INVITATION", "PRE_M2M_TOKEN_CREATION"),
    *("POST_USER_AUTHENTICATION", "ACCESS_TOKEN_CREATION"),
)
POLICIES = ("FAIL_CLOSED", "FAIL_OPEN")
_TYPED = ("display_name", "trigger_point", "api_url", "timeout_ms", "failure_policy")
_FIELDS = {f"interceptor.{name}": name for name in _TYPED} | {"data": "data"}
_SHOWN = 20
_ONE = "/interceptors/{}"


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    interceptors = _Interceptors(door)
    return [
        Page("GET", "/interceptors", interceptors.listed),
        Page("POST", "/interceptors/create", interceptors.create),
        Page("GET", "/interceptors/{id}", interceptors.show),
        Page("POST", "/interceptors/{id}/update", interceptors.update),
        Page("POST", "/interceptors/{id}/enable", interceptors.enable),
        Page("POST", "/interceptors/{id}/disable", interceptors.disable),
        Page("POST", "/interceptors/{id}/rotate", interceptors.rotate),
        Page("POST", "/interceptors/{id}/test", interceptors.test),
        Page("POST", "/interceptors/{id}/delete", interceptors.delete),
    ]


class _Interceptors:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them."""
        listed = await visit.api.get(
            "/interceptors", page_size=_SHOWN, page_token=visit.query("page_token") or None
        )
        return self._door.render(
            visit,
            "interceptors",
            "interceptors/list.html",
            listed=listed,
            choices=[(one, one) for one in POINTS],
            ways=[(one, one) for one in POLICIES],
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and go on to it; its secret is shown when it is rotated."""
        form = visit.request.form()
        body = _interceptor(form)
        try:
            made = await visit.api.post("/interceptors", body=body)
        except (errors.InvalidArgument, errors.Duplicate) as problem:
            return self._door.wrong(
                visit, problem, visit.path("interceptors"), _FIELDS, _given(form)
            )
        return self._door.done(visit.path("interceptors", made["interceptor"]["id"]), "created")

    async def show(self, visit: Visit) -> Response:
        """Show one with its calls."""
        return await self._show(visit, None)

    async def _show(self, visit: Visit, tested: str | None) -> Response:
        id_ = visit.request.params["id"]
        interceptor = (await visit.api.get(_ONE, id_))["interceptor"]
        calls = await visit.api.post(
            "/events/paginated",
            body={"event_types": ["interceptor.executed"], "interceptor_id": id_},
            page_size=_SHOWN,
            page_token=visit.query("page_token") or None,
        )
        return self._door.render(
            visit,
            "interceptors",
            "interceptors/one.html",
            interceptor=interceptor,
            calls=calls,
            tested=tested,
            choices=[(one, one) for one in POINTS],
            ways=[(one, one) for one in POLICIES],
            here=visit.path("interceptors", id_),
        )

    async def update(self, visit: Visit) -> Response:
        """Change it."""
        form = visit.request.form()
        call = visit.api.patch(_ONE, visit.request.params["id"], body=_interceptor(form))
        return await self._send(visit, call, "changed", _given(form))

    async def enable(self, visit: Visit) -> Response:
        """Have it asked."""
        call = visit.api.patch(f"{_ONE}:enable", visit.request.params["id"])
        return await self._send(visit, call, "enabled")

    async def disable(self, visit: Visit) -> Response:
        """Have it asked no more."""
        call = visit.api.patch(f"{_ONE}:disable", visit.request.params["id"])
        return await self._send(visit, call, "disabled")

    async def rotate(self, visit: Visit) -> Response:
        """Give it a new secret and show it, this once."""
        id_ = visit.request.params["id"]
        made = await visit.api.post(f"{_ONE}/secret:rotate", id_)
        return self._door.render(
            visit,
            "interceptors",
            "secret.html",
            secret=made["secret"],
            onward=visit.path("interceptors", id_),
        )

    async def test(self, visit: Visit) -> Response:
        """Ask it with given data, and show what it answers."""
        id_, text = visit.request.params["id"], visit.request.form().get("data", "")
        try:
            answer = await visit.api.post(f"{_ONE}/test", id_, body=_object(text))
        except errors.InvalidArgument as problem:
            path = visit.path("interceptors", id_)
            return self._door.wrong(visit, problem, path, _FIELDS, {"data": text})
        return await self._show(visit, json.dumps(answer, ensure_ascii=False, indent=2))

    async def delete(self, visit: Visit) -> Response:
        """Delete it."""
        call = visit.api.delete(_ONE, visit.request.params["id"])
        return await forms.send(self._door, visit, call, visit.path("interceptors"), "deleted")

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[Any],
        change: str,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        path = visit.path("interceptors", visit.request.params["id"])
        return await forms.send(self._door, visit, call, path, change, fields=_FIELDS, given=given)


def _object(text: str) -> dict[str, Any]:
    try:
        data = strict_json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise errors.InvalidArgument.field("data", "json", "must be an object in JSON")
    return data


def _given(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").strip() for name in _TYPED}


def _interceptor(form: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {name: value for name, value in _given(form).items() if value}
    if str(body.get("timeout_ms", "")).isdecimal():
        body["timeout_ms"] = int(body["timeout_ms"])
    return body
