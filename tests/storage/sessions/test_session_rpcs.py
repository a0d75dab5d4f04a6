"""SessionService, users:this and the support hash, as callers of each kind see them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apis import moment, refused
from signed_in import CHROME, age, begun, entered

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import LOGOUT, Bounds
from tenantry.tenants.users import reading

COOKIE = "__Host-tenantry_session"
NOBODY, NO_SESSION = "usr_1234567890123456789", "ses_1234567890123456789"
OFFICIAL = Path(__file__).with_name("official_client.py")


@pytest.fixture
def call(database):
    """The call by which the sign-in would use the service."""
    return Call(SYSTEM, database, "req_1", origin=Origin("192.0.2.7", CHROME))


@pytest.fixture
def signed_in(call, database, make):
    """Sign a new person in; return the user, the session, and its secret."""

    async def sign_in(user_id: str = "", **members: object):
        user_id = user_id or (await make.user())["id"]
        user = await reading.find(database, id_=user_id, external_id=None)
        return user, *await begun(call, user, **members)

    return sign_in


@pytest.fixture
def as_person(api):
    """The API as the browser of a session calls it."""

    def person(secret):
        return api.sending(authorization=(), cookie=f"{COOKIE}={secret}")

    return person


@pytest.mark.everywhere
async def test_a_session_is_shown(api, signed_in):
    user, session, _ = await signed_in(client_id="skc_1", bounds=Bounds(480, 60))
    shown = await api.sessions.get_session(session_id=session.id)
    organization_id = user.memberships[0].organization_id
    times = {name: moment(shown.pop(name)) for name in list(shown) if name.endswith("_at")}
    device = shown.pop("device")
    assert not any(device.pop("location").values())
    assert not device.pop("os_version", "")
    assert device == {
        "user_agent": CHROME,
        "os": "Linux",
        "browser": "Chrome",
        "browser_version": "131.0.0",
        "device_type": "desktop",
        "ip": "192.0.2.7",
    }
    assert shown == {
        "session_id": session.id,
        "user_id": user.id,
        "organization_id": organization_id,
        "authenticated_organizations": [organization_id],
        "authenticated_clients": [{"client_id": "skc_1", "organization_id": organization_id}],
        "status": "active",
    }
    assert times.keys() == {
        *("created_at", "updated_at", "last_active_at"),
        *("idle_expires_at", "absolute_expires_at"),
    }
    begin = times["created_at"]
    assert times["idle_expires_at"] == begin + timedelta(minutes=60)
    assert times["absolute_expires_at"] == begin + timedelta(minutes=480)


async def test_one_that_has_lapsed_is_shown_as_expired_at_once(api, database, signed_in):
    user, session, _ = await signed_in(bounds=Bounds(60, 20))
    await age(database, session.id, 30)
    shown = await api.sessions.get_session(session_id=session.id)
    assert shown["status"] == "expired"
    assert shown["expired_at"] == shown["idle_expires_at"]
    for status, total in (("active", 0), ("expired", 1)):
        page = await api.sessions.get_user_sessions(user_id=user.id, filter={"status": [status]})
        assert page.get("total_size", 0) == total
    revoked = await api.sessions.revoke_session(session_id=session.id)
    assert revoked["revoked_session"]["status"] == "expired"
    all_of_them = await api.sessions.revoke_all_user_sessions(user_id=user.id)
    assert all_of_them.get("total_revoked", 0) == 0


async def test_who_never_signed_in_has_no_session(api, make):
    user = await make.user()
    page = await api.sessions.get_user_sessions(user_id=user["id"])
    assert page.get("sessions", []) == []
    assert page.get("total_size", 0) == 0
    assert not page.get("next_page_token")


async def test_pages_go_both_ways_newest_first(api, signed_in):
    user, first, _ = await signed_in()
    ids = [first.id] + [(await signed_in(user.id))[1].id for _ in range(4)]
    newest_first, seen, token = ids[::-1], [], ""
    for _ in range(3):
        page = await api.sessions.get_user_sessions(user_id=user.id, page_size=2, page_token=token)
        assert page["total_size"] == 5
        seen.append([one["session_id"] for one in page["sessions"]])
        token = page.get("next_page_token", "")
    assert seen == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert token == ""
    back = await api.sessions.get_user_sessions(
        user_id=user.id, page_size=2, page_token=page["prev_page_token"]
    )
    assert [one["session_id"] for one in back["sessions"]] == newest_first[2:4]


async def test_a_page_has_ten_and_a_hundred_at_most(api, call, signed_in):
    user, _, _ = await signed_in()
    for _ in range(10):
        await begun(call, user)
    page = await api.sessions.get_user_sessions(user_id=user.id)
    assert (len(page["sessions"]), page["total_size"]) == (10, 11)
    page = await api.sessions.get_user_sessions(user_id=user.id, page_size=4_000_000_000)
    assert len(page["sessions"]) == 11


async def test_a_page_token_is_of_one_list(api, signed_in):
    user, _, _ = await signed_in()
    await signed_in(user.id)
    other, _, _ = await signed_in()
    page = await api.sessions.get_user_sessions(user_id=user.id, page_size=1)
    token = page["next_page_token"]
    for request in (
        {"user_id": other.id},
        {"user_id": user.id, "filter": {"status": ["active"]}},
    ):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.sessions.get_user_sessions(**request, page_token=token)


async def test_a_filter_takes_any_of_its_statuses(api, call, signed_in):
    user, active, _ = await signed_in()
    _, revoked, _ = await signed_in(user.id)
    _, logout, _ = await signed_in(user.id)
    await service.revoke(call, revoked.id)
    await service.end(call, logout.id, status=LOGOUT)

    async def found(*statuses: str):
        page = await api.sessions.get_user_sessions(
            user_id=user.id, filter={"status": list(statuses)}
        )
        assert page.get("total_size", 0) == len(page.get("sessions", []))
        return {one["session_id"]: one["status"] for one in page.get("sessions", [])}

    every = {active.id: "active", revoked.id: "revoked", logout.id: "logout"}
    assert await found() == every
    assert await found("active", "expired", "revoked", "logout") == every
    assert await found("active") == {active.id: "active"}
    assert await found("revoked", "logout") == {revoked.id: "revoked", logout.id: "logout"}
    assert await found("LOGOUT") == {logout.id: "logout"}
    assert await found("expired") == {}


async def test_a_filter_takes_a_time_with_both_ends(api, database, signed_in):
    user, old, _ = await signed_in()
    _, new, _ = await signed_in(user.id)
    await age(database, old.id, 60)
    begun_at = datetime.fromtimestamp(new.create_time / 1_000_000, UTC)

    async def found(**times: datetime):
        page = await api.sessions.get_user_sessions(
            user_id=user.id,
            filter={name: time.isoformat().replace("+00:00", "Z") for name, time in times.items()},
        )
        return [one["session_id"] for one in page.get("sessions", [])]

    hour = timedelta(hours=1)
    assert await found(start_time=begun_at - 2 * hour) == [new.id, old.id]
    assert await found(start_time=begun_at) == [new.id]
    assert await found(end_time=begun_at) == [new.id, old.id]
    assert await found(end_time=begun_at - timedelta(minutes=1)) == [old.id]
    assert await found(start_time=begun_at + hour, end_time=begun_at + 2 * hour) == []


@pytest.mark.parametrize(
    ("narrow", "field"),
    [
        ({"status": ["active", "lapsed"]}, "filter.status[1]"),
        ({"status": [""]}, "filter.status[0]"),
        (
            {"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"},
            "filter.end_time",
        ),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(api, make, narrow, field):
    user = await make.user()
    with refused("INVALID_ARGUMENT", field):
        await api.sessions.get_user_sessions(user_id=user["id"], filter=narrow)


async def test_ids_of_another_kind_are_refused(api, subtests):
    for id_ in ("usr_", "usr_abc", "ses_123abc", "1234567890", "usr_1 2"):
        for rpc in ("get_user_sessions", "revoke_all_user_sessions"):
            with subtests.test(rpc, id=id_), refused("INVALID_ARGUMENT", "user_id"):
                await getattr(api.sessions, rpc)(user_id=id_)
    for id_ in ("ses_", "ses_123abc", "usr_123", "1234567890"):
        for rpc in ("get_session", "revoke_session"):
            with subtests.test(rpc, id=id_), refused("INVALID_ARGUMENT", "session_id"):
                await getattr(api.sessions, rpc)(session_id=id_)


async def test_a_session_is_revoked_once(api, events, signed_in):
    _, session, _ = await signed_in()
    await events.new()
    first = (await api.sessions.revoke_session(session_id=session.id))["revoked_session"]
    assert (first["session_id"], first["status"]) == (session.id, "revoked")
    assert moment(first["expired_at"]) >= moment(first["created_at"])
    again = (await api.sessions.revoke_session(session_id=session.id))["revoked_session"]
    assert again == first
    (event,) = await events.new()
    assert event["type"] == "user.logout"
    assert event["after"]["user_session"]["session_id"] == session.id


async def test_revoking_all_counts_those_that_were_active(api, call, signed_in):
    user, _, _ = await signed_in()
    _, gone, _ = await signed_in(user.id)
    await signed_in(user.id)
    await service.end(call, gone.id, status=LOGOUT)
    answer = await api.sessions.revoke_all_user_sessions(user_id=user.id)
    assert answer["total_revoked"] == 2
    assert {one["status"] for one in answer["revoked_sessions"]} == {"revoked"}
    again = await api.sessions.revoke_all_user_sessions(user_id=user.id)
    assert again.get("total_revoked", 0) == 0
    shown = await api.sessions.get_session(session_id=gone.id)
    assert shown["status"] == "logout"


async def test_what_is_revoked_lets_nobody_in_any_more(api, as_person, signed_in):
    _, session, secret = await signed_in()
    person = as_person(secret)
    await person.users.get_current_user()
    await api.sessions.revoke_session(session_id=session.id)
    with refused("UNAUTHENTICATED"):
        await person.users.get_current_user()


async def test_a_person_lists_and_revokes_their_own_sessions(as_person, signed_in):
    user, session, secret = await signed_in()
    _, other, _ = await signed_in(user.id)
    person = as_person(secret)
    page = await person.sessions.get_user_sessions(user_id=user.id)
    assert [one["session_id"] for one in page["sessions"]] == [other.id, session.id]
    revoked = await person.sessions.revoke_session(session_id=other.id)
    assert revoked["revoked_session"]["status"] == "revoked"


async def test_and_nobody_elses(api, as_person, signed_in):
    _, _, secret = await signed_in()
    user, theirs, _ = await signed_in()
    person = as_person(secret)
    with refused("NOT_FOUND", says="user not found"):
        await person.sessions.get_user_sessions(user_id=user.id)
    with refused("NOT_FOUND", says="session not found"):
        await person.sessions.revoke_session(session_id=theirs.id)
    shown = await api.sessions.get_session(session_id=theirs.id)
    assert shown["status"] == "active"
    for refused_rpc in (
        person.sessions.get_session(session_id=theirs.id),
        person.sessions.revoke_all_user_sessions(user_id=user.id),
    ):
        with refused("PERMISSION_DENIED"):
            await refused_rpc


async def test_the_current_user_is_who_asks(as_person, signed_in):
    user, session, secret = await signed_in()
    answer = await as_person(secret).users.get_current_user()
    assert answer["user"]["id"] == user.id
    assert answer["user"]["email"] == user.email
    assert answer["current_session_id"] == session.id


@pytest.mark.wires("rest")
async def test_both_paths_of_the_current_user(http, signed_in):
    user, _, secret = await signed_in()
    for path in ("users:this", "users/me"):
        answer = await http.get(f"/api/v1/{path}", headers={"cookie": f"{COOKIE}={secret}"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["user"]["id"] == user.id


async def test_the_current_user_is_told_of_the_organization_that_they_are_in(
    call, as_person, make, signed_in
):
    one, other = await make.organization(), await make.organization()
    made = await make.user(one["id"])
    await make._api.users.create_membership(
        organization_id=other["id"], id=made["id"], membership={}, send_invitation_email=False
    )
    _, session, secret = await signed_in(made["id"], organization_id=one["id"])
    person = as_person(secret)

    async def told():
        answer = await person.users.get_current_user()
        return [place["organization_id"] for place in answer["user"]["memberships"]]

    assert await told() == [one["id"]]
    await entered(call, session, other["id"])
    assert await told() == [other["id"]]


async def test_the_support_hash_is_the_same_for_one_and_another_for_others(as_person, signed_in):
    user, _, secret = await signed_in()
    _, _, again = await signed_in(user.id)
    _, _, others = await signed_in()
    hashes = [
        (await as_person(one).users.get_support_hash())["support_hash"]
        for one in (secret, again, others)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    assert all(len(bytes.fromhex(one)) == 32 for one in hashes)
    assert user.id not in hashes[0]


async def test_who_has_not_signed_in_gets_nothing(api, subtests):
    nobody = api.sending(authorization=(), cookie=f"{COOKIE}=guessed")
    for name, members in {
        "get_session": {"session_id": NO_SESSION},
        "revoke_session": {"session_id": NO_SESSION},
        "get_user_sessions": {"user_id": NOBODY},
        "revoke_all_user_sessions": {"user_id": NOBODY},
    }.items():
        with subtests.test(name), refused("UNAUTHENTICATED"):
            await getattr(nobody.sessions, name)(**members)


@pytest.mark.wires("rest")
@pytest.mark.process
async def test_the_official_client_does_it_all(server, call, signed_in, api):
    user, session, _ = await signed_in(client_id="skc_1")
    _, other, _ = await signed_in(user.id)
    await service.end(call, other.id, status=LOGOUT)
    _, third, _ = await signed_in(user.id)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, OFFICIAL, user.id, session.id],
        env=os.environ | server.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["session"] == [session.id, "active", "Chrome", ["skc_1"]]
    assert told["pages"] == [[third.id, other.id], [session.id]]
    assert told["signed_out"] == [other.id]
    assert told["revoked"] == "revoked"
    assert told["revoked_all"] == [1, [third.id]]
    assert told["unknown"] == "ScalekitNotFoundException"
