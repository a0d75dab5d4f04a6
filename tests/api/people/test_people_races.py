"""Two changes at once: each is told of as it was made, once, and none is half made.

Against changes at the same moment, by all orders.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from apis import unique
from replays import replayed
from wires import ApiError

pytestmark = pytest.mark.wires("rest")
ROUNDS = 12
FINE = {"NOT_FOUND", "INVALID_ARGUMENT", "UNAVAILABLE"}


async def at_once(*calls: Any):
    """Make these calls; return the codes of their refusals, or None, in order."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    codes = [getattr(one, "code", one) if isinstance(one, BaseException) else None for one in done]
    assert {*codes} <= {None, *FINE}, codes
    return codes


async def invited(api, organization):
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": f"{unique()}@example.com"}
    )
    return answer["user"]


async def test_who_joins_at_once_is_told_of_as_it_is(api, make, events):
    """The address is verified then: a change of the user that others make meanwhile is not lost."""
    organizations = [await make.organization() for _ in range(4)]
    await events.new()
    for _ in range(ROUNDS):
        user = await invited(api, organizations[0])
        key = unique()
        await at_once(
            *(
                api.users.create_membership(
                    organization_id=organization["id"],
                    id=user["id"],
                    membership={},
                    send_invitation_email=False,
                )
                for organization in organizations[1:]
            ),
            *(api.users.update_user(id=user["id"], user={"external_id": key}) for _ in range(2)),
            api.users.update_user(id=user["id"], user={"metadata": {"key": key}}),
        )
        told = await events.new()
        people = replayed(told)[0]
        read = (await api.users.get_user(id=user["id"]))["user"]
        shown = people[user["id"]]
        assert shown["external_id"] == read["external_id"] == key
        assert shown["metadata"] == read["metadata"] == {"key": key}
        assert shown["user_profile"]["email_verified"] is True
        assert Counter(event["type"] for event in told) == {
            "user.created": 1,
            "user.organization_invitation": 1,
            "user.organization_membership_created": 3,
            "user.updated": 3,
        }


async def test_a_membership_ends_once(api, make, events):
    """By any end: the member leaves, is deleted, or the organization is."""
    home = await make.organization()
    for number in range(ROUNDS):
        place = await make.organization()
        user = await make.user(home["id"])
        await events.new()
        key = {"organization_id": place["id"], "id": user["id"]}
        await api.users.create_membership(**key, membership={}, send_invitation_email=False)
        await at_once(
            api.users.delete_membership(**key, cascade=bool(number % 2)),
            api.sending(x_force="true").users.delete_user(id=user["id"]),
            api.users.delete_membership(**key),
        )
        told = Counter(
            (event["type"], event["organization_id"])
            for event in await events.new()
            if event["type"].endswith("deleted")
        )
        assert told["user.organization_membership_deleted", place["id"]] == 1
        assert set(told.values()) == {1}


async def test_who_is_changed_and_deleted_at_once_was_the_one_and_then_the_other(api, make, events):
    organization = await make.organization()
    await events.new()
    for _ in range(ROUNDS):
        user, asked = await make.user(organization["id"]), await invited(api, organization)
        key = {"organization_id": organization["id"], "id": user["id"]}
        forced = api.sending(x_force="true")
        await at_once(
            api.users.update_membership(**key, membership={"metadata": {"key": unique()}}),
            api.users.update_membership(**key, membership={"roles": [{"name": "admin"}]}),
            forced.users.delete_user(id=user["id"]),
            forced.users.remove_user_role(
                organization_id=organization["id"], user_id=user["id"], role_name="member"
            ),
            api.users.resend_invite(organization_id=organization["id"], id=asked["id"]),
            forced.users.delete_user(id=asked["id"]),
        )
        people, members, _, _ = replayed(await events.new())
        assert people == {}
        assert members == {}


async def test_members_leave_while_their_role_goes(api, make, events):
    organization = await make.organization()
    for _ in range(ROUNDS):
        role = await make.role()
        users = [
            await make.user(organization["id"], membership={"roles": [{"name": role["name"]}]})
            for _ in range(3)
        ]
        codes = await at_once(
            *(
                api.users.delete_membership(organization_id=organization["id"], id=user["id"])
                for user in users[:2]
            ),
            api.roles.delete_role(role_name=role["name"], reassign_role_name="admin"),
            api.users.update_membership(
                organization_id=organization["id"],
                id=users[2]["id"],
                membership={"metadata": {"key": "value"}},
            ),
        )
        assert codes[:3] == [None] * 3
        with pytest.raises(ApiError):
            await api.roles.get_role(role_name=role["name"])
