"""Roles come of groups: of members, of the mapping, for few and for many, and told in order."""

from __future__ import annotations

import logging

import pytest
from directory_worlds import role, told, types, world
from valid_events import assert_all_valid

from tenantry.tenants.directories.effects import member_events, role_mapping
from tenantry.tenants.memberships import roles as member_roles
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.model import NamedRole


@pytest.fixture
async def acme(db):
    """An organization with a directory."""
    return await world(db)


@pytest.fixture
async def editor(db):
    """The id of a role."""
    return await role(db, "editor")


@pytest.fixture
async def viewer(db):
    """The id of another one."""
    return await role(db, "viewer")


async def give(call, acme, person, name):
    await memberships.add_roles(
        call, acme.organization.id, person.user_id, [NamedRole("", "", name)]
    )


async def new(db):
    return (await told(db))[-1]["id"]


async def test_members_of_mapped_groups_have_their_roles(acme, db, editor, viewer):
    ada = await acme.create("ada")
    editors = await acme.group("Editors", roles=(editor,))
    viewers = await acme.group("Viewers", roles=(viewer,))
    since = await new(db)
    await acme.move(editors, joined=(ada,))
    assert await acme.roles("ada") == ["editor"]  # in place of the default one
    happened = await told(db, since)
    assert types(happened) == [
        "group_updated",
        "user.organization_membership_updated",
        "user_updated",
    ]
    assert_all_valid(happened)
    _, membership, person = happened
    for name, roles in (("before", ["member"]), ("after", ["editor"])):
        assert [one["name"] for one in membership[name]["membership"]["roles"]] == roles
    assert person["after"]["groups"] == [{"id": editors.id, "name": "Editors"}]
    assert person["after"]["roles"] == [{"role_name": "editor"}]
    await acme.move(viewers, joined=(ada,))
    assert await acme.roles("ada") == ["editor", "viewer"]
    await acme.move(editors, left=(ada,))
    assert await acme.roles("ada") == ["viewer"]
    await acme.move(viewers, left=(ada,))
    assert await acme.roles("ada") == ["member"]


async def test_other_roles_stay(acme, call, db, editor):
    ada = await acme.create("ada")
    await role(db, "auditor")
    await give(call, acme, ada, "auditor")
    editors = await acme.group("Editors", ada, roles=(editor,))
    assert await acme.roles("ada") == ["auditor", "editor"]
    await acme.move(editors, left=(ada,))
    assert await acme.roles("ada") == ["auditor"]


async def test_a_group_that_is_not_mapped_changes_no_role(acme, db):
    ada = await acme.create("ada")
    since = await new(db)
    await acme.group("Friends", ada)
    assert await acme.roles("ada") == ["member"]
    assert types(await told(db, since)) == ["group_created", "group_updated", "user_updated"]


async def test_a_deleted_group_takes_its_roles_along(acme, db, editor):
    ada, grace = await acme.create("ada"), await acme.create("grace")
    editors = await acme.group("Editors", ada, grace, roles=(editor,))
    since = await new(db)
    await acme.drop(editors)
    assert await acme.roles("ada") == await acme.roles("grace") == ["member"]
    happened = await told(db, since)
    assert types(happened) == [
        "group_deleted",
        *["user.organization_membership_updated"] * 2,
        *["user_updated"] * 2,
    ]
    assert happened[0]["before"] == {
        "id": editors.id,
        "organization_id": acme.organization.id,
        "directory_id": acme.directory.id,
        "display_name": "Editors",
        "dp_id": "00gEditors",
    }
    assert happened[-1]["after"]["groups"] == happened[-1]["after"]["roles"] == []
    assert_all_valid(happened)


async def test_a_changed_mapping_holds_at_once(acme, db, editor, viewer):
    ada = await acme.create("ada")
    group = await acme.group("Editors", ada, roles=(editor,))
    await acme.map(group, viewer, db)
    async with db.transaction() as held:
        await role_mapping.roles_reassigned(acme.call(held), acme.directory, [group.id])
    assert await acme.roles("ada") == ["editor", "viewer"]


async def test_people_have_the_roles_of_their_groups_from_the_first_day(acme, db, editor):
    ada = await acme.create("ada", active=False)
    await acme.group("Editors", ada, roles=(editor,))
    await acme.change(ada, active=True)
    assert await acme.roles("ada") == ["editor"]


async def test_roles_change_while_somebody_is_out(acme, db, editor):
    ada = await acme.create("ada")
    editors = await acme.group("Editors", ada, roles=(editor,))
    off = await acme.change(ada, active=False)
    await acme.move(editors, left=(off,))
    await acme.change(off, active=True)
    assert await acme.roles("ada") == ["member"]


async def test_the_last_administrator_keeps_the_role(acme, call, db, caplog):
    (admin,) = await member_roles.of_creator(db)
    ada, grace, alan = [await acme.create(name) for name in ("ada", "grace", "alan")]
    admins = await acme.group("Admins", ada, grace, roles=(admin.id,))
    assert await acme.roles("ada") == await acme.roles("grace") == ["admin"]
    with caplog.at_level(logging.WARNING):
        await acme.move(admins, left=(ada, grace))
    assert sorted([await acme.roles("ada"), await acme.roles("grace")]) == [["admin"], ["member"]]
    assert [one.message for one in caplog.records if "last administrator" in one.message]
    await acme.move(admins, joined=(alan,))
    await acme.move(admins, joined=(ada, grace))
    await acme.move(admins, left=(ada, grace))
    assert await acme.roles("ada") == await acme.roles("grace") == ["member"]
    assert await acme.roles("alan") == ["admin"]


async def test_many_people_are_told_of_by_the_worker_in_order(acme, db, editor, monkeypatch):
    monkeypatch.setattr(member_events, "AT_ONCE", 3)
    people = [await acme.create(f"p{number}") for number in range(8)]
    editors = await acme.group("Editors", roles=(editor,))
    since = await new(db)
    await acme.move(editors, joined=tuple(people))
    for number in range(8):
        assert await acme.roles(f"p{number}") == ["editor"]
    assert types(await told(db, since)) == ["group_updated"]
    await acme.tell()
    happened = await told(db, since)
    assert_all_valid(happened)
    updated = [one for one in happened if one["type"].endswith("user_updated")]
    assert [one["after"]["id"] for one in updated] == [person.id for person in people]
    assert {one["request_id"] for one in happened} == {"req_scim"}
    assert {one["actor"]["id"] for one in happened} == {acme.directory.id}
    changed = [one for one in happened if one["type"].endswith("membership_updated")]
    assert len(changed) == 8
    for one in changed:
        assert [role["name"] for role in one["before"]["membership"]["roles"]] == ["member"]
        assert [role["name"] for role in one["after"]["membership"]["roles"]] == ["editor"]
    assert len(happened) == 17


async def test_a_worker_that_dies_tells_nothing_twice_and_forgets_nothing(
    acme, db, editor, monkeypatch
):
    monkeypatch.setattr(member_events, "AT_ONCE", 3)
    people = [await acme.create(f"p{number}") for number in range(8)]
    editors = await acme.group("Editors", roles=(editor,))
    since = await new(db)
    await acme.move(editors, joined=tuple(people))
    assert await member_events.run(db) == 0.0

    async def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    whole = member_events.tell
    with monkeypatch.context() as patched:

        async def half(*given: object, **named: object) -> None:
            await whole(*given, **named)
            await die()

        patched.setattr(member_events, "tell", half)
        with pytest.raises(RuntimeError):
            await member_events.run(db)
    await acme.tell()
    updated = [one for one in await told(db, since) if one["type"].endswith("user_updated")]
    assert [one["after"]["id"] for one in updated] == [person.id for person in people]


@pytest.mark.parametrize("active", [True, False])
async def test_nobody_who_was_deleted_is_back_with_the_roles_of_former_groups(
    acme, call, db, editor, active
):
    ada = await acme.create("ada")
    await acme.group("Editors", ada, roles=(editor,))
    await role(db, "viewer")
    await give(call, acme, ada, "viewer")
    await acme.remove(ada)
    since = await new(db)
    ada = await acme.create("ada", active=active)
    if not active:
        await acme.change(ada, active=True)
    assert await acme.roles("ada") == ["viewer"]  # given by hand
    assert_all_valid(await told(db, since))


async def test_an_administrator_is_back_without_the_role_where_there_is_another(acme, call, db):
    (admin,) = await member_roles.of_creator(db)
    ada, grace = await acme.create("ada"), await acme.create("grace")
    await give(call, acme, grace, "admin")
    await acme.group("Admins", ada, roles=(admin.id,))
    await acme.remove(ada)
    await acme.create("ada")
    assert await acme.roles("ada") == ["member"]
