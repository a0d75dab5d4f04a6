"""Many at once: no circle, no lost permission, one default of each kind, no holder of nothing."""

from __future__ import annotations

import asyncio

from members import BUSY
from role_names import effective, fresh, granted, holding, names
from wires import ApiError

MANY = 20


async def at_once(calls):
    """The answers of calls made at the same time, and the codes of those refused."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    problems = [one for one in done if isinstance(one, BaseException)]
    assert all(isinstance(problem, ApiError) for problem in problems), problems
    return [one for one in done if one not in problems], {one.error_code for one in problems}


async def test_a_name_is_given_once_though_20_ask_for_it(api):
    for rpc, field in (("create_role", "role"), ("create_permission", "permission")):
        wanted = {"name": fresh()} | ({"display_name": "Role"} if field == "role" else {})
        made, codes = await at_once(getattr(api.roles, rpc)(**{field: wanted}) for _ in range(MANY))
        assert len(made) == 1
        assert codes == {"INVALID_ARGUMENT"}


async def test_a_name_is_the_environments_or_organizations_own(api, make):
    organizations = [(await make.organization())["id"] for _ in range(MANY // 2)]
    role = {"name": fresh(), "display_name": "Role"}
    made, codes = await at_once(
        call
        for organization in organizations
        for call in (
            api.roles.create_organization_role(org_id=organization, role=role),
            api.roles.create_role(role=role),
        )
    )
    kinds = [answer["role"]["is_org_role"] for answer in made]
    assert kinds in ([False], [True] * len(organizations))
    assert codes == {"INVALID_ARGUMENT"}


async def test_no_circle_is_closed_by_several_together(api, make):
    ring = [(await make.role())["name"] for _ in range(MANY)]
    made, codes = await at_once(
        api.roles.update_role(role_name=role, role={"extends": base})
        for role, base in zip(ring, ring[1:] + ring[:1], strict=True)
    )
    # Without the role of a call that a busy server refused, there is no circle.
    assert len(made) == MANY - 1 or codes & BUSY
    assert codes <= {"INVALID_ARGUMENT", *BUSY}
    roles = {role["name"]: role for role in (await api.roles.list_roles())["roles"]}
    for name in ring:
        walked, at = set(), name
        while at is not None:
            assert at not in walked
            walked.add(at)
            at = roles[at].get("extends")


async def test_permissions_that_are_added_at_once_are_all_there(api, make):
    given = [(await make.permission())["name"] for _ in range(MANY)]
    role = (await make.role())["name"]
    made, codes = await at_once(
        api.roles.add_permissions_to_role(role_name=role, permission_names=[name]) for name in given
    )
    assert not codes
    assert sorted(len(answer["permissions"]) for answer in made) == list(range(1, MANY + 1))
    assert sorted(await granted(api, role)) == sorted(given)
    assert (await api.roles.get_role(role_name=role)).etag == f'"{MANY + 1}"'


async def test_there_is_one_default_of_each_kind_whoever_sets_it(api, make, defaults, events):
    roles = [(await make.role())["name"] for _ in range(MANY)]
    await events.new()
    made, codes = await at_once(
        api.roles.update_default_roles(default_creator_role=a, default_member_role=b)
        for a, b in zip(roles, roles[::-1], strict=True)
    )
    assert (len(made), codes) == (MANY, set())
    listed = (await api.roles.list_roles())["roles"]
    (creator,) = [role["name"] for role in listed if role["default_creator"]]
    (member,) = [role["name"] for role in listed if role["default_member"]]
    assert roles.index(creator) == MANY - 1 - roles.index(member)
    # Each says what it found and what it made of it, in one order.
    told = [(event["before"], event["after"]) for event in await events.new()]
    at = {"default_creator": defaults[0]["name"], "default_member": defaults[1]["name"]}
    for _ in range(MANY):
        ((before, after),) = [one for one in told if one[0] == at]
        told.remove((before, after))
        at = after
    assert at == {"default_creator": creator, "default_member": member}


async def test_a_default_is_never_deleted_while_it_becomes_one(api, make, defaults):
    roles = [(await make.role())["name"] for _ in range(MANY // 2)]
    await at_once(
        call
        for role in roles
        for call in (
            api.roles.update_default_roles(default_creator_role=role),
            api.roles.delete_role(role_name=role),
        )
    )
    listed = (await api.roles.list_roles())["roles"]
    assert len([role for role in listed if role["default_creator"]]) == 1


async def test_of_20_deletions_at_once_one_is_made(api, make, events):
    role = (await make.role())["name"]
    await events.new()
    made, codes = await at_once(api.roles.delete_role(role_name=role) for _ in range(MANY))
    assert (len(made), codes) == (1, {"NOT_FOUND"})
    assert [event["type"] for event in await events.new()] == ["role.deleted"]


async def test_a_permission_goes_while_roles_are_given_it(api, make):
    name = (await make.permission())["name"]
    roles = [(await make.role())["name"] for _ in range(MANY // 2)]
    _, codes = await at_once(
        [
            *(
                api.roles.add_permissions_to_role(role_name=role, permission_names=[name])
                for role in roles[::2]
            ),
            api.roles.delete_permission(permission_name=name),
            *(
                api.roles.update_role(role_name=role, role={"permissions": [name]})
                for role in roles[1::2]
            ),
        ]
    )
    assert codes <= {"INVALID_ARGUMENT"}
    for role in roles:
        assert await granted(api, role) == []


async def test_a_role_goes_while_others_come_to_extend_it(api, make):
    permission = (await make.permission())["name"]
    base = (await make.role(permissions=[permission]))["name"]
    children = [(await make.role())["name"] for _ in range(MANY)]
    calls = [api.roles.update_role(role_name=child, role={"extends": base}) for child in children]
    calls.insert(MANY // 2, api.roles.delete_role(role_name=base))
    await at_once(calls)
    listed = (await api.roles.list_roles())["roles"]
    extending = [role["name"] for role in listed if role.get("extends") == base]
    assert not extending or base in names(listed)
    for child in children:
        assert await effective(api, child) == ([permission] if child in extending else [])


async def test_a_role_goes_while_20_come_to_hold_it(api, make):
    organization = (await make.organization())["id"]
    role = (await make.role())["name"]
    joining = [
        api.users.create_user_and_membership(
            organization_id=organization,
            send_invitation_email=False,
            user={"email": f"{fresh()}@example.com", **holding(role)},
        )
        for _ in range(MANY)
    ]
    made, codes = await at_once(
        [*joining[: MANY // 2], api.roles.delete_role(role_name=role), *joining[MANY // 2 :]]
    )
    # A person that loses the role in the middle of joining is told to try again.
    assert codes <= {"INVALID_ARGUMENT", "BUSY"}
    holders = [answer for answer in made if "user" in answer]
    there = role in names((await api.roles.list_roles())["roles"])
    # Either it was held first, and stays; or it went first, and nobody got it.
    assert bool(holders) == there
    if there:
        answer = await api.roles.get_role_users_count(role_name=role)
        assert int(answer["count"]) == len(holders) == MANY
