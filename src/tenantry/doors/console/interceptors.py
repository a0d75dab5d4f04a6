"""Interceptors: programs of the operator's that are asked on the way of a sign-in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry import errors, strict_json
from tenantry.doors.console import forms
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.events.interceptors.model import API_KEY, OAUTH2, TRIGGERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from tenantry.web import Response

POLICIES = ("FAIL_CLOSED", "FAIL_OPEN")
# How requests authenticate, beside their signature: fields of the forms by the API's members.
_KINDS = {
    API_KEY: ("api_key", {"header_name": "header_name", "api_key": "api_key"}),
    OAUTH2: (
        "oauth2",
        {name: name for name in ("token_url", "client_id", "client_secret", "scope")},
    ),
}
_SECRETS = ("api_key", "client_secret")
_AUTH = ("auth_config_type", "header_name", "token_url", "client_id", "scope")
_MEMBERS = (
    *("display_name", "description", "trigger_point", "api_url", "timeout_ms", "failure_policy"),
)
_TYPED = (*_MEMBERS, *_AUTH)
_FIELDS = {f"interceptor.{name}": name for name in _MEMBERS} | {"data": "data"}
_FIELDS["interceptor.config.auth_config.auth_config_type"] = "auth_config_type"
_FIELDS |= {
    f"interceptor.config.auth_config.{kind}.{member}": name
    for kind, members in _KINDS.values()
    for member, name in members.items()
}
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
            choices=_choices(visit, TRIGGERS),
            ways=_choices(visit, POLICIES),
            auth={},
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and go on to it; its secret is shown when it is rotated."""
        form = visit.request.form()
        try:
            body = {name: value for name, value in _members(form).items() if value}
            config = _config(form)
            if config:
                body["config"] = config
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
            choices=_choices(visit, TRIGGERS),
            ways=_choices(visit, POLICIES),
            auth=_shown(interceptor.get("config", {})),
            here=visit.path("interceptors", id_),
        )

    async def update(self, visit: Visit) -> Response:
        """Change it; secrets stay as they are where nothing is said of its authentication."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        path = visit.path("interceptors", id_)
        try:
            body = _members(form)
            known = (await visit.api.get(_ONE, id_))["interceptor"].get("config", {})
            if "auth_config_type" in form and _is_new(form, known):
                body["config"] = _config(form)
            await visit.api.patch(_ONE, id_, body=body)
        except errors.InvalidArgument as problem:
            return self._door.wrong(visit, problem, path, _FIELDS, _given(form))
        return self._door.done(path, "changed")

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


def _members(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the members that a form has, without empty ones that cannot be cleared."""
    given = {name: form[name].strip() for name in _MEMBERS if name in form}
    body: dict[str, Any] = {
        name: value for name, value in given.items() if value or name != "failure_policy"
    }
    timeout = forms.whole(form, "timeout_ms", "interceptor.timeout_ms")
    body.pop("timeout_ms", None)
    return body if timeout is None else {**body, "timeout_ms": timeout}


def _config(form: Mapping[str, str]) -> dict[str, Any]:
    """Return how requests authenticate at the endpoint; {} for the signature alone."""
    type_ = form.get("auth_config_type", "")
    if type_ not in _KINDS:
        return {}
    kind, members = _KINDS[type_]
    values = {member: form.get(name, "").strip() for member, name in members.items()}
    return {"auth_config": {"auth_config_type": type_, kind: values}}


def _shown(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a form that a configuration has; no secret is among them."""
    auth = config.get("auth_config", {})
    if not auth:
        return {}
    kind, members = _KINDS[auth["auth_config_type"]]
    known = {name: auth.get(kind, {}).get(member, "") for member, name in members.items()}
    return {"auth_config_type": auth["auth_config_type"], **known}


def _is_new(form: Mapping[str, str], known: Mapping[str, Any]) -> bool:
    """Whether a form says another authentication than there is: of it all, or a secret alone."""
    shown, type_ = _shown(known), form.get("auth_config_type", "")
    if type_ != shown.get("auth_config_type", ""):
        return True
    names = _KINDS[type_][1].values() if type_ in _KINDS else ()
    return any(
        bool(form.get(name)) if name in _SECRETS else form.get(name, "").strip() != shown[name]
        for name in names
    )


def _choices(visit: Visit, values: Sequence[str]) -> list[tuple[str, str]]:
    """Return constants of the API with their words, for a choice."""
    return [(one, f"{visit.words.plain(f'constants.{one.lower()}')} ({one})") for one in values]
