"""Changes of one directory at the same time: each is as if it had been alone."""

from __future__ import annotations

import asyncio
import random

import pytest
from statements_of_directories import total_of

from tenantry.tenants.directories.resources import groups, people
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.resources import GroupPayload
from tenantry.tenants.memberships import leaving
from tenantry.tenants.organizations import service as organizations


@pytest.fixture
def pool_size():
    return 10


@pytest.fixture
def create(by_provider, directory):
    """Create people of these names; return their ids."""

    async def create(*names: str):
        made = await people.create_many(by_provider, directory, [{"userName": n} for n in names])
        return [one.id for one in made]

    return create


async def outcomes(attempts):
    """The results of these, all at once: of each the status of its fault, or its return."""
    found = await asyncio.gather(*attempts, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, Fault):
            raise one
    return [one.status if isinstance(one, Fault) else one for one in found]


async def member_ids(db, directory, id_):
    found = {one.id for one in await groups.members_of(db, directory, id_)}
    group = await groups.get(db, directory, id_)
    assert group.member_count == len(found)
    return found


async def test_of_fifty_people_with_one_name_one_is_created(by_provider, directory):
    names = ["ada" if number % 2 else "ADA" for number in range(50)]
    found = await outcomes(
        people.create(by_provider, directory, {"userName": name}) for name in names
    )
    assert sum(one == 409 for one in found) == 49
    assert await total_of(by_provider.db, directory) == 1


async def test_many_at_once_and_one_by_one_have_no_name_twice(by_provider, directory):
    names = [f"user{number}" for number in range(20)]
    one_by_one = [people.create(by_provider, directory, {"userName": n}) for n in names]
    at_once = people.create_many(by_provider, directory, [{"userName": n} for n in names])
    *found, many = await outcomes([*one_by_one, at_once])
    made = [one for one in found if one != 409] + [o for o in many if not isinstance(o, Fault)]
    assert sorted(one.user_name for one in made) == sorted(names)
    assert await total_of(by_provider.db, directory) == 20


async def test_no_member_is_lost_when_two_patches_meet(by_provider, directory, create):
    ids = await create(*(f"user{number}" for number in range(40)))
    made = await groups.create(by_provider, directory, GroupPayload({"displayName": "g"}, ids[:20]))
    id_ = made.group.id
    await outcomes(
        groups.change_members(by_provider, directory, id_, add=[new], remove=[old])
        for old, new in zip(ids[:20], ids[20:], strict=True)
    )
    assert await member_ids(by_provider.db, directory, id_) == set(ids[20:])
    group = await groups.get(by_provider.db, directory, id_)
    assert group.revision == made.group.revision + 20


async def test_who_is_deleted_while_added_is_no_member(by_provider, directory, create):
    ids = await create(*(f"user{number}" for number in range(30)))
    made = [
        (await groups.create(by_provider, directory, GroupPayload({"displayName": n}, None))).group
        for n in "abc"
    ]
    attempts = [people.remove(by_provider, directory, id_) for id_ in ids[::2]]
    for group in made:
        attempts += [
            groups.change_members(by_provider, directory, group.id, add=ids[n : n + 5])
            for n in range(0, 30, 5)
        ]
    random.Random(7).shuffle(attempts)
    await outcomes(attempts)
    for group in made:
        assert await member_ids(by_provider.db, directory, group.id) == set(ids[1::2])
    assert await total_of(by_provider.db, directory) == 15


async def test_groups_and_people_are_changed_and_deleted_without_a_circle(
    by_provider, directory, create
):
    ids = await create(*(f"user{number}" for number in range(12)))
    made = [
        (await groups.create(by_provider, directory, GroupPayload({"displayName": n}, ids))).group
        for n in "abcd"
    ]
    attempts = [
        *(people.replace(by_provider, directory, id_, {"userName": f"new {id_}"}) for id_ in ids),
        *(people.remove(by_provider, directory, id_) for id_ in ids[:6]),
        *(groups.change_members(by_provider, directory, one.id, remove=ids[3:9]) for one in made),
        *(groups.change_members(by_provider, directory, one.id, add=ids) for one in made),
        *(groups.remove(by_provider, directory, one.id) for one in made[:2]),
        *(
            groups.replace(
                by_provider, directory, one.id, GroupPayload({"displayName": "r"}, ids[4:])
            )
            for one in made
        ),
    ]
    random.Random(3).shuffle(attempts)
    found = await outcomes(attempts)
    assert {one for one in found if isinstance(one, int)} <= {404}
    for one in made[2:]:
        await member_ids(by_provider.db, directory, one.id)
    assert await total_of(by_provider.db, directory) == 6


async def test_an_organization_is_deleted_while_its_directory_is_written(
    by_provider, call, directory, create
):
    ids = await create(*(f"user{number}" for number in range(20)))
    group = GroupPayload({"displayName": "g"}, ids)
    id_ = (await groups.create(by_provider, directory, group)).group.id
    found = await outcomes(
        [
            *(people.replace(by_provider, directory, i, {"userName": f"n{i}"}) for i in ids[:10]),
            groups.change_members(by_provider, directory, id_, remove=ids[:5]),
            organizations.remove(
                call,
                organizations.OrganizationIdentifier(directory.organization_id),
                leaving.dismiss_members,
            ),
            people.create(by_provider, directory, {"userName": "late"}),
            groups.change_members(by_provider, directory, id_, remove=ids[5:]),
            *(people.remove(by_provider, directory, i) for i in ids[10:]),
        ]
    )
    assert {one for one in found if isinstance(one, int)} <= {404}
    # The worker deletes the rest, and until then nobody changes it.
    with pytest.raises(Fault):
        await people.remove(by_provider, directory, ids[0])
