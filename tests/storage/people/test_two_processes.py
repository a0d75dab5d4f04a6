"""Two processes on one PostgreSQL: what one has changed, the other knows; races have one winner.

Against a process that still believes a removed right, and double use.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter

import pytest
from apis import Api, access_token, unique
from factories import Make
from sampling import examples
from servers import LiveServer
from wires import ApiError, Rest

# The kernel spreads connections over the processes: so many leave neither out.
CONNECTIONS = 12


@pytest.fixture(scope="module")
def pair(postgresql, tmp_path_factory):
    """A server of two processes."""
    folder = tmp_path_factory.mktemp("pair")
    server = LiveServer(folder, database_url=postgresql.fresh(), workers=2).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def apis(pair):
    """The API over one connection each."""
    wires = [Rest(pair) for _ in range(CONNECTIONS)]
    token = await access_token(wires[0].http, pair.client_id, pair.client_secret)
    yield [Api(wire, (("authorization", f"Bearer {token}"),)) for wire in wires]
    for wire in wires:
        await wire.aclose()


@pytest.fixture
def make(apis):
    return Make(apis[0])


@pytest.fixture
async def organization(make):
    return await make.organization()


async def outcomes(calls):
    """How many of these calls, made at once, were answered, and what the others were told."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    problems = [one for one in done if isinstance(one, BaseException)]
    assert all(isinstance(one, ApiError) for one in problems), problems
    return len(done) - len(problems), Counter(problem.error_code for problem in problems)


async def shown(api, organization):
    """The permissions of each member, as the organization's list shows them, and roles' names."""
    page = await api.users.list_organization_users(
        organization_id=organization["id"], page_size=100
    )
    places = {user["id"]: user["memberships"][0] for user in page["users"]}
    return {
        id_: (set(place["permissions"]), {role["display_name"] for role in place["roles"]})
        for id_, place in places.items()
    }


async def test_a_change_of_roles_shows_at_once_in_every_process(apis, make, organization):
    """While others keep reading, so that there is something remembered to grow old."""
    names = [(await make.permission())["name"] for _ in range(3)]
    base = await make.role()
    role = await make.role(extends=base["name"])
    own = await make.organization_role(organization["id"], extends=role["name"])
    # Several, so that a read seldom finds all that it asks for remembered.
    users = [
        await make.user(organization["id"], membership={"roles": [{"name": one["name"]}]})
        for one in (base, role, own)
    ]
    elsewhere = await make.organization()
    for _ in range(3):
        other = await make.role(extends=base["name"])
        await make.user(elsewhere["id"], membership={"roles": [{"name": other["name"]}]})
    done = False

    async def read_on(api):
        while not done:
            await shown(api, random.choice([organization, elsewhere]))

    readers = [asyncio.create_task(read_on(api)) for api in apis[:6]]
    given: set[str] = set()
    try:
        for number, name in zip(range(examples(45)), itertools.cycle(names), strict=False):
            api = random.choice(apis)
            if name in given:
                given.discard(name)
                await api.roles.remove_permission_from_role(
                    role_name=base["name"], permission_name=name
                )
            else:
                given.add(name)
                await api.roles.add_permissions_to_role(
                    role_name=base["name"], permission_names=[name]
                )
            title = f"Base {number}"
            await api.roles.update_role(role_name=base["name"], role={"display_name": title})
            for seen in await asyncio.gather(*(shown(one, organization) for one in apis)):
                assert seen[users[0]["id"]] == (given, {title})
                assert [seen[user["id"]][0] for user in users[1:]] == [given, given]
        assert given
        await apis[1].roles.delete_role_base(role_name=role["name"])
        for seen in await asyncio.gather(*(shown(one, organization) for one in apis)):
            assert [len(seen[user["id"]][0]) for user in users] == [len(given), 0, 0]
        await apis[2].roles.delete_permission(permission_name=min(given))
        for seen in await asyncio.gather(*(shown(one, organization) for one in apis)):
            assert seen[users[0]["id"]][0] == given - {min(given)}
    finally:
        done = True
        await asyncio.gather(*readers)


async def test_the_last_seat_is_taken_once(apis, make, organization):
    await apis[0].organizations.upsert_user_management_settings(
        organization_id=organization["id"], settings={"max_allowed_users": 3}
    )
    strangers = [await make.user() for _ in range(12)]
    joined, refusals = await outcomes(
        call
        for api, stranger in zip(itertools.cycle(apis), strangers, strict=False)
        for call in (
            api.users.create_user_and_membership(
                organization_id=organization["id"], user={"email": f"{unique()}@example.com"}
            ),
            api.users.create_membership(
                organization_id=organization["id"],
                id=stranger["id"],
                membership={},
                send_invitation_email=False,
            ),
        )
    )
    assert joined == 3
    assert refusals == {"INVALID_ARGUMENT": 21}
    page = await apis[1].users.list_organization_users(organization_id=organization["id"])
    assert page["total_size"] == len(page["users"]) == 3


async def test_the_last_admin_stays_in_whatever_way_and_place_they_go(apis, make, organization):
    await make.user(organization["id"])
    admins = [
        await make.user(organization["id"], membership={"roles": [{"name": "admin"}]})
        for _ in range(8)
    ]
    key = {"organization_id": organization["id"]}
    ways = itertools.cycle(
        (
            lambda api, id_: api.users.delete_membership(**key, id=id_, cascade=True),
            lambda api, id_: api.users.update_membership(
                **key, id=id_, membership={"roles": [{"name": "member"}]}
            ),
            lambda api, id_: api.users.remove_user_role(**key, user_id=id_, role_name="admin"),
            lambda api, id_: api.users.delete_user(id=id_),
        )
    )
    gone, refusals = await outcomes(
        way(api, admin["id"]) for api, way, admin in zip(apis, ways, admins, strict=False)
    )
    assert (gone, refusals) == (7, {"INVALID_ARGUMENT": 1})
    count = await apis[1].roles.get_organization_role_users_count(
        org_id=organization["id"], role_name="admin"
    )
    assert int(count["count"]) == 1


async def test_an_address_is_one_user(apis, organization):
    email = f"{unique()}@example.com"
    made, refusals = await outcomes(
        api.users.create_user_and_membership(
            organization_id=organization["id"],
            user={"email": email.upper() if number % 2 else email},
        )
        for number, api in enumerate(apis * 4)
    )
    assert (made, refusals) == (1, {"INVALID_ARGUMENT": len(apis) * 4 - 1})


async def test_a_role_that_goes_while_it_is_given_is_held_by_nobody(apis, make, organization):
    users = [await make.user(organization["id"]) for _ in range(len(apis) - 1)]
    role = await make.role()
    given = [
        api.users.assign_user_roles(
            organization_id=organization["id"],
            user_id=user["id"],
            roles=[{"role_name": role["name"]}],
        )
        for api, user in zip(apis[1:], users, strict=True)
    ]
    goes = apis[0].roles.delete_role(role_name=role["name"], reassign_role_name="admin")
    _, refusals = await outcomes([*given[:6], goes, *given[6:]])
    assert refusals.keys() <= {"INVALID_ARGUMENT", "BUSY"}
    for places in await asyncio.gather(*(shown(api, organization) for api in apis)):
        for user in users:
            assert places[user["id"]][1] <= {"Member", "Admin"}


async def test_every_reminder_counts(apis, make, organization):
    answer = await apis[0].users.create_user_and_membership(
        organization_id=organization["id"], user={"email": f"{unique()}@example.com"}
    )
    invites = await asyncio.gather(
        *(
            api.users.resend_invite(organization_id=organization["id"], id=answer["user"]["id"])
            for api in apis
        )
    )
    counts = sorted(one["invite"]["resent_count"] for one in invites)
    assert counts == [*range(1, len(apis) + 1)]


async def test_a_page_token_is_good_in_every_process(apis, make, organization):
    users = [(await make.user(organization["id"]))["id"] for _ in range(3)]
    list_ = {"organization_id": organization["id"], "page_size": 1}
    page = await apis[0].users.list_organization_users(**list_)
    for api in apis:
        following = await api.users.list_organization_users(
            **list_, page_token=page["next_page_token"]
        )
        assert [user["id"] for user in following["users"]] == [users[1]]


async def test_a_key_is_one_user_in_every_process(apis, organization):
    key, email = unique(), f"{unique()}@example.com"
    answers = await asyncio.gather(
        *(
            api.sending(idempotency_key=key).users.create_user_and_membership(
                organization_id=organization["id"], user={"email": email}
            )
            for api in apis
        )
    )
    assert len({answer["user"]["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == len(apis) - 1
