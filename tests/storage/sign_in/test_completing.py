"""The end of a sign-in: changes since the proof, and answers of interceptors."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import bindparam, false, select, update
from valid_events import assert_all_valid
from visitors import Browser, Deciding, code_of, error_of

from tenantry.crypto import vault
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.grants.model import authorization_codes
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import session_organizations
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.identity.sign_in.model import auth_requests
from tenantry.tenants.memberships import leaving
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import users as people

_CODES = Statement(select(authorization_codes))
_UNVERIFY = Statement(
    update(people).where(people.c.id == bindparam("p_id")).values(email_verified=false())
)
_CLAIMS = Statement(select(session_organizations.c.custom_claims))
_REWRITE = Statement(
    update(auth_requests)
    .where(auth_requests.c.id == bindparam("p_id"))
    .values(facts=bindparam("p_facts"))
    .returning(auth_requests.c.id)
)


async def proved(place, user, **params: object):
    browser = Browser(place)
    request = await browser.prove(await browser.begin(**params), user.email)
    assert request.state == states.ORGANIZATION_SELECTED
    return browser, request


async def test_the_code_is_bound_to_what_was_asked(place):
    user = await place.member()
    browser, request = await proved(
        place, user, scope="openid email", nonce="n1", code_challenge="x" * 43
    )
    code = code_of(await browser.complete(request))
    session = await browser.session()
    (row,) = await place.db.fetch_all(_CODES)
    assert row["digest"] == vault.digest(code)
    assert row["client_id"] == place.client.id
    assert (row["scope"], row["nonce"], row["code_challenge"]) == ("openid email", "n1", "x" * 43)
    assert (row["session_id"], row["organization_id"]) == (session.id, session.organization_id)
    assert row["auth_time"] == session.auth_time


async def test_of_two_at_once_one_gets_a_code(place):
    user = await place.member()
    browser, request = await proved(place, user)
    done = await asyncio.gather(
        *(browser.sign_in.complete(browser.call, request, session=None) for _ in range(4)),
        return_exceptions=True,
    )
    won = [one for one in done if not isinstance(one, Exception)]
    assert len(won) == 1
    assert all(isinstance(one, states.OutOfStep) for one in done if one not in won), done
    assert len(await place.db.fetch_all(_CODES)) == 1


async def test_nothing_is_completed_twice(place):
    user = await place.member()
    browser, request = await proved(place, user)
    await browser.complete(request)
    with pytest.raises(states.OutOfStep):
        await browser.complete(request)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.cancel(browser.call, request)


async def test_a_member_who_was_removed_gets_no_code(place):
    organization = await place.organization()
    user = await place.member(organization)
    browser, request = await proved(place, user)
    await place.leave(organization, user)
    assert error_of(await browser.complete(request)) == "access_denied"
    assert browser.session_secret == ""
    assert await place.db.fetch_all(_CODES) == []


async def test_nor_one_of_an_organization_that_was_deleted(place):
    organization, other = await place.organization(), await place.organization()
    user = await place.member(organization, other)
    browser, request = await proved(place, user, organization_id=organization.id)
    await organizations.remove(
        place.operator, organizations.OrganizationIdentifier(organization.id), dismiss_members
    )
    assert error_of(await browser.complete(request)) == "access_denied"
    assert await place.db.fetch_all(_CODES) == []


async def test_nor_one_who_was_deleted(place):
    user = await place.member()
    browser, request = await proved(place, user)
    await leaving.remove_user(place.operator, users.UserIdentifier(user.id), forced=True)
    assert error_of(await browser.complete(request)) == "access_denied"


async def test_a_member_who_is_removed_this_very_moment(place):
    """Either there is a code and then they go, or they go and there is none."""
    for _ in range(5):
        organization = await place.organization()
        user = await place.member(organization)
        browser, request = await proved(place, user)
        answer, _ = await asyncio.gather(
            browser.complete(request),
            leaving.remove_member(
                place.operator,
                organization.id,
                users.UserIdentifier(user.id),
                cascade=False,
                forced=True,
            ),
        )
        assert ("code" in answer.members) == bool(browser.session_secret)
        # And a session of a deleted user is not live.
        assert await browser.session() is None


async def test_the_session_of_somebody_else_ends(place):
    first, second = await place.member(), await place.member()
    browser = Browser(place)
    await browser.sign_in_as(first)
    before = await browser.session()
    request = await browser.begin(prompt=("login",))
    request = await browser.prove(request, second.email)
    await browser.complete(request)
    assert await sessions.find_live(place.db, before.id) is None
    assert (await browser.session()).user_id == second.id


async def test_a_browser_without_the_cookie_begins_a_session_of_its_own(place):
    """A secret that a browser brings along never becomes a session's."""
    user = await place.member()
    browser, request = await proved(place, user)
    browser.session_secret = "chosen-by-the-attacker"
    await browser.complete(request)
    assert browser.session_secret != "chosen-by-the-attacker"
    assert await sessions.find(place.db, "chosen-by-the-attacker") is None


async def test_an_interceptor_adds_claims_to_the_session(new_place):
    place = await new_place(outgoing_allow="127.0.0.0/8")
    user = await place.member()
    async with Deciding(place, "PRE_SESSION_CREATION") as ask:
        ask.answer = {"decision": "ALLOW", "response": {"claims": {"plan": "gold"}}}
        browser, request = await proved(place, user)
        assert code_of(await browser.complete(request))
        (asked,) = ask.got
        # A code without a new sign-in asks nobody.
        assert code_of(await browser.begin())
        assert len(ask.got) == 1
    context = asked["interceptor_context"]
    assert context["user_email"] == user.email
    assert context["user_id"] == user.id
    assert context["organization_id"] == user.memberships[0].organization_id
    assert context["connection_details"][0]["type"] == "PASSWORDLESS"
    assert asked["data"]["user"]["id"] == user.id
    assert asked["data"]["user"]["memberships"][0]["organization_name"] == "Acme"
    (row,) = await place.db.fetch_all(_CLAIMS)
    assert from_json(row["custom_claims"]) == {"plan": "gold"}


async def test_an_interceptor_that_denies_is_told_to_the_application(new_place):
    place = await new_place(outgoing_allow="127.0.0.0/8")
    user = await place.member()
    async with Deciding(place, "PRE_SESSION_CREATION") as ask:
        ask.answer = {"decision": "DENY", "error": {"code": "NO", "message": "Not today."}}
        browser, request = await proved(place, user)
        answer = await browser.complete(request)
    assert error_of(answer) == "access_denied"
    assert answer.members["error_description"] == "Not today."
    assert browser.session_secret == ""
    assert await browser.again(request) is None


async def test_an_interceptor_has_its_say_when_another_organization_is_entered(new_place):
    place = await new_place(outgoing_allow="127.0.0.0/8")
    first, second = await place.organization("First"), await place.organization("Second")
    user = await place.member(first, second)
    browser = Browser(place)
    await browser.sign_in_as(user, organization_id=first.id)
    async with Deciding(place, "PRE_SESSION_CREATION") as ask:
        ask.answer = {"decision": "DENY", "error": {"code": "NO", "message": "Not there."}}
        answer = await browser.begin(organization_id=second.id)
        assert error_of(answer) == "access_denied"
        assert answer.members["error_description"] == "Not there."
        assert (await browser.session()).organizations == (first.id,)
        ask.answer = {"decision": "ALLOW", "response": {"claims": {"at": "second"}}}
        assert code_of(await browser.begin(organization_id=second.id))
        assert ask.got[-1]["interceptor_context"]["organization_id"] == second.id


async def test_the_event_says_by_what_it_can_be_found(place):
    user = await place.member()
    await place.events()
    browser, request = await proved(place, user)
    await browser.complete(request)
    (event,) = await place.events()
    session = await browser.session()
    assert event["context"] == {
        "auth_request_id": request.id,
        "connection_id": session.amr[0],
    }
    assert event["actor"] == {"type": "user_session", "id": user.id}
    after = event["after"]
    assert after["user"]["last_login_time"]
    assert after["user_session"]["session_id"] == session.id
    assert after["user_session"]["status"] == "ACTIVE"
    assert_all_valid([event])


async def test_whoever_proves_the_inbox_has_a_verified_address(place):
    user = await place.member()
    await place.db.fetch_all(_UNVERIFY, p_id=user.id)
    await place.events()
    browser, request = await proved(place, user)
    await browser.complete(request)
    after = await place.user(user.id)
    assert after.email_verified
    assert after.revision == user.revision + 1
    happened = await place.events()
    assert [event["type"] for event in happened] == ["user.updated", "user.login"]
    assert happened[1]["after"]["user"]["user_profile"]["email_verified"]
    assert_all_valid(happened)


async def test_a_request_lives_for_ten_minutes_from_its_last_step(place, clock):
    user = await place.member()
    clock.of(requests)
    browser = Browser(place)
    request = await browser.begin()
    clock.forward(599)
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    clock.forward(599)
    assert await browser.again(request) is not None
    clock.forward(2)
    assert await browser.again(request) is None
    code = await place.code(user.email)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.verify_code(browser.call, request, code)


async def test_and_for_half_an_hour_in_all(place, clock):
    clock.of(requests)
    browser = Browser(place)
    request = await browser.begin()
    for number in range(3):
        clock.forward(590)
        browser.at(f"192.0.2.{number}")
        request = await browser.sign_in.start_email(
            browser.call, request, email=f"a{number}@new.example"
        )
    clock.forward(31)
    assert await browser.again(request) is None


async def test_what_is_stored_holds_no_secret(place):
    user = await place.member()
    browser, request = await proved(place, user)
    code = code_of(await browser.complete(request))
    rows = await place.db.fetch_all(Statement(select(auth_requests)))
    stored = str([[row[name] for name in auth_requests.c.keys()] for row in rows])  # noqa: SIM118
    for secret in (*browser.secrets.values(), browser.session_secret, code):
        assert secret not in stored


async def test_what_another_version_stored_is_read(place):
    """An earlier one spelled out members that say nothing, a later one may know more of them."""
    user = await place.member()
    browser, request = await proved(place, user)
    members = {**request.facts.to_row(), "session_id": "", "another": ["member"]}
    assert await place.db.fetch_all(_REWRITE, p_id=request.id, p_facts=to_json(members))
    found = await browser.again(request)
    assert (found.facts.intent, found.facts.proofs) == ("sign_in", ("PASSWORDLESS",))
    assert (found.facts.email_proved, found.facts.notice) == (True, "")
    assert code_of(await browser.complete(found))
