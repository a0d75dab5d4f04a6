"""Parameters of an application, against the session that a browser has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from visitors import MINUTE, REDIRECT_URI, Browser, code_of, error_of

from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Impersonation
from tenantry.identity.sign_in import beginning, completing
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import AuthRequest, Params


@pytest.fixture
async def user(place):
    return await place.member()


@pytest.fixture
async def browser(place, user):
    """A browser with a session."""
    browser = Browser(place)
    await browser.sign_in_as(user)
    await place.events()
    return browser


def is_anew(begun) -> bool:
    return isinstance(begun, AuthRequest) and begun.state == states.IN_PROGRESS


async def test_none_without_a_session(place):
    assert error_of(await Browser(place).begin(prompt=("none",))) == "login_required"


async def test_none_with_a_session(browser):
    assert code_of(await browser.begin(prompt=("none",)))


async def test_a_silent_code_is_no_new_sign_in(place, browser):
    other = await place.application("Other")
    assert code_of(await browser.begin())
    assert code_of(await browser.begin(client=other))
    assert [event for event in await place.events() if event["type"].startswith("user.")] == []
    session = await browser.session()
    assert {client_id for client_id, _ in session.clients} == {place.client.id, other.id}


async def test_login_asks_again_and_enters_the_same_session(place, user, browser):
    before = await browser.session()
    request = await browser.begin(prompt=("login",))
    assert is_anew(request)
    request = await browser.prove(request, user.email)
    done = await browser.sign_in.complete(browser.call, request, session=before)
    assert code_of(done.answer)
    assert await browser.session() is None  # its secret is another now
    browser.session_secret = done.secret
    after = await browser.session()
    assert after.id == before.id
    assert after.auth_time > before.auth_time
    assert [event["type"] for event in await place.events()] == ["user.login"]


async def test_login_as_somebody_else_ends_the_session_of_before(place, user, browser):
    before, other = await browser.session(), await place.member()
    await place.events()
    request = await browser.prove(await browser.begin(prompt=("login",)), other.email)
    assert code_of(await browser.complete(request))
    after = await browser.session()
    assert after.id != before.id
    assert after.user_id == other.id
    assert await sessions.find_live(place.db, before.id) is None
    happened = await place.events()
    assert [event["type"] for event in happened] == ["user.logout", "user.login"]
    assert (await sessions.get(place.operator, before.id)).status == "logout"


async def test_max_age(place, user, browser, clock):
    assert code_of(await browser.begin(max_age=600))
    clock.of(beginning).forward(601)
    assert is_anew(await browser.begin(max_age=600))
    assert error_of(await browser.begin(max_age=600, prompt=("none",))) == "login_required"
    assert code_of(await browser.begin())


async def test_a_max_age_of_zero_is_login(browser):
    assert is_anew(await browser.begin(max_age=0))


async def test_an_id_token_hint_of_another(place, user, browser):
    assert code_of(await browser.begin(id_token_user=user.id, prompt=("none",)))
    hint = {"id_token_user": "usr_1"}
    assert is_anew(await browser.begin(**hint))
    assert error_of(await browser.begin(**hint, prompt=("none",))) == "login_required"


async def test_a_login_hint_of_another(place, user, browser):
    assert code_of(await browser.begin(login_hint=user.email.upper()))
    hint = {"login_hint": "somebody@else.example"}
    assert is_anew(await browser.begin(**hint))
    assert error_of(await browser.begin(**hint, prompt=("none",))) == "login_required"


async def test_create_is_a_sign_up_where_nobody_is_signed_in(place, user, browser):
    here = user.memberships[0].organization_id
    for request in (
        await Browser(place).begin(prompt=("create",)),
        await browser.begin(prompt=("create", "login")),
        await browser.begin(prompt=("create",), organization_id=here),
    ):
        assert is_anew(request)
        assert request.facts.intent == "sign_up"


async def test_create_founds_another_organization_in_the_same_session(place, browser):
    before = await browser.session()
    request = await browser.begin(prompt=("create",))
    assert request.state == states.ORGANIZATION_SWITCHER_SIGNUP
    await place.events()
    request = await browser.sign_in.sign_up(browser.call, request, organization_name="Second")
    assert code_of(await browser.complete(request))
    after = await browser.session()
    assert (after.id, after.organization_id) == (before.id, request.organization_id)
    assert after.organization_id != before.organization_id
    assert after.auth_time == before.auth_time
    kinds = [event["type"] for event in await place.events()]
    assert "organization.created" in kinds
    assert kinds[-1] == "user.login"


async def test_a_session_that_has_ended_founds_nothing(place, browser):
    request = await browser.begin(prompt=("create",))
    await sessions.end(browser.call, (await browser.session()).id, status="logout")
    await place.events()
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.sign_up(browser.call, request, organization_name="Second")
    assert await browser.again(request) is None
    assert await place.events() == []


async def test_an_operator_in_the_place_of_a_person_founds_nothing(place, browser):
    session = await browser.session()
    standing_in = replace(session, impersonation=Impersonation("opr_1", "Olga", "why", 0))
    for prompt in ("create", "select_account"):
        params = Params(redirect_uri=REDIRECT_URI, prompt=(prompt,))
        request = await browser.sign_in.begin(
            browser.call, place.client, params, session=standing_in
        )
        assert request.state == states.ORGANIZATION_SWITCHER


async def test_a_session_too_old_for_a_new_organization_founds_none(place, clock):
    patient = await place.organization("Patient")
    await place.limit(patient, absolute=10_000)
    browser = Browser(place)
    await browser.sign_in_as(await place.member(patient))
    clock.of(completing).forward(9 * 3600)  # longer than sessions of others last
    assert is_anew(await browser.begin(prompt=("create",)))
    request = await browser.begin(prompt=("select_account",))
    assert request.state == states.ORGANIZATION_SWITCHER


async def test_somebody_who_wants_no_other_stays(place, user, browser):
    other = await place.organization("Other")
    await place.join(other, user)
    here = (await browser.session()).organization_id
    for prompt in ("create", "select_account"):
        request = await browser.begin(prompt=(prompt,))
        assert code_of(await browser.stay(request))
        assert (await browser.session()).organization_id == here
    # It is no answer to an application that asks for a sign-in, or for somebody else.
    request = await browser.begin(prompt=("create", "login"))
    assert await browser.stay(request) is None
    request = await browser.begin(prompt=("create",), login_hint="somebody@else.example")
    assert await browser.stay(request) is None


async def test_select_account_with_one_organization_shows_it(browser):
    request = await browser.begin(prompt=("select_account",))
    assert request.state == states.ORGANIZATION_SWITCHER_SIGNUP
    (choice,) = await browser.sign_in.choices(browser.call, request)
    assert choice.name == "Acme"


async def test_select_account_with_several_asks(place, user, browser):
    other = await place.organization("Other")
    await place.join(other, user)
    await place.events()
    request = await browser.begin(prompt=("select_account",))
    assert request.state == states.ORGANIZATION_SWITCHER_SIGNUP
    choices = await browser.sign_in.choices(browser.call, request)
    assert [choice.name for choice in choices] == ["Acme", "Other"]
    request = await browser.sign_in.choose_organization(browser.call, request, other.id)
    before = await browser.session()
    assert code_of(await browser.complete(request))
    after = await browser.session()
    assert (after.id, after.organization_id) == (before.id, other.id)
    assert after.auth_time == before.auth_time
    assert after.organizations == (before.organization_id, other.id)
    assert [event["type"] for event in await place.events()] == ["user.login"]


async def test_a_switch_needs_the_session_that_it_began_with(place, user, browser):
    other = await place.organization("Other")
    await place.join(other, user)
    request = await browser.begin(prompt=("select_account",))
    request = await browser.sign_in.choose_organization(browser.call, request, other.id)
    await sessions.end(browser.call, (await browser.session()).id, status="logout")
    assert error_of(await browser.complete(request)) == "login_required"
    # Nor does the session of another person do.
    stranger = await place.member()
    await browser.sign_in_as(user, organization_id=other.id)
    request = await browser.begin(prompt=("select_account",))
    request = await browser.sign_in.choose_organization(browser.call, request, other.id)
    thief = Browser(place)
    await thief.sign_in_as(stranger)
    browser.session_secret = thief.session_secret
    assert error_of(await browser.complete(request)) == "login_required"


async def test_an_organization_of_the_session_is_entered_at_once(place, user, browser):
    other = await place.organization("Other")
    await place.join(other, user)
    await place.events()
    answer = await browser.begin(prompt=("select_account",), organization_id=other.id)
    assert code_of(answer)
    assert (await browser.session()).organization_id == other.id
    (event,) = await place.events()
    assert event["type"] == "user.login"
    # And back, which is no new sign-in.
    first = user.memberships[0].organization_id
    assert code_of(await browser.begin(organization_id=first, prompt=("none",)))
    assert (await browser.session()).organization_id == first
    assert await place.events() == []
    # Without a name, it is the last one.
    assert code_of(await browser.begin())
    assert (await browser.session()).organization_id == first


async def test_another_organization_is_for_its_members(place, user, browser):
    foreign = await place.organization("Foreign")
    request = await browser.begin(organization_id=foreign.id)
    assert is_anew(request)
    assert request.facts.notice == "NOT_A_MEMBER"
    answer = await browser.begin(organization_id=foreign.id, prompt=("none",))
    assert error_of(answer) == "access_denied"
    answer = await browser.begin(organization_id="org_1", prompt=("none",))
    assert error_of(answer) == "access_denied"
    assert (await browser.session()).organizations == (user.memberships[0].organization_id,)
    # Nor does it help to prove once more who it is.
    request = await browser.prove(request, user.email)
    assert request.state == states.FAILED
    assert error_of(await browser.complete(request)) == "access_denied"


async def test_nobody_joins_by_following_a_link(place, user, browser):
    inviting = await place.organization("Inviting")
    await place.join(inviting, user, invited=True)
    answer = await browser.begin(organization_id=inviting.id, prompt=("none",))
    assert error_of(answer) == "interaction_required"
    request = await browser.begin(organization_id=inviting.id)
    assert request.state == states.ORGANIZATION_SWITCHER
    request = await browser.sign_in.choose_organization(browser.call, request, inviting.id)
    assert code_of(await browser.complete(request))
    assert (await browser.session()).organization_id == inviting.id


async def test_a_session_answers_for_the_connection_that_it_began_by(place, browser):
    known = (await browser.session()).amr[0]
    assert code_of(await browser.begin(connection_id=known))


async def test_the_policy_of_the_other_organization_counts(place, user, browser, clock):
    strict = await place.organization("Strict")
    await place.join(strict, user)
    await place.limit(strict, absolute=60)
    clock.of(completing).forward(61 * 60)
    answer = await browser.begin(organization_id=strict.id, prompt=("none",))
    assert error_of(answer) == "interaction_required"
    before = await browser.session()
    request = await browser.begin(organization_id=strict.id)
    assert is_anew(request)
    assert request.facts.notice == "AUTHENTICATE_AGAIN"
    request = await browser.prove(request, user.email)
    assert code_of(await browser.complete(request))
    after = await browser.session()
    assert after.id != before.id
    assert after.absolute_expire_time - after.create_time == 60 * MINUTE
    # The organization of before is not touched by it.
    assert after.organizations == (strict.id,)


async def test_a_young_session_comes_under_the_stricter_policy(place, user, browser):
    strict = await place.organization("Strict")
    await place.join(strict, user)
    await place.limit(strict, absolute=60)
    assert code_of(await browser.begin(organization_id=strict.id, prompt=("none",)))
    session = await browser.session()
    assert session.absolute_expire_time - session.create_time == 60 * MINUTE
