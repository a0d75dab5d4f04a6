"""Passwords, passkeys and second factors."""

from __future__ import annotations

import asyncio

import pytest
from visitors import (
    Browser,
    code_of,
    error_of,
    next_code,
    register_passkey,
    register_totp,
)

from tenantry.core import errors
from tenantry.identity.connections import environment as connections
from tenantry.identity.sign_in import verification
from tenantry.identity.sign_in.auth_requests import states
from tenantry.settings import load
from tenantry.tenants.memberships import leaving

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def place(new_place):
    return await new_place(sign_in_methods="email,password,passkey")


@pytest.fixture
async def user(place):
    """Somebody with a password."""
    user = await place.member()
    await place.passwords.choose(place.operator, user.id, PASSWORD, settings=load({}))
    return user


async def by_password(browser, user, password=PASSWORD):
    return await browser.sign_in.verify_password(
        browser.call, await browser.begin(), email=user.email, password=password
    )


async def by_passkey(browser, device, **bent: object):
    request = await browser.begin()
    challenge_id, options = await browser.sign_in.passkey_options(browser.call, request)
    credential = device.get(options, **bent)
    return await browser.sign_in.verify_passkey(browser.call, request, challenge_id, credential)


async def test_a_password_signs_in(place, user):
    browser = Browser(place)
    request = await by_password(browser, user)
    assert request.state == states.ORGANIZATION_SELECTED
    assert code_of(await browser.complete(request))
    known = await connections.of_environment(place.db)
    assert (await browser.session()).amr == (known["PASSWORD"].id,)


async def test_a_wrong_password_and_an_unknown_address_look_the_same(place, user):
    said = []
    for email, password in ((user.email, "wrong"), ("who@new.example", PASSWORD)):
        browser = Browser(place)
        with pytest.raises(errors.InvalidArgument) as problem:
            await browser.sign_in.verify_password(
                browser.call, await browser.begin(), email=email, password=password
            )
        said.append((problem.value.message, problem.value.violations))
    assert said[0] == said[1]


async def test_a_passkey_signs_in(place, user):
    device = await register_passkey(place, user)
    browser = Browser(place)
    request = await by_passkey(browser, device)
    assert code_of(await browser.complete(request))
    known = await connections.of_environment(place.db)
    assert (await browser.session()).amr == (known["WEBAUTHN"].id,)


async def test_a_challenge_of_another_request_does_not_hold(place, user):
    device = await register_passkey(place, user)
    browser, other = Browser(place), Browser(place)
    request, foreign = await browser.begin(), await other.begin()
    challenge_id, options = await browser.sign_in.passkey_options(browser.call, request)
    with pytest.raises(errors.InvalidArgument):
        await other.sign_in.verify_passkey(other.call, foreign, challenge_id, device.get(options))


async def test_who_has_a_second_factor_is_asked_for_it(place, user):
    app, _ = await register_totp(place, user)
    browser = Browser(place)
    request = await by_password(browser, user)
    assert request.state == states.SECOND_FACTOR_PENDING
    with pytest.raises(states.OutOfStep):
        await browser.complete(request)
    with pytest.raises(errors.InvalidArgument) as problem:
        await browser.sign_in.verify_second_factor(browser.call, request, "000000")
    assert problem.value.violations[0].field == "code"
    code = next_code(app)
    request = await browser.sign_in.verify_second_factor(browser.call, request, code)
    assert code_of(await browser.complete(request))
    # The code is used up.
    again = Browser(place)
    request = await by_password(again, user)
    with pytest.raises(errors.InvalidArgument):
        await again.sign_in.verify_second_factor(again.call, request, code)


async def test_after_the_inbox_as_well(place, user):
    _, codes = await register_totp(place, user)
    browser = Browser(place)
    request = await browser.prove(await browser.begin(), user.email)
    assert request.state == states.SECOND_FACTOR_PENDING
    request = await browser.sign_in.verify_second_factor(browser.call, request, codes[0])
    assert code_of(await browser.complete(request))
    # A recovery code is good once.
    again = Browser(place, address="192.0.2.8")
    request = await again.prove(await again.begin(), user.email)
    with pytest.raises(errors.InvalidArgument):
        await again.sign_in.verify_second_factor(again.call, request, codes[0])


async def test_a_passkey_that_knew_the_person_is_both_factors(place, user):
    await register_totp(place, user)
    device = await register_passkey(place, user)
    browser = Browser(place)
    request = await by_passkey(browser, device)
    assert request.state == states.ORGANIZATION_SELECTED


async def test_and_one_that_did_not_is_one(place, user):
    """User verification skipped."""
    app, _ = await register_totp(place, user)
    device = await register_passkey(place, user)
    browser = Browser(place)
    request = await by_passkey(browser, device, verified=False)
    assert request.state == states.SECOND_FACTOR_PENDING
    request = await browser.sign_in.verify_second_factor(browser.call, request, next_code(app))
    assert code_of(await browser.complete(request))


async def test_second_factors_are_counted_for_the_request(place, user):
    """Guessed in parallel, and nobody else is locked out by it."""
    app, _ = await register_totp(place, user)
    browser = Browser(place)
    request = await by_password(browser, user)
    guesses = await asyncio.gather(
        *(
            browser.sign_in.verify_second_factor(browser.call, request, f"{n:06}")
            for n in range(20)
        ),
        return_exceptions=True,
    )
    looked_at = [one for one in guesses if isinstance(one, errors.InvalidArgument)]
    assert len(looked_at) <= verification.SECOND_FACTORS
    assert all(isinstance(one, errors.RateLimited) for one in guesses if one not in looked_at)
    with pytest.raises(errors.RateLimited):
        await browser.sign_in.verify_second_factor(browser.call, request, next_code(app))


async def test_a_forgotten_password_is_chosen_anew(place, user):
    other = Browser(place)
    await other.sign_in_as(user)
    browser = Browser(place, address="192.0.2.8")
    request = await browser.prove(await browser.begin(), user.email, intent="reset_password")
    assert request.state == states.PASSWORD_CHOICE
    with pytest.raises(errors.InvalidArgument) as problem:
        await browser.sign_in.choose_password(browser.call, request, "short")
    assert problem.value.violations[0].field == "password"
    new = "a new one that is long"
    request = await browser.sign_in.choose_password(browser.call, request, new)
    assert code_of(await browser.complete(request))
    # All sessions from before have ended.
    assert await other.session() is None
    with pytest.raises(errors.InvalidArgument):
        await by_password(Browser(place), user)
    assert (await by_password(Browser(place), user, new)).state == states.ORGANIZATION_SELECTED


async def test_a_second_factor_comes_before_a_new_password(place, user):
    app, _ = await register_totp(place, user)
    browser = Browser(place)
    request = await browser.prove(await browser.begin(), user.email, intent="reset_password")
    assert request.state == states.SECOND_FACTOR_PENDING
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.choose_password(browser.call, request, "a new one that is long")
    request = await browser.sign_in.verify_second_factor(browser.call, request, next_code(app))
    assert request.state == states.PASSWORD_CHOICE


async def test_who_has_no_account_cannot_reset_a_password(place):
    browser = Browser(place)
    request = await browser.begin()
    await browser.sign_in.start_email(
        browser.call, request, email="who@new.example", intent="reset_password"
    )
    ((_, text),) = await place.emails()
    assert "no account" in text


async def test_where_there_is_no_sign_in_by_mail_a_new_person_chooses_a_password(new_place):
    place = await new_place(sign_in_methods="password")
    browser = Browser(place)
    request = await browser.begin()
    with pytest.raises(errors.InvalidArgument):
        await browser.sign_in.start_email(browser.call, request, email="ann@new.example")
    request = await browser.prove(request, "ann@new.example", intent="sign_up")
    request = await browser.sign_in.sign_up(browser.call, request, organization_name="New")
    assert request.state == states.PASSWORD_CHOICE
    request = await browser.sign_in.choose_password(browser.call, request, PASSWORD)
    assert code_of(await browser.complete(request))


async def test_methods_that_are_off_are_refused(new_place):
    place = await new_place(sign_in_methods="email")
    user = await place.member()
    browser = Browser(place)
    request = await browser.begin()
    for step in (
        browser.sign_in.verify_password(browser.call, request, email=user.email, password=PASSWORD),
        browser.sign_in.passkey_options(browser.call, request),
        browser.sign_in.verify_passkey(browser.call, request, "chl_1", {}),
        browser.sign_in.start_email(
            browser.call, request, email=user.email, intent="reset_password"
        ),
    ):
        with pytest.raises(errors.InvalidArgument):
            await step


async def test_an_account_that_goes_away_in_between(place, user):
    from tenantry.tenants.users import service as users

    app, _ = await register_totp(place, user)
    browser = Browser(place)
    request = await by_password(browser, user)
    code = next_code(app)
    await leaving.remove_user(place.operator, users.UserIdentifier(user.id), forced=True)
    with pytest.raises(errors.InvalidArgument):
        await browser.sign_in.verify_second_factor(browser.call, request, code)
    answer = await browser.sign_in.cancel(browser.call, request)
    assert error_of(answer) == "access_denied"
