"""Attacks on single sign-on: across organizations, past the proof, by old or borrowed answers."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete, select
from visitors import Browser, code_of, error_of, next_code, register_totp
from vouching import (
    answer,
    arrive,
    change,
    connect,
    connect_social,
    sign_in_by,
    somebody,
)

from tenantry.call import Call
from tenantry.core.caller import signed_in
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.auth_log import erasure
from tenantry.identity.authenticators.totp import step_up
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.model import connections
from tenantry.identity.federation import requests as ways
from tenantry.identity.sessions.freshness import ByProviderAlone, Freshness
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import auth_requests
from tenantry.tenants.memberships import invitations, leaving
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users

ANN = "ann@acme.example"


@pytest.fixture
async def acme(place):
    return await place.organization("Acme")


@pytest.fixture
async def other(place):
    return await place.organization("Other")


@pytest.fixture
async def connection(place, acme):
    return await connect(place, acme, "acme.example")


# Across organizations.


async def test_a_provider_asserts_an_address_of_another_organizations_domain(
    place, acme, other, connection
):
    """And takes over nobody: not the account, not the place in either organization."""
    await connect(place, other, "other.example")
    victim = await place.member(other, email="vic@other.example")
    browser = Browser(place)
    reply = await sign_in_by(browser, connection, somebody("vic@other.example"))
    assert error_of(reply) == "invalid_user_domain"
    assert await browser.session() is None
    assert await place.identities(victim.id) == []


async def test_a_provider_asserts_a_member_whose_address_is_another_organizations(
    place, acme, other, connection
):
    """A member of both proves the inbox: the provider of one alone does not do."""
    await connect(place, other, "other.example")
    await place.member(acme, other, email="vic@other.example")
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, connection, somebody("vic@other.example"))
    assert request.state == states.VERIFICATION_SENT
    with pytest.raises(states.OutOfStep):
        await browser.complete(request)


async def test_a_session_by_one_provider_opens_no_other_organization(
    place, acme, other, connection
):
    user = await place.member(acme, other, email=ANN)
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, somebody(ANN)))
    silent = await browser.begin(prompt=("none",), organization_id=other.id)
    assert error_of(silent) == "interaction_required"
    request = await browser.begin(organization_id=other.id)
    assert request.state == states.IN_PROGRESS
    assert request.facts.notice == "AUTHENTICATE_AGAIN"
    # By a proof of the person's own, it does; and neither is asked for again.
    request = await browser.prove(request, ANN)
    assert request.organization_id == other.id
    assert code_of(await browser.complete(request))
    for organization in (acme, other):
        assert code_of(await browser.begin(prompt=("none",), organization_id=organization.id))
    session = await browser.session()
    assert session.user_id == user.id
    assert len(session.amr) == 2


async def test_nor_by_the_choice_of_an_organization(place, acme, other, connection):
    await place.member(acme, other, email=ANN)
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, somebody(ANN)))
    request = await browser.begin(prompt=("select_account",))
    assert request.state == states.ORGANIZATION_SWITCHER
    request = await browser.sign_in.choose_organization(browser.call, request, other.id)
    assert (request.state, request.user_id) == (states.IN_PROGRESS, None)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.choose_organization(browser.call, request, other.id)
    request = await browser.prove(request, ANN)
    assert (request.state, request.organization_id) == (states.ORGANIZATION_SELECTED, other.id)
    assert code_of(await browser.complete(request))


async def test_nor_where_the_other_one_has_a_provider_of_its_own(place, acme, other, connection):
    theirs = await connect(place, other, "other.example")
    await place.member(acme, other, email="both@other.example")
    browser = Browser(place)
    identity = somebody("both@other.example")
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, connection, identity)
    code = await place.code("both@other.example")
    request = browser.take(await browser.sign_in.verify_code(browser.call, request, code))
    assert code_of(await browser.complete(request))
    request = await browser.begin(prompt=("select_account",))
    request = await browser.sign_in.choose_organization(browser.call, request, other.id)
    assert request.state == states.SSO_PENDING
    assert request.facts.sso == f"oidc/{theirs.id}"
    request = await arrive(browser, request, theirs, somebody("both@other.example"))
    assert code_of(await browser.complete(request))
    assert (await browser.session()).organizations == (acme.id, other.id)


async def test_a_session_by_a_connection_that_is_gone_opens_nothing(place, acme, connection):
    await place.member(acme, email=ANN)
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, somebody(ANN)))
    gone = Statement(delete(connections).where(connections.c.id == connection.id))
    await place.db.fetch_all(gone)
    assert error_of(await browser.begin(prompt=("none",))) == "interaction_required"


async def test_another_organizations_connection_answers_for_a_request_of_this_one(
    place, acme, other, connection
):
    theirs = await connect(place, other, "other.example")
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, theirs, somebody("eve@other.example"))
    assert error_of(await browser.complete(request)) == "invalid_organization_id"


async def test_a_provider_changes_no_way_to_sign_in_of_an_account(place, acme, connection):
    """Else it would add a passkey, and be the person everywhere."""
    user = await place.member(acme, email=ANN)
    browser, fresh = Browser(place), Freshness(minutes=10)
    assert code_of(await sign_in_by(browser, connection, somebody(ANN)))
    session = await browser.session()
    call = Call(signed_in(user.id, acme.id, session.id), place.db, "req_1")
    with pytest.raises(ByProviderAlone):
        await step_up.check(call, session, fresh)
    with pytest.raises(ByProviderAlone):
        await fresh.check(call)
    await change(place, connection, enabled=False)
    browser = Browser(place)
    assert code_of(await browser.sign_in_as(user))
    session = await browser.session()
    await step_up.check(call, session, fresh)


# Social.


async def test_an_unverified_address_of_a_social_provider_is_nobodys(place):
    github = await connect_social(place, "GITHUB")
    victim = await place.member(email="vic@acme.example")
    browser = Browser(place)
    identity = somebody(victim.email, email_verified=False)
    request = await browser.begin(connection_id=github.id)
    request = await arrive(browser, request, github, identity)
    assert (request.state, request.user_id) == (states.VERIFICATION_SENT, None)
    # The victim gets a mail, and follows its link: in another browser nothing comes of it.
    token, stranger = await place.link_token(victim.email), Browser(place)
    elsewhere = stranger.sign_in.verify_link_elsewhere
    assert await elsewhere(stranger.call, request.id, token) is None
    assert (await browser.again(request)).state == states.VERIFICATION_SENT
    assert await place.identities(victim.id) == []


async def test_who_proves_it_signs_in_with_it_from_then_on(place):
    github = await connect_social(place, "GITHUB")
    user = await place.member(email="vic@acme.example")
    browser, identity = Browser(place), somebody(user.email, email_verified=False)
    request = await browser.begin(connection_id=github.id)
    request = await arrive(browser, request, github, identity)
    code = await place.code(user.email)
    request = browser.take(await browser.sign_in.verify_code(browser.call, request, code))
    assert code_of(await browser.complete(request))
    again = Browser(place)
    assert code_of(await sign_in_by(again, github, identity, connection_id=github.id))
    session = await again.session()
    assert (session.user_id, session.amr) == (user.id, (github.id,))


async def test_a_social_sign_in_does_not_pass_by_the_second_factor(place):
    google = await connect_social(place)
    user = await place.member(email="vic@acme.example")
    app, _ = await register_totp(place, user)
    browser = Browser(place)
    identity = somebody(user.email, email_verified=True)
    request = await browser.begin(connection_id=google.id)
    request = await arrive(browser, request, google, identity)
    assert request.state == states.SECOND_FACTOR_PENDING
    request = browser.take(
        await browser.sign_in.verify_second_factor(browser.call, request, next_code(app))
    )
    assert code_of(await browser.complete(request))


async def test_a_stranger_signs_up_by_a_social_provider(place):
    google = await connect_social(place)
    browser, identity = Browser(place), somebody("new@start.example", email_verified=True)
    request = await browser.begin(connection_id=google.id)
    request = await arrive(browser, request, google, identity)
    assert request.state == states.ORGANIZATION_SIGNUP
    request = await browser.sign_in.sign_up(browser.call, request, organization_name="Start")
    assert code_of(await browser.complete(request))
    session = await browser.session()
    (known,) = await place.identities(session.user_id)
    assert (known.subject, known.is_proved) == (identity.subject, True)


async def test_an_address_that_went_to_another_account_does_not_take_the_identity_along(place):
    google = await connect_social(place)
    first = await place.member(email="one@acme.example")
    second = await place.member(email="two@acme.example")
    subject = {"subject": "g-1", "email_verified": True}
    browser = Browser(place)
    named = {"connection_id": google.id}
    assert code_of(await sign_in_by(browser, google, somebody(first.email, **subject), **named))
    again = Browser(place)
    assert code_of(await sign_in_by(again, google, somebody(second.email, **subject), **named))
    assert (await again.session()).user_id == first.id


# Old, used, and borrowed answers.


async def test_an_invitation_that_has_expired_is_no_place(place, acme, clock):
    clock.of(reading, invitations)
    connection = await connect(place, acme)
    await place.member(acme, email="guest@elsewhere.example", invited=True)
    clock.forward(16 * 24 * 3600)
    reply = await sign_in_by(Browser(place), connection, somebody("guest@elsewhere.example"))
    assert error_of(reply) == "unauthorized"


async def test_a_stranger_of_the_domain_needs_none_that_holds(place, acme, connection, clock):
    clock.of(reading, invitations)
    await place.member(acme, email=ANN, invited=True)
    clock.forward(16 * 24 * 3600)
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, somebody(ANN)))
    user = await place.user((await browser.session()).user_id)
    assert user.memberships[0].status == "ACTIVE"


async def test_an_answer_is_good_once_and_for_its_own_sign_in(place, acme, connection):
    await place.member(acme, email=ANN)
    browser, thief = Browser(place), Browser(place)
    request = await browser.begin(login_hint=ANN)
    theirs = await thief.begin(login_hint=ANN)
    secret = await answer(browser, request, connection, somebody(ANN))
    # Login CSRF, either way: the answer of one sign-in brought to another.
    with pytest.raises(states.OutOfStep):
        await thief.sign_in.arrive(thief.call, theirs, secret)
    with pytest.raises(states.OutOfStep):  # and it is spent
        await browser.sign_in.arrive(browser.call, request, secret)
    secret = await answer(browser, request, connection, somebody(ANN))
    moved = browser.take(await browser.sign_in.arrive(browser.call, request, secret))
    for again in (request, moved):  # Back, and a reload
        with pytest.raises(states.OutOfStep):
            await browser.sign_in.arrive(browser.call, again, secret)
    assert code_of(await browser.complete(moved))


async def test_an_answer_comes_too_late(place, acme, connection, clock):
    await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.begin(login_hint=ANN)
    clock.of(ways)
    secret = await answer(browser, request, connection, somebody(ANN))
    clock.forward(ways.ARRIVAL_SECONDS)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.arrive(browser.call, request, secret)


async def test_of_two_tabs_each_has_its_own_sign_in(place, acme, connection):
    browser = Browser(place)
    tabs = [await browser.begin(login_hint=ANN) for _ in range(2)]
    secrets = [await answer(browser, tab, connection, somebody(ANN, subject="a")) for tab in tabs]
    arrived = await asyncio.gather(
        *(
            browser.sign_in.arrive(browser.call, tab, secret)
            for tab, secret in zip(tabs, secrets, strict=True)
        )
    )
    for request in arrived:  # one of them has made the account
        assert request.state == states.ORGANIZATION_SELECTED
        assert code_of(await browser.complete(browser.take(request)))
    assert len({request.user_id for request in arrived}) == 1


async def test_somebody_is_gone_when_the_answer_comes(place, acme):
    connection = await connect(place, acme)
    user = await place.member(acme, email="ann@elsewhere.example")
    identity = somebody(user.email)
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, connection, identity)
    code = await place.code(user.email)
    await place.leave(acme, user)
    request = await browser.sign_in.verify_code(browser.call, request, code)
    assert error_of(await browser.complete(request)) == "invalid_user_domain"


async def test_somebody_is_gone_before_the_code(place, acme, connection):
    user = await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.begin(login_hint=ANN)
    request = await arrive(browser, request, connection, somebody(ANN))
    await leaving.remove_user(place.operator, users.UserIdentifier(user.id), forced=True)
    assert error_of(await browser.complete(request)) == "access_denied"


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_the_connection_is_gone_when_the_answer_comes(place, acme, connection, how):
    await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.begin(login_hint=ANN)
    secret = await answer(browser, request, connection, somebody(ANN))
    if how == "disabled":
        await change(place, connection, enabled=False)
        request = await browser.sign_in.arrive(browser.call, request, secret)
        assert error_of(await browser.complete(request)) == "connection_not_active"
        return
    gone = Statement(delete(connections).where(connections.c.id == connection.id))
    await place.db.fetch_all(gone)
    with pytest.raises(states.OutOfStep):  # with all that was on its way
        await browser.sign_in.arrive(browser.call, request, secret)


async def test_the_connection_is_gone_before_the_code(place, acme, connection):
    await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.begin(login_hint=ANN)
    request = await arrive(browser, request, connection, somebody(ANN))
    gone = Statement(delete(connections).where(connections.c.id == connection.id))
    await place.db.fetch_all(gone)
    assert error_of(await browser.complete(request)) in {"connection_not_active", "login_required"}
    assert await browser.session() is None


@pytest.mark.parametrize("email", ["", "ann", "ann@", "ann@acme.example\r\nX: y", "a" * 300])
async def test_a_provider_gives_no_address(place, connection, email):
    reply = await sign_in_by(Browser(place), connection, somebody(email))
    assert error_of(reply) == "mandatory_attribute_missing"


async def test_a_provider_answers_for_somebody_that_is_known_already(place, acme, connection):
    user = await place.member(email="ann@elsewhere.example")
    browser = Browser(place)
    request = await browser.begin()
    secret = await answer(browser, request, connection, somebody(ANN))
    request = await browser.prove(request, user.email)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.arrive(browser.call, request, secret)


async def test_of_somebody_who_is_forgotten_no_answer_of_a_provider_is_left(place, acme):
    connection = await connect(place, acme)
    user = await place.member(acme, email="guest@elsewhere.example")
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    identity = somebody(user.email, evidence={"claims": ["sub", user.email]})
    request = await arrive(browser, request, connection, identity)
    assert request.facts.identity
    assert request.facts.evidence == identity.evidence
    assert await erasure.forget(place.db, [user.id], [user.email]) == 1
    (row,) = await place.db.fetch_all(Statement(select(auth_requests)))
    assert row["email"] is None
    assert from_json(row["facts"]).keys().isdisjoint({"identity", "evidence"})


async def test_a_proof_ends_with_the_membership_that_it_was_for(place, acme):
    connection = await connect(place, acme)
    user = await place.member(acme, email="guest@elsewhere.example")
    browser, identity = Browser(place), somebody(user.email)
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, connection, identity)
    code = await place.code(user.email)
    request = browser.take(await browser.sign_in.verify_code(browser.call, request, code))
    assert code_of(await browser.complete(request))
    assert code_of(await sign_in_by(Browser(place), connection, identity))
    await place.leave(acme, user)
    await place.join(acme, user)
    again = Browser(place)
    request = await again.begin(organization_id=acme.id)
    request = await arrive(again, request, connection, identity)
    assert request.state == states.VERIFICATION_SENT


async def test_an_address_in_what_a_refused_message_says_is_forgotten_too(place, acme):
    connection = await connect(place, acme)
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    fault = FederationError(
        "invalid_saml_response", "no", evidence={"audience": ["https://x/Guest@e.example"]}
    )
    await browser.sign_in.failed(browser.call, request.id, fault, connection_id=connection.id)
    assert await erasure.forget(place.db, [], ["guest@e.example"]) == 1
    (row,) = await place.db.fetch_all(Statement(select(auth_requests)))
    assert "evidence" not in from_json(row["facts"])
