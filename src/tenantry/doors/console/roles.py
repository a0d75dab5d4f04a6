"""Roles and permissions: those of the environment, and the roles of one organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.db.pages import MOST_COUNTED
from tenantry.doors.console import forms
from tenantry.doors.console.organizations import one
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.pages import boxes
from tenantry.pages.problems import Problems
from tenantry.tenants.roles import listing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.web import Response

_ALL = "permissions"  # what a role holds itself
_MOST_PERMISSIONS = 100  # with a box each; where there are more, their names are typed
_TAKES_OVER = {"reassign_role_name": "reassign_role_name"}


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
        Page("GET", "/organizations/{id}/roles/{name}", roles.show_of_organization),
        Page("POST", "/organizations/{id}/roles/{name}/update", roles.update_of_organization),
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
        users = await listing.count_some_holders(visit.call, None, name)
        return self._door.render(
            visit,
            "roles",
            "roles/one.html",
            dependents=dependents.get("roles", []),
            users=users,
            most=MOST_COUNTED,
            here=visit.path("roles", "of", name),
            **await _editor(visit, role, everything),
        )

    async def update(self, visit: Visit) -> Response:
        """Change its texts, its base and its permissions."""
        name = visit.request.params["name"]
        return await self._change(visit, visit.path("roles", "of", name), "/roles/{}", name)

    async def delete(self, visit: Visit) -> Response:
        """Delete it; its members get the one that takes over."""
        name = visit.request.params["name"]
        other = visit.request.form().get("reassign_role_name") or None
        call = visit.api.delete("/roles/{}", name, reassign_role_name=other)
        back = visit.path("roles", "of", name)
        return await forms.send(
            self._door, visit, call, visit.path("roles"), "deleted", fields=_TAKES_OVER, back=back
        )

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

    async def show_of_organization(self, visit: Visit) -> Response:
        """Show an organization's own role."""
        organization, name = await one.get(visit), visit.request.params["name"]
        path = ("/organizations/{}/roles", organization["id"])
        everything = (await visit.api.get(*path, include=_ALL)).get("roles", [])
        role = next((each for each in everything if each["name"] == name), None)
        if role is None or not role.get("is_org_role"):
            raise errors.NotFound("role")
        users = await listing.count_some_holders(visit.call, organization["id"], name)
        return one.render(
            self._door,
            visit,
            "roles",
            organization,
            template="organizations/role.html",
            users=users,
            most=MOST_COUNTED,
            **await _editor(visit, role, everything),
        )

    async def update_of_organization(self, visit: Visit) -> Response:
        """Change the texts, the base and the permissions of an organization's own role."""
        id_, name = visit.request.params["id"], visit.request.params["name"]
        path = one.path_of(visit, "roles", name)
        return await self._change(visit, path, "/organizations/{}/roles/{}", id_, name)

    async def delete_of_organization(self, visit: Visit) -> Response:
        """Delete an organization's own role; its members get the one that takes over."""
        params = visit.request.params
        other = visit.request.form().get("reassign_role_name") or None
        call = visit.api.delete(
            "/organizations/{}/roles/{}", params["id"], params["name"], reassign_role_name=other
        )
        path, back = one.path_of(visit, "roles"), one.path_of(visit, "roles", params["name"])
        return await forms.send(
            self._door, visit, call, path, "deleted", fields=_TAKES_OVER, back=back
        )

    async def _change(self, visit: Visit, path: str, role: str, *names: str) -> Response:
        """Change a role, at this address of the API, by the form of its page."""
        form = boxes.form(visit.request)
        body = _role(form)
        if "had_permissions" in form and not body.get("permissions"):  # to the API no change
            problems = Problems({_chosen(form): "roles.last_permission"}, form)
            return self._door.failed(visit.request, problems, path)

        async def change() -> None:
            async with visit.api.transaction(visit.call.db) as api:
                if form.get("had_base") and not form.get("extends"):
                    await api.delete(f"{role}/base", *names)
                await api.put(role, *names, body=body)

        return await self._send(visit, change(), path, "changed", form)

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[Any],
        path: str,
        change: str,
        form: Mapping[str, str] | None = None,
    ) -> Response:
        form = visit.request.form() if form is None else form
        names = ("name", "display_name", "description", "extends", "permission_names")
        given = {name: form[name] for name in names if name in form}
        fields = {name: name for name in names} | {f"role.{name}": name for name in names}
        fields |= {f"role.permissions[{n}]": _chosen(form) for n in range(_MOST_PERMISSIONS)}
        fields["role.permissions"] = _chosen(form)
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


async def _editor(visit: Visit, role: Any, everything: list[Any]) -> dict[str, Any]:
    """Return what the form of a role shows: its bases, and permissions where they fit a page."""
    listed = await visit.api.get("/permissions", page_size=_MOST_PERMISSIONS)
    permissions = [] if listed.get("next_page_token") else listed.get("permissions", [])
    return {
        "role": role,
        "held": {each["name"] for each in role.get("permissions", [])},
        "others": _choices([each for each in everything if each["name"] != role["name"]])[1:],
        "offered": [(one["name"], one["name"], one.get("description", "")) for one in permissions],
    }


def _chosen(form: Mapping[str, str]) -> str:
    """Return the id of the field of a form that has a role's permissions."""
    return "permission_names" if "permission_names" in form else "permission"


def _choices(roles: list[Any]) -> list[tuple[str, str]]:
    return [("", "–"), *((role["name"], role["name"]) for role in roles)]


def _role(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of a role that a form gives; which permissions only where it asks."""
    given: dict[str, Any] = {"display_name": form.get("display_name", "").strip()}
    # The API takes no empty one: a role that has one keeps it, and the form is told so.
    if (description := form.get("description", "").strip()) or "had_description" in form:
        given["description"] = description
    if form.get("extends"):
        given["extends"] = form["extends"]
    if "permission_names" in form:
        given["permissions"] = forms.words_of(form["permission_names"])
    elif "permissions" in form:
        given["permissions"] = boxes.ticked(form, "permission")
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
