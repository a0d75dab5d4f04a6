"""People, groups and members of a directory, as rows: what a change leaves, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from statements_of_directories import total_of

from tenantry.core import errors
from tenantry.tenants.directories.resources import groups, people
from tenantry.tenants.directories.scim import patches
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.resources import GroupPayload


def person(name, **attributes: Any):
    return {"userName": name, "emails": [{"value": f"{name}@acme.com"}], **attributes}


def setting(**values: Any):
    """The operations that replace these attributes."""
    return patches.parse({"Operations": [{"op": "replace", "value": values}]})


def group_of(name, members=None):
    return GroupPayload({"displayName": name}, members)


def steps(*given: Any):
    """Operations on members: each an "add", "remove" or "replace", with ids."""
    ops = [
        {"op": op, "path": "members", "value": [{"value": id_} for id_ in ids]} for op, ids in given
    ]
    return patches.parse({"Operations": ops})


@pytest.fixture
def create(by_provider, directory):
    """Create people of these names; return their ids."""

    async def create(*names: Any):
        made = [await people.create(by_provider, directory, person(name)) for name in names]
        return [one.id for one in made]

    return create


@pytest.fixture
def members(by_provider, directory):
    """The ids of a group's members; the number that it keeps is theirs."""

    async def members(id_):
        found = [one.id for one in await groups.members_of(by_provider.db, directory, id_)]
        group = await groups.get(by_provider.db, directory, id_)
        assert group.member_count == len(found)
        return found

    return members


async def test_a_person_comes_back_as_it_was_created(by_provider, directory):
    made = await people.create(by_provider, directory, person("Ada", externalId="x1", active=False))
    found = await people.get(by_provider.db, directory, made.id)
    assert found == made
    assert (found.user_name, found.user_name_key, found.external_id) == ("Ada", "ada", "x1")
    assert (found.email_key, found.active, found.revision) == ("ada@acme.com", False, 1)
    assert await total_of(by_provider.db, directory) == 1


async def test_a_user_name_is_unique_in_its_directory(by_provider, directory, new_directory):
    await people.create(by_provider, directory, person("ada"))
    with pytest.raises(Fault) as refused:
        await people.create(by_provider, directory, person("ADA"))
    assert (refused.value.status, refused.value.scim_type) == (409, "uniqueness")
    other = await new_directory(directory.organization_id)
    await people.create(by_provider, other, person("ada"))
    bob = await people.create(by_provider, directory, person("bob"))
    for change in (
        people.replace(by_provider, directory, bob.id, person("Ada")),
        people.patch(by_provider, directory, bob.id, setting(userName="Ada")),
    ):
        with pytest.raises(Fault, match="userName"):
            await change
    assert await people.get(by_provider.db, directory, bob.id) == bob
    assert await total_of(by_provider.db, directory) == 2


async def test_nothing_of_another_directory_is_found(by_provider, directory, new_directory):
    made = await people.create(by_provider, directory, person("ada"))
    group = (await groups.create(by_provider, directory, group_of("g"))).group
    other = await new_directory()
    db = by_provider.db
    for attempt in (
        people.get(db, other, made.id),
        people.replace(by_provider, other, made.id, person("eve")),
        people.patch(by_provider, other, made.id, setting(active=False)),
        people.remove(by_provider, other, made.id),
        groups.get(db, other, group.id),
        groups.replace(by_provider, other, group.id, group_of("h")),
        groups.patch(by_provider, other, group.id, setting(displayName="h")),
        groups.remove(by_provider, other, group.id),
    ):
        with pytest.raises(Fault) as refused:
            await attempt
        assert refused.value.status == 404
    added = await groups.create(by_provider, other, group_of("h", [made.id]))
    assert added.skipped == (made.id,)
    assert await people.get(db, directory, made.id) == made


async def test_a_change_makes_a_revision_and_none_makes_none(by_provider, directory):
    made = await people.create(by_provider, directory, person("ada"))
    patched = await people.patch(by_provider, directory, made.id, setting(active=False))
    assert (patched.revision, patched.active) == (2, False)
    assert patched.update_time > made.update_time
    assert await people.patch(by_provider, directory, made.id, setting(active=False)) == patched
    assert await people.get(by_provider.db, directory, made.id) == patched
    replaced = await people.replace(by_provider, directory, made.id, person("ada"))
    assert (replaced.revision, replaced.active) == (3, True)


async def test_a_change_of_another_revision_than_is_allowed_is_refused(by_provider, directory):
    made = await people.create(by_provider, directory, person("ada"))
    group = (await groups.create(by_provider, directory, group_of("g"))).group
    old = replace(by_provider, if_match=frozenset({7}))
    for attempt in (
        people.patch(old, directory, made.id, setting(active=False)),
        people.remove(old, directory, made.id),
        groups.patch(old, directory, group.id, steps(("add", [made.id]))),
        groups.remove(old, directory, group.id),
    ):
        with pytest.raises(errors.PreconditionFailed):
            await attempt
    allowed = replace(by_provider, if_match=frozenset({1}))
    await groups.patch(allowed, directory, group.id, steps(("add", [made.id])))
    with pytest.raises(errors.PreconditionFailed):
        await groups.patch(allowed, directory, group.id, steps(("remove", [made.id])))


async def test_members_are_added_removed_and_replaced(by_provider, directory, create, members):
    ada, bob, eve = await create("ada", "bob", "eve")
    made = await groups.create(by_provider, directory, group_of("g", [ada]))
    id_ = made.group.id
    assert (made.skipped, made.group.member_count) == ((), 1)

    async def patch(*given: Any):
        return await groups.patch(by_provider, directory, id_, steps(*given))

    changed = await patch(("add", [bob, "diruser_0", ada]))
    assert changed.skipped == ("diruser_0",)
    assert await members(id_) == [ada, bob]
    assert changed.group.revision == 2
    again = await patch(("add", [bob]))
    assert again.group == changed.group
    await patch(("remove", [ada]), ("add", [eve]), ("remove", [eve]))
    assert await members(id_) == [bob]
    await patch(("replace", [eve, ada]), ("add", [bob]), ("remove", [ada]))
    assert await members(id_) == [bob, eve]
    renamed = await groups.patch(by_provider, directory, id_, setting(displayName="h"))
    assert (renamed.group.display_name, renamed.group.member_count) == ("h", 2)
    await patch(("replace", []))
    assert await members(id_) == []
    await groups.replace(by_provider, directory, id_, group_of("g", [ada]))
    assert await members(id_) == [ada]
    await groups.replace(by_provider, directory, id_, group_of("g"))
    assert await members(id_) == []


async def test_who_is_deleted_leaves_all_groups(by_provider, directory, create, members):
    ada, bob = await create("ada", "bob")
    made = [
        await groups.create(by_provider, directory, group_of(name, [ada, bob])) for name in "gh"
    ]
    await people.remove(by_provider, directory, ada)
    for changed in made:
        assert await members(changed.group.id) == [bob]
        group = await groups.get(by_provider.db, directory, changed.group.id)
        assert group.revision == changed.group.revision + 1
    assert await total_of(by_provider.db, directory) == 1
    with pytest.raises(Fault):
        await people.get(by_provider.db, directory, ada)


async def test_a_group_that_is_deleted_leaves_its_members(by_provider, directory, create):
    (ada,) = await create("ada")
    kept, gone = [
        await groups.create(by_provider, directory, group_of(name, [ada])) for name in "gh"
    ]
    shown = await people.get(by_provider.db, directory, ada)
    assert shown.groups == ((kept.group.id, "g"), (gone.group.id, "h"))
    await groups.remove(by_provider, directory, gone.group.id)
    shown = await people.get(by_provider.db, directory, ada)
    assert shown.groups == ((kept.group.id, "g"),)
    with pytest.raises(Fault):
        await groups.get(by_provider.db, directory, gone.group.id)


async def test_many_are_created_at_once(by_provider, directory):
    await people.create(by_provider, directory, person("ada"))
    made = await people.create_many(by_provider, directory, [person(n) for n in ("Ada", "b", "B")])
    assert [isinstance(one, Fault) for one in made] == [True, False, True]
    assert await people.get(by_provider.db, directory, made[1].id) == made[1]
    assert await total_of(by_provider.db, directory) == 2
