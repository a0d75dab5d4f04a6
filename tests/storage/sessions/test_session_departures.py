"""The sessions of users, members and organizations that are gone end; the log tells of them."""

from __future__ import annotations

import asyncio

import pytest
from signed_in import begun, copied, entered, notices, rows
from sqlalchemy import bindparam, update

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing
from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import ACTIVE, REVOKED, session_departures
from tenantry.identity.sessions.termination import deleted_users, ending
from tenantry.tenants.memberships import joining, leaving
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import service as users

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
TERMS = Terms()


async def nothing(*_: object) -> None: ...


async def follow(db):
    """Have all that happened in the log, and the worker come to its end."""
    while await sequencing.sequence(db, nothing) == 0:
        pass
    while await deleted_users.run(db) == 0.0:
        pass


async def leave(call, user, organization_id):
    await leaving.remove_member(
        call, organization_id, users.UserIdentifier(user.id), cascade=False, forced=True
    )


async def test_who_leaves_an_organization_loses_the_sessions_that_are_in_it(
    db, call, new_member, new_organization, new_application
):
    one, other = await new_organization("One"), await new_organization("Other")
    user, colleague = await new_member(one, other), await new_member(one)
    client_id = await new_application("https://app.example.com/logout")
    here, _ = await begun(call, user, one.id, client_id=client_id)
    elsewhere, _ = await begun(call, user, one.id)
    elsewhere = await entered(call, elsewhere, other.id)
    theirs, _ = await begun(call, colleague, one.id)
    await leave(call, user, one.id)
    await follow(db)
    ended = await service.get(call, here.id)
    assert ended.status == REVOKED
    assert ended.organizations == (one.id,)
    assert [row["session_id"] for row in await notices(db)] == [here.id]
    left = await service.find_live(db, elsewhere.id)
    assert left.organizations == (other.id,)
    assert await service.find_live(db, theirs.id) == theirs


async def test_whose_user_is_deleted_loses_all(db, call, new_member, new_organization, newest):
    one, other = await new_organization("One"), await new_organization("Other")
    user = await new_member(one, other)
    sessions = [(await begun(call, user, place.id))[0] for place in (one, other, one)]
    await leaving.remove_user(call, users.UserIdentifier(user.id), forced=True)
    await follow(db)
    assert {(await service.get(call, s.id)).status for s in sessions} == {REVOKED}
    assert await newest.of("user.logout") == []  # it would say who they were


async def test_an_organization_that_is_deleted_takes_its_sessions(
    db, call, new_member, new_organization
):
    one, other = await new_organization("One"), await new_organization("Other")
    user, colleague = await new_member(one, other), await new_member(one)
    here, _ = await begun(call, user, one.id)
    elsewhere, _ = await begun(call, user, one.id)
    elsewhere = await entered(call, elsewhere, other.id)
    theirs, _ = await begun(call, colleague, one.id)
    await organizations.remove(call, organizations.OrganizationIdentifier(one.id), dismiss_members)
    await follow(db)
    assert (await service.get(call, here.id)).status == REVOKED
    assert (await service.get(call, theirs.id)).status == REVOKED
    assert (await service.find_live(db, elsewhere.id)).organizations == (other.id,)


async def test_a_session_that_began_after_the_return_stays(db, call, new_member, new_organization):
    one, other = await new_organization("One"), await new_organization("Other")
    user = await new_member(one, other)
    before, _ = await begun(call, user, one.id)
    await leave(call, user, one.id)
    await joining.add(call, one.id, users.UserIdentifier(user.id), TERMS, rules=RULES)
    after, _ = await begun(call, user, one.id)
    await follow(db)
    assert (await service.get(call, before.id)).status == REVOKED
    assert await service.find_live(db, after.id) == after


async def test_many_are_ended_some_at_a_time(db, call, new_member):
    user = await new_member()
    session, _ = await begun(call, user)
    await copied(db, session, 2 * ending.AT_ONCE)
    await leaving.remove_user(call, users.UserIdentifier(user.id), forced=True)
    await follow(db)
    assert {row["status"] for row in await rows(db, "SELECT status FROM sessions")} == {REVOKED}


async def test_what_was_cut_off_in_the_middle_is_done_again(
    db, call, new_member, monkeypatch, newest
):
    users_gone = [await new_member() for _ in range(3)]
    for user in users_gone:
        await begun(call, user)
        await leaving.remove_user(call, users.UserIdentifier(user.id), forced=True)
    end, done = ending.end, []

    async def cut_off(*given: object, **named: object):
        if len(done) == 2:
            raise asyncio.CancelledError
        done.append(await end(*given, **named))

    monkeypatch.setattr(deleted_users.ending, "end", cut_off)
    with pytest.raises(asyncio.CancelledError):
        await follow(db)
    monkeypatch.undo()
    assert [row["status"] for row in await rows(db, "SELECT status FROM sessions ORDER BY id")] == [
        *(REVOKED, REVOKED, ACTIVE)
    ]
    assert await deleted_users.run(db) > 0  # somebody may still be at it
    await rows(db, "UPDATE session_departures SET due_time = 0 RETURNING position")
    await follow(db)
    assert {row["status"] for row in await rows(db, "SELECT status FROM sessions")} == {REVOKED}


_HELD = Statement(
    update(session_departures)
    .values(due_time=bindparam("p_due_time"))
    .returning(session_departures.c.position)
)


async def test_what_one_worker_looks_at_no_other_does(db, call, new_member):
    await begun(call, await new_member())
    while await sequencing.sequence(db, nothing) == 0:
        pass
    held = await db.fetch_one(_HELD, p_due_time=now() + 60_000_000)
    assert await deleted_users.run(db) == deleted_users.IDLE_SECONDS
    (kept,) = await rows(db, "SELECT position FROM session_departures")
    assert kept["position"] == held["position"]
    # The other one died: its hold has run out.
    await db.fetch_one(_HELD, p_due_time=now() - 1)
    assert await deleted_users.run(db) == 0.0
    (moved,) = await rows(db, "SELECT position FROM session_departures")
    assert moved["position"] > held["position"]
