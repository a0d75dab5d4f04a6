"""Deleting an organization: its members leave, and users without another one are deleted too."""

from __future__ import annotations

import json

import pytest
from apis import refused, unique
from members import address, ids_of, invited, outcomes


async def test_who_was_only_there_is_deleted_too(api, make, events):
    home, other = await make.organization(), await make.organization()
    only = [await make.user(home["id"], external_id=unique()), await invited(api, home)]
    both = await make.user(home["id"])
    await api.users.create_membership(organization_id=other["id"], id=both["id"], membership={})
    before = (await api.users.list_users(page_size=1))["total_size"]
    await events.new()
    await api.organizations.delete_organization(id=home["id"])
    for user in only:
        with refused("NOT_FOUND"):
            await api.users.get_user(id=user["id"])
    (place,) = (await api.users.get_user(id=both["id"]))["user"]["memberships"]
    assert place["organization_id"] == other["id"]
    assert (await api.users.list_users(page_size=1))["total_size"] == before - 2
    *gone, deleted = await events.new()
    assert [event["type"] for event in gone] == ["user.deleted"] * 2
    assert {event["before"]["id"] for event in gone} == {user["id"] for user in only}
    assert deleted["type"] == "organization.deleted"
    again = await make.user(email=only[0]["email"], external_id=only[0]["external_id"])
    assert again["memberships"][0]["organization_id"] != home["id"]


async def test_a_user_without_memberships_stays(api, make):
    home = await make.organization()
    user = await make.user(home["id"])
    await api.users.delete_membership(organization_id=home["id"], id=user["id"])
    await api.organizations.delete_organization(id=home["id"])
    assert (await api.users.get_user(id=user["id"]))["user"]["memberships"] == []


async def test_a_precondition_that_fails_leaves_all(api, make):
    home = await make.organization()
    user = await make.user(home["id"])
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED"):
        await api.sending(if_match='"7"').organizations.delete_organization(id=home["id"])
    page = await api.users.list_organization_users(organization_id=home["id"])
    assert ids_of(page) == [user["id"]]


async def imported(rest, organization, number):
    """So many new members by one call; a page of them."""
    customer = {"organization_external_id": organization["external_id"]}
    answer = await rest.wire.http.post(
        "/api/v1/users:import",
        content="\n".join(json.dumps({"email": address(), **customer}) for _ in range(number)),
        headers=[*rest.headers, ("content-type", "application/x-ndjson")],
    )
    assert answer.json()["users"]["created"] == number, answer.text
    page = await rest.users.list_organization_users(organization_id=organization["id"])
    users: list[dict[str, str]] = page["users"]
    return users


@pytest.mark.wires("rest", "grpc")
async def test_more_members_than_are_taken_at_once(api, rest, make, events):
    home, other = await make.organization(external_id=unique()), await make.organization()
    both = await imported(rest, home, 520)
    for user in both:
        await api.users.create_membership(organization_id=other["id"], id=user["id"], membership={})
    while await events.new():
        pass  # 1,000 at a time
    await api.organizations.delete_organization(id=home["id"])
    kept = await api.users.list_organization_users(organization_id=other["id"], page_size=100)
    assert sorted(ids_of(kept)) == sorted(user["id"] for user in both)
    happened = await events.new()
    assert len(happened) == 520 - len(both) + 1
    assert len({event["before"]["id"] for event in happened}) == len(happened)


async def test_who_joins_meanwhile_leaves_no_trace(api, make):
    home = await make.organization()
    await make.user(home["id"])
    made, refusals = await outcomes(
        [
            *(invited(api, home) for _ in range(10)),
            api.organizations.delete_organization(id=home["id"]),
            *(invited(api, home) for _ in range(10)),
        ]
    )
    assert {refusal.error_code for refusal in refusals} <= {"NOT_FOUND"}
    for user in made:
        if "email" in user:
            with refused("NOT_FOUND"):
                await api.users.get_user(id=user["id"])


async def test_who_joins_another_meanwhile_stays(api, make):
    home, other = await make.organization(), await make.organization()
    users = [await make.user(home["id"]) for _ in range(8)]
    await outcomes(
        [
            *(
                api.users.create_membership(
                    organization_id=other["id"], id=user["id"], membership={}
                )
                for user in users
            ),
            api.organizations.delete_organization(id=home["id"]),
        ]
    )
    page = await api.users.list_organization_users(organization_id=other["id"], page_size=20)
    for user in users:
        if user["id"] in ids_of(page):
            (place,) = (await api.users.get_user(id=user["id"]))["user"]["memberships"]
            assert place["organization_id"] == other["id"]
        else:
            with refused("NOT_FOUND"):
                await api.users.get_user(id=user["id"])
