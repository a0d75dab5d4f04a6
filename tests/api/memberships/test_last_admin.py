"""The last admin of others may not go or be demoted, unless that is forced."""

from __future__ import annotations

import pytest
from apis import refused
from members import address, invited, names, outcomes

SAYS = "last admin"


@pytest.fixture
async def organization(make):
    return await make.organization()


@pytest.fixture
async def admin(make, organization):
    return await make.user(organization["id"], membership={"roles": [{"name": "admin"}]})


@pytest.fixture
async def member(make, organization):
    return await make.user(organization["id"])


def ways(api, organization, user):
    """All ways in which an admin is lost, by name."""
    key = {"organization_id": organization["id"]}
    return {
        "leave": lambda: api.users.delete_membership(**key, id=user["id"]),
        "cascade": lambda: api.users.delete_membership(**key, id=user["id"], cascade=True),
        "demote": lambda: api.users.update_membership(
            **key, id=user["id"], membership={"roles": [{"name": "member"}]}
        ),
        "take": lambda: api.users.remove_user_role(**key, user_id=user["id"], role_name="admin"),
        "delete": lambda: api.users.delete_user(id=user["id"]),
    }


WAYS = pytest.mark.parametrize("way", ["leave", "cascade", "demote", "take", "delete"])


@WAYS
@pytest.mark.usefixtures("member")
async def test_the_last_admin_of_others_stays(api, organization, admin, way, events):
    await events.new()
    with refused("INVALID_ARGUMENT", says=SAYS):
        await ways(api, organization, admin)[way]()
    assert await names(api, organization, admin) == ["admin"]
    assert await events.new() == []


@WAYS
@pytest.mark.usefixtures("member")
async def test_it_can_be_forced(api, organization, admin, way):
    for value in ("false", "1", "", "TRUE"):
        with refused("INVALID_ARGUMENT", says=SAYS):
            await ways(api.sending(x_force=value), organization, admin)[way]()
    await ways(api.sending(x_force="true"), organization, admin)[way]()


@pytest.mark.wires("rest")
async def test_over_rest_by_a_query_member(http, api, organization, admin, member):
    path = f"/api/v1/memberships/organizations/{organization['id']}/users/{admin['id']}"
    headers = dict(api.headers)
    assert (await http.delete(path, headers=headers)).status_code == 400
    assert (await http.delete(f"{path}?force=true", headers=headers)).status_code == 200


@WAYS
async def test_a_sole_member_may_go(api, organization, admin, way):
    await ways(api, organization, admin)[way]()


@WAYS
@pytest.mark.usefixtures("member")
async def test_one_of_two_admins_may_go(api, make, organization, admin, way):
    other = await make.user(organization["id"], membership={"roles": [{"name": "admin"}]})
    await ways(api, organization, other)[way]()
    with refused("INVALID_ARGUMENT", says=SAYS):
        await ways(api, organization, admin)[way]()


@WAYS
@pytest.mark.usefixtures("member")
async def test_an_invited_admin_does_not_count_yet(api, organization, admin, way):
    await invited(api, organization, membership={"roles": [{"name": "admin"}]})
    with refused("INVALID_ARGUMENT", says=SAYS):
        await ways(api, organization, admin)[way]()


@WAYS
async def test_invited_members_are_not_left_behind(api, organization, admin, way):
    await invited(api, organization)
    await ways(api, organization, admin)[way]()


@WAYS
async def test_where_there_never_was_an_admin_anybody_may_go(api, make, organization, way):
    for _ in range(2):
        user = await make.user(organization["id"])
    if way in {"demote", "take"}:
        return
    await ways(api, organization, user)[way]()


async def test_an_admin_may_change_in_every_other_way(api, make, organization, admin, member):
    role = await make.role()
    key = {"organization_id": organization["id"]}
    await api.users.update_membership(
        **key,
        id=admin["id"],
        membership={"roles": [{"name": role["name"]}, {"name": "admin"}]},
    )
    await api.users.remove_user_role(**key, user_id=admin["id"], role_name=role["name"])
    assert await names(api, organization, admin) == ["admin"]


@pytest.mark.parametrize("way", ["leave", "demote", "take", "delete"])
async def test_admins_who_remove_each_other_at_once_leave_one(api, make, organization, member, way):
    admins = [
        await make.user(organization["id"], membership={"roles": [{"name": "admin"}]})
        for _ in range(6)
    ]
    made, refusals = await outcomes(ways(api, organization, admin)[way]() for admin in admins)
    assert len(made) == 5
    assert [refusal.error_code for refusal in refusals] == ["INVALID_ARGUMENT"]


async def test_a_user_who_is_last_admin_in_one_of_many_is_not_deleted(api, make, organization):
    user = await make.user()
    for number in range(3):
        place = await make.organization()
        if number:
            await make.user(place["id"])
        await api.users.create_membership(
            organization_id=place["id"],
            id=user["id"],
            membership={"roles": [{"name": "admin" if number == 2 else "member"}]},
            send_invitation_email=False,
        )
    with refused("INVALID_ARGUMENT", says=f"last admin of {place['id']}"):
        await api.users.delete_user(id=user["id"])
    await make.user(place["id"], email=address(), membership={"roles": [{"name": "admin"}]})
    await api.users.delete_user(id=user["id"])


@pytest.mark.wires("rest")
async def test_a_new_admin_who_is_deleted_does_not_let_the_old_one_go(api, make):
    """The three ways at once: the last one finds that another one is no admin any more."""
    for _ in range(40):
        place = await make.organization()
        old = await make.user(place["id"], membership={"roles": [{"name": "admin"}]})
        new, _other = await make.user(place["id"]), await make.user(place["id"])
        key = {"organization_id": place["id"]}
        promote = {"user_id": new["id"], "roles": [{"role_name": "admin"}]}
        await outcomes(
            [
                api.users.assign_user_roles(**key, **promote),
                ways(api, place, new)["delete"](),
                ways(api, place, old)["take"](),
                ways(api, place, old)["demote"](),
            ]
        )
        members = (await api.users.list_organization_users(**key))["users"]
        held = [role["name"] for user in members for role in user["memberships"][0]["roles"]]
        assert "admin" in held
