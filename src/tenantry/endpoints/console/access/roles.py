"""Roles and permissions: those of the environment, and the roles of one organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tenantry.core import errors
from tenantry.db.lists.pages import MOST_COUNTED
from tenantry.endpoints.console import forms, sorting
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.organizations import organization_page
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.roles.roles_pb import (
    CreateOrganizationRole,
    CreateOrganizationRoleRequest,
    CreatePermission,
    CreatePermissionRequest,
    CreateRole,
    CreateRoleRequest,
    DeleteOrganizationRoleBaseRequest,
    DeleteOrganizationRoleRequest,
    DeletePermissionRequest,
    DeleteRoleBaseRequest,
    DeleteRoleRequest,
    GetPermissionRequest,
    GetRoleRequest,
    ListDependentRolesRequest,
    ListOrganizationRolesRequest,
    ListPermissionsRequest,
    ListRolesRequest,
    Role,
    UpdateDefaultRolesRequest,
    UpdateOrganizationRoleRequest,
    UpdatePermissionRequest,
    UpdateRole,
    UpdateRoleRequest,
)
from tenantry.tenants.roles import listing
from tenantry.web.forms import boxes
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tenantry.gen.api_client import RolesService
    from tenantry.net.http import Response

_New = TypeVar("_New", CreateRole, CreateOrganizationRole)

_ALL = "permissions"  # what a role holds itself
_MOST_PERMISSIONS = 100  # with a box each; where there are more, their names are typed
_COLUMNS: Mapping[str, Callable[[Role], tuple[str, ...]]] = {
    "name": lambda role: (role.name or "",),
    "base": lambda role: (role.extends or "", role.name or ""),
}
_TAKES_OVER = {"reassign_role_name": "reassign_role_name"}


def pages(site: ConsoleSite) -> list[Page]:
    roles, permissions = _Roles(site), _Permissions(site)
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

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List those of the environment."""
        found = await visit.api.roles.list_roles(ListRolesRequest(include=_ALL))
        order, rows = sorting.whole(visit, visit.path("roles"), found.roles, _COLUMNS)
        return self._site.render(
            visit,
            "roles",
            "roles/list.html",
            roles=rows,
            order=order,
            choices=_choices(found.roles),
            tabs=_tabs(visit, ""),
        )

    async def create(self, visit: Visit) -> Response:
        role = _new(CreateRole, visit.request.form())
        call = visit.api.roles.create_role(CreateRoleRequest(role=role))
        return await self._send(visit, call, visit.path("roles"), "created")

    async def set_defaults(self, visit: Visit) -> Response:
        """Say which roles new members and makers of organizations get."""
        form = visit.request.form()
        before = await visit.api.roles.list_roles(ListRolesRequest())
        former = {
            "default_creator_role": next((r.name for r in before.roles if r.default_creator), ""),
            "default_member_role": next((r.name for r in before.roles if r.default_member), ""),
        }
        request = UpdateDefaultRolesRequest(
            default_creator_role=form.get("default_creator_role") or None,
            default_member_role=form.get("default_member_role") or None,
        )
        call = visit.api.roles.update_default_roles(request)
        undo = undoing.Undo(visit.request.path, former) if all(former.values()) else None
        return await self._send(visit, call, visit.path("roles"), "changed", undo=undo)

    async def show(self, visit: Visit) -> Response:
        """Show one with what depends on it."""
        name, roles = visit.request.params["name"], visit.api.roles
        role = (await roles.get_role(GetRoleRequest(role_name=name, include=_ALL))).role
        assert role is not None
        everything = (await roles.list_roles(ListRolesRequest())).roles
        dependents = await roles.list_dependent_roles(ListDependentRolesRequest(role_name=name))
        # The API counts all holders, which may be a million.
        users = await listing.count_some_holders(visit.call, None, name)
        return self._site.render(
            visit,
            "roles",
            "roles/one.html",
            dependents=dependents.roles,
            users=users,
            most=MOST_COUNTED,
            here=visit.path("roles", "of", name),
            **await _editor(visit, role, everything),
        )

    async def update(self, visit: Visit) -> Response:
        """Change its texts, its base and its permissions."""
        name = visit.request.params["name"]
        return await self._change(
            visit,
            visit.path("roles", "of", name),
            end_base=lambda roles: roles.delete_role_base(DeleteRoleBaseRequest(role_name=name)),
            update=lambda roles, role: roles.update_role(
                UpdateRoleRequest(role_name=name, role=role)
            ),
        )

    async def delete(self, visit: Visit) -> Response:
        """Delete it; its members get the one that takes over."""
        name = visit.request.params["name"]
        other = visit.request.form().get("reassign_role_name") or None
        request = DeleteRoleRequest(role_name=name, reassign_role_name=other)
        call = visit.api.roles.delete_role(request)
        back = visit.path("roles", "of", name)
        return await forms.send(
            self._site, visit, call, visit.path("roles"), "deleted", fields=_TAKES_OVER, back=back
        )

    async def of_organization(self, visit: Visit) -> Response:
        """List the roles that members of an organization can have."""
        organization = await organization_page.get(visit)
        roles = await _of_organization(visit)
        path = organization_page.path_of(visit, "roles")
        order, rows = sorting.whole(visit, path, roles, _COLUMNS)
        return organization_page.render(
            self._site,
            visit,
            "roles",
            organization,
            roles=rows,
            order=order,
            choices=_choices(roles),
        )

    async def create_of_organization(self, visit: Visit) -> Response:
        """Make a role that is an organization's own."""
        organization_id = visit.request.params["id"]
        role = _new(CreateOrganizationRole, visit.request.form())
        call = visit.api.roles.create_organization_role(
            CreateOrganizationRoleRequest(org_id=organization_id, role=role)
        )
        path = visit.path("organizations", organization_id, "roles")
        return await self._send(visit, call, path, "created")

    async def show_of_organization(self, visit: Visit) -> Response:
        """Show an organization's own role."""
        organization, name = await organization_page.get(visit), visit.request.params["name"]
        everything = await _of_organization(visit)
        role = next((each for each in everything if each.name == name), None)
        if role is None or not role.is_org_role:
            raise errors.NotFound("role")
        users = await listing.count_some_holders(visit.call, visit.request.params["id"], name)
        return organization_page.render(
            self._site,
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
        return await self._change(
            visit,
            organization_page.path_of(visit, "roles", name),
            end_base=lambda roles: roles.delete_organization_role_base(
                DeleteOrganizationRoleBaseRequest(org_id=id_, role_name=name)
            ),
            update=lambda roles, role: roles.update_organization_role(
                UpdateOrganizationRoleRequest(org_id=id_, role_name=name, role=role)
            ),
        )

    async def delete_of_organization(self, visit: Visit) -> Response:
        """Delete an organization's own role; its members get the one that takes over."""
        params = visit.request.params
        other = visit.request.form().get("reassign_role_name") or None
        call = visit.api.roles.delete_organization_role(
            DeleteOrganizationRoleRequest(
                org_id=params["id"], role_name=params["name"], reassign_role_name=other
            )
        )
        path, back = (
            organization_page.path_of(visit, "roles"),
            organization_page.path_of(visit, "roles", params["name"]),
        )
        return await forms.send(
            self._site, visit, call, path, "deleted", fields=_TAKES_OVER, back=back
        )

    async def _change(
        self,
        visit: Visit,
        path: str,
        *,
        end_base: Callable[[RolesService], Awaitable[object]],
        update: Callable[[RolesService, UpdateRole], Awaitable[object]],
    ) -> Response:
        """Change a role by the form of its page, with these calls."""
        form = boxes.form(visit.request)
        role = _changed(form)
        if "had_permissions" in form and not role.permissions:  # to the API no change
            problems = Problems({_chosen(form): "roles.last_permission"}, form)
            return self._site.failed(visit.request, problems, path)

        async def change() -> None:
            async with visit.api.transaction(visit.call.db) as api:
                if form.get("had_base") and not form.get("extends"):
                    await end_base(api.roles)
                await update(api.roles, role)

        return await self._send(visit, change(), path, "changed", form)

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[object],
        path: str,
        change: str,
        form: Mapping[str, str] | None = None,
        *,
        undo: undoing.Undo | None = None,
    ) -> Response:
        form = visit.request.form() if form is None else form
        names = ("name", "display_name", "description", "extends", "permission_names")
        given = {name: form[name] for name in names if name in form}
        fields = {name: name for name in names} | {f"role.{name}": name for name in names}
        fields |= {f"role.permissions[{n}]": _chosen(form) for n in range(_MOST_PERMISSIONS)}
        fields["role.permissions"] = _chosen(form)
        name = form.get("name", "")
        return await forms.send(
            self._site, visit, call, path, change, fields=fields, given=given, name=name, undo=undo
        )


class _Permissions:
    """Handlers of the pages about permissions."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        found = await visit.api.roles.list_permissions(
            ListPermissionsRequest(page_size=30, page_token=visit.query("page_token") or None)
        )
        return self._site.render(
            visit,
            "roles",
            "roles/permissions.html",
            listed=found,
            tabs=_tabs(visit, "permissions"),
        )

    async def create(self, visit: Visit) -> Response:
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in ("name", "description")}
        permission = CreatePermission(name=given["name"], description=given["description"])
        call = visit.api.roles.create_permission(CreatePermissionRequest(permission=permission))
        return await self._send(visit, call, visit.path("roles", "permissions"), "created", given)

    async def show(self, visit: Visit) -> Response:
        """Show one with the roles that hold it."""
        name = visit.request.params["name"]
        request = GetPermissionRequest(permission_name=name)
        found = await visit.api.roles.get_permission(request)
        roles = (await visit.api.roles.list_roles(ListRolesRequest(include=_ALL))).roles
        holders = [role for role in roles if any(each.name == name for each in role.permissions)]
        return self._site.render(
            visit,
            "roles",
            "roles/permission.html",
            permission=found.permission,
            holders=holders,
            here=visit.path("roles", "permissions", "of", name),
        )

    async def update(self, visit: Visit) -> Response:
        """Describe it otherwise."""
        name = visit.request.params["name"]
        given = {"name": name, "description": visit.request.form().get("description", "").strip()}
        permission = CreatePermission(name=name, description=given["description"])
        call = visit.api.roles.update_permission(
            UpdatePermissionRequest(permission_name=name, permission=permission)
        )
        path = visit.path("roles", "permissions", "of", name)
        return await self._send(visit, call, path, "changed", given)

    async def delete(self, visit: Visit) -> Response:
        """Delete it, out of all roles."""
        name = visit.request.params["name"]
        call = visit.api.roles.delete_permission(DeletePermissionRequest(permission_name=name))
        back = visit.path("roles", "permissions", "of", name)
        return await forms.send(
            self._site, visit, call, visit.path("roles", "permissions"), "deleted", back=back
        )

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[object],
        path: str,
        change: str,
        given: Mapping[str, str],
    ) -> Response:
        fields = {name: name for name in given} | {f"permission.{name}": name for name in given}
        return await forms.send(self._site, visit, call, path, change, fields=fields, given=given)


async def _of_organization(visit: Visit) -> list[Role]:
    """Return the roles that members of the visit's organization can have."""
    request = ListOrganizationRolesRequest(org_id=visit.request.params["id"], include=_ALL)
    return (await visit.api.roles.list_organization_roles(request)).roles


async def _editor(visit: Visit, role: Role, everything: Sequence[Role]) -> dict[str, Any]:
    """Return what the form of a role shows: its bases, and permissions where they fit a page."""
    request = ListPermissionsRequest(page_size=_MOST_PERMISSIONS)
    listed = await visit.api.roles.list_permissions(request)
    permissions = [] if listed.next_page_token else listed.permissions
    return {
        "role": role,
        "held": {each.name for each in role.permissions},
        "others": _choices([each for each in everything if each.name != role.name])[1:],
        "offered": [(each.name, each.name, each.description) for each in permissions],
    }


def _chosen(form: Mapping[str, str]) -> str:
    """Return the id of the field of a form that has a role's permissions."""
    return "permission_names" if "permission_names" in form else "permission"


def _choices(roles: Sequence[Role]) -> list[tuple[str, str]]:
    return [("", "–"), *((role.name, role.name) for role in roles)]


def _new(kind: type[_New], form: Mapping[str, str]) -> _New:
    """Return the new role that a form describes."""
    return kind(
        name=form.get("name", "").strip(),
        display_name=form.get("display_name", "").strip(),
        description=form.get("description", "").strip() or None,
        extends=form.get("extends") or None,
    )


def _changed(form: Mapping[str, str]) -> UpdateRole:
    """Return the changes that a form makes to a role; to its permissions only where it asks."""
    description = form.get("description", "").strip()
    if "permission_names" in form:
        permissions = forms.words_of(form["permission_names"])
    else:
        permissions = boxes.ticked(form, "permission") if "permissions" in form else []
    return UpdateRole(
        display_name=form.get("display_name", "").strip(),
        # The API takes no empty one: a role that has one keeps it, and the form is told so.
        description=description if description or "had_description" in form else None,
        extends=form.get("extends") or None,
        permissions=permissions,
    )


def _tabs(visit: Visit, shown: str) -> list[tuple[str, str, bool]]:
    return [
        (
            visit.path("roles", *((one,) if one else ())),
            visit.words.plain(f"tabs.{one or 'roles'}"),
            one == shown,
        )
        for one in ("", "permissions")
    ]
