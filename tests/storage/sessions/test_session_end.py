"""Told of the end of a session: an event, and notices to its applications."""

from __future__ import annotations

import pytest
from signed_in import age, begun, entered, notices, rows

from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import EXPIRED, LOGOUT, REVOKED, Bounds
from tenantry.identity.sessions.termination import ending
from tenantry.tenants.memberships import leaving
from tenantry.tenants.users import service as users

LOGOUT_URI = "https://app.example.com/logout"


@pytest.mark.parametrize("status", [LOGOUT, REVOKED, EXPIRED])
async def test_an_event_says_who_and_which_session(db, call, new_member, newest, *, status):
    user = await new_member()
    session, _ = await begun(call, user, bounds=Bounds(60, 20))
    if status == EXPIRED:
        await age(db, session.id, 30)
    ended = await service.end(call, session.id, status=status)
    (event,) = await newest.of("user.logout")
    assert event["organization_id"] == session.organization_id
    assert event["after"]["user"]["id"] == user.id
    assert event["after"]["user_session"] == ended.to_event()
    assert event["after"]["user_session"]["status"] == status.upper()
    assert ("logout_at" in event["after"]["user_session"]) == (status == LOGOUT)
    assert ("expired_at" in event["after"]["user_session"]) == (status != LOGOUT)
    assert event["actor"] == call.caller.actor


async def test_no_secret_and_no_digest_is_told(db, call, new_member, newest):
    session, secret = await begun(call, await new_member())
    (row,) = await rows(db, "SELECT digest FROM sessions")
    await service.end(call, session.id, status=LOGOUT)
    (event,) = await newest.of("user.logout")
    assert secret not in str(event)
    assert row["digest"] not in str(event)


async def test_whoever_comes_second_tells_nothing(db, call, new_member, new_application, newest):
    client_id = await new_application(LOGOUT_URI)
    session, _ = await begun(call, await new_member(), client_id=client_id)
    await service.end(call, session.id, status=LOGOUT)
    await service.end(call, session.id, status=REVOKED)
    assert len(await newest.of("user.logout")) == 1
    assert len(await notices(db)) == 1


async def test_each_application_is_told_once_at_each_of_its_addresses(
    db, call, new_member, new_organization, *, new_application
):
    one, other = await new_organization(), await new_organization()
    first = await new_application(LOGOUT_URI, f"{LOGOUT_URI}/2", LOGOUT_URI)
    second = await new_application(LOGOUT_URI)
    silent = await new_application()
    await new_application(LOGOUT_URI)  # it has no part in the session
    session, _ = await begun(call, await new_member(one, other), one.id, client_id=first)
    session = await entered(call, session, one.id, client_id=second)
    session = await entered(call, session, other.id, client_id=first)
    session = await entered(call, session, other.id, client_id=silent)
    await service.end(call, session.id, status=LOGOUT)
    told = [(row["client_id"], row["uri"]) for row in await notices(db)]
    assert told == [(first, LOGOUT_URI), (first, f"{LOGOUT_URI}/2"), (second, LOGOUT_URI)]
    assert {row["session_id"] for row in await notices(db)} == {session.id}
    assert {row["user_id"] for row in await notices(db)} == {session.user_id}


async def test_the_applications_of_who_is_gone_are_told_but_nobody_else(
    db, call, new_member, new_application, newest
):
    user = await new_member()
    session, _ = await begun(call, user, client_id=await new_application(LOGOUT_URI))
    await leaving.remove_user(call, users.UserIdentifier(user.id), forced=True)
    ended = await service.end(call, session.id, status=REVOKED)
    assert ended.status == REVOKED
    assert await newest.of("user.logout") == []
    assert [row["user_id"] for row in await notices(db)] == [user.id]


async def test_an_application_that_is_gone_is_not_told(db, call, new_member, new_application):
    client_id = await new_application(LOGOUT_URI)
    session, _ = await begun(call, await new_member(), client_id=client_id)
    await rows(db, "DELETE FROM clients WHERE id = :id RETURNING id", id=client_id)
    assert await service.end(call, session.id, status=LOGOUT)
    assert await notices(db) == []


async def test_the_end_and_what_is_told_of_it_are_one(
    db, call, new_member, new_application, *, newest, monkeypatch
):
    session, secret = await begun(
        call, await new_member(), client_id=await new_application(LOGOUT_URI)
    )

    async def fail(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(ending.notices, "queue", fail)
    with pytest.raises(LookupError):
        await service.end(call, session.id, status=LOGOUT)
    assert await service.find(db, secret) == session
    assert await newest.of("user.logout") == []
