"""Roles of the environment: written, read alike, and refused."""

from __future__ import annotations

import pytest
from apis import refused
from role_names import fresh, granted, names
from wires import Text


@pytest.mark.everywhere
async def test_a_new_role_is_what_was_asked_for(api):
    name = fresh()
    answer = await api.roles.create_role(
        role={"name": name, "display_name": "Ünter 🐘", "description": "Sees\nall"}
    )
    role = answer["role"]
    assert role.pop("id").startswith("role_")
    assert role == {
        "name": name,
        "display_name": "Ünter 🐘",
        "description": "Sees\nall",
        "default_creator": False,
        "default_member": False,
        "permissions": [],
        "dependent_roles_count": 0,
        "is_org_role": False,
    }


async def test_what_was_created_is_what_is_got_and_listed(api, make):
    base = await make.role()
    made = await make.role(extends=base["name"], description="Sees all")
    assert (await api.roles.get_role(role_name=made["name"]))["role"] == made
    listed = (await api.roles.list_roles())["roles"]
    assert listed[-1] == made
    assert listed[-2] == base | {"dependent_roles_count": 1}


@pytest.mark.parametrize("description", [{}, {"description": ""}])
async def test_a_description_may_be_absent_or_empty(api, make, description):
    made = await make.role(**description)
    assert (await api.roles.get_role(role_name=made["name"]))["role"]["description"] == ""


async def test_the_list_is_oldest_first_with_the_two_of_a_fresh_environment_leading(api, make):
    made = [await make.role() for _ in range(3)]
    listed = (await api.roles.list_roles())["roles"]
    assert names(listed[:2]) == ["admin", "member"]
    assert listed[-3:] == made
    assert all(role["id"] and role["name"] and role["display_name"] for role in listed)
    assert [role["name"] for role in listed if role["default_creator"]] == ["admin"]
    assert [role["name"] for role in listed if role["default_member"]] == ["member"]


async def test_the_list_holds_no_role_of_an_organization(api, make):
    organization = await make.organization()
    await make.organization_role(organization["id"])
    listed = (await api.roles.list_roles())["roles"]
    assert not [role for role in listed if role["is_org_role"]]


async def test_an_update_changes_what_is_present_alone(api, make):
    permission = await make.permission()
    base = await make.role()
    made = await make.role(
        description="Sees", extends=base["name"], permissions=[permission["name"]]
    )
    for change in ({"display_name": "New"}, {"description": "Sees all"}):
        answer = await api.roles.update_role(role_name=made["name"], role=change)
        made |= change
        assert answer["role"] == made
        assert (await api.roles.get_role(role_name=made["name"]))["role"] == made
    assert await granted(api, made["name"]) == [permission["name"]]


async def test_permissions_of_an_update_replace_the_set(api, make):
    first, second, third = [(await make.permission())["name"] for _ in range(3)]
    name = (await make.role(permissions=[first, second]))["name"]
    await api.roles.update_role(role_name=name, role={"permissions": [third, second, third]})
    assert await granted(api, name) == [third, second]
    await api.roles.update_role(role_name=name, role={"permissions": []})
    assert await granted(api, name) == [third, second]


@pytest.mark.parametrize("field", ["name", "display_name"])
async def test_a_role_needs_its_names(api, field):
    role = {"name": fresh(), "display_name": "A role"}
    for given in ({**role, field: ""}, {k: v for k, v in role.items() if k != field}):
        with refused("INVALID_ARGUMENT", f"role.{field}", says="name|required"):
            await api.roles.create_role(role=given)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a-b"),
        ("name", "a b"),
        ("name", "x" * 65),
        ("name", "naïve"),
        ("name", "a\n"),
        ("display_name", "x" * 101),
        ("description", "x" * 2001),
        ("extends", ""),
        ("extends", "a.b"),
        ("permissions[0]", ["a.b"]),
        ("permissions[1]", ["a", ""]),
        ("permissions", [f"p{n}" for n in range(101)]),
    ],
)
async def test_a_field_that_breaks_a_rule_is_named(api, field, value):
    role = {"name": fresh(), "display_name": "A role", field.partition("[")[0]: value}
    with refused("INVALID_ARGUMENT", f"role.{field}"):
        await api.roles.create_role(role=role)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", ""),
        ("display_name", "x" * 101),
        ("description", ""),
        ("description", "x" * 2001),
        ("extends", ""),
    ],
)
async def test_an_update_keeps_the_rules_too(api, make, field, value):
    made = await make.role()
    with refused("INVALID_ARGUMENT", f"role.{field}"):
        await api.roles.update_role(role_name=made["name"], role={field: value})
    assert (await api.roles.get_role(role_name=made["name"]))["role"] == made


async def test_an_unknown_base_or_permission_is_named(api, make):
    made = await make.role()
    known = await make.permission()
    for broken, field in (
        ({"extends": "nobody"}, "role.extends"),
        ({"permissions": [known["name"], "no:body"]}, "role.permissions[1]"),
    ):
        with refused("INVALID_ARGUMENT", field, says="there is no"):
            await make.role(**broken)
        with refused("INVALID_ARGUMENT", field, says="there is no"):
            await api.roles.update_role(
                role_name=made["name"], role={"display_name": "New", **broken}
            )
    assert (await api.roles.get_role(role_name=made["name"]))["role"] == made


async def test_a_name_is_given_once(api, make):
    made = await make.role()
    for name in (made["name"], "admin", "member"):
        with refused("INVALID_ARGUMENT", "name", says="duplicate key not allowed: name"):
            await api.roles.create_role(role={"name": name, "display_name": "Again"})
    # Case counts.
    await api.roles.create_role(role={"name": made["name"].upper(), "display_name": "Other"})


async def test_a_name_that_an_organization_has_is_taken(api, make):
    organization = await make.organization()
    own = await make.organization_role(organization["id"])
    with refused("INVALID_ARGUMENT", "name", says="duplicate key not allowed"):
        await api.roles.create_role(role={"name": own["name"], "display_name": "Again"})
    await api.roles.delete_organization_role(org_id=organization["id"], role_name=own["name"])
    await api.roles.create_role(role={"name": own["name"], "display_name": "Now"})


@pytest.mark.wires("rest", "connect")
@pytest.mark.parametrize("field", ["name", "id", "default_creator", "is_org_role", "revision"])
async def test_what_cannot_change_is_no_field_of_an_update(api, make, field):
    made = await make.role()
    with refused("INVALID_ARGUMENT") as it:
        await api.roles.update_role(
            role_name=made["name"], role={"display_name": "New", field: Text("true")}
        )
    assert [path.rpartition(".")[2] for path in it.value.fields] == [field]
    assert (await api.roles.get_role(role_name=made["name"]))["role"] == made


@pytest.mark.parametrize("include", ["all", "Permissions", "permissions:"])
async def test_an_unknown_include_is_refused(api, include):
    with refused("INVALID_ARGUMENT", "include"):
        await api.roles.get_role(role_name="admin", include=include)
    with refused("INVALID_ARGUMENT", "include"):
        await api.roles.list_roles(include=include)


async def test_of_2000_characters_none_is_lost(api, make):
    made = await make.role(display_name="é" * 100, description="🐘" * 2000, name="x" * 64)
    assert (await api.roles.get_role(role_name="x" * 64))["role"] == made
    await api.roles.delete_role(role_name="x" * 64)
