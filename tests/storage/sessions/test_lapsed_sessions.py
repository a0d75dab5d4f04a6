"""The worker's jobs by the clock: sessions that have lapsed end, and old ones are forgotten."""

from __future__ import annotations

import asyncio

import pytest
from signed_in import MINUTE, age, begun, copied, notices, rows

from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import EXPIRED, LOGOUT, Bounds
from tenantry.identity.sessions.termination import ending, expiry


async def test_what_has_lapsed_expires_at_its_time(db, call, new_member, new_application, newest):
    user = await new_member()
    client_id = await new_application("https://app.example.com/logout")
    idle, _ = await begun(call, user, bounds=Bounds(60, 20), client_id=client_id)
    absolute, _ = await begun(call, user, bounds=Bounds(25, None))
    kept, secret = await begun(call, user, bounds=Bounds(60, None))
    for session in (idle, absolute, kept):
        await age(db, session.id, 30)
    assert await expiry.run(db) == 0.0
    ended = {one.id: one for one in [await service.get(call, s.id) for s in (idle, absolute)]}
    assert {one.status for one in ended.values()} == {EXPIRED}
    assert ended[idle.id].expire_time == ended[idle.id].idle_expire_time
    assert ended[absolute.id].expire_time == ended[absolute.id].absolute_expire_time
    assert (await service.find(db, secret)).id == kept.id
    said = [event["after"]["user_session"] for event in await newest.of("user.logout")]
    assert [one["session_id"] for one in said] == [idle.id, absolute.id]
    assert [row["session_id"] for row in await notices(db)] == [idle.id]


async def test_it_sleeps_until_the_next_one_and_some_seconds_at_most(db, call, new_member):
    assert await expiry.run(db) == expiry.IDLE_SECONDS
    session, _ = await begun(call, await new_member(), bounds=Bounds(60, None))
    assert await expiry.run(db) == expiry.IDLE_SECONDS
    await rows(
        db,
        "UPDATE sessions SET lapse_time = :at WHERE id = :id RETURNING id",
        at=session.create_time + 2_000_000,
        id=session.id,
    )
    assert await expiry.run(db) < 3.0


async def test_more_than_one_transaction_takes(db, call, new_member):
    session, _ = await begun(call, await new_member(), bounds=Bounds(10, None))
    await age(db, session.id, 20)
    await copied(db, session, ending.AT_ONCE)
    turns = 0
    while await expiry.run(db) == 0.0:
        turns += 1
    assert turns == 2
    assert {row["status"] for row in await rows(db, "SELECT status FROM sessions")} == {EXPIRED}


async def test_two_workers_end_each_once(db, call, new_member, newest):
    user = await new_member()
    for _ in range(20):
        session, _ = await begun(call, user, bounds=Bounds(10, None))
        await age(db, session.id, 20)
    await asyncio.gather(*(expiry.run(db) for _ in range(4)))
    assert len(await newest.of("user.logout")) == 20


@pytest.mark.parametrize("status", [LOGOUT, EXPIRED])
async def test_what_ended_long_ago_is_forgotten(db, call, new_member, *, status):
    user = await new_member()
    days = 24 * 60
    old, _ = await begun(call, user, bounds=Bounds(60, None))
    if status == EXPIRED:
        await age(db, old.id, 61)
    await service.end(call, old.id, status=status)
    recent, _ = await begun(call, user)
    await service.end(call, recent.id, status=LOGOUT)
    lasting, _ = await begun(call, user, bounds=Bounds(400 * days, None))
    # All three began 100 days ago; ids are made of the time.
    for session in (old, recent, lasting):
        await age(db, session.id, 100 * days)
    await rows(
        db,
        "UPDATE sessions SET logout_time = logout_time - :ago, expire_time = expire_time - :ago"
        " WHERE id = :id RETURNING id",
        ago=100 * days * MINUTE,
        id=old.id,
    )
    assert not await expiry.prune(db, days=90)  # by their ids, they are of today
    for place, session in enumerate((old, recent, lasting)):
        await rows(db, "DELETE FROM session_organizations WHERE session_id = :id", id=session.id)
        await rows(
            db,
            "UPDATE sessions SET id = :new WHERE id = :id RETURNING id",
            new=f"ses_000000000000000000{place}",
            id=session.id,
        )
    assert await expiry.prune(db, days=90)
    assert not await expiry.prune(db, days=90)
    left = await rows(db, "SELECT id FROM sessions ORDER BY id")
    assert [row["id"][-1] for row in left] == ["1", "2"]


async def test_what_hangs_on_a_session_goes_with_it(db, call, new_member, new_application):
    session, _ = await begun(call, await new_member(), client_id=await new_application())
    await rows(db, "DELETE FROM sessions WHERE id = :id RETURNING id", id=session.id)
    assert await rows(db, "SELECT * FROM session_organizations") == []
    assert await rows(db, "SELECT * FROM session_clients") == []
