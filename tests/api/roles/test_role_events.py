"""Each change of roles and permissions is one event: by whom, of what, before and after."""

from __future__ import annotations

import pytest
from role_names import fresh


def told(event):
    """An event without its id, time and request."""
    return {name: event[name] for name in ("type", "object", "organization_id", "before", "after")}


@pytest.fixture
def latest(events, server):
    async def latest():
        found = await events.new()
        actor = {"type": "management_client", "id": server.client_id}
        assert all(event["actor"] == actor for event in found)
        return [told(event) for event in found]

    return latest


def of_role(role, *permissions: str, **members: str):
    shown = {name: role[name] for name in ("id", "name", "display_name", "description")}
    if "extends" in role:
        shown["extends"] = role["extends"]
    return shown | {"permissions": sorted(permissions)} | members


def of_permission(permission):
    return {name: permission[name] for name in ("id", "name", "description")}


def event(type_, before, after, organization_id=None):
    return {
        "type": type_,
        "object": type_.partition(".")[0].capitalize(),
        "organization_id": organization_id,
        "before": before,
        "after": after,
    }


async def test_permissions(api, latest):
    name = fresh()
    made = await api.roles.create_permission(permission={"name": name, "description": "Old"})
    changed = await api.roles.update_permission(
        permission_name=name, permission={"name": name, "description": "New"}
    )
    same = await api.roles.update_permission(
        permission_name=name, permission={"name": name, "description": "New"}
    )
    assert same["permission"] == changed["permission"]
    await api.roles.delete_permission(permission_name=name)
    old, new = of_permission(made["permission"]), of_permission(changed["permission"])
    assert await latest() == [
        event("permission.created", None, old),
        event("permission.updated", old, new),
        event("permission.deleted", new, None),
    ]


async def test_roles_of_the_environment(api, make, latest):
    first, second = (await make.permission())["name"], (await make.permission())["name"]
    base = await make.role()
    await latest()
    name = fresh()
    answer = await api.roles.create_role(
        role={
            "name": name,
            "display_name": "Role",
            "description": "Old",
            "extends": base["name"],
            "permissions": [first],
        }
    )
    made = of_role(answer["role"], first)
    assert await latest() == [event("role.created", None, made)]

    await api.roles.update_role(role_name=name, role={"description": "New"})
    described = made | {"description": "New"}
    assert await latest() == [event("role.updated", made, described)]

    await api.roles.add_permissions_to_role(role_name=name, permission_names=[second, first])
    added = described | {"permissions": sorted([first, second])}
    assert await latest() == [event("role.updated", described, added)]

    await api.roles.remove_permission_from_role(role_name=name, permission_name=first)
    taken = described | {"permissions": [second]}
    assert await latest() == [event("role.updated", added, taken)]

    await api.roles.delete_role_base(role_name=name)
    alone = {key: value for key, value in taken.items() if key != "extends"}
    assert await latest() == [event("role.updated", taken, alone)]

    await api.roles.update_role(
        role_name=name,
        role={"display_name": "All", "extends": base["name"], "permissions": [first]},
    )
    whole = alone | {"display_name": "All", "extends": base["name"], "permissions": [first]}
    assert await latest() == [event("role.updated", alone, whole)]

    await api.roles.delete_role(role_name=name)
    assert await latest() == [event("role.deleted", whole, None)]


async def test_roles_of_an_organization(api, make, latest):
    organization = (await make.organization())["id"]
    await latest()
    made = await make.organization_role(organization, description="Files")
    named = {"org_id": organization, "role_name": made["name"]}
    await api.roles.update_organization_role(**named, role={"display_name": "Clerk"})
    await api.roles.delete_organization_role(**named)
    old = of_role(made, organization_id=organization)
    new = old | {"display_name": "Clerk"}
    assert await latest() == [
        event("role.created", None, old, organization),
        event("role.updated", old, new, organization),
        event("role.deleted", new, None, organization),
    ]


async def test_what_takes_over_is_told_and_what_comes_to_extend_it(api, make, latest):
    organization = (await make.organization())["id"]
    gone, target = await make.role(), await make.role()
    child = await make.role(extends=gone["name"])
    own = await make.organization_role(organization, extends=gone["name"])
    await latest()
    await api.roles.delete_role(role_name=gone["name"], reassign_role_name=target["name"])
    before = of_role(child), of_role(own, organization_id=organization)
    after = [one | {"extends": target["name"]} for one in before]
    assert await latest() == [
        event("role.updated", before[0], after[0]),
        event("role.updated", before[1], after[1], organization),
        event("role.deleted", of_role(gone, reassign_role_name=target["name"]), None),
    ]


async def test_defaults(api, make, defaults, latest):
    creator, member = [role["name"] for role in defaults]
    role = (await make.role())["name"]
    organization = (await make.organization())["id"]
    await latest()
    await api.roles.update_default_roles(default_creator_role=role)
    was = {"default_creator": creator, "default_member": member}
    now = {"default_creator": role, "default_member": member}
    assert await latest() == [event("role.defaults_updated", was, now)]
    for _ in range(2):
        await api.roles.update_default_organization_roles(
            org_id=organization, default_member_role=role
        )
    assert await latest() == [
        event(
            "role.defaults_updated",
            {"default_member": member},
            {"default_member": role},
            organization,
        )
    ]


async def test_what_is_refused_or_changes_nothing_is_no_event(api, make, latest):
    permission = (await make.permission())["name"]
    made = await make.role(permissions=[permission])
    await latest()
    name = made["name"]
    await api.roles.update_role(role_name=name, role={"display_name": made["display_name"]})
    await api.roles.update_role(role_name=name, role={"permissions": [permission]})
    await api.roles.update_role(role_name=name, role={})
    await api.roles.add_permissions_to_role(role_name=name, permission_names=[permission])
    await api.roles.delete_role_base(role_name=name)
    for call in (
        api.roles.create_role(role={"name": name, "display_name": "Again"}),
        api.roles.create_permission(permission={"name": permission}),
        api.roles.update_role(role_name=name, role={"display_name": "X", "extends": name}),
        api.roles.delete_role(role_name=name, reassign_role_name="nobody"),
        api.roles.delete_role(role_name="admin"),
    ):
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            await call
    assert await latest() == []
    assert (await api.roles.get_role(role_name=name))["role"] == made
