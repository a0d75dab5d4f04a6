"""Giving a role permissions and taking them away."""

from __future__ import annotations

import pytest
from apis import refused
from role_names import effective, granted, names


@pytest.fixture
async def given(make):
    """Names of three permissions, the newest first."""
    return [(await make.permission())["name"] for _ in range(3)][::-1]


async def test_a_new_role_has_none(api, make):
    role = (await make.role())["name"]
    assert await granted(api, role) == []
    assert await effective(api, role) == []


async def test_adding_answers_with_all_that_it_then_has(api, make, given):
    role = (await make.role())["name"]
    for number in (1, 2, 3):
        answer = await api.roles.add_permissions_to_role(
            role_name=role, permission_names=given[-number:]
        )
        assert names(answer["permissions"]) == given[-number:]
        assert await granted(api, role) == given[-number:]
    permissions = (await api.roles.list_role_permissions(role_name=role))["permissions"]
    for permission in permissions:
        got = await api.roles.get_permission(permission_name=permission["name"])
        assert got["permission"] == permission


async def test_adding_again_changes_nothing(api, make, given):
    role = (await make.role(permissions=given))["name"]
    answer = await api.roles.add_permissions_to_role(
        role_name=role, permission_names=[given[0], given[0]]
    )
    assert names(answer["permissions"]) == given
    assert answer.etag == '"1"'


async def test_an_unknown_name_is_passed_over(api, make, given):
    role = (await make.role())["name"]
    answer = await api.roles.add_permissions_to_role(role_name=role, permission_names=["no:body"])
    assert answer["permissions"] == []
    answer = await api.roles.add_permissions_to_role(
        role_name=role, permission_names=["no:body", given[1]]
    )
    assert names(answer["permissions"]) == [given[1]]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ([], "permission_names"),
        (["a.b"], "permission_names[0]"),
        (["a", ""], "permission_names[1]"),
        (["a", "x" * 65], "permission_names[1]"),
        ([f"p{n}" for n in range(101)], "permission_names"),
    ],
)
async def test_a_name_that_breaks_a_rule_is_refused(api, make, wrong, field):
    role = (await make.role())["name"]
    with refused("INVALID_ARGUMENT") as it:
        await api.roles.add_permissions_to_role(role_name=role, permission_names=wrong)
    assert set(it.value.fields) == {field}


async def test_what_was_taken_is_gone_and_the_others_stay(api, make, given):
    role = (await make.role(permissions=given))["name"]
    await api.roles.remove_permission_from_role(role_name=role, permission_name=given[1])
    assert await granted(api, role) == [given[0], given[2]]
    await api.roles.get_permission(permission_name=given[1])


async def test_what_it_has_not_itself_cannot_be_taken(api, make, given):
    base = await make.role(permissions=given[:1])
    role = (await make.role(extends=base["name"]))["name"]
    for name in ("no:body", *given):
        with refused("NOT_FOUND", says="permission not found"):
            await api.roles.remove_permission_from_role(role_name=role, permission_name=name)
    assert await effective(api, role) == given[:1]


async def test_a_hyphen_is_let_through_by_the_rule_and_then_not_found(api):
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.list_role_permissions(role_name="no-body")
    for rpc in ("list_effective_role_permissions", "list_dependent_roles", "get_role"):
        with refused("INVALID_ARGUMENT", "role_name"):
            await getattr(api.roles, rpc)(role_name="no-body")


async def test_a_name_that_only_permissions_may_have_is_no_role(api):
    with refused("NOT_FOUND", says="role not found"):
        await api.roles.add_permissions_to_role(role_name="no:body", permission_names=["a"])


async def test_a_role_may_come_to_have_more_than_100(api, make):
    given = [(await make.permission())["name"] for _ in range(101)]
    role = (await make.role(permissions=given[:100]))["name"]
    answer = await api.roles.add_permissions_to_role(role_name=role, permission_names=given[100:])
    assert sorted(names(answer["permissions"])) == sorted(given)
