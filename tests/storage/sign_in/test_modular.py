"""Modular mode: providers alone sign people in, each known by its connection and its own id."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import bindparam, select, update
from valid_events import assert_all_valid
from visitors import Browser, Deciding, Place, code_of, configured, error_of
from vouching import (
    arrive,
    change,
    connect,
    connect_social,
    own,
    register,
    sign_in_by,
    somebody,
)

from tenantry.core import errors
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import PASSWORDLESS, connections
from tenantry.identity.sign_in.auth_requests import states
from tenantry.tenants.memberships import leaving
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import INACTIVE, memberships

ANN = "ann@acme.example"
_OWN = Statement(select(connections.c.id).where(connections.c.type == PASSWORDLESS))
_INACTIVE = Statement(
    update(memberships)
    .where(memberships.c.user_id == bindparam("p_user_id"))
    .values(status=INACTIVE)
    .returning(memberships.c.id)
)


@pytest.fixture
async def place(new_place):
    return await new_place(authentication_mode="MODULAR_AUTH", outgoing_allow="127.0.0.0/8")


@pytest.fixture
async def full_stack(place):
    """The same deployment with the other setting."""
    other = Place(place.db, configured())
    other.client = place.client
    yield other
    await other.close()


@pytest.fixture
async def acme(place):
    return await place.organization("Acme")


@pytest.fixture
async def other(place):
    return await place.organization("Other")


@pytest.fixture
async def connection(place, acme):
    return await connect(place, acme, "acme.example")


async def person_of(browser):
    session = await browser.session()
    return await browser.place.user(session.user_id)


# Whom a request names.


async def test_a_request_without_a_selector_is_told_so(place, connection):
    for prompt in ((), ("none",), ("login",), ("create",)):
        answer = await Browser(place).begin(prompt=prompt)
        assert error_of(answer) == "invalid_connection_selector"
    answer = await Browser(place).begin(login_hint="not an address")
    assert error_of(answer) == "invalid_connection_selector"


async def test_each_selector_leads_to_the_provider(place, acme, connection):
    for selector in (
        {"organization_id": acme.id},
        {"connection_id": connection.id},
        {"domain_hint": "acme.example"},
        {"login_hint": ANN},
    ):
        request = await Browser(place).begin(**selector)
        assert request.state == states.SSO_PENDING
        assert request.facts.sso == f"oidc/{connection.id}"


async def test_a_selector_that_leads_nowhere_is_told_so(place, acme, other, connection):
    unfinished = await place.organization("Unfinished")
    await connect(place, unfinished, enabled=False)
    by_email = (await place.db.fetch_one(_OWN))["id"]
    for error, selector in (
        ("invalid_organization_id", {"organization_id": "org_1"}),
        ("no_configured_connections", {"organization_id": other.id}),
        ("no_active_connections", {"organization_id": unfinished.id}),
        ("domain_not_found", {"domain_hint": "sub.acme.example"}),
        ("domain_not_found", {"login_hint": "ann@elsewhere.example"}),
        ("invalid_connection_id", {"connection_id": by_email}),
    ):
        answer = await Browser(place).begin(**selector)
        assert error_of(answer) == error, selector


# Own ways to sign in.


async def test_there_is_no_own_way_to_sign_in(place, acme, connection):
    await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    sign_in = place.sign_in
    for attempt in (
        sign_in.start_email(browser.call, request, email="bob@elsewhere.example"),
        sign_in.verify_password(browser.call, request, email="bob@x.example", password="p"),
        sign_in.passkey_options(browser.call, request),
    ):
        with pytest.raises(errors.Modular):
            await attempt
    # An address of the organization's leads to where the sign-in is already.
    request = await sign_in.start_email(browser.call, request, email=ANN)
    assert request.state == states.SSO_PENDING
    assert await place.emails() == []


# Whom a provider names.


async def test_a_person_is_known_by_the_connection_and_its_id(place, acme, connection):
    await place.events()
    browser = Browser(place)
    identity = somebody(ANN, profile={"given_name": "Ann"})
    answer = await sign_in_by(browser, connection, identity, organization_id=acme.id)
    assert code_of(answer)
    session, user = await browser.session(), await person_of(browser)
    assert session.subject == user.sub == f"{connection.id};{identity.subject}"
    assert (session.organization_id, session.amr) == (acme.id, (connection.id,))
    assert (user.email, user.email_verified) == (ANN, True)
    assert user.profile["given_name"] == "Ann"
    (membership,) = user.memberships
    assert (membership.status, membership.provisioning_method) == ("ACTIVE", "jit_using_sso")
    happened = await place.events()
    assert [event["type"] for event in happened] == [
        *("user.created", "user.organization_membership_created", "user.login")
    ]
    assert_all_valid(happened)
    # And is the same one the next time, in another browser.
    again = Browser(place)
    assert code_of(await sign_in_by(again, connection, identity, organization_id=acme.id))
    assert (await again.session()).user_id == user.id


async def test_nobody_is_found_by_the_address_that_a_provider_says(place, acme, other, connection):
    """A provider may say any address, and touches nobody by it."""
    await connect(place, other, "other.example")
    victim = await place.member(other, email="vic@other.example")
    member = await place.member(acme, other, email="both@other.example")
    for user in (victim, member):
        browser = Browser(place)
        identity = somebody(user.email, email_verified=True)
        assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
        person = await person_of(browser)
        assert person.id != user.id
        assert (person.email, person.email_verified) == (user.email, False)
        assert [place.organization_id for place in person.memberships] == [acme.id]
        assert (await reading.find_by_email(place.db, user.email)).id == user.id
        assert await place.identities(user.id) == []
        # Nor does it open the organization of that address.
        for selector in ({"organization_id": other.id}, {"login_hint": user.email}):
            silent = await browser.begin(prompt=("none",), **selector)
            assert error_of(silent) in {"access_denied", "login_required"}
            request = await browser.begin(**selector)
            assert request.facts.sso != f"oidc/{connection.id}"


async def test_the_same_id_at_two_connections_is_two_people(place, acme, other, connection):
    second = await connect(place, acme, provider="MICROSOFT_AD")
    third = await connect(place, other, "other.example")
    found = set()
    for one in (connection, second, third):
        browser = Browser(place)
        answer = await sign_in_by(browser, one, somebody(ANN, subject="same"), connection_id=one.id)
        assert code_of(answer)
        session = await browser.session()
        assert session.subject == f"{one.id};same"
        found.add(session.user_id)
    assert len(found) == 3


async def test_a_person_that_comes_in_two_tabs_is_one(place, acme, connection):
    identity = somebody(ANN)
    browsers = [Browser(place) for _ in range(4)]
    answers = await asyncio.gather(
        *(sign_in_by(one, connection, identity, organization_id=acme.id) for one in browsers)
    )
    assert all(map(code_of, answers))
    assert len({(await one.session()).user_id for one in browsers}) == 1


async def test_one_browser_changes_over_to_another_person(place, acme, connection):
    second = await connect(place, acme, provider="MICROSOFT_AD")
    browser = Browser(place)
    subjects = []
    for one in (connection, second):
        identity = somebody(ANN, subject="same")
        assert code_of(await sign_in_by(browser, one, identity, connection_id=one.id))
        subjects.append((await browser.session()).subject)
    assert subjects == [f"{connection.id};same", f"{second.id};same"]


@pytest.mark.parametrize(
    "subject", ["a;b", ";", "conn_1;x", " x ", "ann@acme.example", 'é"\\\n\u2028🙂', "x" * 256]
)
async def test_an_id_may_be_any_text(place, acme, connection, subject):
    for _ in range(2):
        browser = Browser(place)
        identity = somebody(ANN, subject=subject)
        assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
        assert (await browser.session()).subject == f"{connection.id};{subject}"
    assert (await person_of(browser)).sub == f"{connection.id};{subject}"


async def test_the_id_of_one_connection_is_none_of_another(place, acme, other, connection):
    """However it is spelled: the first part is the connection that it came by."""
    assert code_of(
        await sign_in_by(Browser(place), connection, somebody(ANN, subject="x"), login_hint=ANN)
    )
    second = await connect(place, other, "other.example")
    browser = Browser(place)
    identity = somebody(ANN, subject=f"{connection.id};x")
    assert code_of(await sign_in_by(browser, second, identity, organization_id=other.id))
    person = await person_of(browser)
    assert person.sub == f"{second.id};{connection.id};x"
    assert [place.organization_id for place in person.memberships] == [other.id]


@pytest.mark.parametrize("subject", ["", "x" * 257, "a\0b"])
async def test_an_id_that_nobody_can_keep_is_refused(place, acme, connection, subject):
    answer = await sign_in_by(
        Browser(place), connection, somebody(ANN, subject=subject), organization_id=acme.id
    )
    assert error_of(answer) == "invalid_request"


async def test_the_address_follows_the_provider(place, acme, connection):
    identity = somebody(ANN, subject="ann")
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    user = await person_of(browser)
    await place.events()
    moved = somebody("ann@elsewhere.example", subject="ann")
    assert code_of(
        await sign_in_by(browser, connection, moved, organization_id=acme.id, prompt=("login",))
    )
    person = await person_of(browser)
    assert person.id == user.id
    assert (person.email, person.email_verified) == ("ann@elsewhere.example", False)
    happened = await place.events()
    assert [event["type"] for event in happened] == ["user.updated", "user.login"]
    assert_all_valid(happened)
    # Proved again once the organization owns the domain.
    await own(place, acme, "elsewhere.example")
    assert code_of(
        await sign_in_by(browser, connection, moved, organization_id=acme.id, prompt=("login",))
    )
    assert (await person_of(browser)).email_verified


async def test_nothing_else_calls_an_address_verified(place, acme, other):
    """Neither a profile that follows, nor a membership that the operator gives."""
    connection = await connect(place, acme, sync_user_profile_on_login=True)
    browser = Browser(place)
    for name in ("Ann", "Anna"):
        identity = somebody("ann@elsewhere.example", subject="ann", profile={"given_name": name})
        params = {"organization_id": acme.id, "prompt": ("login",)}
        assert code_of(await sign_in_by(browser, connection, identity, **params))
        person = await person_of(browser)
        assert (person.profile["given_name"], person.email_verified) == (name, False)
    await place.join(other, person)
    person = await person_of(browser)
    assert (len(person.memberships), person.email_verified) == (2, False)
    assert_all_valid(await place.events())
    # Nor is that other organization open to them.
    silent = await browser.begin(prompt=("none",), organization_id=other.id)
    assert error_of(silent) == "no_configured_connections"
    await connect(place, other, "other.example")
    silent = await browser.begin(prompt=("none",), organization_id=other.id)
    assert error_of(silent) == "interaction_required"


async def test_an_address_of_a_domain_that_is_lost_is_not_called_verified(place, acme):
    domain = await own(place, acme, "acme.example")
    connection = await connect(place, acme)
    browser = Browser(place)
    identity = somebody(ANN)
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    await place.disown(acme, domain)
    again = await sign_in_by(
        browser, connection, identity, organization_id=acme.id, prompt=("login",)
    )
    assert code_of(again)
    assert not (await person_of(browser)).email_verified


async def test_a_person_that_is_deleted_comes_anew(place, acme, connection):
    browser, identity = Browser(place), somebody(ANN)
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    session = await browser.session()
    await leaving.remove_user(place.operator, users.UserIdentifier(session.user_id), forced=True)
    assert await browser.session() is None
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    new = await browser.session()
    assert new.user_id != session.user_id
    assert new.subject == session.subject


async def test_a_connection_switched_off_in_the_middle_lets_nobody_in(place, acme, connection):
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    await change(place, connection, enabled=False)
    request = await arrive(browser, request, connection, somebody(ANN))
    assert error_of(await browser.complete(request)) == "connection_not_active"


async def test_a_membership_that_is_not_active_lets_nobody_in(place, acme, connection):
    browser, identity = Browser(place), somebody(ANN)
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    await place.db.fetch_all(_INACTIVE, p_user_id=(await browser.session()).user_id)
    answer = await sign_in_by(Browser(place), connection, identity, organization_id=acme.id)
    assert error_of(answer) == "user_not_active"
    assert await browser.session() is None


async def test_nobody_new_is_taken_in_where_the_connection_does_not_say_so(place, acme):
    connection = await connect(place, acme, jit_provisioning_with_sso_enabled=True)
    known = somebody(ANN)
    assert code_of(await sign_in_by(Browser(place), connection, known, organization_id=acme.id))
    await change(place, connection, settings={"jit_provisioning_with_sso_enabled": False})
    assert code_of(await sign_in_by(Browser(place), connection, known, organization_id=acme.id))
    answer = await sign_in_by(Browser(place), connection, somebody(ANN), organization_id=acme.id)
    assert error_of(answer) == "unauthorized"


async def test_an_organization_takes_in_as_many_as_it_has_seats(place, acme, connection):
    await place.seats(acme, 1)
    first = somebody(ANN)
    assert code_of(await sign_in_by(Browser(place), connection, first, organization_id=acme.id))
    assert code_of(await sign_in_by(Browser(place), connection, first, organization_id=acme.id))
    answer = await sign_in_by(Browser(place), connection, somebody(ANN), organization_id=acme.id)
    assert error_of(answer) == "access_denied"
    assert "limit of 1" in answer.members["error_description"]


async def test_interceptors_decide_on_strangers(place, acme, connection):
    async with Deciding(place, "PRE_SIGNUP") as interceptor:
        interceptor.answer = {"decision": "DENY", "error": {"code": "NO", "message": "No."}}
        answer = await sign_in_by(
            Browser(place), connection, somebody(ANN), organization_id=acme.id
        )
        assert error_of(answer) == "access_denied"
        assert answer.members["error_description"] == "No."


async def test_a_browser_that_goes_by_another_provider_is_refused(place, acme, other, connection):
    """The application has named one: it may take anybody that comes for a person of that."""
    google = await connect_social(place)
    theirs = await connect(place, other, "other.example")
    second = await connect(place, acme, provider="MICROSOFT_AD")
    for selector in ({"domain_hint": "acme.example"}, {"login_hint": ANN}):
        for went, error in ((google, True), (theirs, True), (second, False)):
            browser = Browser(place)
            request = await browser.begin(**selector)
            request = await arrive(browser, request, went, somebody(ANN, email_verified=True))
            answer = await browser.complete(request)
            assert (answer.members.get("error") == "invalid_connection_id") == error
            assert ("code" in answer.members) != error
    browser = Browser(place)
    request = await browser.begin(connection_id=google.id)
    request = await arrive(browser, request, theirs, somebody(ANN))
    assert error_of(await browser.complete(request)) == "invalid_connection_id"


# Social providers.


async def test_a_social_provider_signs_in_people_of_no_organization(place, acme, connection):
    google = await connect_social(place)
    known = await place.member(acme, email="bob@acme.example")
    await place.events()
    browser = Browser(place)
    for subject, verified in (("bob", True), ("bob", False)):
        identity = somebody(known.email, subject=subject, email_verified=verified)
        params = {"connection_id": google.id, "prompt": ("login",)}
        assert code_of(await sign_in_by(browser, google, identity, **params))
        session, person = await browser.session(), await person_of(browser)
        assert session.subject == person.sub == f"{google.id};bob"
        assert (session.organization_id, session.organizations) == ("", ())
        assert (person.id != known.id, person.memberships) == (True, [])
        assert (person.email, person.email_verified) == (known.email, verified)
    happened = await place.events()
    assert [event["type"] for event in happened] == [
        *("user.created", "user.login", "user.updated", "user.login")
    ]
    assert_all_valid(happened)
    # The session answers where it is meant, and is good for no organization.
    assert code_of(await browser.begin(prompt=("none",), connection_id=google.id))
    hint = {"id_token_user": session.subject}
    assert code_of(await browser.begin(prompt=("none",), **hint))
    for selector in ({"organization_id": acme.id}, {"login_hint": known.email}):
        silent = await browser.begin(prompt=("none",), **selector)
        assert error_of(silent) == "access_denied"
    request = await browser.begin(organization_id=acme.id)
    assert request.facts.sso == f"oidc/{connection.id}"
    # Nor does one of an organization do for the social provider.
    other = Browser(place)
    assert code_of(
        await sign_in_by(other, connection, somebody(known.email), organization_id=acme.id)
    )
    silent = await other.begin(prompt=("none",), connection_id=google.id)
    assert error_of(silent) == "interaction_required"


async def test_a_person_of_no_organization_is_deleted(place):
    google = await connect_social(place)
    browser = Browser(place)
    identity = somebody("bob@elsewhere.example")
    assert code_of(await sign_in_by(browser, google, identity, connection_id=google.id))
    await leaving.remove_user(
        place.operator, users.UserIdentifier((await browser.session()).user_id), forced=True
    )
    assert await browser.session() is None


async def test_interceptors_decide_on_strangers_of_no_organization(place):
    google = await connect_social(place)
    identity = somebody("bob@elsewhere.example")
    assert code_of(await sign_in_by(Browser(place), google, identity, connection_id=google.id))
    async with Deciding(place, "PRE_SIGNUP") as interceptor:
        interceptor.answer = {"decision": "DENY", "error": {"code": "NO", "message": "No."}}
        assert code_of(await sign_in_by(Browser(place), google, identity, connection_id=google.id))
        answer = await sign_in_by(
            Browser(place), google, somebody("eve@elsewhere.example"), connection_id=google.id
        )
        assert error_of(answer) == "access_denied"
        (got,) = interceptor.got
        assert "organization_id" not in got["interceptor_context"]


# Sessions.


async def test_a_session_answers_in_silence(place, acme, connection):
    await register(place, "desk")
    browser = Browser(place)
    identity = somebody(ANN, claims={"desk": "7"})
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    subject = (await browser.session()).subject
    for selector in (
        {"organization_id": acme.id},
        {"connection_id": connection.id},
        {"domain_hint": "acme.example"},
        {"login_hint": ANN},
        {"id_token_user": subject},
    ):
        assert code_of(await browser.begin(prompt=("none",), **selector))
    stranger = {"id_token_user": f"{connection.id};other", "organization_id": acme.id}
    assert error_of(await browser.begin(prompt=("none",), **stranger)) == "login_required"


async def test_an_id_token_of_somebody_else_is_not_answered(place, acme, connection):
    browser = Browser(place)
    hinted = f"{connection.id};somebody"
    request = await browser.begin(organization_id=acme.id, id_token_user=hinted)
    request = await arrive(browser, request, connection, somebody(ANN, subject="else"))
    assert error_of(await browser.complete(request)) == "login_required"
    request = await browser.begin(organization_id=acme.id, id_token_user=hinted)
    request = await arrive(browser, request, connection, somebody(ANN, subject="somebody"))
    assert code_of(await browser.complete(request))


# From one mode to the other.


async def test_a_session_of_the_other_mode_is_asked_anew(place, full_stack, acme, connection):
    identity = somebody(ANN)
    browser = Browser(full_stack)
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    user = await person_of(browser)
    assert user.sub is None
    # To modular mode: the session does not do, and the person is another one from here on.
    browser.place, browser.sign_in = place, place.sign_in
    silent = await browser.begin(prompt=("none",), organization_id=acme.id)
    assert error_of(silent) == "login_required"
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    person = await person_of(browser)
    assert person.id != user.id
    assert [one.user_id for one in await place.identities(person.id)] == [person.id]
    # And back: the trust begins anew, by the address again.
    browser.place, browser.sign_in = full_stack, full_stack.sign_in
    silent = await browser.begin(prompt=("none",), organization_id=acme.id)
    assert error_of(silent) == "login_required"
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    assert (await browser.session()).user_id == user.id
    assert len(await place.identities(user.id)) == 1


async def test_nobody_of_modular_mode_is_trusted_with_an_address_later(
    place, full_stack, acme, connection
):
    """The word of a provider there is no proof here: not even a membership is left of it."""
    victim = await place.member(email="vic@other.example")
    identity = somebody(victim.email)
    assert code_of(await sign_in_by(Browser(place), connection, identity, organization_id=acme.id))
    answer = await sign_in_by(Browser(full_stack), connection, identity, organization_id=acme.id)
    assert error_of(answer) == "invalid_user_domain"


async def test_a_sign_in_under_way_ends_with_its_mode(place, full_stack, acme, connection):
    user = await place.member(acme, email="bob@elsewhere.example")
    browser = Browser(full_stack)
    request = await browser.prove(await browser.begin(), user.email)
    assert request.state == states.ORGANIZATION_SELECTED
    browser.sign_in = place.sign_in
    assert error_of(await browser.complete(request)) == "login_required"
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, connection, somebody(ANN))
    browser.sign_in = full_stack.sign_in
    assert error_of(await browser.complete(request)) == "login_required"
