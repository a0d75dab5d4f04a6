"""RolesService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf.wkt import Empty

from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.roles import roles_pb as pb
from tenantry.tenants.roles import defaults, listing, permissions, service
from tenantry.tenants.roles.changes import Reference
from tenantry.tenants.roles.listing import Include, Listed

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.roles.model import Permission, Role

_KINDS = {
    pb.PermissionType.ALL: permissions.Kind.ALL,
    pb.PermissionType.SCALEKIT: permissions.Kind.BUILT_IN,
    pb.PermissionType.ENVIRONMENT: permissions.Kind.OWN,
}


class RolesService:
    async def create_role(self, request: pb.CreateRoleRequest, call: Call) -> pb.CreateRoleResponse:
        assert request.role is not None
        role = await _create(call, None, request.role)
        return pb.CreateRoleResponse(role=_answer(call, role))

    async def update_role(self, request: pb.UpdateRoleRequest, call: Call) -> pb.UpdateRoleResponse:
        role = await service.update(call, None, request.role_name, _changes(request.role))
        return pb.UpdateRoleResponse(role=_answer(call, role))

    async def get_role(self, request: pb.GetRoleRequest, call: Call) -> pb.GetRoleResponse:
        listed = await listing.get(call, None, request.role_name, Include(request.include or ""))
        call.tag(listed.role.revision)
        return pb.GetRoleResponse(role=_listed(listed))

    async def list_roles(self, request: pb.ListRolesRequest, call: Call) -> pb.ListRolesResponse:
        found = await listing.list_all(call, None, Include(request.include or ""))
        return pb.ListRolesResponse(roles=[_listed(one) for one in found])

    async def delete_role(self, request: pb.DeleteRoleRequest, call: Call) -> Empty:
        takes_over = None
        if request.has_field("reassign_role_name"):
            takes_over = Reference("reassign_role_name", name=request.reassign_role_name)
        elif request.has_field("reassign_role_id"):
            takes_over = Reference("reassign_role_id", id=request.reassign_role_id)
        await service.remove(call, None, request.role_name, takes_over)
        return Empty()

    async def create_organization_role(
        self, request: pb.CreateOrganizationRoleRequest, call: Call
    ) -> pb.CreateOrganizationRoleResponse:
        assert request.role is not None
        role = await _create(call, request.org_id, request.role)
        return pb.CreateOrganizationRoleResponse(role=_answer(call, role))

    async def update_organization_role(
        self, request: pb.UpdateOrganizationRoleRequest, call: Call
    ) -> pb.UpdateOrganizationRoleResponse:
        changes = _changes(request.role)
        role = await service.update(call, request.org_id, request.role_name, changes)
        return pb.UpdateOrganizationRoleResponse(role=_answer(call, role))

    async def get_organization_role(
        self, request: pb.GetOrganizationRoleRequest, call: Call
    ) -> pb.GetOrganizationRoleResponse:
        include = Include(request.include or "")
        listed = await listing.get(call, request.org_id, request.role_name, include)
        call.tag(listed.role.revision)
        return pb.GetOrganizationRoleResponse(role=_listed(listed))

    async def list_organization_roles(
        self, request: pb.ListOrganizationRolesRequest, call: Call
    ) -> pb.ListOrganizationRolesResponse:
        found = await listing.list_all(call, request.org_id, Include(request.include or ""))
        return pb.ListOrganizationRolesResponse(roles=[_listed(one) for one in found])

    async def delete_organization_role(
        self, request: pb.DeleteOrganizationRoleRequest, call: Call
    ) -> Empty:
        takes_over = None
        if request.has_field("reassign_role_name"):
            takes_over = Reference("reassign_role_name", name=request.reassign_role_name)
        await service.remove(call, request.org_id, request.role_name, takes_over)
        return Empty()

    async def get_role_users_count(
        self, request: pb.GetRoleUsersCountRequest, call: Call
    ) -> pb.GetRoleUsersCountResponse:
        count = await listing.count_holders(call, None, request.role_name)
        return pb.GetRoleUsersCountResponse(count=count)

    async def get_organization_role_users_count(
        self, request: pb.GetOrganizationRoleUsersCountRequest, call: Call
    ) -> pb.GetOrganizationRoleUsersCountResponse:
        count = await listing.count_holders(call, request.org_id, request.role_name)
        return pb.GetOrganizationRoleUsersCountResponse(count=count)

    async def update_default_roles(
        self, request: pb.UpdateDefaultRolesRequest, call: Call
    ) -> pb.UpdateDefaultRolesResponse:
        creator = _default(request, "creator")
        if creator is None:
            raise errors.InvalidArgument.field(
                "default_creator_role", "required", "must name the role for creators"
            )
        roles = await defaults.set_defaults(call, creator, _default(request, "member"))
        return pb.UpdateDefaultRolesResponse(
            default_creator=_message(roles[0]), default_member=_message(roles[1])
        )

    async def update_default_organization_roles(
        self, request: pb.UpdateDefaultOrganizationRolesRequest, call: Call
    ) -> pb.UpdateDefaultOrganizationRolesResponse:
        role = await defaults.set_default_of_organization(
            call, request.org_id, request.default_member_role
        )
        return pb.UpdateDefaultOrganizationRolesResponse(default_member=_message(role))

    async def list_dependent_roles(
        self, request: pb.ListDependentRolesRequest, call: Call
    ) -> pb.ListDependentRolesResponse:
        found = await listing.list_dependents(call, request.role_name)
        return pb.ListDependentRolesResponse(roles=[_listed(one) for one in found])

    async def delete_role_base(self, request: pb.DeleteRoleBaseRequest, call: Call) -> Empty:
        await service.end_base(call, None, request.role_name)
        return Empty()

    async def delete_organization_role_base(
        self, request: pb.DeleteOrganizationRoleBaseRequest, call: Call
    ) -> Empty:
        await service.end_base(call, request.org_id, request.role_name)
        return Empty()

    async def create_permission(
        self, request: pb.CreatePermissionRequest, call: Call
    ) -> pb.CreatePermissionResponse:
        new = request.permission
        assert new is not None
        permission = await permissions.create(call, name=new.name, description=new.description)
        call.tag(permission.revision)
        return pb.CreatePermissionResponse(permission=_permission(permission))

    async def get_permission(
        self, request: pb.GetPermissionRequest, call: Call
    ) -> pb.GetPermissionResponse:
        permission = await permissions.get(call, request.permission_name)
        call.tag(permission.revision)
        return pb.GetPermissionResponse(permission=_permission(permission))

    async def update_permission(
        self, request: pb.UpdatePermissionRequest, call: Call
    ) -> pb.UpdatePermissionResponse:
        given = request.permission
        assert given is not None
        if given.name != request.permission_name:
            raise errors.InvalidArgument.field(
                "permission.name", "const", "cannot change: must be the name in the path"
            )
        permission = await permissions.describe(call, request.permission_name, given.description)
        call.tag(permission.revision)
        return pb.UpdatePermissionResponse(permission=_permission(permission))

    async def list_permissions(
        self, request: pb.ListPermissionsRequest, call: Call
    ) -> pb.ListPermissionsResponse:
        if request.type not in _KINDS:
            raise errors.InvalidArgument.field(
                "type", "enum.defined_only", "must be ALL, SCALEKIT or ENVIRONMENT"
            )
        page = await permissions.page(
            call,
            _KINDS[request.type],
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListPermissionsResponse(
            permissions=[_permission(one) for one in page.items],
            prev_page_token=page.prev_page_token,
            next_page_token=page.next_page_token,
            total_size=page.total_size,
        )

    async def delete_permission(self, request: pb.DeletePermissionRequest, call: Call) -> Empty:
        await permissions.remove(call, request.permission_name)
        return Empty()

    async def list_role_permissions(
        self, request: pb.ListRolePermissionsRequest, call: Call
    ) -> pb.ListRolePermissionsResponse:
        listed = await listing.get(call, None, request.role_name, Include.OWN)
        return pb.ListRolePermissionsResponse(permissions=_given(listed))

    async def add_permissions_to_role(
        self, request: pb.AddPermissionsToRoleRequest, call: Call
    ) -> pb.AddPermissionsToRoleResponse:
        listed = await service.add_permissions(call, request.role_name, request.permission_names)
        call.tag(listed.role.revision)
        return pb.AddPermissionsToRoleResponse(permissions=_given(listed))

    async def remove_permission_from_role(
        self, request: pb.RemovePermissionFromRoleRequest, call: Call
    ) -> Empty:
        await service.remove_permission(call, request.role_name, request.permission_name)
        return Empty()

    async def list_effective_role_permissions(
        self, request: pb.ListEffectiveRolePermissionsRequest, call: Call
    ) -> pb.ListEffectiveRolePermissionsResponse:
        listed = await listing.get(call, None, request.role_name, Include.ALL)
        return pb.ListEffectiveRolePermissionsResponse(permissions=_given(listed))


async def _create(
    call: Call, organization_id: str | None, new: pb.CreateRole | pb.CreateOrganizationRole
) -> Role:
    return await service.create(
        call,
        organization_id,
        name=new.name,
        display_name=new.display_name,
        description=new.description if new.has_field("description") else None,
        extends=new.extends if new.has_field("extends") else None,
        permission_names=new.permissions,
    )


def _changes(given: pb.UpdateRole | None) -> dict[str, Any]:
    """Return the members to change: those that are present; of permissions none is "not given"."""
    assert given is not None
    changes: dict[str, Any] = {
        name: getattr(given, name)
        for name in ("display_name", "description", "extends")
        if given.has_field(name)
    }
    return changes | ({"permissions": given.permissions} if given.permissions else {})


def _default(request: pb.UpdateDefaultRolesRequest, kind: str) -> Reference | None:
    """Return the role that a request makes the default, by the newer or the older field."""
    if name := getattr(request, f"default_{kind}_role"):
        return Reference(f"default_{kind}_role", name=name)
    older = getattr(request, f"default_{kind}")
    if older is None:
        return None
    name = older.name if older.has_field("name") else None
    return Reference(f"default_{kind}", name=name, id=older.id)


def _answer(call: Call, role: Role) -> pb.Role:
    call.tag(role.revision)
    return _message(role)


def _message(role: Role) -> pb.Role:
    message = pb.Role(
        id=role.id,
        name=role.name,
        display_name=role.display_name,
        description=role.description or "",
        default_creator=role.default_creator,
        default_member=role.default_member,
        dependent_roles_count=role.dependents,
        is_org_role=role.organization_id is not None,
    )
    if role.extends is not None:
        message.extends = role.extends
    return message


def _listed(listed: Listed) -> pb.Role:
    message = _message(listed.role)
    message.permissions = [
        pb.RolePermission(
            id=grant.permission.id,
            name=grant.permission.name,
            description=grant.permission.description,
            create_time=timestamp(grant.permission.create_time),
            update_time=timestamp(grant.permission.update_time),
            role_name=grant.role_name,
        )
        for grant in listed.grants
    ]
    return message


def _given(listed: Listed) -> list[pb.Permission]:
    return [_permission(grant.permission) for grant in listed.grants]


def _permission(permission: Permission) -> pb.Permission:
    return pb.Permission(
        id=permission.id,
        name=permission.name,
        description=permission.description,
        create_time=timestamp(permission.create_time),
        update_time=timestamp(permission.update_time),
        is_scalekit_permission=permission.built_in,
    )
