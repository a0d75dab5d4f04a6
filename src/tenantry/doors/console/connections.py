"""Connections: those of all organizations with their state, those of the environment, and one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import forms, organization_filter
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.identity.operators.model import OWNER
from tenantry.pages import domains
from tenantry.pages.connections import serving as serving_of
from tenantry.times import DAY, SECOND, now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.web import Response

_FILTERS = ("provider", "connection_type", "status", "enabled")
PROVIDERS = (
    *("OKTA", "MICROSOFT_AD", "GOOGLE", "ONELOGIN", "PING_IDENTITY", "JUMPCLOUD", "ADFS"),
    *("AUTH0", "CUSTOM", "IDP_SIMULATOR"),
)
_SOCIAL = ("GOOGLE", "MICROSOFT", "GITHUB", "GITLAB", "LINKEDIN", "SALESFORCE", "APPLE", "CUSTOM")
# Settings of the deployment by which people sign in with a mail.
_OF_MAIL = ("email_code_seconds", "email_same_browser")
_APPLE = "APPLE"  # of no name in the contract: a custom one with this key
# Those whose protocol has a page of its own: `protocols`.
PROTOCOLS = ("SAML", "OIDC", "OAUTH")
_TEXTS = ("client_id", "tenant_id", "authorize_uri", "token_uri", "user_info_uri")


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    connections = _Connections(door)
    root = "/connections/{id}"
    return [
        Page("GET", "/connections", connections.listed),
        Page("GET", "/connections/environment", connections.of_environment),
        Page("POST", "/connections/environment/create", connections.create),
        Page("GET", root, connections.show),
        Page("POST", f"{root}/update", connections.update),
        Page("POST", f"{root}/mail", connections.set_mail, OWNER),
        Page("POST", f"{root}/enable", connections.enable),
        Page("POST", f"{root}/disable", connections.disable),
        Page("POST", f"{root}/delete", connections.delete),
    ]


class _Connections:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List those of all organizations."""
        narrow = {name: visit.query(name)[:60] for name in _FILTERS}
        query, chosen = visit.query("query").strip(), organization_filter.Chosen()
        if not query.startswith("conn_"):
            chosen = await organization_filter.find(visit, query)
            query = chosen.id
        given = {name: value for name, value in narrow.items() if value}
        if query:
            given["query"] = query
        path = "/organizations/-/connections:search" if given else "/organizations/-/connections"
        token = visit.query("page_token") or None
        found: Any = {}
        if not chosen.is_unresolved:
            found = await visit.api.get(path, page_size=30, page_token=token, **given)
        rows = found.get("connections", [])
        return self._door.render(
            visit,
            "connections",
            "connections/list.html",
            listed=found,
            query=query or chosen.asked,
            chosen=chosen,
            narrow=narrow,
            filters={**narrow, "query": query},
            states=await _states(visit, rows),
            providers=PROVIDERS,
            tabs=_tabs(visit, ""),
        )

    async def of_environment(self, visit: Visit) -> Response:
        """List those that are everybody's."""
        found = await visit.api.get("/connections", include="all")
        return self._door.render(
            visit,
            "connections",
            "connections/environment.html",
            connections=found.get("connections", []),
            social=_SOCIAL,
            tabs=_tabs(visit, "environment"),
        )

    async def create(self, visit: Visit) -> Response:
        """Make one of the environment, by which people of any organization sign in."""
        provider = visit.request.form().get("provider", "")
        body = {"provider": provider, "type": "OAUTH"}
        if provider == _APPLE:
            body |= {"provider": "CUSTOM", "provider_key": _APPLE}
        try:
            answer = await visit.api.post("/connections", body=body)
        except (errors.InvalidArgument, errors.Duplicate) as problem:
            return self._door.wrong(visit, problem, visit.path("connections", "environment"))
        return self._door.done(visit.path("connections", answer["connection"]["id"]), "created")

    async def show(self, visit: Visit) -> Response:
        """Show one, the environment's or an organization's."""
        found, organization_id = await find(visit)
        states = await _states(visit, [found]) if organization_id else {}
        failed: Any = {}
        serving: Mapping[str, Any] = {}
        has_domain = True
        if organization_id:
            listed = await visit.api.get(
                "/connections", organization_id=organization_id, include="all"
            )
            serving = serving_of(listed.get("connections", ()))
            failed = await visit.api.get("/connections/{}/failed-sign-ins", found["id"])
            has_domain = await domains.has_verified(visit.api, organization_id)
        config: Any = next((value for name, value in found.items() if name.endswith("_config")), {})
        return self._door.render(
            visit,
            "connections",
            "connections/one.html",
            one=found,
            organization_id=organization_id,
            serving=serving,
            has_domain=has_domain,
            state=states.get(found["id"], {}),
            failed=failed.get("sign_ins", []),
            config=config,
            shown=json.dumps(_without_certificates(config), indent=2, ensure_ascii=False),
            here=visit.path("connections", found["id"]),
            tabs=tabs_of(visit, found, ""),
            of_mail=await _of_mail(visit) if found["type"] == "PASSWORDLESS" else {},
            is_owner=visit.has_role(OWNER),
        )

    async def update(self, visit: Visit) -> Response:
        """Change the client at a social provider; an empty secret stays as it was."""
        found, _ = await find(visit)
        form, path = visit.request.form(), visit.path("connections", found["id"])
        given = {
            name: form.get(name, "").strip() for name in (*_TEXTS, "scopes", "ui_button_title")
        }
        config: dict[str, object] = {name: given[name] for name in _TEXTS if name in form}
        config["scopes"] = forms.words_of(given["scopes"])
        if form.get("client_secret"):
            config["client_secret"] = form["client_secret"]
        body = start(found)
        body |= {"ui_button_title": given["ui_button_title"], "oauth_config": config}
        call = visit.api.patch("/connections/{}", found["id"], body=body)
        fields = {f"connection.oauth_config.{name}": name for name in (*_TEXTS, "scopes")}
        fields |= {"connection.oauth_config.client_secret": "client_secret"}
        return await forms.send(
            self._door, visit, call, path, "changed", fields=fields, given=given
        )

    async def set_mail(self, visit: Visit) -> Response:
        """Set for how long codes are good, and for which browser, where that is not fixed."""
        form = visit.request.form()
        given = {"email_code_seconds": form.get("email_code_seconds", "").strip()}
        given["email_same_browser"] = str("email_same_browser" in form).lower()
        known = await _of_mail(visit)
        changed = {name: given[name] for name in _OF_MAIL if known[name].get("changeable")}
        call = visit.api.patch("/settings", body={"settings": changed})
        path = visit.path("connections", visit.request.params["id"])
        fields = {f"settings.{name}": name for name in _OF_MAIL}
        return await forms.send(
            self._door, visit, call, path, "changed", fields=fields, given=given
        )

    async def enable(self, visit: Visit) -> Response:
        """Let people sign in by it."""
        return await self._switch(visit, ":enable", "enabled")

    async def disable(self, visit: Visit) -> Response:
        """Let nobody sign in by it."""
        return await self._switch(visit, ":disable", "disabled")

    async def _switch(self, visit: Visit, verb: str, change: str) -> Response:
        found, organization_id = await find(visit)
        path = visit.path("connections", found["id"])
        place, names = address(found["id"], organization_id)
        call = visit.api.patch(f"{place}{verb}", *names)
        return await forms.send(self._door, visit, call, path, change)

    async def delete(self, visit: Visit) -> Response:
        """Delete it."""
        found, organization_id = await find(visit)
        place, names = address(found["id"], organization_id)
        call = visit.api.delete(place, *names)
        back = visit.path("connections", found["id"])
        return await forms.send(
            self._door, visit, call, visit.path("connections"), "deleted", back=back
        )


async def find(visit: Visit) -> tuple[Any, str]:
    """Return the connection that a visit is about, and its organization, "" for none.

    The name of the organization is among the members of the connection.

    Raises:
        errors.NotFound: there is none.

    """
    connection_id = visit.request.params["id"]
    listed = await visit.api.get("/organizations/-/connections:search", query=connection_id)
    for one in listed.get("connections", []):
        if one["id"] == connection_id:
            answer = await visit.api.get(
                "/organizations/{}/connections/{}", one["organization_id"], connection_id
            )
            named = {"organization_name": one.get("organization_name", "")}
            return answer["connection"] | named, one["organization_id"]
    answer = await visit.api.get("/connections/{}", connection_id)
    return answer["connection"], ""


def address(connection_id: str, organization_id: str) -> tuple[str, tuple[str, ...]]:
    """Return the path of a connection in the API, and the names in it."""
    if organization_id:
        return "/organizations/{}/connections/{}", (organization_id, connection_id)
    return "/connections/{}", (connection_id,)


def start(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that each change of a connection has: whose provider it is."""
    body: dict[str, Any] = {"provider": found["provider"], "type": found["type"]}
    if found.get("provider_key"):
        body["provider_key"] = found["provider_key"]
    return body


def tabs_of(visit: Visit, found: Mapping[str, Any], shown: str) -> list[tuple[str, str, bool]]:
    """Return the tabs of one connection: none where only its own page is there."""
    if found["type"] not in PROTOCOLS:
        return []
    return [
        (
            visit.path("connections", found["id"], *((one,) if one else ())),
            visit.words.plain(f"tabs.{one or 'general'}"),
            one == shown,
        )
        for one in ("", "protocol")
    ]


async def _of_mail(visit: Visit) -> dict[str, Any]:
    listed = (await visit.api.get("/settings")).get("settings", [])
    return {one["name"]: one for one in listed if one["name"] in _OF_MAIL}


async def _states(visit: Visit, rows: Sequence[Any]) -> dict[str, Any]:
    """Return the states of these connections by their ids, with the days of their certificates."""
    if not rows:
        return {}
    answer = await visit.api.get(
        "/organizations/-/connections:states", connection_ids=[one["id"] for one in rows]
    )
    found = {}
    for one in answer.get("states", []):
        ends = one.get("certificate_expire_time")
        days = None if ends is None else _days_until(ends)
        found[one["connection_id"]] = {**one, "days_left": days}
    return found


def _days_until(moment: str) -> int:
    left = datetime.fromisoformat(moment).timestamp() * SECOND - now()
    return int(left // DAY)


def _without_certificates(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as it is shown: certificates have a place of their own."""
    return {name: value for name, value in config.items() if name != "idp_certificates"}


def _tabs(visit: Visit, shown: str) -> list[tuple[str, str, bool]]:
    return [
        (
            visit.path("connections", *((one,) if one else ())),
            visit.words.plain(f"tabs.{one or 'of_organizations'}"),
            one == shown,
        )
        for one in ("", "environment")
    ]
