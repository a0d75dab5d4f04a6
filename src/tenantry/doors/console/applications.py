"""Applications and clients of the environment: what they may do, their secrets; the scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import forms
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.identity.operators.model import OWNER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.web import Response

# Applications that people sign in to, and programs; ENV are the clients that manage all.
TYPES = ("WEB_APP", "SPA", "NTV", "M2M", "ENV")
_SHOWN = 30
_LISTS = ("post_login_uris", "post_logout_redirect_uris", "back_channel_logout_uris")
_TYPED = (*_LISTS, "name", "initiate_login_uri", "access_token_expiry", "scopes")
_FIELDS = {
    f"client.{name}": name for name in (*_TYPED, "client_type", "grant_types", "enforce_pkce")
}
_FIELDS |= {f"client.{name}[{number}]": name for name in _LISTS for number in range(10)}


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    applications, scopes = _Applications(door), _Scopes(door)
    return [
        Page("GET", "/applications", applications.listed),
        Page("POST", "/applications/create", applications.create),
        Page("GET", "/applications/scopes", scopes.listed),
        Page("POST", "/applications/scopes/create", scopes.create),
        Page("POST", "/applications/scopes/{id}/switch", scopes.switch),
        Page("POST", "/applications/scopes/{id}/delete", scopes.delete),
        Page("GET", "/applications/{id}", applications.show),
        Page("POST", "/applications/{id}/update", applications.update),
        Page("POST", "/applications/{id}/delete", applications.delete),
        Page("POST", "/applications/{id}/secrets/create", applications.create_secret),
        Page("POST", "/applications/{id}/secrets/{secret}/delete", applications.delete_secret),
    ]


def _tabs(visit: Visit, shown: str) -> list[tuple[str, str, bool]]:
    words = visit.words
    return [
        (visit.path("applications"), words.plain("applications.all"), shown == ""),
        *((visit.path("applications", type=one), one, shown == one) for one in TYPES),
        (
            visit.path("applications", "scopes"),
            words.plain("applications.scopes"),
            shown == "scopes",
        ),
    ]


class _Applications:
    """Handlers of the pages about clients."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them, all or of one type."""
        type_ = visit.query("type")
        query = {"type": type_} if type_ in TYPES else {}
        listed = await visit.api.get(
            "/clients",
            page_size=_SHOWN,
            page_token=visit.query("page_token") or None,
            **{"filter.client_type": query.get("type")},
        )
        return self._door.render(
            visit,
            "applications",
            "applications/list.html",
            listed=listed,
            query=query,
            tabs=_tabs(visit, query.get("type", "")),
            types=TYPES,
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and go on to it; the first secret is made there."""
        form = visit.request.form()
        body = {"name": form.get("name", "").strip(), "client_type": form.get("client_type", "")}
        try:
            made = await visit.api.post("/clients", body=body)
        except errors.InvalidArgument as problem:
            given = {"name": body["name"], "client_type": body["client_type"]}
            return self._door.wrong(visit, problem, visit.path("applications"), _FIELDS, given)
        return self._door.done(visit.path("applications", made["client"]["id"]), "created")

    async def show(self, visit: Visit) -> Response:
        """Show one."""
        client = (await visit.api.get("/clients/{}", visit.request.params["id"]))["client"]
        reaches = not client.get("disallow_scalekit_api_access", False)
        calls_us = reaches and client.get("client_type") in {"WEB_APP", "ENV"}
        return self._door.render(
            visit,
            "applications",
            "applications/one.html",
            client=client,
            lists=_LISTS,
            signs_in=client.get("client_type") in {"WEB_APP", "SPA", "NTV", "ENV"},
            here=visit.path("applications", client["id"]),
            calls_us=calls_us,
            for_owners=calls_us and not visit.has_role(OWNER),
        )

    async def update(self, visit: Visit) -> Response:
        """Change what it is told."""
        form = visit.request.form()
        body: dict[str, Any] = {"name": form.get("name", "").strip()}
        body |= {name: forms.words_of(form[name]) for name in (*_LISTS, "scopes") if name in form}
        if "initiate_login_uri" in form:
            body["initiate_login_uri"] = form["initiate_login_uri"].strip()
        minutes = form.get("access_token_expiry", "").strip()
        if minutes.isdecimal() and len(minutes) < 7:
            body["access_token_expiry"] = int(minutes)
        if "has_pkce" in form:
            body["enforce_pkce"] = "enforce_pkce" in form
        body["disallow_scalekit_api_access"] = "api_access" not in form
        given = {name: form[name] for name in _TYPED if name in form}
        call = visit.api.patch("/clients/{}", visit.request.params["id"], body=body)
        return await self._send(visit, call, "changed", given)

    async def delete(self, visit: Visit) -> Response:
        """Delete it."""
        call = visit.api.delete("/clients/{}", visit.request.params["id"])
        back = visit.path("applications", visit.request.params["id"])
        path = visit.path("applications")
        return await forms.send(self._door, visit, call, path, "deleted", back=back)

    async def create_secret(self, visit: Visit) -> Response:
        """Make a secret and show it, this once."""
        id_, path = (
            visit.request.params["id"],
            visit.path("applications", visit.request.params["id"]),
        )
        days = visit.request.form().get("days", "").strip()
        seconds = int(days) * 86_400 if days.isdecimal() and len(days) < 6 else None
        try:
            made = await visit.api.post("/clients/{}/secrets", id_, body={}, expires_in=seconds)
        except errors.InvalidArgument as problem:
            return self._door.wrong(visit, problem, path, {"expires_in": "days"}, {"days": days})
        return self._door.render(
            visit, "applications", "secret.html", secret=made["plain_secret"], onward=path
        )

    async def delete_secret(self, visit: Visit) -> Response:
        """Revoke a secret."""
        params = visit.request.params
        call = visit.api.delete("/clients/{}/secrets/{}", params["id"], params["secret"])
        return await self._send(visit, call, "ended")

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[Any],
        change: str,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        path = visit.path("applications", visit.request.params["id"])
        return await forms.send(self._door, visit, call, path, change, fields=_FIELDS, given=given)


class _Scopes:
    """Handlers of the pages about scopes."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them."""
        listed = await visit.api.get("/scopes")
        return self._door.render(
            visit,
            "applications",
            "applications/scopes.html",
            scopes=listed.get("scopes", []),
            tabs=_tabs(visit, "scopes"),
        )

    async def create(self, visit: Visit) -> Response:
        """Make one."""
        form = visit.request.form()
        body = {name: form.get(name, "").strip() for name in ("name", "description")}
        fields = {f"scope.{name}": name for name in body}
        call = visit.api.post("/scopes", body=body)
        return await self._send(visit, call, "created", fields=fields, given=body)

    async def switch(self, visit: Visit) -> Response:
        """Enable or disable it."""
        enabled = visit.request.form().get("enabled") == "true"
        call = visit.api.patch("/scopes/{}", visit.request.params["id"], body={"enabled": enabled})
        return await self._send(visit, call, "enabled" if enabled else "disabled")

    async def delete(self, visit: Visit) -> Response:
        """Delete it."""
        call = visit.api.delete("/scopes/{}", visit.request.params["id"])
        return await self._send(visit, call, "deleted")

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[Any],
        change: str,
        fields: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        path = visit.path("applications", "scopes")
        return await forms.send(self._door, visit, call, path, change, fields=fields, given=given)
