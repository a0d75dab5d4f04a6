"""Roles of an organization: beside the environment's, and nobody else's."""

from __future__ import annotations

import pytest
from apis import refused
from role_names import fresh, names


@pytest.fixture
async def organization(make):
    return (await make.organization())["id"]


async def listed(api, organization_id, **request: str):
    return (await api.roles.list_organization_roles(org_id=organization_id, **request))["roles"]


async def test_a_new_role_is_what_was_asked_for(api, organization):
    name = fresh()
    answer = await api.roles.create_organization_role(
        org_id=organization,
        role={"name": name, "display_name": "Clerk", "description": "Files"},
    )
    role = dict(answer["role"])
    assert role.pop("id").startswith("role_")
    assert role == {
        "name": name,
        "display_name": "Clerk",
        "description": "Files",
        "default_creator": False,
        "default_member": False,
        "permissions": [],
        "dependent_roles_count": 0,
        "is_org_role": True,
    }
    got = await api.roles.get_organization_role(org_id=organization, role_name=name)
    assert got["role"] == answer["role"]
    assert (await listed(api, organization))[-1] == answer["role"]


async def test_the_list_holds_the_environments_roles_as_well_the_oldest_first(
    api, make, organization
):
    first = await make.organization_role(organization)
    of_all = await make.role()
    second = await make.organization_role(organization)
    await make.organization_role((await make.organization())["id"])
    roles = await listed(api, organization)
    assert names(roles[:2]) == ["admin", "member"]
    assert roles[-3:] == [first, of_all, second]
    assert [role["name"] for role in roles if role["default_creator"]] == ["admin"]
    assert [role["name"] for role in roles if role["default_member"]] == ["member"]


async def test_an_include_shows_permissions_of_both_kinds(api, make, organization):
    given = [(await make.permission())["name"] for _ in range(2)]
    base = await make.role(permissions=given[:1])
    own = await make.organization_role(organization, extends=base["name"], permissions=given[1:])
    for include, shown in (
        ("permissions", [(given[1], own["name"])]),
        ("permissions:all", [(given[1], own["name"]), (given[0], base["name"])]),
    ):
        role = (await listed(api, organization, include=include))[-1]
        assert [(one["name"], one["role_name"]) for one in role["permissions"]] == shown
        got = await api.roles.get_organization_role(
            org_id=organization, role_name=own["name"], include=include
        )
        assert got["role"] == role


async def test_a_role_of_the_environment_can_be_read_in_an_organization(api, organization):
    got = await api.roles.get_organization_role(org_id=organization, role_name="admin")
    assert got["role"]["default_creator"]
    assert not got["role"]["is_org_role"]


async def test_a_role_of_the_environment_cannot_be_changed_in_an_organization(api, organization):
    named = {"org_id": organization, "role_name": "admin"}
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.update_organization_role(**named, role={"display_name": "Mine"})
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.delete_organization_role(**named)
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.delete_organization_role_base(**named)


async def test_an_update_changes_what_is_present_alone(api, make, organization):
    made = await make.organization_role(organization, description="Files")
    answer = await api.roles.update_organization_role(
        org_id=organization, role_name=made["name"], role={"display_name": "Senior"}
    )
    assert answer["role"] == made | {"display_name": "Senior"}
    got = await api.roles.get_organization_role(org_id=organization, role_name=made["name"])
    assert got == answer


async def test_a_name_is_the_organizations_own(api, make, organization):
    made = await make.organization_role(organization)
    other = (await make.organization())["id"]
    same = await api.roles.create_organization_role(
        org_id=other, role={"name": made["name"], "display_name": "Other"}
    )
    assert same["role"]["id"] != made["id"]
    for name in (made["name"], "admin", (await make.role())["name"]):
        with refused("INVALID_ARGUMENT", "name", says="duplicate key not allowed: name"):
            await api.roles.create_organization_role(
                org_id=organization, role={"name": name, "display_name": "Again"}
            )


async def test_it_extends_a_role_of_its_organization_or_of_the_environment(api, make, organization):
    own = await make.organization_role(organization)
    for base in (own["name"], "member"):
        made = await make.organization_role(organization, extends=base)
        assert made["extends"] == base
        await api.roles.delete_organization_role_base(org_id=organization, role_name=made["name"])
        got = await api.roles.get_organization_role(org_id=organization, role_name=made["name"])
        assert "extends" not in got["role"]
        changed = await api.roles.update_organization_role(
            org_id=organization, role_name=made["name"], role={"extends": base}
        )
        assert changed["role"]["extends"] == base


async def test_it_extends_no_role_of_another_organization(api, make, organization):
    foreign = await make.organization_role((await make.organization())["id"])
    own = await make.organization_role(organization)
    with refused("INVALID_ARGUMENT", "role.extends"):
        await make.organization_role(organization, extends=foreign["name"])
    with refused("INVALID_ARGUMENT", "role.extends"):
        await api.roles.update_organization_role(
            org_id=organization, role_name=own["name"], role={"extends": foreign["name"]}
        )
    with refused("INVALID_ARGUMENT", "role.extends"):
        await make.role(extends=own["name"])


async def test_a_circle_of_an_organizations_roles_is_refused(api, make, organization):
    first = await make.organization_role(organization)
    second = await make.organization_role(organization, extends=first["name"])
    for base in (first, second):
        with refused("INVALID_ARGUMENT", "role.extends", says="inherits"):
            await api.roles.update_organization_role(
                org_id=organization, role_name=first["name"], role={"extends": base["name"]}
            )


async def test_a_deleted_role_is_gone_and_its_name_is_free(api, make, organization):
    made = await make.organization_role(organization)
    named = {"org_id": organization, "role_name": made["name"]}
    await api.roles.delete_organization_role(**named)
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.get_organization_role(**named)
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.delete_organization_role(**named)
    assert made["name"] not in names(await listed(api, organization))
    again = await api.roles.create_organization_role(
        org_id=organization, role={"name": made["name"], "display_name": "Again"}
    )
    assert again["role"]["id"] != made["id"]


async def test_its_roles_go_with_an_organization_whatever_extends_them(api, make, organization):
    base = await make.organization_role(organization)
    await make.organization_role(organization, extends=base["name"])
    await api.roles.update_default_organization_roles(
        org_id=organization, default_member_role=base["name"]
    )
    await api.organizations.delete_organization(id=organization)
    await api.roles.create_role(role={"name": base["name"], "display_name": "Free"})
