"""A role may do all that the roles it extends may; no role extends itself."""

from __future__ import annotations

import pytest
from apis import refused
from role_names import effective, granted, names


@pytest.fixture
async def family(make):
    """A role that extends another that extends a third, each with a permission of its own."""
    given = [(await make.permission())["name"] for _ in range(3)]
    top = await make.role(permissions=[given[0]])
    middle = await make.role(permissions=[given[1]], extends=top["name"])
    bottom = await make.role(permissions=[given[2]], extends=middle["name"])
    return [role["name"] for role in (top, middle, bottom)], given


async def test_effective_permissions_are_its_own_and_those_of_all_ancestors(api, family):
    roles, given = family
    for number, role in enumerate(roles):
        assert await granted(api, role) == [given[number]]
        assert await effective(api, role) == sorted(given[: number + 1])


async def test_a_child_with_nothing_of_its_own_has_an_empty_list(api, make, family):
    roles, given = family
    child = await make.role(extends=roles[2])
    assert await granted(api, child["name"]) == []
    assert await effective(api, child["name"]) == sorted(given)


async def test_an_include_says_which_role_a_permission_comes_from(api, family):
    roles, given = family
    bare = (await api.roles.get_role(role_name=roles[2]))["role"]
    assert bare["permissions"] == []
    assert (await api.roles.get_role(role_name=roles[2], include=""))["role"] == bare
    for include, numbers in (("permissions", [2]), ("permissions:all", [2, 1, 0])):
        role = (await api.roles.get_role(role_name=roles[2], include=include))["role"]
        shown = [(one["name"], one["role_name"]) for one in role["permissions"]]
        assert shown == [(given[n], roles[n]) for n in numbers]
        assert all(one["id"].startswith("perm_") for one in role["permissions"])
        assert all(one["create_time"] == one["update_time"] for one in role["permissions"])
        listed = (await api.roles.list_roles(include=include))["roles"]
        assert role in listed
        assert bare in (await api.roles.list_roles())["roles"]


async def test_a_permission_that_several_give_is_shown_once_from_the_nearest(api, family):
    roles, given = family
    await api.roles.add_permissions_to_role(role_name=roles[1], permission_names=[given[0]])
    role = (await api.roles.get_role(role_name=roles[2], include="permissions:all"))["role"]
    shown = {one["name"]: one["role_name"] for one in role["permissions"]}
    assert len(shown) == len(role["permissions"])
    assert shown == {given[0]: roles[1], given[1]: roles[1], given[2]: roles[2]}


async def test_dependents_are_the_direct_children_the_oldest_first(api, make, family):
    roles, _ = family
    second = await make.role(extends=roles[0])
    for name, children in zip(roles, ([roles[1], second["name"]], [roles[2]], []), strict=True):
        listed = (await api.roles.list_dependent_roles(role_name=name))["roles"]
        assert names(listed) == children
        assert all(child["extends"] == name for child in listed)
        role = (await api.roles.get_role(role_name=name))["role"]
        assert role["dependent_roles_count"] == len(children)


async def test_roles_of_organizations_are_dependents_too(api, make):
    base = await make.role()
    organization, other = await make.organization(), await make.organization()
    own = await make.organization_role(organization["id"], extends=base["name"])
    await make.organization_role(other["id"], extends=base["name"])
    listed = (await api.roles.list_dependent_roles(role_name=base["name"]))["roles"]
    assert own in listed
    assert len(listed) == 2
    role = (await api.roles.get_role(role_name=base["name"]))["role"]
    assert role["dependent_roles_count"] == 2
    here = await api.roles.get_organization_role(org_id=organization["id"], role_name=base["name"])
    assert here["role"]["dependent_roles_count"] == 1


async def test_a_role_with_another_base_inherits_from_that(api, make, family):
    roles, given = family
    permission = (await make.permission())["name"]
    other = (await make.role(permissions=[permission]))["name"]
    answer = await api.roles.update_role(role_name=roles[1], role={"extends": other})
    assert answer["role"]["extends"] == other
    assert await effective(api, roles[2]) == sorted([permission, *given[1:]])
    assert await effective(api, roles[1]) == sorted([permission, given[1]])
    assert (await api.roles.list_dependent_roles(role_name=roles[0]))["roles"] == []


async def test_a_role_whose_base_is_gone_keeps_its_own_permissions(api, family):
    roles, given = family
    await api.roles.delete_role_base(role_name=roles[1])
    assert "extends" not in (await api.roles.get_role(role_name=roles[1]))["role"]
    assert await effective(api, roles[1]) == [given[1]]
    assert await effective(api, roles[2]) == sorted(given[1:])
    # Again: nothing to do.
    before = await api.roles.get_role(role_name=roles[1])
    await api.roles.delete_role_base(role_name=roles[1])
    assert (await api.roles.get_role(role_name=roles[1])).etag == before.etag
    await api.roles.delete_role(role_name=roles[0])


async def test_no_role_comes_to_extend_itself(api, family):
    roles, given = family
    for number, role in enumerate(roles):
        for base in roles[number:]:
            with refused("INVALID_ARGUMENT", "role.extends", says="inherits"):
                await api.roles.update_role(role_name=role, role={"extends": base})
        assert await effective(api, role) == sorted(given[: number + 1])
    # A base that is extended already may be named again.
    answer = await api.roles.update_role(role_name=roles[2], role={"extends": roles[1]})
    assert answer.etag == '"1"'


async def test_a_long_line_of_roles_has_all_permissions_at_its_end(api, make):
    given, last = [], {}
    for _ in range(20):
        given.append((await make.permission())["name"])
        last = await make.role(
            permissions=given[-1:], **({"extends": last["name"]} if last else {})
        )
    assert await effective(api, last["name"]) == sorted(given)
