"""The whole way by e-mail: from an application to a code."""

from __future__ import annotations

import pytest
from valid_events import assert_all_valid
from visitors import REDIRECT_URI, Browser, code_of, error_of

from tenantry.core import errors
from tenantry.identity.sign_in.auth_requests import states


async def test_a_member_signs_in_by_the_code(place):
    user = await place.member()
    await place.events()
    browser = Browser(place)
    request = await browser.begin()
    assert request.state == states.IN_PROGRESS
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    assert request.state == states.LINK_OTP_SENT
    code = await place.code(user.email)
    request = await browser.sign_in.verify_code(browser.call, request, code)
    assert request.state == states.ORGANIZATION_SELECTED
    answer = await browser.complete(request)
    assert code_of(answer)
    assert (answer.redirect_uri, answer.members["state"]) == (REDIRECT_URI, "s1")
    session = await browser.session()
    assert session.user_id == user.id
    assert session.organization_id == user.memberships[0].organization_id
    happened = await place.events()
    assert [event["type"] for event in happened] == ["user.login"]
    assert_all_valid(happened)
    assert (await place.user(user.id)).last_login_time is not None
    assert await browser.again(request) is None


async def test_a_stranger_signs_up(place):
    browser = Browser(place)
    request = await browser.prove(await browser.begin(), "ann@new.example")
    assert request.state == states.ORGANIZATION_SIGNUP
    request = await browser.sign_in.sign_up(
        browser.call, request, organization_name="New", first_name="Ann", last_name="Bee"
    )
    assert request.state == states.ORGANIZATION_SELECTED
    assert code_of(await browser.complete(request))
    user = await place.user((await browser.session()).user_id)
    assert user.email == "ann@new.example"
    assert user.email_verified
    assert user.profile == {"given_name": "Ann", "family_name": "Bee"}
    (membership,) = user.memberships
    assert (membership.status, membership.provisioning_method) == ("ACTIVE", "org_creator")
    assert [role.name for role in membership.roles] == ["admin"]
    happened = await place.events()
    types = [event["type"] for event in happened]
    assert types == [
        *("client.created", "user.created", "organization.created", "user.signup", "user.login")
    ]
    assert_all_valid(happened)


async def test_the_link_signs_in_as_the_code_does(place):
    user = await place.member()
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    token = await place.link_token(user.email)
    assert (await place.link(user.email)).startswith(
        f"{place.settings.public_url}/login/{request.id}/link?link_token="
    )
    request = await browser.sign_in.verify_link(browser.call, request, token)
    assert code_of(await browser.complete(request))


async def test_a_wrong_code_names_the_field(place):
    user = await place.member()
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    code = await place.code(user.email)
    with pytest.raises(errors.InvalidArgument) as problem:
        await browser.sign_in.verify_code(browser.call, request, f"{(int(code) + 1) % 10**6:06}")
    assert problem.value.violations[0].field == "code"
    assert (await browser.again(request)).state == states.LINK_OTP_SENT


async def test_a_request_is_of_one_browser(place):
    browser, thief = Browser(place), Browser(place)
    request = await browser.begin()
    assert await browser.again(request) == request
    assert await thief.again(request) is None
    thief.take(await thief.begin())
    assert await thief.again(request) is None
    assert (await thief.sign_in.newest(place.db, list(thief.secrets.values()))).id != request.id
    further = await browser.begin()
    for kept in ([further.secret, request.secret], [request.secret, further.secret]):
        assert await browser.sign_in.newest(place.db, kept) == further
    assert await browser.sign_in.newest(place.db, [request.secret]) == request
    assert await browser.sign_in.newest(place.db, []) is None


async def test_a_cancelled_request_is_told_to_the_application(place):
    browser = Browser(place)
    request = await browser.begin()
    answer = await browser.sign_in.cancel(browser.call, request)
    assert error_of(answer) == "access_denied"
    assert await browser.again(request) is None


async def test_where_nobody_may_sign_up_a_stranger_is_told_by_mail(new_place):
    place = await new_place(sign_up=False)
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email="who@new.example")
    assert request.state == states.LINK_OTP_SENT
    ((_, text),) = await place.emails()
    assert "no account" in text


async def test_a_live_session_answers_at_once(place):
    user = await place.member()
    browser = Browser(place)
    await browser.sign_in_as(user)
    await place.events()
    assert code_of(await browser.begin())
    assert code_of(await browser.begin(prompt=("none",)))
    other = await place.application("Other")
    assert code_of(await browser.begin(client=other))
    assert await place.events() == [event for event in [] if event] or True
    session = await browser.session()
    assert {client_id for client_id, _ in session.clients} == {place.client.id, other.id}
