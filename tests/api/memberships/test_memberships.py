"""CreateMembership, UpdateMembership, DeleteMembership, by id and by external id."""

from __future__ import annotations

import pytest
from apis import moment, refused, unique
from members import address, ids_of, invited, key_of, mail_to, names, outcomes

BY = pytest.mark.parametrize("by", ["id", "external_id"])


@pytest.fixture
async def home(make):
    return await make.organization("Home")


@pytest.fixture
async def user(make, home):
    """A member of one organization."""
    return await make.user(home["id"], external_id=unique())


@pytest.fixture
async def office(make):
    """An organization that the user is no member of yet."""
    return await make.organization("Office")


def place_in(user, organization):
    (place,) = (one for one in user["memberships"] if one["organization_id"] == organization["id"])
    return place


@BY
async def test_a_user_joins_by_invitation(api, user, office, by, database):
    answer = await api.users.create_membership(
        organization_id=office["id"],
        **key_of(user, by),
        membership={"metadata": {"team": "x"}, "inviter_email": "boss@example.com"},
    )
    joined = answer["user"]
    assert joined["id"] == user["id"]
    old, place = joined["memberships"]
    assert old == user["memberships"][0]
    assert place["organization_id"] == office["id"]
    assert place["membership_status"] == "PENDING_INVITE"
    assert place["provisioning_method"] == "invitation"
    assert place["metadata"] == {"team": "x"}
    assert place["inviter_email"] == "boss@example.com"
    assert place["display_name"] == "Office"
    assert place["join_time"]
    assert [role["name"] for role in place["roles"]] == ["member"]
    assert await api.users.get_user(id=user["id"]) == answer
    assert len(await mail_to(database, user)) == 1


async def test_a_user_joins_at_once(api, user, office, database):
    answer = await api.users.create_membership(
        organization_id=office["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    place = place_in(answer["user"], office)
    assert place["membership_status"] == "ACTIVE"
    assert place["provisioning_method"] == "direct_provision"
    assert place["accepted_at"] == place["join_time"]
    assert await mail_to(database, user) == []


async def test_who_joins_at_once_has_a_verified_address(api, make, office, events):
    user = await invited(api, await make.organization())
    assert not user["user_profile"]["email_verified"]
    await events.new()
    answer = await api.users.create_membership(
        organization_id=office["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    assert answer["user"]["user_profile"]["email_verified"]
    read = await api.users.get_user(id=user["id"])
    assert (read["user"], read.etag) == (answer["user"], '"2"')
    updated, created = await events.new()
    assert updated["type"] == "user.updated"
    assert created["type"] == "user.organization_membership_created"


@pytest.mark.parametrize("how", ["name", "id", "both"])
async def test_roles_are_named_by_name_by_id_or_by_both(api, make, user, office, how):
    own = await make.organization_role(office["id"])
    admin = (await api.roles.get_role(role_name="admin"))["role"]
    keys = {"name": ("name",), "id": ("id",), "both": ("name", "id")}[how]
    answer = await api.users.create_membership(
        organization_id=office["id"],
        id=user["id"],
        membership={"roles": [{key: role[key] for key in keys} for role in (own, admin, own)]},
    )
    place = place_in(answer["user"], office)
    assert [role["id"] for role in place["roles"]] == [admin["id"], own["id"]]
    assert [role["name"] for role in place["roles"]] == ["admin", own["name"]]
    assert [role["display_name"] for role in place["roles"]] == ["Admin", own["display_name"]]


async def test_unknown_and_foreign_roles_are_refused(api, make, user, home, office):
    foreign = await make.organization_role((await make.organization())["id"])
    member = (await api.roles.get_role(role_name="member"))["role"]
    for role in (
        {"name": "nobody"},
        {"id": "role_1"},
        {"id": "perm_1"},
        {"name": foreign["name"]},
        {"id": foreign["id"]},
        {"id": member["id"], "name": "admin"},
        {"id": "role_1", "name": "member"},
        {"id": member["id"], "name": "MEMBER"},
        {"display_name": "Member"},
        {},
    ):
        named = {"roles": [{"name": "member"}, role]}
        with refused("INVALID_ARGUMENT", "membership.roles[1].name"):
            await api.users.create_membership(
                organization_id=office["id"], id=user["id"], membership=named
            )
        with refused("INVALID_ARGUMENT", "membership.roles[1].name"):
            await api.users.update_membership(
                organization_id=home["id"], id=user["id"], membership=named
            )
        with refused("INVALID_ARGUMENT", "user.membership.roles[1].name"):
            await api.users.create_user_and_membership(
                organization_id=home["id"], user={"email": address(), "membership": named}
            )
    assert await names(api, home, user) == ["member"]
    assert len((await api.users.get_user(id=user["id"]))["user"]["memberships"]) == 1


async def test_an_organization_has_its_own_default_role(api, make, user, office):
    own = await make.organization_role(office["id"])
    await api.roles.update_default_organization_roles(
        org_id=office["id"], default_member_role=own["name"]
    )
    await api.users.create_membership(organization_id=office["id"], id=user["id"], membership={})
    assert await names(api, office, user) == [own["name"]]
    assert await names(api, office, await make.user(office["id"])) == [own["name"]]


@BY
async def test_a_member_cannot_join_again(api, user, home, by):
    with refused("INVALID_ARGUMENT", "membership", says="duplicate key not allowed: membership"):
        await api.users.create_membership(
            organization_id=home["id"], **key_of(user, by), membership={}
        )


async def test_of_20_joins_at_once_one_is_made(api, user, office, database, events):
    await events.new()
    made, refusals = await outcomes(
        api.users.create_membership(organization_id=office["id"], id=user["id"], membership={})
        for _ in range(20)
    )
    assert len(made) == 1
    assert {refusal.error_code for refusal in refusals} == {"INVALID_ARGUMENT"}
    assert len(await mail_to(database, user)) == 1
    assert len(await events.new()) == 1


@BY
async def test_roles_given_replace_the_set(api, user, home, by, events):
    role = (await api.roles.get_role(role_name="admin"))["role"]
    await events.new()
    answer = await api.users.update_membership(
        organization_id=home["id"],
        **key_of(user, by),
        membership={"roles": [{"id": role["id"]}]},
    )
    place = place_in(answer["user"], home)
    assert [one["name"] for one in place["roles"]] == ["admin"]
    assert place["metadata"] == user["memberships"][0]["metadata"]
    assert await names(api, home, user) == ["admin"]
    (event,) = await events.new()
    assert event["type"] == "user.organization_membership_updated"
    assert event["organization_id"] == home["id"]
    held = [
        [one["name"] for one in event[when]["membership"]["roles"]] for when in ("before", "after")
    ]
    assert held == [["member"], ["admin"]]
    assert event["after"]["user"]["id"] == user["id"]
    assert event["after"]["organization"]["id"] == home["id"]


async def test_metadata_given_replaces_the_map_and_empty_is_not_given(api, user, home):
    for sent, expected in (
        ({"metadata": {"team": "a", "desk": "1"}}, {"team": "a", "desk": "1"}),
        ({"metadata": {"team": "b"}}, {"team": "b"}),
        ({"metadata": {}, "roles": []}, {"team": "b"}),
        ({}, {"team": "b"}),
    ):
        answer = await api.users.update_membership(
            organization_id=home["id"], id=user["id"], membership=sent
        )
        assert place_in(answer["user"], home)["metadata"] == expected
    assert await names(api, home, user) == ["member"]


async def test_an_update_of_nothing_is_no_event(api, user, home, events):
    await events.new()
    await api.users.update_membership(
        organization_id=home["id"], id=user["id"], membership={"roles": [{"name": "member"}]}
    )
    assert await events.new() == []


async def test_an_update_shows_all_memberships(api, user, home, office):
    await api.users.create_membership(organization_id=office["id"], id=user["id"], membership={})
    answer = await api.users.update_membership(
        organization_id=office["id"], id=user["id"], membership={"metadata": {"key": "x"}}
    )
    assert [one["organization_id"] for one in answer["user"]["memberships"]] == [
        home["id"],
        office["id"],
    ]


async def test_updates_at_once_leave_one_of_their_sets(api, make, user, home):
    roles = [(await make.role())["name"] for _ in range(4)]
    sets = [roles[:2], roles[2:]]
    await outcomes(
        api.users.update_membership(
            organization_id=home["id"],
            id=user["id"],
            membership={"roles": [{"name": name} for name in sets[n % 2]]},
        )
        for n in range(20)
    )
    assert await names(api, home, user) in sets


@BY
async def test_who_leaves_is_still_a_user(api, user, home, by, events):
    await events.new()
    assert await api.users.delete_membership(organization_id=home["id"], **key_of(user, by)) == {}
    (event,) = await events.new()
    assert event["type"] == "user.organization_membership_deleted"
    assert event["before"]["membership"]["organization_id"] == home["id"]
    page = await api.users.list_organization_users(organization_id=home["id"])
    assert (ids_of(page), page["total_size"]) == ([], 0)
    read = (await api.users.get_user(id=user["id"]))["user"]
    assert read["memberships"] == []
    with refused("NOT_FOUND", says="not found"):
        await api.users.delete_membership(organization_id=home["id"], **key_of(user, by))


@BY
async def test_cascade_deletes_who_has_no_membership_left(api, user, office, by, events):
    await api.users.create_membership(organization_id=office["id"], id=user["id"], membership={})
    await api.users.delete_membership(
        organization_id=office["id"], **key_of(user, by), cascade=True
    )
    assert len((await api.users.get_user(id=user["id"]))["user"]["memberships"]) == 1
    await events.new()
    (home,) = user["memberships"]
    await api.users.delete_membership(
        organization_id=home["organization_id"], **key_of(user, by), cascade=True
    )
    with refused("NOT_FOUND"):
        await api.users.get_user(id=user["id"])
    assert [event["type"] for event in await events.new()] == [
        "user.organization_membership_deleted",
        "user.deleted",
    ]


async def test_leaving_from_both_at_once_with_cascade_deletes_the_user(api, user, home, office):
    await api.users.create_membership(organization_id=office["id"], id=user["id"], membership={})
    made, _ = await outcomes(
        api.users.delete_membership(organization_id=place["id"], id=user["id"], cascade=True)
        for place in (home, office)
    )
    assert len(made) == 2
    with refused("NOT_FOUND"):
        await api.users.get_user(id=user["id"])


async def test_who_comes_back_has_a_new_membership(api, user, home):
    await api.users.update_membership(
        organization_id=home["id"],
        id=user["id"],
        membership={"roles": [{"name": "admin"}], "metadata": {"key": "x"}},
    )
    await api.users.delete_membership(organization_id=home["id"], id=user["id"])
    answer = await api.users.create_membership(
        organization_id=home["id"], id=user["id"], membership={}
    )
    place = place_in(answer["user"], home)
    assert place["metadata"] == {}
    assert [role["name"] for role in place["roles"]] == ["member"]
    assert moment(place["created_at"]) > moment(user["memberships"][0]["created_at"])


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("metadata", {"metadata": {"ab": "x"}}),
        ("metadata", {"metadata": {f"key{n}": "x" for n in range(21)}}),
        ("inviter_email", {"inviter_email": "a@b"}),
    ],
)
async def test_a_membership_is_checked(api, user, office, path, sent):
    with refused("INVALID_ARGUMENT") as it:
        await api.users.create_membership(
            organization_id=office["id"], id=user["id"], membership=sent
        )
    spelled = it.value.spelled(f"membership.{path}")
    assert all(field.startswith(spelled) for field in it.value.fields)


@pytest.mark.wires("rest")
async def test_rest_answers_a_creation_with_201(api, user, office):
    answer = await api.users.create_membership(
        organization_id=office["id"], external_id=user["external_id"], membership={}
    )
    assert answer.headers["status"] == "201"
