"""A file may not do more than one call may; also beside other calls, and in many batches."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
import recorded_events
from apis import unique
from directory_worlds import world
from user_files import address, run

import tenantry.app  # noqa: F401 - declares the tables of all rooms
from tenantry.core import errors
from tenantry.db.engine import Unavailable
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.roles import service as roles
from tenantry.tenants.users import listing, reading
from tenantry.tenants.users import service as users
from tenantry.transfer.bulk import importing

RULES = Rules(15, block_disposable_emails=False, block_public_emails=False)
AT_ONCE = Terms()


@pytest.fixture
async def acme(call):
    """An organization without a member."""
    return await organizations.create(
        call, region_code="US", display_name="Acme", external_id="acme"
    )


async def members(call, organization):
    page = await listing.of_organization(call, organization.id, page_size=100, page_token="")
    assert page.total_size == len(page.items)
    return page.items


def reasons(report):
    return [(one.line, one.reason) for one in report.refusals]


@pytest.mark.parametrize("lanes", [1, 2])
async def test_seats_hold_in_all_batches(call, acme, lanes):
    await organizations.set_max_allowed_users(call, acme.id, 10)
    rows = [{"email": address(), "organization_external_id": "acme"} for _ in range(25)]
    report = await run(call, *rows, lanes=lanes)
    assert (report.users.created, report.memberships.created, report.refused) == (10, 10, 15)
    assert {reason for _, reason in reasons(report)} == {
        "organization has reached its limit of 10 users"
    }
    assert len(await members(call, acme)) == 10
    again = await run(call, *rows, lanes=lanes)
    assert (again.memberships.unchanged, again.refused) == (10, 15)


async def test_a_dry_run_counts_seats_as_well(call, acme):
    await organizations.set_max_allowed_users(call, acme.id, 10)
    rows = [{"email": address(), "organization_external_id": "acme"} for _ in range(25)]
    dry = await run(call, *rows, dry_run=True)
    assert (dry.memberships.created, dry.refused) == (10, 15)
    assert await members(call, acme) == []


async def test_imports_and_calls_at_once_cannot_pass_the_limit(call, acme):
    await organizations.set_max_allowed_users(call, acme.id, 5)

    async def joined():
        with suppress(errors.InvalidArgument):
            await joining.create(call, acme.id, AT_ONCE, rules=RULES, email=address())

    rows = [[{"email": address(), "organization_id": acme.id} for _ in range(3)] for _ in range(6)]
    await asyncio.gather(*(run(call, *some) for some in rows), *(joined() for _ in range(10)))
    assert len(await members(call, acme)) == 5


async def test_an_invitation_takes_a_seat(call, acme):
    await organizations.set_max_allowed_users(call, acme.id, 1)
    rows = [
        {"email": address(), "organization_id": acme.id, "status": "invite"},
        {"email": address(), "organization_id": acme.id},
    ]
    report = await run(call, *rows)
    assert [line for line, _ in reasons(report)] == [2]


async def test_blocked_addresses_cannot_join_and_members_stay(call, acme):
    public, thrown_away = f"{unique('ada')}@gmail.com", f"{unique('ada')}@mailinator.com"
    rows = [{"email": email, "organization_id": acme.id} for email in (public, thrown_away)]
    report = await run(call, *rows, block_disposable=True, block_public=True)
    assert [(one.line, one.field) for one in report.refusals] == [(1, "email"), (2, "email")]
    assert (await run(call, *rows)).users.created == 2
    report = await run(call, *rows, block_disposable=True, block_public=True)
    assert (report.refused, report.memberships.unchanged) == (0, 2)


class TestTheLastAdmin:
    """Others must not stay behind without one."""

    @pytest.fixture
    async def rows(self, call, acme):
        """Two admins and a member."""
        rows = [
            {"email": address(), "organization_id": acme.id, "roles": [role]}
            for role in ("admin", "admin", "member")
        ]
        await run(call, *rows)
        return rows

    async def admins(self, call, acme):
        found = await members(call, acme)
        return {u.email for u in found if u.memberships[0].roles[0].name == "admin"}

    async def test_one_of_two_may_be_demoted(self, call, acme, rows):
        report = await run(call, {**rows[0], "roles": ["member"]})
        assert report.memberships.updated == 1
        assert await self.admins(call, acme) == {rows[1]["email"]}

    async def test_both_may_not(self, call, acme, rows):
        demoted = [{**row, "roles": ["member"]} for row in rows]
        report = await run(call, *demoted)
        assert [line for line, _ in reasons(report)] == [2]
        assert "last admin" in reasons(report)[0][1]
        assert await self.admins(call, acme) == {rows[1]["email"]}
        assert (await run(call, *demoted)).refused == 1

    async def test_both_may_where_another_one_was_promoted_before(self, call, acme, rows):
        promoted = {**rows[2], "roles": ["admin"]}
        demoted = [{**row, "roles": ["member"]} for row in rows[:2]]
        assert (await run(call, promoted, *demoted)).refused == 0
        assert await self.admins(call, acme) == {rows[2]["email"]}

    async def test_nor_may_one_that_was_made_admin_again_meanwhile(self, call, acme, rows):
        first, second, _ = rows
        changes = [(first, "member"), (first, "admin"), (second, "member"), (first, "member")]
        report = await run(call, *({**row, "roles": [role]} for row, role in changes))
        assert [line for line, _ in reasons(report)] == [4]
        assert await self.admins(call, acme) == {first["email"]}

    async def test_two_imports_at_once_leave_one(self, call, acme, rows):
        await asyncio.gather(*(run(call, {**row, "roles": ["member"]}) for row in rows[:2]))
        assert len(await self.admins(call, acme)) == 1

    async def test_a_dry_run_says_so(self, call, acme, rows):
        demoted = [{**row, "roles": ["member"]} for row in rows]
        report = await run(call, *demoted, dry_run=True)
        assert [line for line, _ in reasons(report)] == [2]
        assert len(await self.admins(call, acme)) == 2


def file_of(people, places):
    """Each person in each place, with organizations to be created, and people met again."""
    return [
        {
            "email": f"ada{person}@example.com",
            "external_id": f"user-{person}" if person % 3 else None,
            "organization_external_id": f"customer-{(person + place) % 11}",
            "organization_name": f"Customer {(person + place) % 11}",
            "given_name": f"Ada {place % 2}",
            "roles": ["admin"] if person % 5 == 0 else None,
        }
        for place in range(places)
        for person in range(people)
    ]


async def test_many_batches_are_as_one(call, new_database):
    rows = file_of(40, 3)
    dry = await run(call, *rows, create_organizations=True, dry_run=True)
    done = await run(call, *rows, create_organizations=True, lanes=2)
    assert done.counted() == {**dry.counted(), "dry_run": False}
    assert (done.users.created, done.memberships.created) == (40, 120)
    assert done.organizations_created == 11
    assert done.users.created + done.users.updated + done.users.unchanged == 120
    again = await run(call, *rows[-40:], create_organizations=True, lanes=2)
    assert (again.users.unchanged, again.memberships.unchanged) == (40, 40)


async def test_each_change_has_its_event(call):
    await run(call, *file_of(20, 2), create_organizations=True, lanes=2)
    found = await recorded_events.after(call.db, "", limit=1000)
    types = [event["type"] for event in found]
    assert types.count("user.created") == 20
    assert types.count("user.updated") == 20  # the second place says another given name
    assert types.count("user.organization_membership_created") == 40
    assert types.count("organization.created") == 11
    assert types.count("users.imported") == 1
    assert len(types) == 92


async def test_the_same_file_twice_at_once_is_imported_once(call):
    rows = file_of(30, 2)
    one, two = await asyncio.gather(
        *(run(call, *rows, create_organizations=True, lanes=2) for _ in range(2))
    )
    assert one.refused == two.refused == 0
    assert one.users.created + two.users.created == 30
    assert one.memberships.created + two.memberships.created == 60
    assert one.organizations_created + two.organizations_created == 11
    for number in range(11):
        organization = await organizations.get(
            call, OrganizationIdentifier(external_id=f"customer-{number}")
        )
        await members(call, organization)


async def test_calls_beside_an_import_lose_nothing(call, acme):
    """A change of a user meanwhile keeps members that the file does not have."""
    rows = [
        {"email": f"ada{n}@example.com", "external_id": f"u{n}", "organization_id": acme.id}
        for n in range(30)
    ]
    await run(call, *rows)

    async def changed(number):
        identity = users.UserIdentifier(external_id=f"u{number}")
        await users.change(call, identity, {"metadata": {"by": "call"}})
        await memberships.change(
            call, acme.id, identity, named=(), metadata={"by": "call"}, forced=False
        )

    named = [{**row, "given_name": "Ada", "roles": ["admin"]} for row in rows]
    report, *_ = await asyncio.gather(run(call, *named), *(changed(n) for n in range(30)))
    assert (report.refused, report.users.updated, report.memberships.updated) == (0, 30, 30)
    for user in await members(call, acme):
        assert user.profile == {"given_name": "Ada"}
        assert user.metadata == {"by": "call"}
        (place,) = user.memberships
        assert place.metadata == {"by": "call"}
        assert [role.name for role in place.roles] == ["admin"]


async def test_what_goes_away_meanwhile_is_decided_anew(call, acme, monkeypatch):
    """The organization is deleted between the look at it and the write."""
    offered = importing.organizations.offered
    left = [1]

    async def then_gone(*args: object, **kwargs: object):
        offers = await offered(*args, **kwargs)
        if left and left.pop():
            await organizations.remove(call, OrganizationIdentifier(acme.id), dismiss_members)
        return offers

    monkeypatch.setattr(importing.organizations, "offered", then_gone)
    rows = [{"email": address(), "organization_id": acme.id}, {"email": address()}]
    report = await run(call, *rows)
    assert [(one.line, one.field) for one in report.refusals] == [(1, "organization_id")]
    assert report.users.created == 1


async def test_a_database_that_is_away_for_long_ends_the_import(call, monkeypatch):
    async def away(*_args: object, **_kwargs: object):
        raise Unavailable("away")

    monkeypatch.setattr(importing, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(importing.organizations, "offered", away)
    with pytest.raises(errors.Busy):
        await run(call, {"email": address()}, lanes=2)


async def test_a_role_that_goes_away_meanwhile_is_not_given(call, acme, monkeypatch):
    await roles.create(
        call,
        None,
        name="pilot",
        display_name="Pilot",
        description=None,
        extends=None,
        permission_names=[],
    )
    read = importing.existing_rows.load
    left = [1]

    async def then_gone(db, *args: object):
        found = await read(db, *args)
        if left and left.pop() and call.db.__class__.__name__ == "PostgreSQL":
            await roles.remove(call, None, "pilot", None)
        return found

    monkeypatch.setattr(importing.existing_rows, "load", then_gone)
    row = {"email": address(), "organization_id": acme.id, "roles": ["pilot"]}
    report = await run(call, row)
    if call.db.__class__.__name__ == "PostgreSQL":
        assert [(one.field, one.line) for one in report.refusals] == [("roles[0]", 1)]
    else:  # its one writer was the import
        assert report.memberships.created == 1


async def test_a_user_of_an_import_is_found_by_all_its_keys(call, acme):
    row = {"email": "Ada@Example.com", "external_id": "ada", "organization_id": acme.id}
    await run(call, row)
    found = await reading.find(call.db, id_=None, external_id="ada")
    assert found is not None
    assert found.email == "Ada@Example.com"
    with pytest.raises(errors.Duplicate):
        await joining.create(call, acme.id, AT_ONCE, rules=RULES, email="ada@example.com")


@pytest.mark.parametrize("lanes", [1, 2])
async def test_a_file_lets_nobody_in_whom_a_directory_has_as_inactive(call, db, lanes):
    okta = await world(db)
    await okta.create("ada", active=False)
    grace = await okta.create("grace")
    grace = await okta.change(grace, active=False)
    acme = okta.organization
    rows = [
        {"email": f"{name}@acme.com", "organization_id": acme.id, "metadata": {"row": "one"}}
        for name in ("ADA", "grace", "alan")
    ]
    report = await run(call, *rows, lanes=lanes)
    ((_, reason),) = reasons(report)
    assert reason.startswith("the organization's directory has this user as inactive")
    assert await okta.status("ada") is None
    assert await okta.status("grace") == "INACTIVE"  # as it was
    assert await okta.status("alan") == "ACTIVE"
