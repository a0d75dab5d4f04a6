"""ListUserRoles, AssignUserRoles, RemoveUserRole, ListUserPermissions."""

from __future__ import annotations

import pytest
from apis import refused
from members import BUSY, invited, names, outcomes


@pytest.fixture
async def organization(make):
    return await make.organization()


@pytest.fixture(params=["active", "pending"])
async def user(request, rest, make, organization):
    """A member, in force or invited: both hold roles alike."""
    if request.param == "pending":
        return await invited(rest, organization)
    return await make.user(organization["id"])


async def may(api, organization, user):
    answer = await api.users.list_user_permissions(
        organization_id=organization["id"], user_id=user["id"]
    )
    return [one["name"] for one in answer["permissions"]]


async def test_a_new_member_has_the_default_role_and_what_it_permits(api, organization, user):
    answer = await api.users.list_user_roles(organization_id=organization["id"], user_id=user["id"])
    (role,) = answer["roles"]
    assert role == {"id": role["id"], "name": "member", "display_name": "Member"}
    answer = await api.users.list_user_permissions(
        organization_id=organization["id"], user_id=user["id"]
    )
    assert [one["name"] for one in answer["permissions"]] == [
        "sk_org_users_read",
        "sk_org_settings_read",
    ]
    assert all(one["id"].startswith("perm_") for one in answer["permissions"])


async def test_roles_are_added_and_all_that_are_held_come_back(
    api, make, organization, user, events
):
    own, role = await make.organization_role(organization["id"]), await make.role()
    await events.new()
    key = {"organization_id": organization["id"], "user_id": user["id"]}
    answer = await api.users.assign_user_roles(**key, roles=[{"role_name": own["name"]}])
    assert [one["name"] for one in answer["roles"]] == ["member", own["name"]]
    for roles in ([{"id": role["id"]}], [{"role_name": role["name"]}], [{"role_name": "member"}]):
        answer = await api.users.assign_user_roles(**key, roles=roles)
        assert [one["name"] for one in answer["roles"]] == ["member", own["name"], role["name"]]
    assert await names(api, organization, user) == ["member", own["name"], role["name"]]
    changes = await events.new()
    assert [event["type"] for event in changes] == ["user.organization_membership_updated"] * 2
    held = [[one["name"] for one in event["after"]["membership"]["roles"]] for event in changes]
    assert held == [["member", own["name"]], ["member", own["name"], role["name"]]]


async def test_20_assignments_at_once_are_all_made(api, make, organization, user):
    roles = [(await make.role())["name"] for _ in range(5)]
    made, refusals = await outcomes(
        api.users.assign_user_roles(
            organization_id=organization["id"],
            user_id=user["id"],
            roles=[{"role_name": roles[n % 5]}],
        )
        for n in range(20)
    )
    assert made
    assert {refusal.error_code for refusal in refusals} <= BUSY
    assert await names(api, organization, user) == ["member", *roles]


async def test_unknown_and_foreign_roles_are_refused(api, make, organization, user):
    foreign = await make.organization_role((await make.organization())["id"])
    for role in (
        {"role_name": "nobody"},
        {"role_name": foreign["name"]},
        {"id": foreign["id"]},
        {"role_name": ""},
        {},
    ):
        with refused("INVALID_ARGUMENT", "roles[0].role_name"):
            await api.users.assign_user_roles(
                organization_id=organization["id"], user_id=user["id"], roles=[role]
            )
    with refused("INVALID_ARGUMENT", "roles"):
        await api.users.assign_user_roles(
            organization_id=organization["id"], user_id=user["id"], roles=[]
        )
    assert await names(api, organization, user) == ["member"]


async def test_the_last_role_may_go_too(api, organization, user, events):
    key = {"organization_id": organization["id"], "user_id": user["id"]}
    await events.new()
    assert await api.users.remove_user_role(**key, role_name="member") == {}
    assert await names(api, organization, user) == []
    assert await may(api, organization, user) == []
    (event,) = await events.new()
    assert event["before"]["membership"]["roles"][0]["name"] == "member"
    assert event["after"]["membership"]["roles"] == []
    for name in ("member", "admin", "nobody"):
        with refused("NOT_FOUND", says="role not found"):
            await api.users.remove_user_role(**key, role_name=name)


async def test_permissions_are_all_that_the_roles_permit_inherited_as_well(
    api, make, organization, user
):
    read, write = await make.permission(), await make.permission()
    base = await make.role(permissions=[read["name"]])
    child = await make.organization_role(
        organization["id"], extends=base["name"], permissions=[write["name"]]
    )
    key = {"organization_id": organization["id"], "user_id": user["id"]}
    await api.users.assign_user_roles(**key, roles=[{"role_name": child["name"]}])
    expected = [write["name"], read["name"], "sk_org_users_read", "sk_org_settings_read"]
    assert await may(api, organization, user) == expected  # the newest first
    member = (await api.users.get_user(id=user["id"]))["user"]["memberships"][0]
    assert member["permissions"] == sorted(expected)
    await api.roles.remove_permission_from_role(
        role_name=base["name"], permission_name=read["name"]
    )
    expected.remove(read["name"])
    assert await may(api, organization, user) == expected
    member = (await api.users.get_user(id=user["id"]))["user"]["memberships"][0]
    assert member["permissions"] == sorted(expected)


async def test_a_role_renamed_is_shown_so_at_once(api, make, organization, user):
    role = await make.role()
    await api.users.assign_user_roles(
        organization_id=organization["id"],
        user_id=user["id"],
        roles=[{"role_name": role["name"]}],
    )
    await api.users.get_user(id=user["id"])
    await api.roles.update_role(role_name=role["name"], role={"display_name": "Another"})
    held = (await api.users.get_user(id=user["id"]))["user"]["memberships"][0]["roles"]
    assert [one["display_name"] for one in held] == ["Member", "Another"]


@pytest.mark.parametrize("rpc", ["list_user_roles", "list_user_permissions"])
async def test_who_is_no_member_is_not_found(api, make, organization, rpc):
    stranger = await make.user()
    for organization_id, user_id in (
        (organization["id"], stranger["id"]),
        (organization["id"], "usr_1234567890123456789"),
        ("org_1234567890123456789", stranger["id"]),
    ):
        with refused("NOT_FOUND", says="not found"):
            await getattr(api.users, rpc)(organization_id=organization_id, user_id=user_id)
