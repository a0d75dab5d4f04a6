"""Interceptors: programs of the operator's that are asked on the way of a sign-in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, TypeVar

from protobuf import Oneof, message_to_json_value
from protobuf.wkt import Struct

from tenantry.core import errors, strict_json, structs
from tenantry.endpoints.console import forms, names
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.events.interceptors.model import API_KEY, OAUTH2, TRIGGERS
from tenantry.gen.scalekit.v1.events.events_pb import EventFilter, ListEventsPaginatedRequest
from tenantry.gen.scalekit.v1.interceptors.interceptors_pb import (
    ApiKeyAuth,
    AuthConfigType,
    AuthenticationConfig,
    Config,
    CreateInterceptor,
    CreateInterceptorRequest,
    DeleteInterceptorRequest,
    DisableInterceptorRequest,
    EnableInterceptorRequest,
    FailurePolicy,
    GetInterceptorRequest,
    Interceptor,
    ListInterceptorsRequest,
    Oauth2Auth,
    TestInterceptorRequest,
    TriggerPoint,
    UpdateInterceptor,
    UpdateInterceptorRequest,
)
from tenantry.gen.tenantry.v1.interceptor_secrets_pb import RotateInterceptorSecretRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from tenantry.gen.scalekit.v1.interceptors.interceptors_pb import TestInterceptorResponse
    from tenantry.net.http import Response

_Constant = TypeVar("_Constant", TriggerPoint, FailurePolicy)

POLICIES = ("FAIL_CLOSED", "FAIL_OPEN")
# How requests authenticate, beside their signature, and the fields of each way.
_KINDS = {
    API_KEY: ("header_name", "api_key"),
    OAUTH2: ("token_url", "client_id", "client_secret", "scope"),
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
    f"interceptor.config.auth_config.{kind.lower()}.{name}": name
    for kind, names in _KINDS.items()
    for name in names
}
_SHOWN = 20


def pages(site: ConsoleSite) -> list[Page]:
    interceptors = _Interceptors(site)
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
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        listed = await visit.api.interceptors.list_interceptors(
            ListInterceptorsRequest(page_size=_SHOWN, page_token=visit.query("page_token") or None)
        )
        return self._site.render(
            visit,
            "interceptors",
            "interceptors/list.html",
            listed=listed,
            interceptor=Interceptor(),
            choices=_choices(visit, TRIGGERS),
            ways=_choices(visit, POLICIES),
            auth={},
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and go on to it; its secret is shown when it is rotated."""
        form = visit.request.form()
        try:
            interceptor = CreateInterceptor(
                display_name=form.get("display_name", "").strip(),
                description=form.get("description", "").strip(),
                trigger_point=_constant(TriggerPoint, form, "trigger_point")
                or TriggerPoint.UNSPECIFIED,
                api_url=form.get("api_url", "").strip() or None,
                config=_config(form) if form.get("auth_config_type") in _KINDS else None,
                timeout_ms=forms.whole(form, "timeout_ms", "interceptor.timeout_ms") or None,
                failure_policy=_constant(FailurePolicy, form, "failure_policy"),
            )
            made = await visit.api.interceptors.create_interceptor(
                CreateInterceptorRequest(interceptor=interceptor)
            )
        except (errors.InvalidArgument, errors.Duplicate) as problem:
            return self._site.wrong(
                visit, problem, visit.path("interceptors"), _FIELDS, _given(form)
            )
        assert made.interceptor is not None
        path = visit.path("interceptors", made.interceptor.id)
        return self._site.done(path, "created", made.interceptor.display_name)

    async def show(self, visit: Visit) -> Response:
        """Show one with its calls."""
        return await self._show(visit, None)

    async def _show(self, visit: Visit, tested: str | None) -> Response:
        id_ = visit.request.params["id"]
        interceptor = await self._interceptor(visit)
        calls = await visit.api.events.list_events_paginated(
            ListEventsPaginatedRequest(
                filter=EventFilter(event_types=["interceptor.executed"], interceptor_id=id_),
                page_size=_SHOWN,
                page_token=visit.query("page_token"),
            )
        )
        return self._site.render(
            visit,
            "interceptors",
            "interceptors/one.html",
            names=await names.of_rows(visit, calls.events, "organization_id"),
            interceptor=interceptor,
            calls=calls,
            executed=[(one, structs.members(one.data or Struct())) for one in calls.events],
            tested=tested,
            choices=_choices(visit, TRIGGERS),
            ways=_choices(visit, POLICIES),
            auth=_authentication_fields(interceptor),
            here=visit.path("interceptors", id_),
        )

    async def update(self, visit: Visit) -> Response:
        """Change it; secrets stay as they are where nothing is said of its authentication."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        path = visit.path("interceptors", id_)
        try:
            timeout_ms = forms.whole(form, "timeout_ms", "interceptor.timeout_ms")
            known = await self._interceptor(visit)
            is_new = "auth_config_type" in form and _is_new(form, known)
            interceptor = UpdateInterceptor(
                display_name=_text(form, "display_name"),
                description=_text(form, "description"),
                trigger_point=_constant(TriggerPoint, form, "trigger_point"),
                api_url=_text(form, "api_url"),
                config=_config(form) if is_new else None,
                timeout_ms=timeout_ms,
                failure_policy=_constant(FailurePolicy, form, "failure_policy"),
            )
            await visit.api.interceptors.update_interceptor(
                UpdateInterceptorRequest(id=id_, interceptor=interceptor)
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, _FIELDS, _given(form))
        return self._site.done(path, "changed")

    async def enable(self, visit: Visit) -> Response:
        """Have it asked."""
        request = EnableInterceptorRequest(id=visit.request.params["id"])
        call = visit.api.interceptors.enable_interceptor(request)
        return await self._send(visit, call, "enabled", undoing.of_switch(visit.request.path))

    async def disable(self, visit: Visit) -> Response:
        """Have it asked no more."""
        request = DisableInterceptorRequest(id=visit.request.params["id"])
        call = visit.api.interceptors.disable_interceptor(request)
        return await self._send(visit, call, "disabled", undoing.of_switch(visit.request.path))

    async def rotate(self, visit: Visit) -> Response:
        """Give it a new secret and show it, this once."""
        id_ = visit.request.params["id"]
        request = RotateInterceptorSecretRequest(id=id_)
        made = await visit.api.interceptor_secrets.rotate_interceptor_secret(request)
        return self._site.render(
            visit,
            "interceptors",
            "secret.html",
            secret=made.secret,
            onward=visit.path("interceptors", id_),
        )

    async def test(self, visit: Visit) -> Response:
        """Ask it with given data, and show what it answers."""
        id_, text = visit.request.params["id"], visit.request.form().get("data", "")
        try:
            answer = await visit.api.interceptors.test_interceptor(
                TestInterceptorRequest(id=id_, data=_object(text))
            )
        except errors.InvalidArgument as problem:
            path = visit.path("interceptors", id_)
            return self._site.wrong(visit, problem, path, _FIELDS, {"data": text})
        return await self._show(visit, _written(answer))

    async def delete(self, visit: Visit) -> Response:
        request = DeleteInterceptorRequest(id=visit.request.params["id"])
        call = visit.api.interceptors.delete_interceptor(request)
        return await forms.send(self._site, visit, call, visit.path("interceptors"), "deleted")

    async def _interceptor(self, visit: Visit) -> Interceptor:
        request = GetInterceptorRequest(id=visit.request.params["id"])
        found = (await visit.api.interceptors.get_interceptor(request)).interceptor
        assert found is not None
        return found

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[object],
        change: str,
        undo: undoing.Undo | None = None,
    ) -> Response:
        path = visit.path("interceptors", visit.request.params["id"])
        return await forms.send(self._site, visit, call, path, change, fields=_FIELDS, undo=undo)


def _object(text: str) -> Struct:
    try:
        data = strict_json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise errors.InvalidArgument.field("data", "json", "must be a JSON object")
    return Struct.from_python(data)


def _written(answer: TestInterceptorResponse) -> str:
    members = message_to_json_value(answer, use_proto_field_name=True, always_emit_implicit=True)
    return json.dumps(structs.whole_numbers(members), ensure_ascii=False, indent=2)


def _given(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").strip() for name in _TYPED}


def _text(form: Mapping[str, str], name: str) -> str | None:
    return form[name].strip() if name in form else None


def _constant(kind: type[_Constant], form: Mapping[str, str], name: str) -> _Constant | None:
    """Return the constant of a field, None where it is empty."""
    text = form.get(name, "").strip()
    if not text:
        return None
    if text not in kind.__members__:
        raise errors.InvalidArgument.field(f"interceptor.{name}", "enum", "is not a valid value")
    return kind[text]


def _config(form: Mapping[str, str]) -> Config:
    """Return how requests authenticate at the endpoint; an empty one for the signature alone."""
    given = {name: form.get(name, "").strip() for names in _KINDS.values() for name in names}
    match form.get("auth_config_type", ""):
        case "API_KEY":
            key: Oneof[Literal["api_key"], ApiKeyAuth] = Oneof(
                "api_key", ApiKeyAuth(header_name=given["header_name"], api_key=given["api_key"])
            )
            auth = AuthenticationConfig(auth_config=key, auth_config_type=AuthConfigType.API_KEY)
        case "OAUTH2":
            client: Oneof[Literal["oauth2"], Oauth2Auth] = Oneof(
                "oauth2",
                Oauth2Auth(
                    token_url=given["token_url"],
                    client_id=given["client_id"],
                    client_secret=given["client_secret"],
                    scope=given["scope"],
                ),
            )
            auth = AuthenticationConfig(auth_config=client, auth_config_type=AuthConfigType.OAUTH2)
        case _:
            return Config()
    return Config(auth_config=auth)


def _authentication_fields(interceptor: Interceptor) -> dict[str, str]:
    """Return the fields of a form about its authentication; no secret is among them."""
    auth = interceptor.config.auth_config if interceptor.config is not None else None
    if auth is None or auth.auth_config is None:
        return {}
    match auth.auth_config.value:
        case ApiKeyAuth() as key:
            known = {"header_name": key.header_name}
        case Oauth2Auth() as client:
            known = {
                "token_url": client.token_url,
                "client_id": client.client_id,
                "scope": client.scope,
            }
    return {"auth_config_type": auth.auth_config_type.name, **known}


def _is_new(form: Mapping[str, str], known: Interceptor) -> bool:
    """Whether a form says another authentication than there is: of it all, or a secret alone."""
    shown, type_ = _authentication_fields(known), form.get("auth_config_type", "")
    if type_ != shown.get("auth_config_type", ""):
        return True
    return any(
        bool(form.get(name)) if name in _SECRETS else form.get(name, "").strip() != shown[name]
        for name in _KINDS.get(type_, ())
    )


def _choices(visit: Visit, values: Sequence[str]) -> list[tuple[str, str]]:
    """Return constants of the API with their words, for a choice."""
    return [(one, f"{visit.words.plain(f'constants.{one.lower()}')} ({one})") for one in values]
