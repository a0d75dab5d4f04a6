"""A person is told of new devices and of each proof added, removed or used, and may disown it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from visitors import (
    PUBLIC_URL,
    Browser,
    code_of,
    next_code,
    register_passkey,
    register_totp,
)

from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.events.email import service as email_service
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.security_notices import links, service
from tenantry.settings import load

PASSWORD = "correct horse"
ELSEWHERE = "198.51.100.66"
LINK = re.compile(rf"^{PUBLIC_URL}{links.PATH}(\S+)$", re.MULTILINE)


@pytest.fixture
async def place(new_place):
    return await new_place(sign_in_methods="email,passkey,password")


@pytest.fixture
async def ann(place):
    return await place.member(email="ann@acme.example")


@pytest.fixture
async def browser(place, ann):
    """The browser in which a person has signed in the first time."""
    browser = Browser(place)
    code_of(await browser.sign_in_as(ann))
    return browser


async def notices(place):
    """The notices to somebody, the oldest first."""
    await place.emails()
    found = []
    for mail in reversed(await email_service.newest(place.db, limit=200)):
        if mail.template in service.TEMPLATES:
            _, content = await email_service.find(place.db, mail.id)
            found.append((mail, content.text if content else ""))
    return found


async def activities(place):
    return [mail.variables["activity"] for mail, _ in await notices(place)]


async def token_of_last(place):
    return LINK.findall((await notices(place))[-1][1])[0]


async def by_code(place, browser, user):
    request = await browser.begin(prompt=("login",))
    return await browser.prove(request, user.email)


async def by_link(place, browser, user):
    request = await browser.begin(prompt=("login",))
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    token = await place.link_token(user.email)
    return await browser.sign_in.verify_link(browser.call, request, token)


async def by_password(place, browser, user):
    await place.passwords.choose(place.operator, user.id, PASSWORD, settings=load({}))
    request = await browser.begin(prompt=("login",))
    return await browser.sign_in.verify_password(
        browser.call, request, email=user.email, password=PASSWORD
    )


async def by_passkey(place, browser, user):
    device = await register_passkey(place, user)
    request = await browser.begin(prompt=("login",))
    challenge_id, options = await browser.sign_in.passkey_options(browser.call, request)
    credential = device.get(options)
    return await browser.sign_in.verify_passkey(browser.call, request, challenge_id, credential)


async def by_code_and_app(place, browser, user):
    app, _ = await register_totp(place, user)
    request = await by_code(place, browser, user)
    return await browser.sign_in.verify_second_factor(browser.call, request, next_code(app))


async def by_code_and_recovery(place, browser, user):
    _, recovery_codes = await register_totp(place, user)
    request = await by_code(place, browser, user)
    return await browser.sign_in.verify_second_factor(browser.call, request, recovery_codes[0])


WAYS = {
    by_code: [],
    by_link: [],
    by_password: [service.PASSWORD_CHANGED],
    by_passkey: [service.PASSKEY_ADDED],
    by_code_and_app: [service.APP_ADDED],
    by_code_and_recovery: [service.APP_ADDED, service.RECOVERY_CODE_USED],
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_sign_in_from_a_new_device_is_told_whichever_way_it_is(place, ann, browser, way):
    assert await activities(place) == []  # nobody is told of the very first one
    other = Browser(place, address=ELSEWHERE)
    code_of(await other.complete(await way(place, other, ann)))
    assert await activities(place) == [*WAYS[way], service.NEW_DEVICE]
    mail, text = (await notices(place))[-1]
    assert mail.recipient == ann.email
    assert "Chrome on Linux" in text
    assert ELSEWHERE in text


async def test_a_device_that_was_told_of_is_known_from_then_on_as_are_the_others(
    place, ann, browser
):
    other = Browser(place, address=ELSEWHERE)
    for known in (other, browser, other):
        known.session_secret = ""
        code_of(await known.sign_in_as(ann))
    assert await activities(place) == [service.NEW_DEVICE]


async def test_a_browser_without_its_cookies_is_new(place, ann, browser):
    browser.call = replace(browser.call, origin=replace(browser.call.origin, cookies=""))
    browser.session_secret = ""
    code_of(await browser.sign_in_as(ann))
    assert await activities(place) == [service.NEW_DEVICE]


async def test_a_browser_that_still_has_their_session_is_known(place, ann, browser):
    """As all are that signed in before there were cookies for this."""
    browser.call = replace(browser.call, origin=replace(browser.call.origin, cookies=""))
    code_of(await browser.complete(await by_code(place, browser, ann)))
    assert await activities(place) == []


async def test_who_is_invited_is_not_told_of_the_sign_in_that_accepts(place):
    organization = await place.organization()
    user = await place.member(organization, invited=True)
    browser = Browser(place)
    token = (await place.link(user.email)).rpartition("/")[2]
    accepted = await browser.sign_in.accept_invitation(browser.call, token, session=None)
    browser.keep(accepted.devices)
    code_of(await browser.sign_in_as(user))
    assert await activities(place) == []


async def test_each_proof_added_removed_or_used_to_recover_is_told(place, ann, browser):
    call = browser.call.as_user(place.db, ann.id)
    await register_passkey(place, ann)
    (passkey,) = await passkeys.list_of(place.db, ann.id)
    await passkeys.remove(call, passkey.id, None)
    app, recovery_codes = await register_totp(place, ann)
    assert await totp.verify(call, ann.id, recovery_codes[0])
    assert not await totp.verify(call, ann.id, recovery_codes[0])
    registration = await totp.of_user(place.db, ann.id)
    await totp.disable(call, registration.id, next_code(app))
    await place.passwords.choose(call, ann.id, PASSWORD, settings=load({}))
    assert await activities(place) == [
        service.PASSKEY_ADDED,
        service.PASSKEY_REMOVED,
        service.APP_ADDED,
        service.RECOVERY_CODE_USED,
        service.APP_REMOVED,
        service.PASSWORD_CHANGED,
    ]
    for mail, text in await notices(place):
        assert mail.recipient == ann.email
        assert LINK.search(text)
        assert (browser.call.origin.address in text) == ("address" in mail.variables)
        for secret in (PASSWORD, *recovery_codes, app.secret):
            assert secret not in text + str(mail.variables)
        assert LINK.findall(text)[0] not in str(mail.variables)


async def test_what_a_program_does_is_told_without_its_own_address(place, ann):
    await register_totp(place, ann)
    ((mail, _),) = await notices(place)
    assert set(mail.variables) == {"user_id", "activity", "change_time", "name"}


async def test_an_account_of_the_application_alone_gets_no_mail(place):
    registration = await totp.register(place.operator, account_name="somebody")
    with pytest.raises(errors.InvalidArgument):
        await totp.enable(place.operator, registration.id, "000000")
    assert await activities(place) == []


async def test_of_one_kind_of_activity_only_so_many_are_told(place, ann):
    for _ in range(service.EMAILS + 3):
        async with place.db.transaction() as db:
            held = replace(place.operator, db=db)
            await service.queue(held, ann.id, service.PASSKEY_ADDED, name="Key")
    await service.queue(place.operator, ann.id, service.PASSKEY_REMOVED)
    assert await activities(place) == [*[service.PASSKEY_ADDED] * service.EMAILS, "passkey_removed"]


async def test_nothing_is_told_of_what_did_not_happen(place, ann):
    class Undone(Exception):
        pass

    async def undone():
        async with place.db.transaction() as db:
            await service.queue(replace(place.operator, db=db), ann.id, service.PASSKEY_ADDED)
            raise Undone

    with pytest.raises(Undone):
        await undone()
    assert await activities(place) == []


@pytest.fixture
async def thief(place, ann, browser):
    """Another browser that has signed in as the same person, of which they were told."""
    thief = Browser(place, address=ELSEWHERE)
    code_of(await thief.sign_in_as(ann))
    return thief


async def test_not_me_ends_all_sessions_and_leaves_an_event(place, ann, browser, thief):
    token = await token_of_last(place)
    await place.events()
    notice = await service.disown(browser.call, token)
    assert (notice.activity, notice.person.id) == (service.NEW_DEVICE, ann.id)
    assert await browser.session() is None
    assert await thief.session() is None
    happened = await place.events()
    assert [event["type"] for event in happened] == [
        *("user.activity_disowned", "user.logout", "user.logout")
    ]
    for event in happened:
        assert event["actor"] == {"type": Kind.USER_SESSION.name.lower(), "id": ann.id}
    assert happened[0]["after"]["activity"] == service.NEW_DEVICE
    # The thief's device is no longer one that goes untold.
    code_of(await thief.sign_in_as(ann))
    assert (await activities(place)).count(service.NEW_DEVICE) == 2


async def test_it_acts_once(place, ann, browser, thief):
    token = await token_of_last(place)
    await service.disown(thief.call, token)
    code_of(await browser.sign_in_as(ann))
    await place.events()
    assert (await service.disown(thief.call, token)).activity == service.NEW_DEVICE
    assert await browser.session() is not None
    assert await place.events() == []


async def test_it_is_good_for_seven_days(place, browser, thief, clock):
    token = await token_of_last(place)
    clock.of(service)
    clock.forward(service.LINK_SECONDS - 60)
    assert await service.find(place.db, token)
    clock.forward(120)
    for attempt in (service.find(place.db, token), service.disown(browser.call, token)):
        with pytest.raises(errors.NotFound):
            await attempt
    assert await thief.session() is not None


async def test_nobody_makes_a_link_of_their_own(place, ann, browser, thief):
    token = await token_of_last(place)
    newest = await email_service.newest(place.db, limit=20)
    of_a_code = next(mail for mail in newest if mail.template not in service.TEMPLATES)
    mail_id, _, mac = token.partition(".")
    for forged in (
        *("", ".", mail_id, f"{mail_id}.", f"{of_a_code.id}.{mac}", token[:-1], token + "A"),
        *("mail_1.é", "x" * 5000, "\ud800", links.token(place.db, of_a_code.id)),
    ):
        with pytest.raises(errors.NotFound):
            await service.disown(browser.call, forged)
    assert await thief.session() is not None
