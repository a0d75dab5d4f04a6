"""Drive RolesService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

from scalekit import ScalekitClient
from scalekit.v1.commons.commons_pb2 import Role
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from scalekit.v1.roles.roles_pb2 import (
    CreateOrganizationRole,
    CreatePermission,
    CreateRole,
    UpdateDefaultOrganizationRolesRequest,
    UpdateRole,
)
from scalekit.v1.users.users_pb2 import CreateMembership, CreateUser
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_field,
    expect_bad_request,
    expect_duplicate,
    expect_not_found,
    expect_refused,
    read_pages,
    step,
)

HELD = "role cannot be deleted as it is assigned to users"
NOBODY = f"nobody_{RUN}"

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
roles, permissions = client.roles, client.permissions


def create_permission(name, description=""):
    request = CreatePermission(name=name, description=description)
    return permissions.create_permission(request)[0].permission


def get_permission(name):
    return permissions.get_permission(name)[0].permission


def create(name, **fields):  # noqa: ANN003
    request = CreateRole(name=name, display_name=f"The {name}", **fields)
    return roles.create_role(request)[0].role


def get(name):
    return roles.get_role(name)[0].role


def create_in(organization_id, name, **fields):  # noqa: ANN003
    request = CreateOrganizationRole(name=name, display_name=f"The {name}", **fields)
    return roles.create_organization_role(organization_id, request)[0].role


def get_in(organization_id, name):
    return roles.get_organization_role(organization_id, name)[0].role


def granted(role_name):
    found = permissions.list_role_permissions(role_name)[0].permissions
    return sorted(each.name for each in found)


def effective(role_name):
    found = permissions.list_effective_role_permissions(role_name)[0].permissions
    return sorted(each.name for each in found)


def count(role_name):
    return roles.get_role_users_count(role_name)[0].count


def count_in(organization_id, role_name):
    return roles.get_organization_role_users_count(organization_id, role_name)[0].count


def dependents(role_name):
    return [role.name for role in roles.list_dependent_roles(role_name)[0].roles]


def create_user(organization_id, name, *role_names):  # noqa: ANN002
    membership = CreateMembership(roles=[Role(name=each) for each in role_names])
    user = CreateUser(email=f"{name}.{RUN}@example.com", membership=membership)
    return client.users.create_user_and_membership(organization_id, user)[0].user.id


def held(organization_id, user_id):
    found = client.users.list_user_roles(organization_id, user_id)[0].roles
    return [role.name for role in found]


def create_organization(name):
    request = CreateOrganization(display_name=f"{name} {RUN}")
    return client.organization.create_organization(request)[0].organization.id


acme = create_organization("Acme")
globex = create_organization("Globex")
read, write, erase = (f"docs:{verb}_{RUN}" for verb in ("read", "write", "erase"))

with step("create_permission") as seen:
    permission = create_permission(read, "Read documents")
    assert permission.id.startswith("perm_")
    assert (permission.name, permission.description) == (read, "Read documents")
    assert not permission.is_scalekit_permission
    assert permission.create_time.seconds > 0
    assert permission.update_time.seconds > 0
    assert create_permission(write).description == ""
    assert create_permission(erase).description == ""
    seen["id"] = permission.id

with step("get_permission"):
    assert get_permission(read) == permission

with step("update_permission"):
    change = CreatePermission(name=read, description="Read any document")
    updated = permissions.update_permission(read, change)[0].permission
    assert (updated.id, updated.name) == (permission.id, read)
    assert updated.description == "Read any document"
    assert get_permission(read) == updated

with step("list_permissions") as seen:
    listed = permissions.list_permissions()[0].permissions
    assert [each.name for each in listed[:3]] == [erase, write, read]
    ours = [get_permission(name).id for name in (read, write, erase)]

    def page(token):
        answer = permissions.list_permissions(page_token=token, page_size=2)[0]
        return answer.permissions, answer

    seen["listed"] = len(read_pages(page, ours))

with step("built_in_permissions"):
    listed = permissions.list_permissions(page_size=100)[0].permissions
    built_in = [each.name for each in listed if each.is_scalekit_permission]
    assert len(built_in) == 12
    assert all(name.startswith("sk_org_") for name in built_in)
    assert set(built_in) <= set(effective("admin"))
    assert {"sk_org_settings_read", "sk_org_users_read"} <= set(effective("member"))
    expect_bad_request(permissions.delete_permission, built_in[0])
    change = CreatePermission(name=built_in[0], description="ours now")
    expect_bad_request(permissions.update_permission, built_in[0], change)

with step("permission_refused") as seen:
    error = expect_duplicate("name", create_permission, read)
    for name in ("", "docs.read", "x" * 65):
        expect_bad_field("name", create_permission, name)
    expect_not_found(get_permission, NOBODY)
    expect_not_found(permissions.update_permission, NOBODY, CreatePermission(name=NOBODY))
    expect_not_found(permissions.delete_permission, NOBODY)
    seen["message"] = error.message

viewer, editor, owner = (f"{name}_{RUN}" for name in ("viewer", "editor", "owner"))

with step("create_role") as seen:
    role = create(viewer, description="Looks")
    assert role.id.startswith("role_")
    assert role.name == viewer
    assert role.display_name == f"The {viewer}"
    assert role.description == "Looks"
    assert not role.default_creator
    assert not role.default_member
    assert not role.is_org_role
    assert not role.HasField("extends")
    seen["id"] = role.id

with step("get_role"):
    assert get(viewer) == role

with step("list_roles"):
    local = f"local_{RUN}"
    create_in(acme, local)
    listed = roles.list_roles()[0].roles
    assert all(each.id and each.name and each.display_name for each in listed)
    assert not any(each.is_org_role for each in listed)
    assert [each.name for each in listed[:2]] == ["admin", "member"]
    assert listed[-1].name == viewer
    assert sum(each.default_creator for each in listed) == 1
    assert sum(each.default_member for each in listed) == 1

with step("update_role"):
    updated = roles.update_role(viewer, UpdateRole(display_name="Onlooker"))[0].role
    assert (updated.id, updated.name) == (role.id, viewer)
    assert updated.display_name == "Onlooker"
    assert updated.description == "Looks"
    updated = roles.update_role(viewer, UpdateRole(description="Looks on"))[0].role
    assert (updated.display_name, updated.description) == ("Onlooker", "Looks on")
    assert get(viewer) == updated

with step("role_permissions"):
    assert granted(viewer) == []
    added = permissions.add_permissions_to_role(viewer, [read])[0].permissions
    assert [each.name for each in added] == [read]
    added = permissions.add_permissions_to_role(viewer, [write])[0].permissions
    assert sorted(each.name for each in added) == [read, write]
    assert granted(viewer) == [read, write]
    permissions.remove_permission_from_role(viewer, write)
    assert granted(viewer) == [read]
    roles.update_role(viewer, UpdateRole(permissions=[write, erase]))
    assert granted(viewer) == [erase, write]
    roles.update_role(viewer, UpdateRole(display_name="Viewer"))
    assert granted(viewer) == [erase, write]
    roles.update_role(viewer, UpdateRole(permissions=[read]))
    assert granted(viewer) == [read]

with step("role_permissions_unknown"):
    added = permissions.add_permissions_to_role(viewer, [NOBODY])[0].permissions
    assert [each.name for each in added] == [read]  # an unknown name is passed over
    expect_bad_request(permissions.add_permissions_to_role, viewer, ["docs.read"])
    expect_not_found(permissions.remove_permission_from_role, viewer, NOBODY)
    expect_bad_request(permissions.remove_permission_from_role, viewer, "docs.read")
    expect_not_found(permissions.list_role_permissions, NOBODY)
    expect_not_found(permissions.list_role_permissions, "no-body")
    expect_not_found(permissions.list_effective_role_permissions, NOBODY)
    expect_not_found(permissions.add_permissions_to_role, NOBODY, [read])
    expect_not_found(permissions.remove_permission_from_role, NOBODY, read)

with step("inheritance"):
    assert create(editor, extends=viewer, permissions=[write]).extends == viewer
    assert create(owner, extends=editor).extends == editor
    assert granted(owner) == []
    assert effective(owner) == [read, write]
    assert effective(editor) == [read, write]
    assert dependents(viewer) == [editor]
    assert get(viewer).dependent_roles_count == 1
    assert dependents(owner) == []
    expect_bad_request(roles.update_role, viewer, UpdateRole(extends=owner))  # a circle
    expect_bad_request(roles.delete_role, viewer)  # editor depends on it

with step("delete_role_base"):
    roles.delete_role_base(owner)
    assert not get(owner).HasField("extends")
    assert effective(owner) == []
    assert dependents(editor) == []
    updated = roles.update_role(owner, UpdateRole(extends=editor))[0].role
    assert updated.extends == editor
    assert effective(owner) == [read, write]

with step("users_count"):
    assert count(owner) == 0
    ada = create_user(acme, "ada", owner)  # invited: that counts
    assert count(owner) == 1
    assert count_in(acme, local) == 0

with step("delete_held_role") as seen:
    assert expect_bad_request(roles.delete_role, owner).message == HELD
    successor = create(f"successor_{RUN}")
    roles.delete_role(owner, reassign_role_name=successor.name)
    expect_not_found(get, owner)
    assert held(acme, ada) == [successor.name]
    assert count(successor.name) == 1
    assert expect_bad_request(roles.delete_role, successor.name).message == HELD
    client.users.delete_membership(acme, ada)
    roles.delete_role(successor.name)
    expect_not_found(get, successor.name)
    client.users.delete_user(ada)

with step("delete_base_with_replacement"):
    create(owner)
    roles.delete_role(viewer, reassign_role_name=owner)
    expect_not_found(get, viewer)
    assert get(editor).extends == owner
    assert dependents(owner) == [editor]

with step("default_roles"):
    listed = roles.list_roles()[0].roles
    creator = next(each.name for each in listed if each.default_creator)
    member = next(each.name for each in listed if each.default_member)
    try:
        answer = roles.update_default_roles(owner, editor)[0]
        assert answer.default_creator == get(owner)
        assert answer.default_member == get(editor)
        assert get(owner).default_creator
        assert get(editor).default_member
        assert not get(member).default_member
        expect_bad_request(roles.delete_role, editor)
        bob = create_user(acme, "bob")
        assert held(acme, bob) == [editor]
        client.users.delete_user(bob)
        expect_refused(roles.update_default_roles, NOBODY, member)
    finally:
        roles.update_default_roles(creator, member)
    assert get(member).default_member

with step("role_refused") as seen:
    error = expect_duplicate("name", create, editor)
    for name in ("", "no-body", "x" * 65):
        expect_bad_field("name", create, name)
    expect_not_found(get, NOBODY)
    expect_not_found(roles.update_role, NOBODY, UpdateRole(display_name="Nobody"))
    expect_not_found(roles.delete_role, NOBODY)
    expect_not_found(roles.delete_role_base, NOBODY)
    expect_not_found(roles.get_role_users_count, NOBODY)
    expect_not_found(roles.list_dependent_roles, NOBODY)
    seen["message"] = error.message

with step("delete_role"):
    for name in (editor, owner):
        roles.delete_role(name)
        expect_not_found(get, name)
    expect_not_found(roles.delete_role, owner)
    again = create(owner, permissions=[erase])
    assert granted(owner) == [erase]

with step("delete_permission"):
    for name in (read, write, erase):  # owner holds the last
        permissions.delete_permission(name)
        expect_not_found(get_permission, name)
    assert granted(owner) == []
    roles.delete_role(owner)
    permissions.delete_permission(create_permission(read).name)

lead, clerk = f"lead_{RUN}", f"clerk_{RUN}"

with step("create_organization_role"):
    role = create_in(acme, clerk, description="Files")
    assert role.id.startswith("role_")
    assert (role.name, role.display_name) == (clerk, f"The {clerk}")
    assert role.description == "Files"
    assert role.is_org_role
    assert create_in(globex, clerk).id != role.id  # a name is one organization's own

with step("get_organization_role"):
    assert get_in(acme, clerk) == role

with step("list_organization_roles"):
    listed = {each.name: each for each in roles.list_organization_roles(acme)[0].roles}
    assert set(listed) >= {"admin", "member", local, clerk}
    assert listed[clerk].is_org_role
    assert not listed["admin"].is_org_role
    assert local not in [each.name for each in roles.list_organization_roles(globex)[0].roles]

with step("update_organization_role"):
    change = UpdateRole(display_name="Senior clerk")
    updated = roles.update_organization_role(acme, clerk, change)[0].role
    assert (updated.id, updated.name) == (role.id, clerk)
    assert updated.display_name == "Senior clerk"
    assert updated.description == "Files"
    assert updated.is_org_role
    assert get_in(acme, clerk) == updated
    assert get_in(globex, clerk).display_name == f"The {clerk}"

with step("delete_organization_role_base"):
    assert create_in(acme, lead, extends=clerk).extends == clerk
    expect_bad_request(roles.delete_organization_role, acme, clerk)
    roles.delete_organization_role_base(acme, lead)
    assert not get_in(acme, lead).HasField("extends")

with step("delete_held_organization_role"):
    assert count_in(acme, clerk) == 0
    carl = create_user(acme, "carl", clerk)
    assert count_in(acme, clerk) == 1
    error = expect_bad_request(roles.delete_organization_role, acme, clerk)
    assert error.message == HELD
    roles.delete_organization_role(acme, clerk, reassign_role_name=lead)
    expect_not_found(get_in, acme, clerk)
    assert held(acme, carl) == [lead]

with step("default_organization_role"):
    default = UpdateDefaultOrganizationRolesRequest(default_member_role=local)
    answer = roles.update_default_organization_roles(acme, default)[0]
    assert answer.default_member.name == local
    dora = create_user(acme, "dora")
    assert held(acme, dora) == [local]
    client.users.delete_user(dora)
    roles.delete_organization_role(acme, local)
    assert held(acme, create_user(acme, "eve")) == [member]

with step("organization_role_refused") as seen:
    error = expect_duplicate("name", create_in, acme, lead)
    expect_duplicate("name", create_in, acme, "admin")
    expect_bad_field("org_id", create_in, "", NOBODY)
    expect_not_found(create_in, f"org_{UNKNOWN}", NOBODY)
    expect_not_found(get_in, globex, lead)
    change = UpdateRole(display_name="Nobody")
    expect_not_found(roles.update_organization_role, globex, lead, change)
    expect_not_found(roles.delete_organization_role, globex, lead)
    expect_not_found(roles.delete_organization_role_base, globex, lead)
    expect_not_found(roles.get_organization_role_users_count, globex, lead)
    default = UpdateDefaultOrganizationRolesRequest(default_member_role=NOBODY)
    expect_refused(roles.update_default_organization_roles, acme, default)
    seen["message"] = error.message

with step("delete_organization_role"):
    client.users.delete_user(carl)
    roles.delete_organization_role(acme, lead)
    expect_not_found(get_in, acme, lead)
    expect_not_found(roles.delete_organization_role, acme, lead)
    for organization_id in (acme, globex):  # globex with its role
        client.organization.delete_organization(organization_id)
