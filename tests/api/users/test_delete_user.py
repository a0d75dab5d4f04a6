"""DeleteUser: with all memberships, and nothing of it is left."""

from __future__ import annotations

import pytest
from apis import refused, unique
from members import address, ids_of, key_of, outcomes

BY = pytest.mark.parametrize("by", ["id", "external_id"])


@BY
async def test_a_deleted_user_is_gone_everywhere(api, make, by):
    places = [await make.organization() for _ in range(2)]
    user = await make.user(places[0]["id"], external_id=unique())
    await api.users.create_membership(organization_id=places[1]["id"], id=user["id"], membership={})
    assert await api.users.delete_user(**key_of(user, by)) == {}
    for again in (
        api.users.get_user(id=user["id"]),
        api.users.get_user(external_id=user["external_id"]),
        api.users.delete_user(**key_of(user, by)),
        api.users.update_user(id=user["id"], user={}),
    ):
        with refused("NOT_FOUND", says="user not found"):
            await again
    for place in places:
        page = await api.users.list_organization_users(organization_id=place["id"])
        assert (ids_of(page), page["total_size"]) == ([], 0)
        with refused("NOT_FOUND", says="not found"):
            await api.users.list_user_roles(organization_id=place["id"], user_id=user["id"])
    page = await api.users.search_users(query=user["email"])
    assert (ids_of(page), page["total_size"]) == ([], 0)


async def test_email_and_external_id_are_free_at_once(api, make):
    organization = await make.organization()
    members = {"email": address(), "external_id": unique()}
    first = await make.user(organization["id"], **members)
    await api.users.delete_user(id=first["id"])
    second = await make.user(organization["id"], **members)
    assert second["id"] > first["id"]
    page = await api.users.search_users(query=members["email"])
    assert ids_of(page) == [second["id"]]


async def test_a_user_without_memberships_is_deleted_too(api, make):
    organization = await make.organization()
    user = await make.user(organization["id"])
    await api.users.delete_membership(organization_id=organization["id"], id=user["id"])
    await api.users.delete_user(id=user["id"])
    with refused("NOT_FOUND"):
        await api.users.get_user(id=user["id"])


async def test_a_deletion_is_an_event_for_each_membership_and_one_for_the_user(api, make, events):
    places = [await make.organization() for _ in range(3)]
    user = await make.user(places[0]["id"])
    for place in places[1:]:
        await api.users.create_membership(organization_id=place["id"], id=user["id"], membership={})
    await events.new()
    await api.users.delete_user(id=user["id"])
    *left, gone = await events.new()
    assert [event["type"] for event in left] == ["user.organization_membership_deleted"] * 3
    assert [event["organization_id"] for event in left] == [place["id"] for place in places]
    assert [event["before"]["organization"]["id"] for event in left] == [p["id"] for p in places]
    assert gone["type"] == "user.deleted"
    assert gone["before"]["email"] == user["email"]
    assert {event["after"] for event in (*left, gone)} == {None}


async def test_of_10_deletions_at_once_one_is_made(api, make, events):
    user = await make.user()
    await events.new()
    made, refusals = await outcomes(api.users.delete_user(id=user["id"]) for _ in range(10))
    assert len(made) == 1
    assert {refusal.error_code for refusal in refusals} == {"NOT_FOUND"}
    types = [event["type"] for event in await events.new()]
    assert types == ["user.organization_membership_deleted", "user.deleted"]
