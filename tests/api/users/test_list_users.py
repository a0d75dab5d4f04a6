"""ListUsers and ListOrganizationUsers: newest first, page by page, with an exact total."""

from __future__ import annotations

import pytest
from apis import refused
from members import ids_of


@pytest.fixture
async def organization(make):
    return await make.organization()


@pytest.fixture(params=["environment", "organization"])
def listed(request, api, organization):
    """One of the two lists."""
    if request.param == "environment":
        return api.users.list_users

    async def members(**page: object):
        return await api.users.list_organization_users(organization_id=organization["id"], **page)

    return members


async def test_the_newest_is_first(listed, make, organization):
    made = [(await make.user(organization["id"]))["id"] for _ in range(3)]
    assert ids_of(await listed())[:3] == made[::-1]


async def test_an_entry_is_what_a_read_answers(api, listed, make, organization):
    user = await make.user(organization["id"], metadata={"plan": "free"})
    (entry,) = (await listed(page_size=1))["users"]
    assert entry == user == (await api.users.get_user(id=user["id"]))["user"]


async def test_pages_are_walked_both_ways(listed, make, organization):
    made = [(await make.user(organization["id"]))["id"] for _ in range(7)][::-1]
    first = await listed(page_size=3)
    second = await listed(page_size=3, page_token=first["next_page_token"])
    third = await listed(page_size=3, page_token=second["next_page_token"])
    assert ids_of(first) + ids_of(second) + ids_of(third)[:1] == made
    assert first["prev_page_token"] == ""
    back = await listed(page_size=3, page_token=third["prev_page_token"])
    assert ids_of(back) == ids_of(second)
    start = await listed(page_size=3, page_token=back["prev_page_token"])
    assert ids_of(start) == ids_of(first)
    assert start["prev_page_token"] == ""
    again = await listed(page_size=3, page_token=start["next_page_token"])
    assert ids_of(again) == ids_of(second)
    assert first["total_size"] == second["total_size"] == third["total_size"] >= 7


async def test_pages_do_not_shift_when_the_list_changes_meanwhile(api, listed, make, organization):
    made = [(await make.user(organization["id"]))["id"] for _ in range(6)][::-1]
    first = await listed(page_size=2)
    await make.user(organization["id"])
    for user_id in made[1:3]:
        await api.users.delete_user(id=user_id)
    second = await listed(page_size=2, page_token=first["next_page_token"])
    assert ids_of(second) == made[3:5]


async def test_the_total_is_exact(api, listed, make, organization):
    before = (await listed(page_size=1))["total_size"]
    made = [await make.user(organization["id"]) for _ in range(4)]
    assert (await listed(page_size=1))["total_size"] == before + 4
    await api.users.delete_user(id=made[0]["id"])
    assert (await listed(page_size=1))["total_size"] == before + 3


@pytest.mark.parametrize("size", [{}, {"page_size": 0}])
async def test_a_page_has_10_unless_said_otherwise(listed, make, organization, size):
    for _ in range(11):
        await make.user(organization["id"])
    assert len(ids_of(await listed(**size))) == 10


@pytest.mark.wires("rest", "grpc")
async def test_a_page_has_100_at_most(api, listed, make, organization):
    made = [(await make.user(organization["id"]))["id"] for _ in range(101)]
    assert ids_of(await listed(page_size=100)) == made[:0:-1]
    assert len(ids_of(await api.users.list_users(page_size=101))) == 100
    with refused("INVALID_ARGUMENT", "page_size"):
        await api.users.list_organization_users(organization_id=organization["id"], page_size=101)


async def test_an_empty_organization_has_an_empty_list(api, organization):
    assert await api.users.list_organization_users(organization_id=organization["id"]) == {
        "users": [],
        "total_size": 0,
        "next_page_token": "",
        "prev_page_token": "",
    }


async def test_a_page_behind_the_last_is_empty_with_its_total(api, make, organization):
    made = [await make.user(organization["id"]) for _ in range(3)]
    first = await api.users.list_organization_users(organization_id=organization["id"], page_size=2)
    await api.users.delete_user(id=made[0]["id"])
    page = await api.users.list_organization_users(
        organization_id=organization["id"], page_token=first["next_page_token"]
    )
    assert (ids_of(page), page["total_size"]) == ([], 2)


async def test_a_list_of_members_shows_this_membership_only(api, make, organization):
    other = await make.organization("Other")
    user = await make.user(other["id"], external_id=None)
    await api.users.create_membership(
        organization_id=organization["id"],
        id=user["id"],
        membership={"roles": [{"name": "admin"}]},
    )
    page = await api.users.list_organization_users(organization_id=organization["id"])
    (entry,) = page["users"]
    (membership,) = entry["memberships"]
    assert membership["organization_id"] == organization["id"]
    assert [role["name"] for role in membership["roles"]] == ["admin"]
    everyone = (await api.users.list_users(page_size=1))["users"]
    assert len(everyone[0]["memberships"]) == 2


async def test_members_are_in_the_order_in_which_they_joined(api, make, organization):
    old, new = await make.user(), await make.user(organization["id"])
    await api.users.create_membership(
        organization_id=organization["id"], id=old["id"], membership={}
    )
    page = await api.users.list_organization_users(organization_id=organization["id"])
    assert ids_of(page) == [old["id"], new["id"]]


@pytest.mark.wires("rest", "grpc")
async def test_a_list_shows_the_oldest_100_memberships_of_a_user(api, rest, make):
    user = await make.user()
    for number in range(100):
        place = await make.organization(f"Acme {number}")
        await rest.users.create_membership(
            organization_id=place["id"],
            id=user["id"],
            membership={},
            send_invitation_email=False,
        )
    everything = (await api.users.get_user(id=user["id"]))["user"]["memberships"]
    assert len(everything) == 101
    (entry,) = (await api.users.list_users(page_size=1))["users"]
    assert entry["memberships"] == everything[:100]


async def test_a_page_token_opens_no_other_list(api, make, organization):
    other = await make.organization()
    for place in (organization, organization, other, other):
        await make.user(place["id"])
    tokens = [
        (await api.users.list_users(page_size=1))["next_page_token"],
        *[
            (await api.users.list_organization_users(organization_id=place["id"], page_size=1))[
                "next_page_token"
            ]
            for place in (organization, other)
        ],
    ]
    for index, token in enumerate(tokens):
        for number, listing in enumerate(
            (
                api.users.list_users,
                *(
                    lambda page_token, place=place: api.users.list_organization_users(
                        organization_id=place["id"], page_token=page_token
                    )
                    for place in (organization, other)
                ),
            )
        ):
            if index == number:
                assert len(ids_of(await listing(page_token=token))) >= 1
            else:
                with refused("INVALID_ARGUMENT", "page_token"):
                    await listing(page_token=token)
