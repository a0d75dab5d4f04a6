"""Seats: no more members than `max_allowed_users`, however many join at once."""

from __future__ import annotations

import pytest
from apis import refused
from members import BUSY, address, expire, ids_of, invited, outcomes


@pytest.fixture
async def organization(make):
    return await make.organization()


async def limit(api, organization, seats):
    await api.organizations.upsert_user_management_settings(
        organization_id=organization["id"], settings={"max_allowed_users": seats}
    )


def full(seats):
    return refused("INVALID_ARGUMENT", says=f"has reached its limit of {seats} users")


async def test_a_full_organization_takes_nobody(api, make, organization):
    await limit(api, organization, 2)
    await make.user(organization["id"])
    await invited(api, organization)
    stranger = await make.user()
    with full(2):
        await invited(api, organization)
    with full(2):
        await api.users.create_membership(
            organization_id=organization["id"], id=stranger["id"], membership={}
        )
    with full(2):
        await make.user(organization["id"])
    page = await api.users.list_organization_users(organization_id=organization["id"])
    assert page["total_size"] == 2


@pytest.mark.parametrize("seats", [0, None])
async def test_no_limit_is_none(api, make, organization, seats):
    await limit(api, organization, seats)
    for _ in range(3):
        await make.user(organization["id"])


async def test_a_seat_is_free_again(api, make, organization):
    await limit(api, organization, 1)
    first = await make.user(organization["id"])
    with full(1):
        await invited(api, organization)
    await api.users.delete_membership(organization_id=organization["id"], id=first["id"])
    second = await invited(api, organization)
    with full(1):
        await invited(api, organization)
    await api.users.delete_user(id=second["id"])
    await invited(api, organization)


async def test_a_limit_below_what_is_there_sends_nobody_away(api, make, organization):
    for _ in range(3):
        await make.user(organization["id"])
    await limit(api, organization, 1)
    page = await api.users.list_organization_users(organization_id=organization["id"])
    assert page["total_size"] == 3
    with full(1):
        await invited(api, organization)


async def test_an_expired_invitation_takes_no_seat(api, organization, database):
    await limit(api, organization, 1)
    late = await invited(api, organization)
    with full(1):
        await invited(api, organization)
    await expire(database, late)
    await invited(api, organization)
    with full(1):
        await api.users.resend_invite(organization_id=organization["id"], id=late["id"])


async def test_100_joins_at_once_for_one_seat_are_one(api, make, organization):
    await limit(api, organization, 3)
    for _ in range(2):
        await make.user(organization["id"])
    made, refusals = await outcomes(
        api.users.create_user_and_membership(
            organization_id=organization["id"],
            user={"email": address()},
            send_invitation_email=bool(n % 2),
        )
        for n in range(100)
    )
    assert len(made) == 1
    assert {refusal.error_code for refusal in refusals} - BUSY == {"INVALID_ARGUMENT"}
    page = await api.users.list_organization_users(organization_id=organization["id"])
    assert page["total_size"] == 3
    assert made[0]["user"]["id"] in ids_of(page)


async def test_joins_and_resent_invitations_share_the_last_seat(api, make, organization, database):
    late = [await invited(api, organization) for _ in range(5)]
    for user in late:
        await expire(database, user)
    strangers = [await make.user() for _ in range(5)]
    await limit(api, organization, 1)
    made, _ = await outcomes(
        call
        for n in range(5)
        for call in (
            api.users.resend_invite(organization_id=organization["id"], id=late[n]["id"]),
            api.users.create_membership(
                organization_id=organization["id"], id=strangers[n]["id"], membership={}
            ),
            invited(api, organization),
        )
    )
    assert len(made) == 1


async def test_who_is_refused_leaves_nothing_behind(api, organization, events, database):
    await limit(api, organization, 1)
    await invited(api, organization)
    await events.new()
    email = address()
    with full(1):
        await api.users.create_user_and_membership(
            organization_id=organization["id"], user={"email": email}
        )
    assert await events.new() == []
    assert ids_of(await api.users.search_users(query=email)) == []
