"""Strangers do not use up a person's own share: limits by network, a reserve for known origins."""

from __future__ import annotations

import pytest
from visitors import Browser, code_of, next_code, register_totp

from tenantry.core import errors
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.authenticators.passwords import service as passwords
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.factors import inboxes
from tenantry.settings import load

HOME = "192.0.2.7"
PASSWORD = "correct horse"


async def ask(browser, email):
    """Ask for a mail by a new sign-in."""
    request = await browser.begin(prompt=("login",))
    return await browser.sign_in.start_email(browser.call, request, email=email)


async def use_up(make, refusals=1):
    """Go on until it is refused."""
    for number in range(300):
        try:
            await make(number)
        except errors.InvalidArgument:
            pass  # wrong, and counted
        except errors.RateLimited:
            refusals -= 1
            if not refusals:
                return
    raise AssertionError("it is never refused")


@pytest.fixture
async def place(new_place):
    return await new_place(sign_in_methods="email,password")


@pytest.fixture
async def ann(place):
    return await place.member(email="ann@acme.example")


@pytest.fixture
async def at_home(place, ann, clock):
    """The browser of a person that has signed in there, a minute ago."""
    clock.of(attempts)
    browser = Browser(place, address=HOME)
    code_of(await browser.sign_in_as(ann))
    clock.forward(60)
    return browser


async def test_one_ipv6_network_asks_for_as_many_mails_as_one_address(place):
    browser = Browser(place)
    for number in range(inboxes.EMAILS_OF_ORIGIN):
        browser.at(f"2001:db8:1:2::{number:x}")
        await ask(browser, f"who{number}@new.example")
    with pytest.raises(errors.RateLimited):
        await ask(browser.at("2001:db8:1:2:ffff::1"), "one-more@new.example")
    await ask(browser.at("2001:db8:1:3::1"), "another-network@new.example")


async def test_spellings_of_one_mailbox_are_one_mailbox(place, ann):
    """Each from a network of its own: the limit is that of the mailbox."""
    name, _, domain = ann.email.partition("@")
    spellings = {
        f"{name}@{''.join(c.upper() if bits >> n & 1 else c for n, c in enumerate(domain))}"
        for bits in range(64)
    }
    sent = 0
    for number, email in enumerate(sorted(spellings)):
        try:
            await ask(Browser(place, address=f"198.51.100.{number}"), email)
        except errors.RateLimited:
            continue
        sent += 1
    assert sent == passwordless.EMAILS_A_MINUTE_IN_ALL


async def test_mails_asked_from_elsewhere_do_not_lock_a_person_out(place, ann, at_home):
    async def from_elsewhere(number):
        await ask(Browser(place, address=f"198.51.100.{number}"), ann.email)

    await use_up(from_elsewhere)
    with pytest.raises(errors.RateLimited):
        await ask(Browser(place, address="203.0.113.5"), ann.email)
    # By another browser in the same network, and by the same browser in another network.
    await ask(Browser(place, address=HOME), ann.email)
    await ask(at_home.at("203.0.113.6"), ann.email)
    await ask(at_home, ann.email)
    with pytest.raises(errors.RateLimited):
        await ask(at_home, ann.email)  # which is no way to send any number of them


async def test_a_network_that_has_asked_for_many_mails_still_asks_for_its_own_people(
    place, ann, at_home
):
    async def from_home(number):
        await ask(Browser(place, address=HOME), f"who{number}@new.example")

    await use_up(from_home)
    await ask(Browser(place, address=HOME), ann.email)


async def test_wrong_codes_from_elsewhere_do_not_lock_a_person_out(place, ann, at_home, clock):
    async def from_elsewhere(number):
        browser = Browser(place, address=f"198.51.100.{number}")
        request = await ask(browser, ann.email)
        for guess in range(passwordless.WRONG_CODES):
            with pytest.raises(errors.InvalidArgument):
                await browser.sign_in.verify_code(browser.call, request, f"x{guess}")
        clock.forward(20)

    for number in range(passwordless.WRONG_CODES_OF_ADDRESS // passwordless.WRONG_CODES):
        await from_elsewhere(number)
    stranger = Browser(place, address="203.0.113.5")
    request = await ask(stranger, ann.email)
    with pytest.raises(errors.RateLimited):
        await stranger.sign_in.verify_code(stranger.call, request, await place.code(ann.email))
    clock.forward(60)
    at_home.session_secret = ""
    code_of(await at_home.sign_in_as(ann))


async def test_wrong_passwords_from_elsewhere_do_not_lock_a_person_out(place, ann, at_home):
    await place.passwords.choose(place.operator, ann.id, PASSWORD, settings=load({}))

    place.passwords.verify = _Verify()

    async def sign_in(browser, password=PASSWORD):
        request = await browser.begin(prompt=("login",))
        return await browser.sign_in.verify_password(
            browser.call, request, email=ann.email, password=password
        )

    async def from_elsewhere(number):
        await sign_in(Browser(place, address=f"198.51.100.{number}"), "guess")

    await use_up(from_elsewhere)
    with pytest.raises(errors.RateLimited):
        await sign_in(Browser(place, address="203.0.113.5"))
    proved = await sign_in(Browser(place, address=HOME))
    assert proved.state == states.ORGANIZATION_SELECTED
    proved = await sign_in(at_home.at("203.0.113.6"))
    assert proved.state == states.ORGANIZATION_SELECTED


async def test_a_network_that_guesses_at_many_accounts_is_stopped_and_known_people_are_not(
    place, ann, at_home
):
    await place.passwords.choose(place.operator, ann.id, PASSWORD, settings=load({}))
    place.passwords.verify = verify = _Verify()

    async def sign_in(email, password):
        browser = Browser(place, address=HOME)
        request = await browser.begin()
        return await browser.sign_in.verify_password(
            browser.call, request, email=email, password=password
        )

    await use_up(lambda number: sign_in(f"who{number}@new.example", "guess"))
    assert len(verify.asked) == passwords.GUESSES_OF_NETWORK
    proved = await sign_in(ann.email, PASSWORD)
    assert proved.state == states.ORGANIZATION_SELECTED


async def test_wrong_app_codes_from_elsewhere_do_not_lock_a_person_out(place, ann, at_home):
    app, _ = await register_totp(place, ann)

    async def guess(number):
        stranger = Browser(place, address=f"198.51.100.{number}")
        assert not await totp.verify(stranger.call, ann.id, "000000")

    await use_up(guess)
    with pytest.raises(errors.RateLimited):
        await totp.verify(Browser(place, address="203.0.113.5").call, ann.id, "000000")
    assert await totp.verify(at_home.call, ann.id, next_code(app))


class _Verify:
    """Instead of a hash: the question."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, password: str, _hash: object, **_network: str) -> bool:
        self.asked.append(password)
        return password == PASSWORD
