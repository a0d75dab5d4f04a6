"""Sessions begin, are entered by further applications and organizations, are found, and end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from signed_in import MINUTE, WORKDAY, age, begun, entered, rows, set_status

from tenantry.core.caller import Caller, Kind, Origin
from tenantry.core.errors import NotFound
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import EXPIRED, LOGOUT, REVOKED, Bounds
from tenantry.identity.sessions.service import SessionOver
from tenantry.tenants.memberships import leaving
from tenantry.tenants.users import service as users


async def test_a_session_is_found_by_its_secret_and_its_id(db, call, new_member):
    user = await new_member()
    session, secret = await begun(call, user, client_id="skc_1")
    assert await service.find(db, secret) == session
    assert await service.find_live(db, session.id) == session
    assert await service.get(call, session.id) == session
    organization_id = user.memberships[0].organization_id
    assert session.organizations == (organization_id,)
    assert session.clients == (("skc_1", organization_id),)
    assert session.amr == ("conn_1",)
    assert session.device["browser"] == "Chrome"
    assert session.device["ip"] == "192.0.2.7"


async def test_only_the_digest_of_the_secret_is_kept(db, call, new_member):
    _, secret = await begun(call, await new_member())
    (row,) = await rows(db, "SELECT * FROM sessions")
    assert len(secret) >= 43  # 256 bits in base64
    assert row["digest"] == vault.digest(secret)
    assert secret not in str([row[name] for name in row.keys()])  # noqa: SIM118 - a row


async def test_the_secret_is_a_new_one_whatever_the_browser_brings(db, call, new_member):
    """Session fixation: a secret that somebody else knows never becomes a session."""
    user = await new_member()
    _, known = await begun(call, user)
    browser = replace(call, origin=Origin(cookies=f"__Host-tenantry_session={known}"))
    session, secret = await begun(browser, user)
    assert secret != known
    assert await service.find(db, secret) == session


@pytest.mark.parametrize("secret", ["", "x", "é" * 100])
async def test_a_wrong_secret_finds_nothing(db, call, new_member, secret):
    await begun(call, await new_member())
    assert await service.find(db, secret) is None


async def test_nobody_is_found_by_the_digest(db, call, new_member):
    _, secret = await begun(call, await new_member())
    assert await service.find(db, vault.digest(secret)) is None


async def test_no_application_need_be_named(db, call, new_member):
    session, secret = await begun(call, await new_member(), client_id=None)
    assert session.clients == ()
    assert (await entered(call, session)).clients == ()
    assert (await service.find(db, secret)).clients == ()


async def test_it_begins_within_a_transaction_or_not_at_all(db, call, new_member):
    user = await new_member()
    secrets = []

    async def fail():
        async with db.transaction() as held:
            _, secret = await begun(replace(call, db=held), user)
            secrets.append(secret)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    (secret,) = secrets
    assert await service.find(db, secret) is None


async def test_two_applications_share_a_session(db, call, new_member):
    user = await new_member()
    session, secret = await begun(call, user, client_id="skc_1")
    after = await entered(call, session, client_id="skc_2")
    organization_id = session.organization_id
    assert after.clients == (("skc_1", organization_id), ("skc_2", organization_id))
    assert await service.find(db, secret) == after
    # Once more changes nothing but the times.
    again = await entered(call, after, client_id="skc_2")
    assert again.clients == after.clients
    assert (await service.find(db, secret)).clients == after.clients


async def test_an_organization_is_switched_within_the_session(
    db, call, new_member, new_organization
):
    one, other = await new_organization("One"), await new_organization("Other")
    user = await new_member(one, other)
    session, secret = await begun(call, user, one.id, client_id="skc_1")
    after = await entered(call, session, other.id, client_id="skc_2", custom_claims={"a": 1})
    assert after.id == session.id
    assert after.organization_id == other.id
    assert after.organizations == (one.id, other.id)
    assert after.clients == (("skc_1", one.id), ("skc_2", other.id))
    assert await service.find(db, secret) == after
    back = await entered(call, after, one.id)
    assert back.organization_id == one.id
    assert back.organizations == (one.id, other.id)


async def test_a_session_opens_no_organization_of_others(db, call, new_member, new_organization):
    other = await new_organization("Other")
    session, secret = await begun(call, await new_member())
    with pytest.raises(SessionOver):
        await entered(call, session, other.id, client_id="skc_1")
    assert await service.find(db, secret) == session
    assert len(await rows(db, "SELECT * FROM session_clients")) <= 1


async def test_nor_one_whose_membership_is_not_in_force(db, call, new_member, new_organization):
    one, other = await new_organization("One"), await new_organization("Other")
    user = await new_member(one, other)
    session, _ = await begun(call, user, one.id)
    await set_status(db, user.id, other.id, "INACTIVE")
    with pytest.raises(SessionOver):
        await entered(call, session, other.id)


async def test_claims_are_those_of_each_organization(db, call, new_member, new_organization):
    one, other = await new_organization("One"), await new_organization("Other")
    user = await new_member(one, other)

    async def claims():
        found = await rows(db, "SELECT * FROM session_organizations ORDER BY create_time")
        return [row["custom_claims"].replace(" ", "") for row in found]

    session, _ = await begun(call, user, one.id, custom_claims={"a": 1})
    await entered(call, session, other.id, custom_claims={"b": 2})
    assert await claims() == ['{"a":1}', '{"b":2}']
    await entered(call, session, other.id, custom_claims=None)
    assert await claims() == ['{"a":1}', '{"b":2}']
    await entered(call, session, one.id, custom_claims={})
    assert await claims() == ["{}", '{"b":2}']


async def test_authenticating_again_renews_time_and_methods(db, call, new_member):
    session, secret = await begun(call, await new_member(), amr=["conn_1"])
    await age(db, session.id, 10)
    session = await service.find(db, secret)
    kept = await entered(call, session)
    assert (kept.auth_time, kept.amr) == (session.auth_time, ("conn_1",))
    renewed = await entered(call, session, amr=["conn_2", "conn_3"])
    assert renewed.auth_time >= session.auth_time + 10 * MINUTE
    assert renewed.amr == ("conn_2", "conn_3")
    assert await service.find(db, secret) == renewed


@pytest.mark.parametrize(
    ("first", "then", "idle"),
    [
        (Bounds(480, None), Bounds(480, None), None),
        (Bounds(480, None), Bounds(60, None), None),
        (Bounds(60, None), Bounds(480, None), None),
        (Bounds(480, None), Bounds(480, 30), 30),
        (Bounds(480, 30), Bounds(480, None), 30),
        (Bounds(480, 30), Bounds(60, 10), 10),
        (Bounds(480, 10), Bounds(480, 30), 10),
        (Bounds(525_600, 10_080), Bounds(525_600, 10_080), 10_080),
    ],
)
async def test_bounds_only_tighten(db, call, new_member, *, first, then, idle):
    session, secret = await begun(call, await new_member(), bounds=first)
    after = await entered(call, session, bounds=then)
    absolute = session.create_time + min(first.absolute, then.absolute) * MINUTE
    assert after.absolute_expire_time == absolute
    assert after.idle_minutes == idle
    slid = None if idle is None else after.last_active_time + idle * MINUTE
    assert after.idle_expire_time == slid
    assert after.lapse_time == min(absolute, slid or absolute)
    assert await service.find(db, secret) == after
    (row,) = await rows(db, "SELECT lapse_time FROM sessions")
    assert row["lapse_time"] == after.lapse_time


async def test_a_tighter_bound_can_be_over_at_once(db, call, new_member):
    session, secret = await begun(call, await new_member())
    await age(db, session.id, 100)
    session = await service.find(db, secret)
    await entered(call, session, bounds=Bounds(60, None))
    assert await service.find(db, secret) is None


async def test_idle_time_begins_anew_with_each_use_and_never_beyond_the_absolute_end(
    db, call, new_member
):
    session, secret = await begun(call, await new_member(), bounds=Bounds(60, 20))
    for _ in range(3):
        await age(db, session.id, 15)
        await entered(call, session)
        assert await service.find(db, secret)
    (row,) = await rows(db, "SELECT lapse_time, absolute_expire_time FROM sessions")
    assert row["lapse_time"] == row["absolute_expire_time"]
    await age(db, session.id, 15)
    with pytest.raises(SessionOver):
        await entered(call, session)
    assert await service.find(db, secret) is None


async def test_idle_time_of_a_week_slides_too(db, call, new_member):
    session, secret = await begun(call, await new_member(), bounds=Bounds(525_600, 10_080))
    await entered(call, session)
    assert await service.find(db, secret)


async def test_idle_time_ends_it(db, call, new_member):
    session, secret = await begun(call, await new_member(), bounds=Bounds(60, 20))
    await age(db, session.id, 21)
    assert await service.find(db, secret) is None
    assert await service.find_live(db, session.id) is None
    with pytest.raises(SessionOver):
        await entered(call, session)
    shown = await service.get(call, session.id)
    assert shown.state(now()) == (EXPIRED, shown.idle_expire_time)


async def test_one_that_was_never_to_idle_ends_at_its_absolute_time(db, call, new_member):
    session, secret = await begun(call, await new_member(), bounds=WORKDAY)
    await age(db, session.id, 479)
    assert await service.find(db, secret)
    await age(db, session.id, 1)
    assert await service.find(db, secret) is None


async def test_who_is_no_member_any_more_has_no_live_session(db, call, new_member):
    user = await new_member()
    session, secret = await begun(call, user)
    await set_status(db, user.id, session.organization_id, "INACTIVE")
    assert await service.find(db, secret) is None
    await set_status(db, user.id, session.organization_id, "ACTIVE")
    assert await service.find(db, secret) == session
    await leaving.remove_member(
        call, session.organization_id, users.UserIdentifier(user.id), cascade=True, forced=True
    )
    assert await service.find(db, secret) is None
    assert await service.find_live(db, session.id) is None


async def test_whose_user_is_gone_is_not_live(db, call, new_member):
    user = await new_member()
    session, secret = await begun(call, user)
    await leaving.remove_user(call, users.UserIdentifier(user.id), forced=True)
    assert await service.find(db, secret) is None
    with pytest.raises(SessionOver):
        await entered(call, session)


async def test_ending_is_for_good(db, call, new_member):
    session, secret = await begun(call, await new_member())
    ended = await service.end(call, session.id, status=LOGOUT)
    assert (ended.status, ended.expire_time) == (LOGOUT, None)
    assert ended.logout_time >= session.create_time
    assert await service.find(db, secret) is None
    for status in (REVOKED, EXPIRED, LOGOUT):
        assert await service.end(call, session.id, status=status) is None
    assert await service.get(call, session.id) == ended
    with pytest.raises(SessionOver):
        await entered(call, session)


async def test_a_revoked_one_has_expired_then(call, new_member):
    session, _ = await begun(call, await new_member())
    ended = await service.end(call, session.id, status=REVOKED)
    assert (ended.status, ended.logout_time) == (REVOKED, None)
    assert ended.expire_time >= session.create_time


async def test_one_that_has_lapsed_can_only_expire(db, call, new_member):
    session, _ = await begun(call, await new_member(), bounds=Bounds(60, 20))
    assert await service.end(call, session.id, status=EXPIRED) is None  # it has not lapsed
    await age(db, session.id, 30)
    assert await service.end(call, session.id, status=REVOKED) is None
    assert await service.end(call, session.id, status=LOGOUT) is None
    ended = await service.end(call, session.id, status=EXPIRED)
    assert (ended.status, ended.expire_time) == (EXPIRED, ended.idle_expire_time)


async def test_of_several_who_end_one_at_once_one_does(call, new_member):
    session, _ = await begun(call, await new_member())
    done = await asyncio.gather(
        *(service.end(call, session.id, status=status) for status in [LOGOUT, REVOKED] * 5)
    )
    assert len([one for one in done if one]) == 1


async def test_all_but_one_are_ended(db, call, new_member):
    user, other = await new_member(), await new_member()
    kept, secret = await begun(call, user)
    gone = [(await begun(call, user))[0].id for _ in range(3)]
    elsewhere, _ = await begun(call, other)
    lapsed, _ = await begun(call, user, bounds=Bounds(10, None))
    await age(db, lapsed.id, 20)
    ended = await service.end_all(call, user.id, but=kept.id)
    assert [session.id for session in ended] == gone
    assert {session.status for session in ended} == {REVOKED}
    assert await service.find(db, secret) == kept
    assert await service.find_live(db, elsewhere.id) == elsewhere
    assert [session.id for session in await service.end_all(call, user.id)] == [kept.id]
    assert await service.end_all(call, user.id) == []


async def test_two_who_end_many_at_once_do_not_wait_for_each_other(db, call, new_member):
    user = await new_member()
    for _ in range(20):
        await begun(call, user)
    done = await asyncio.gather(*(service.end_all(call, user.id) for _ in range(4)))
    assert sorted(session.id for part in done for session in part) == [
        row["id"] for row in await rows(db, "SELECT id FROM sessions ORDER BY id")
    ]


async def test_a_person_sees_only_their_own(call, new_member):
    user, other = await new_member(), await new_member()
    mine, _ = await begun(call, user)
    theirs, _ = await begun(call, other)
    me = Caller(Kind.USER_SESSION, user.id, mine.organization_id, frozenset(), mine.id)
    person = replace(call, caller=me)
    assert await service.get(person, mine.id) == mine
    for look in (service.get, service.revoke):
        with pytest.raises(NotFound):
            await look(person, theirs.id)
    assert (await service.get(call, theirs.id)).status == "active"
    assert (await service.revoke(person, mine.id)).status == REVOKED
