"""A forgotten person leaves no device behind, neither in sessions nor in events."""

from __future__ import annotations

import asyncio

import pytest
from signed_in import CHROME, begun, notices, rows

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.db.sql.schema import from_json
from tenantry.identity.sessions import erasure as sessions_erasure
from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import LOGOUT, REVOKED
from tenantry.tenants.users import erasure, reading


async def forget(call, key):
    """The work of `tenantry user erase`."""
    found = await erasure.find(call, key)
    for user_id in sorted(found.person.ids):
        await sessions_erasure.forget(call, user_id)
    await erasure.erase(call, found)


async def test_sessions_end_and_devices_are_blanked(db, call, new_member, new_application, newest):
    user, other = await new_member(), await new_member()
    client_id = await new_application("https://app.example.com/logout")
    before, _ = await begun(call, user)
    await service.end(call, before.id, status=LOGOUT)
    active, secret = await begun(call, user, client_id=client_id)
    theirs, _ = await begun(call, other)
    await forget(call, user.email)
    assert await service.find(db, secret) is None
    assert (await service.get(call, active.id)).status == REVOKED
    assert (await service.get(call, before.id)).status == LOGOUT
    left = {row["id"]: from_json(row["device"]) for row in await rows(db, "SELECT * FROM sessions")}
    assert left[before.id] == left[active.id] == {}
    assert left[theirs.id]["ip"] == "192.0.2.7"
    assert [row["session_id"] for row in await notices(db)] == [active.id]
    said = await newest.of("user.logout")
    assert [event["after"]["user_session"]["session_id"] for event in said] == [
        before.id,
        active.id,
    ]
    for event in said:
        for trace in (CHROME, "192.0.2.7", user.email):
            assert trace not in str(event)


async def test_the_command_does_it(server, database, make, call_beside):
    user = await make.user()
    found = await reading.find(database, id_=user["id"], external_id=None)
    session, secret = await begun(call_beside, found)
    done = await asyncio.to_thread(server.run, "user", "erase", user["email"], "--yes")
    assert done.returncode == 0, done.stderr
    assert await service.find(database, secret) is None
    left = await service.get(call_beside, session.id)
    assert (left.status, left.device) == (REVOKED, {})
    again = await asyncio.to_thread(server.run, "user", "erase", user["id"], "--yes")
    assert again.returncode == 0, again.stderr


@pytest.fixture
def call_beside(database):
    """A call beside the running server."""
    return Call(SYSTEM, database, "req_1", origin=Origin("192.0.2.7", CHROME))


async def test_done_again_it_changes_nothing(db, call, new_member):
    user = await new_member()
    await begun(call, user)
    await forget(call, user.id)
    before = [tuple(row) for row in await rows(db, "SELECT * FROM sessions")]
    await forget(call, user.id)
    assert [tuple(row) for row in await rows(db, "SELECT * FROM sessions")] == before
