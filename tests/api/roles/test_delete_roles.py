"""Deleting a role: not while it is held or extended, unless another role takes over."""

from __future__ import annotations

import pytest
from apis import refused
from role_names import effective, fresh, holding, names

HELD = "^role cannot be deleted as it is assigned to users$"


async def held(api, organization_id, user):
    answer = await api.users.list_user_roles(organization_id=organization_id, user_id=user["id"])
    return sorted(names(answer["roles"]))


async def count(api, name, organization_id=None):
    if organization_id is None:
        answer = await api.roles.get_role_users_count(role_name=name)
    else:
        answer = await api.roles.get_organization_role_users_count(
            org_id=organization_id, role_name=name
        )
    # int64 is a string in JSON.
    return int(answer["count"])


async def test_a_deleted_role_is_gone_and_its_name_is_free(api, make):
    made = await make.role()
    name = made["name"]
    await api.roles.delete_role(role_name=name)
    for rpc in (api.roles.get_role, api.roles.delete_role, api.roles.get_role_users_count):
        with refused("NOT_FOUND", says="role not found"):
            await rpc(role_name=name)
    assert name not in names((await api.roles.list_roles())["roles"])
    again = await api.roles.create_role(role={"name": name, "display_name": "Again"})
    assert again["role"]["id"] != made["id"]


async def test_a_role_that_is_extended_is_kept(api, make):
    base = (await make.role())["name"]
    child = (await make.role(extends=base))["name"]
    with refused("INVALID_ARGUMENT", says="other roles extend it"):
        await api.roles.delete_role(role_name=base)
    await api.roles.delete_role(role_name=child)
    await api.roles.delete_role(role_name=base)


async def test_a_role_that_a_role_of_an_organization_extends_is_kept(api, make):
    organization = (await make.organization())["id"]
    base = (await make.role())["name"]
    own = (await make.organization_role(organization, extends=base))["name"]
    with refused("INVALID_ARGUMENT", says="other roles extend it"):
        await api.roles.delete_role(role_name=base)
    await api.roles.delete_organization_role_base(org_id=organization, role_name=own)
    await api.roles.delete_role(role_name=base)


async def test_what_takes_over_is_extended_in_its_place(api, make):
    organization = (await make.organization())["id"]
    given = [(await make.permission())["name"] for _ in range(2)]
    gone = (await make.role(permissions=given[:1]))["name"]
    target = (await make.role(permissions=given[1:]))["name"]
    child = (await make.role(extends=gone))["name"]
    grandchild = (await make.role(extends=child))["name"]
    own = (await make.organization_role(organization, extends=gone))["name"]
    assert await effective(api, grandchild) == given[:1]
    await api.roles.delete_role(role_name=gone, reassign_role_name=target)
    listed = (await api.roles.list_dependent_roles(role_name=target))["roles"]
    assert names(listed) == [child, own]
    assert await effective(api, child) == given[1:]
    assert await effective(api, grandchild) == given[1:]
    got = await api.roles.get_organization_role(
        org_id=organization, role_name=own, include="permissions:all"
    )
    assert names(got["role"]["permissions"]) == given[1:]


async def test_what_takes_over_may_not_close_a_circle(api, make):
    top = (await make.role())["name"]
    middle = (await make.role(extends=top))["name"]
    bottom = (await make.role(extends=middle))["name"]
    for target in (middle, bottom):
        with refused("INVALID_ARGUMENT", "reassign_role_name", says="inherits"):
            await api.roles.delete_role(role_name=top, reassign_role_name=target)
    assert (await api.roles.get_role(role_name=middle))["role"]["extends"] == top
    # A role may hand over to what it extends itself.
    await api.roles.delete_role(role_name=middle, reassign_role_name=top)
    assert (await api.roles.get_role(role_name=bottom))["role"]["extends"] == top


async def test_what_takes_over_is_another_role_that_there_is(api, make):
    role = await make.role()
    for request, says in (
        ({"reassign_role_name": role["name"]}, "different role"),
        ({"reassign_role_id": role["id"]}, "different role"),
        ({"reassign_role_name": "nobody"}, "there is no role"),
        ({"reassign_role_id": "role_1"}, "there is no role"),
    ):
        with refused("INVALID_ARGUMENT", *request, says=says):
            await api.roles.delete_role(role_name=role["name"], **request)
    with refused("INVALID_ARGUMENT", "reassign_role_name"):
        await api.roles.delete_role(role_name=role["name"], reassign_role_name="")
    assert (await api.roles.get_role(role_name=role["name"]))["role"] == role


async def test_what_takes_over_may_be_named_where_nobody_holds_it(api, make):
    first, second, target = [await make.role() for _ in range(3)]
    await api.roles.delete_role(role_name=first["name"], reassign_role_name=target["name"])
    await api.roles.delete_role(role_name=second["name"], reassign_role_id=target["id"])
    assert (await api.roles.get_role(role_name=target["name"]))["role"] == target


async def test_a_role_that_is_held_is_kept(api, make):
    organization = (await make.organization())["id"]
    role = (await make.role())["name"]
    assert await count(api, role) == 0
    user = await make.user(organization, **holding(role))
    assert await count(api, role) == 1
    assert await count(api, role, organization) == 1
    with refused("INVALID_ARGUMENT", says=HELD):
        await api.roles.delete_role(role_name=role)
    assert await held(api, organization, user) == [role]
    await api.users.delete_membership(organization_id=organization, id=user["id"])
    assert await count(api, role) == 0
    await api.roles.delete_role(role_name=role)


async def test_who_holds_it_comes_to_hold_what_takes_over(api, make):
    organization, other = [(await make.organization())["id"] for _ in range(2)]
    role, target = [(await make.role())["name"] for _ in range(2)]
    one = await make.user(organization, **holding(role))
    both = await make.user(organization, **holding(role, target))
    also = await make.user(other, **holding(role, "member"))
    await api.roles.delete_role(role_name=role, reassign_role_name=target)
    assert await held(api, organization, one) == [target]
    assert await held(api, organization, both) == [target]
    assert await held(api, other, also) == sorted(["member", target])
    assert await count(api, target) == 3
    assert await count(api, target, organization) == 2


async def test_a_pending_member_holds_it_too(api, make):
    organization = (await make.organization())["id"]
    role = (await make.role())["name"]
    await api.users.create_user_and_membership(
        organization_id=organization,
        user={"email": f"{fresh()}@example.com", **holding(role)},
    )
    assert await count(api, role) == 1
    with refused("INVALID_ARGUMENT", says=HELD):
        await api.roles.delete_role(role_name=role)


async def test_a_role_of_an_organization_hands_over_within_it(api, make):
    organization = (await make.organization())["id"]
    role, target = [(await make.organization_role(organization))["name"] for _ in range(2)]
    user = await make.user(organization, **holding(role))
    named = {"org_id": organization, "role_name": role}
    with refused("INVALID_ARGUMENT", says=HELD):
        await api.roles.delete_organization_role(**named)
    await api.roles.delete_organization_role(**named, reassign_role_name=target)
    assert await held(api, organization, user) == [target]
    # Or to a role of the environment.
    await api.roles.delete_organization_role(
        org_id=organization, role_name=target, reassign_role_name="member"
    )
    assert await held(api, organization, user) == ["member"]


async def test_a_count_in_an_organization_is_of_that_alone(api, make):
    organization, other = [(await make.organization())["id"] for _ in range(2)]
    role = (await make.role())["name"]
    for where in (organization, organization, other):
        await make.user(where, **holding(role))
    assert await count(api, role) == 3
    assert await count(api, role, organization) == 2
    assert await count(api, role, other) == 1


async def test_an_organization_goes_with_its_roles_though_members_hold_them(api, make):
    organization = (await make.organization())["id"]
    base = await make.organization_role(organization)
    role = await make.organization_role(organization, extends=base["name"])
    of_all = (await make.role())["name"]
    await make.user(organization, **holding(role["name"], base["name"], of_all))
    await api.organizations.delete_organization(id=organization)
    assert await count(api, of_all) == 0
    await api.roles.create_role(role={"name": role["name"], "display_name": "Free"})


@pytest.mark.wires("rest")
async def test_a_member_who_leaves_no_longer_counts(api, make):
    organization = (await make.organization())["id"]
    role = (await make.role())["name"]
    user = await make.user(organization, **holding(role))
    await api.users.delete_user(id=user["id"])
    assert await count(api, role) == 0
