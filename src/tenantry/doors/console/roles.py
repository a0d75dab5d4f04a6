"""Roles and permissions: those of the environment, and the roles of one organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.db.pages import MOST_COUNTED
from tenantry.doors.console import forms
from tenantry.doors.console.organizations import one
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.tenants.roles import listing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.web import Response

_ALL = "permissions"  # what a role holds itself
_MOST_BOXES = 40  # beyond, a form would have more fields than are read of one


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    roles, permissions = _Roles(door), _Permissions(door)
    return [
        Page("GET", "/roles", roles.listed),
        Page("POST", "/roles/create", roles.create),
        Page("POST", "/roles/defaults", roles.set_defaults),
        Page("GET", "/roles/of/{name}", roles.show),
        Page("POST", "/roles/of/{name}/update", roles.update),
        Page("POST", "/roles/of/{name}/delete", roles.delete),
        Page("GET", "/organizations/{id}/roles", roles.of_organization),
        Page("POST", "/organizations/{id}/roles/create", roles.create_of_organization),
        Page("POST", "/organizations/{id}/roles/{name}/delete", roles.delete_of_organization),
        Page("GET", "/roles/permissions", permissions.listed),
        Page("POST", "/roles/permissions/create", permissions.create),
        Page("GET", "/roles/permissions/of/{name}", permissions.show),
        Page("POST", "/roles/permissions/of/{name}/update", permissions.update),
        Page("POST", "/roles/permissions/of/{name}/delete", permissions.delete),
    ]


class _Roles:
    """Handlers of the pages about roles."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List those of the environment."""
        found = await visit.api.get("/roles", include=_ALL)
        roles = found.get("roles", [])
        return self._door.render(
            visit,
            "roles",
            "roles/list.html",
            roles=roles,
            choices=_choices(roles),
            tabs=_tabs(visit, ""),
        )

    async def create(self, visit: Visit) -> Response:
        """Make one."""
        form = visit.request.form()
        call = visit.api.post("/roles", body=_role(form) | {"name": form.get("name", "").strip()})
        return await self._send(visit, call, visit.path("roles"), "created")

    async def set_defaults(self, visit: Visit) -> Response:
        """Say which roles new members and makers of organizations get."""
        form = visit.request.form()
        body = {
            name: form[name]
            for name in ("default_creator_role", "default_member_role")
            if form.get(name)
        }
        call = visit.api.patch("/roles:set_defaults", body=body)
        return await self._send(visit, call, visit.path("roles"), "changed")

    async def show(self, visit: Visit) -> Response:
        """Show one with what depends on it."""
        name = visit.request.params["name"]
        role = (await visit.api.get("/roles/{}", name, include=_ALL))["role"]
        everything = (await visit.api.get("/roles")).get("roles", [])
        dependents = await visit.api.get("/roles/{}/dependents", name)
        # The API counts all holders, which may be a million.
        users = await listing.count_some_holders(visit.call, name)
        permissions = await visit.api.get("/permissions", page_size=100)
        return self._door.render(
            visit,
            "roles",
            "roles/one.html",
            role=role,
            held={each["name"] for each in role.get("permissions", [])},
            others=_choices([each for each in everything if each["name"] != name])[1:],
            dependents=dependents.get("roles", []),
            users=users,
            most=MOST_COUNTED,
            permissions=permissions.get("permissions", []),
            most_boxes=_MOST_BOXES,
            here=visit.path("roles", "of", name),
        )

    async def update(self, visit: Visit) -> Response:
        """Change its texts, its base and its permissions."""
        name, form = visit.request.params["name"], visit.request.form()
        path = visit.path("roles", "of", name)
        if form.get("had_base") and not form.get("extends"):
            await visit.api.delete("/roles/{}/base", name)
        call = visit.api.put("/roles/{}", name, body=_role(form))
        return await self._send(visit, call, path, "changed")

    async def delete(self, visit: Visit) -> Response:
        """Delete it; its members get the one that takes over."""
        name = visit.request.params["name"]
        other = visit.request.form().get("reassign_role_name") or None
        call = visit.api.delete("/roles/{}", name, reassign_role_name=other)
        back = visit.path("roles", "of", name)
        return await forms.send(self._door, visit, call, visit.path("roles"), "deleted", back=back)

    async def of_organization(self, visit: Visit) -> Response:
        """List the roles that members of an organization can have."""
        organization = await one.get(visit)
        found = await visit.api.get("/organizations/{}/roles", organization["id"], include=_ALL)
        roles = found.get("roles", [])
        return one.render(
            self._door, visit, "roles", organization, roles=roles, choices=_choices(roles)
        )

    async def create_of_organization(self, visit: Visit) -> Response:
        """Make a role that is an organization's own."""
        organization_id, form = visit.request.params["id"], visit.request.form()
        body = _role(form) | {"name": form.get("name", "").strip()}
        call = visit.api.post("/organizations/{}/roles", organization_id, body=body)
        path = visit.path("organizations", organization_id, "roles")
        return await self._send(visit, call, path, "created")

    async def delete_of_organization(self, visit: Visit) -> Response:
        """Delete an organization's own role."""
        params = visit.request.params
        call = visit.api.delete("/organizations/{}/roles/{}", params["id"], params["name"])
        path = visit.path("organizations", params["id"], "roles")
        return await forms.send(self._door, visit, call, path, "deleted")

    async def _send(self, visit: Visit, call: Awaitable[Any], path: str, change: str) -> Response:
        form = visit.request.form()
        names = ("name", "display_name", "description", "extends")
        given = {name: form.get(name, "") for name in names}
        fields = {name: name for name in names} | {f"role.{name}": name for name in names}
        return await forms.send(self._door, visit, call, path, change, fields=fields, given=given)


class _Permissions:
    """Handlers of the pages about permissions."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them."""
        found = await visit.api.get(
            "/permissions", page_size=30, page_token=visit.query("page_token") or None
        )
        return self._door.render(
            visit,
            "roles",
            "roles/permissions.html",
            listed=found,
            tabs=_tabs(visit, "permissions"),
        )

    async def create(self, visit: Visit) -> Response:
        """Make one."""
        given = _permission(visit.request.form())
        call = visit.api.post("/permissions", body=given)
        return await self._send(visit, call, visit.path("roles", "permissions"), "created", given)

    async def show(self, visit: Visit) -> Response:
        """Show one with the roles that hold it."""
        name = visit.request.params["name"]
        found = await visit.api.get("/permissions/{}", name)
        roles = (await visit.api.get("/roles", include=_ALL)).get("roles", [])
        holders = [
            role
            for role in roles
            if any(each["name"] == name for each in role.get("permissions", []))
        ]
        return self._door.render(
            visit,
            "roles",
            "roles/permission.html",
            permission=found["permission"],
            holders=holders,
            here=visit.path("roles", "permissions", "of", name),
        )

    async def update(self, visit: Visit) -> Response:
        """Describe it otherwise."""
        name = visit.request.params["name"]
        given = {"name": name, "description": visit.request.form().get("description", "").strip()}
        call = visit.api.put("/permissions/{}", name, body=given)
        path = visit.path("roles", "permissions", "of", name)
        return await self._send(visit, call, path, "changed", given)

    async def delete(self, visit: Visit) -> Response:
        """Delete it, out of all roles."""
        name = visit.request.params["name"]
        call = visit.api.delete("/permissions/{}", name)
        back = visit.path("roles", "permissions", "of", name)
        return await forms.send(
            self._door, visit, call, visit.path("roles", "permissions"), "deleted", back=back
        )

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[Any],
        path: str,
        change: str,
        given: Mapping[str, str],
    ) -> Response:
        fields = {name: name for name in given} | {f"permission.{name}": name for name in given}
        return await forms.send(self._door, visit, call, path, change, fields=fields, given=given)


def _choices(roles: list[Any]) -> list[tuple[str, str]]:
    return [("", "–"), *((role["name"], role["name"]) for role in roles)]


def _role(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of a role that a form gives; which permissions only where it asks."""
    given: dict[str, Any] = {
        name: form.get(name, "").strip() for name in ("display_name", "description")
    }
    if form.get("extends"):
        given["extends"] = form["extends"]
    if "permission_names" in form:
        given["permissions"] = forms.words_of(form["permission_names"])
    elif "permissions" in form:
        given["permissions"] = forms.ticked(form, "permission-")
    return given


def _permission(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").strip() for name in ("name", "description")}


def _tabs(visit: Visit, shown: str) -> list[tuple[str, str, bool]]:
    return [
        (
            visit.path("roles", *((one,) if one else ())),
            visit.words.plain(f"tabs.{one or 'roles'}"),
            one == shown,
        )
        for one in ("", "permissions")
    ]
