"""Attacks on the sign-in: forged states, enumeration, guessing, recycled ids, fixed sessions."""

from __future__ import annotations

import asyncio
import time

import pytest
from visitors import PUBLIC_URL, Browser, code_of, error_of, next_code, register_totp

from tenantry.core import errors
from tenantry.core.caller import Origin
from tenantry.crypto import vault
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.sign_in.auth_requests import refusals, states
from tenantry.identity.sign_in.auth_requests.browsers import ForeignPage, check_page
from tenantry.identity.sign_in.auth_requests.refusals import Refusal
from tenantry.identity.sign_in.factors import inboxes
from tenantry.tenants.memberships import leaving
from tenantry.tenants.users import service as users


async def test_known_and_unknown_addresses_are_answered_alike(place):
    """Enumeration: the same answer, and the same trace in the log."""
    user = await place.member()
    seen = []
    for email in (user.email, "who@new.example"):
        browser = Browser(place)
        request = await browser.begin()
        request = await browser.sign_in.start_email(browser.call, request, email=email)
        seen.append((request.state, request.status, set(request.facts.to_row()), request.user_id))
        with pytest.raises(errors.InvalidArgument) as problem:
            await browser.sign_in.verify_code(browser.call, request, "x")
        seen[-1] += (problem.value.message,)
    assert seen[0] == seen[1]


async def test_also_where_nobody_may_sign_up(new_place):
    place = await new_place(sign_up=False)
    user = await place.member()
    seen = []
    for email in (user.email, "who@new.example"):
        browser = Browser(place)
        request = await browser.begin()
        request = await browser.sign_in.start_email(browser.call, request, email=email)
        seen.append((request.state, request.status, set(request.facts.to_row()), request.user_id))
        request = await browser.sign_in.resend_email(browser.call, request)
        with pytest.raises(errors.RateLimited):
            await browser.sign_in.resend_email(browser.call, request)
    assert seen[0] == seen[1]


async def test_and_take_as_long(place):
    """The same statements, only the mail differs. The least of many, and a wide bound."""
    user = await place.member()
    taken: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(12):
        for kind, seconds in taken.items():
            browser = Browser(place, address=f"198.51.{number}.{len(kind)}")
            request = await browser.begin()
            email = user.email if kind == "known" else f"who{number}@new.example"
            began = time.process_time()
            try:
                await browser.sign_in.start_email(browser.call, request, email=email)
            except errors.RateLimited:
                continue
            seconds.append(time.process_time() - began)
    known, unknown = (min(taken[kind]) for kind in taken)
    assert 1 / 5 < known / unknown < 5


async def test_a_code_is_good_in_the_browser_that_asked_for_it(place):
    """A state from another browser."""
    user = await place.member()
    browser, thief = Browser(place), Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    assert await thief.again(request) is None
    own = await thief.begin()
    code, token = await place.code(user.email), await place.link_token(user.email)
    # The thief has no mail of their own to prove, nor does the victim's code fit theirs.
    with pytest.raises(states.OutOfStep):
        await thief.sign_in.verify_code(thief.call, own, code)
    own = await thief.sign_in.start_email(thief.call, own, email="thief@new.example")
    with pytest.raises(errors.InvalidArgument):
        await thief.sign_in.verify_link(thief.call, own, token)
    request = await browser.sign_in.verify_link(browser.call, request, token)
    assert code_of(await browser.complete(request))


async def test_who_planted_a_request_has_no_part_in_it_once_somebody_proved_who_they_are(place):
    """Login fixation: the thief's own request and its secret, in the browser of somebody else."""
    user = await place.member()
    app, _ = await register_totp(place, user)
    thief, browser = Browser(place), Browser(place)
    request = await thief.begin()
    browser.secrets.update(thief.secrets)
    request = await browser.prove(await browser.again(request), user.email)
    assert request.state == states.SECOND_FACTOR_PENDING
    assert await thief.again(request) is None
    copied = Browser(place)
    copied.secrets.update(browser.secrets)
    request = await browser.sign_in.verify_second_factor(browser.call, request, next_code(app))
    browser.take(request)
    assert await copied.again(request) is None
    assert (await browser.again(request)).state == states.ORGANIZATION_SELECTED
    assert code_of(await browser.complete(request))


async def test_the_sessions_secret_is_new_whenever_somebody_signs_in(place):
    user = await place.member()
    browser = Browser(place)
    await browser.sign_in_as(user)
    session, known = await browser.session(), browser.session_secret
    answer = await browser.sign_in_as(user, prompt=("login",))
    assert code_of(answer)
    assert (await browser.session()).id == session.id
    assert browser.session_secret != known
    browser.session_secret = known
    assert await browser.session() is None


async def test_a_link_opens_nothing_elsewhere_unless_that_is_wished(new_place):
    place = await new_place()
    user = await place.member()
    browser, other = Browser(place), Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    token = await place.link_token(user.email)
    elsewhere = other.sign_in.verify_link_elsewhere
    assert await elsewhere(other.call, request.id, token) is None

    open_place = await new_place(email_same_browser=False)
    moved = await open_place.sign_in.verify_link_elsewhere(other.call, request.id, token)
    other.take(moved)
    assert moved.state == states.ORGANIZATION_SELECTED
    assert await browser.again(request) is None
    assert (await other.again(request)).state == states.ORGANIZATION_SELECTED
    second = await browser.begin()
    second = await browser.sign_in.start_email(browser.call, second, email="a@new.example")
    with pytest.raises(errors.InvalidArgument):
        await open_place.sign_in.verify_link_elsewhere(other.call, second.id, token)


async def test_a_code_is_used_once(place):
    user = await place.member()
    browser = Browser(place)
    request = await browser.begin()
    sent = await browser.sign_in.start_email(browser.call, request, email=user.email)
    code = await place.code(user.email)
    await browser.sign_in.verify_code(browser.call, sent, code)
    with pytest.raises((errors.InvalidArgument, states.OutOfStep)):
        await browser.sign_in.verify_code(browser.call, sent, code)


async def test_codes_are_guessed_in_parallel_in_vain(place):
    user = await place.member()
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    code = await place.code(user.email)
    guesses = [f"{(int(code) + n + 1) % 10**6:06}" for n in range(30)]
    done = await asyncio.gather(
        *(browser.sign_in.verify_code(browser.call, request, guess) for guess in guesses),
        return_exceptions=True,
    )
    looked_at = [one for one in done if isinstance(one, errors.InvalidArgument)]
    assert len(looked_at) <= passwordless.WRONG_CODES
    assert sum(isinstance(one, errors.RateLimited) for one in done) == 30 - len(looked_at)
    # The owner's link still works, and so does another sign-in from elsewhere.
    token = await place.link_token(user.email)
    request = await browser.sign_in.verify_link(browser.call, request, token)
    assert request.state == states.ORGANIZATION_SELECTED


async def test_mail_to_a_victim_does_not_lock_the_victim_out(place):
    """A stranger that asks all the time has spent the stranger's share, not the owner's."""
    user = await place.member()
    stranger = Browser(place, address="203.0.113.9")
    request = await stranger.begin()
    for _ in range(2):
        request = await stranger.sign_in.start_email(stranger.call, request, email=user.email)
    with pytest.raises(errors.RateLimited):
        await stranger.sign_in.start_email(stranger.call, request, email=user.email)
    assert code_of(await Browser(place).sign_in_as(user))


async def test_one_address_does_not_send_mail_to_everybody(place):
    browser = Browser(place, address="203.0.113.9")

    async def send(number: int) -> None:
        email = f"who{number}@new.example"
        await browser.sign_in.start_email(browser.call, await browser.begin(), email=email)

    for number in range(inboxes.EMAILS_OF_ORIGIN):
        await send(number)
    with pytest.raises(errors.RateLimited):
        await send(100)


async def test_a_user_of_the_same_address_as_one_who_was_deleted_is_somebody_else(place):
    """Ids are not recycled, and a session of before is over."""
    first = await place.member(email="ann@acme.example")
    browser = Browser(place)
    await browser.sign_in_as(first)
    await leaving.remove_user(place.operator, users.UserIdentifier(first.id), forced=True)
    second = await place.member(email="ann@acme.example")
    assert second.id != first.id
    assert await browser.session() is None
    begun = await browser.begin()
    assert begun.state == states.IN_PROGRESS


async def test_the_caller_names_no_user(place):
    """The person comes from the proof alone, with anything in the request."""
    victim, thief = await place.member(), await place.member()
    browser = Browser(place)
    request = await browser.begin(login_hint=victim.email)
    request = await browser.prove(request, thief.email)
    await browser.complete(request)
    assert (await browser.session()).user_id == thief.id
    # Nor is somebody else taken for the one that an id_token_hint names.
    request = await browser.begin(id_token_user=victim.id)
    request = await browser.prove(request, thief.email)
    assert error_of(await browser.complete(request)) == "login_required"


async def test_the_mail_goes_to_the_address_that_is_stored(place):
    """A code for an address in other letters proves the inbox of the one that the person has."""
    user = await place.member(email="ann@acme.example")
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email="ANN@Acme.Example")
    assert request.email == "ANN@Acme.Example"
    assert [to for to, _ in await place.emails()] == ["ann@acme.example"]
    code = await place.code("ann@acme.example")
    request = await browser.sign_in.verify_code(browser.call, request, code)
    assert request.user_id == user.id


@pytest.mark.parametrize(
    "email",
    [
        *("", "ann", "@acme.example", "ann@", "a b@acme.example", "ann@acme.example\r\nBcc: x"),
        *("<ann@acme.example>", "ann@acme.example,bee@acme.example", "x" * 250 + "@a.de"),
        *('"ann"@acme.example', "ann\x00@acme.example"),
    ],
)
async def test_what_is_no_address_is_refused(place, email):
    browser = Browser(place)
    request = await browser.begin()
    with pytest.raises(errors.InvalidArgument) as problem:
        await browser.sign_in.start_email(browser.call, request, email=email)
    assert problem.value.violations[0].field == "email"


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        (Origin(site="same-origin"), False),
        (Origin(site="same-origin", page=PUBLIC_URL), False),
        (Origin(page=PUBLIC_URL), False),
        (Origin(), False),
        (Origin(site="cross-site"), True),
        (Origin(site="same-site"), True),
        (Origin(site="none"), True),
        (Origin(site="cross-site", page=PUBLIC_URL), True),
        (Origin(page="https://evil.example"), True),
        (Origin(page="null"), True),
        (Origin(page=f"{PUBLIC_URL}.evil.example"), True),
    ],
)
def test_a_page_of_somebody_else_is_refused(origin, refused):
    if not refused:
        check_page(origin, PUBLIC_URL)
        return
    with pytest.raises(ForeignPage):
        check_page(origin, PUBLIC_URL)


@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("client_id", [None, "skc_" + "9" * 20, "m2morg_" + "9" * 20])
async def test_what_a_refused_request_was_is_in_the_id_of_its_error(place, refusal, client_id):
    error_id = refusals.issue(place.db, refusal, client_id)
    assert len(error_id) <= 64  # as the contract has it
    found = refusals.find(place.db, error_id)
    assert (found.refusal, found.client_id) == (refusal, client_id)


async def test_the_id_of_an_error_cannot_be_made_up_or_changed(place, clock):
    error_id = refusals.issue(place.db, Refusal.CLIENT_UNKNOWN, "skc_1")
    changed = [
        *(error_id[:n] + ("A" if error_id[n] != "A" else "B") + error_id[n + 1 :] for n in (9, -9)),
        *(error_id + "A", error_id + "=", error_id[:-1], error_id.replace("err_", "err_err_")),
        *("err_", "err_1", "err_x", "", "err_é", "err_" + "A" * 60, "err_\x00"),
    ]
    for made_up in changed:
        assert refusals.find(place.db, made_up) is None, made_up
    clock.of(refusals).forward(refusals.SECONDS - 2)
    assert refusals.find(place.db, error_id) is not None
    clock.forward(3)
    assert refusals.find(place.db, error_id) is None


@pytest.mark.parametrize("request_id", ["", "areq_", "areq_1", "areq_x", "x" * 5000, "areq_\x00"])
async def test_what_is_no_request_is_not_found(place, request_id):
    browser = Browser(place)
    assert await browser.sign_in.find(place.db, request_id, vault.new_secret()) is None
    assert await browser.sign_in.find(place.db, request_id, "") is None


async def test_a_secret_that_was_guessed_finds_nothing(place):
    await Browser(place).begin()
    for secret in ("", "x", vault.new_secret()):
        assert await place.sign_in.newest(place.db, secret) is None
