"""Whom a sign-in goes by: domains, what the application names, and every way past it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from visitors import Browser, code_of, error_of, register_passkey, register_totp
from vouching import arrive, assign, change, connect, connect_social, own, sign_in_by, somebody

from tenantry.identity.sign_in import login_requirements
from tenantry.identity.sign_in.auth_requests import states
from tenantry.tenants.organizations import service as organizations

ANN = "ann@acme.example"


@pytest.fixture
async def acme(place):
    """An organization with a domain and two connections, the older one of which serves."""
    return await place.organization()


@pytest.fixture
async def connection(place, acme):
    return await connect(place, acme, "acme.example")


def to(request, connection) -> None:
    assert request.state == states.SSO_PENDING, request
    assert (
        login_requirements.path(request) == f"/sso/v1/oidc/{connection.id}/start?login={request.id}"
    )


async def test_an_address_of_the_domain_is_sent_there_and_gets_no_mail(place, acme, connection):
    await place.member(acme, email=ANN)
    for email in (ANN, "Nobody@ACME.example"):  # whether there is somebody or not
        browser = Browser(place)
        request = await browser.begin()
        request = await browser.sign_in.start_email(browser.call, request, email=email)
        to(request, connection)
        assert request.email == email
    assert await place.emails() == []


async def test_the_feature_of_the_portal_switches_no_connection_off(place, acme, connection):
    await place.member(acme, email=ANN)
    changed = await organizations.set_features(place.operator, acme.id, [("sso", False)])
    assert not changed.has_feature("sso")
    browser = Browser(place)
    for params in ({"login_hint": ANN}, {"organization_id": acme.id}):
        to(await browser.begin(**params), connection)
    assert code_of(await sign_in_by(browser, connection, somebody(ANN)))


@pytest.mark.parametrize("email", ["ann@sub.acme.example", "ann@acme.example.net", "a@example"])
async def test_the_domain_is_this_one_to_the_letter(place, connection, email):
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=email)
    assert request.state == states.LINK_OTP_SENT


async def test_a_connection_that_does_not_serve_leaves_people_to_other_ways(
    place, acme, connection
):
    user = await place.member(acme, email=ANN)
    for columns in ({"enabled": False}, {"status": "IN_PROGRESS"}):
        await change(place, connection, enabled=True, status="COMPLETED")
        await change(place, connection, **columns)
        assert code_of(await Browser(place).sign_in_as(user))


async def test_a_domain_goes_by_the_connection_that_it_is_given(place, acme, connection):
    second = await connect(place, acme)
    domain = await own(place, acme, "acme.test")
    await assign(place, domain, second)
    to(await Browser(place).begin(login_hint="ann@acme.test"), second)
    to(await Browser(place).begin(login_hint=ANN), connection)
    # And the provider of either is good for the whole organization.
    assert code_of(await sign_in_by(Browser(place), connection, somebody("ann@acme.test")))


async def test_what_the_application_names_goes_before_what_it_hints_at(place, acme, connection):
    other = await place.organization("Other")
    elsewhere = await connect(place, other, "other.example")
    google = await connect_social(place)
    named = {"connection_id": elsewhere.id, "organization_id": other.id}
    hinted = {"domain_hint": "acme.example", "login_hint": ANN}
    to(await Browser(place).begin(**named, **hinted), elsewhere)
    to(await Browser(place).begin(organization_id=other.id, **hinted), elsewhere)
    to(
        await Browser(place).begin(domain_hint="ACME.example", login_hint="a@other.example"),
        connection,
    )
    to(await Browser(place).begin(login_hint=ANN), connection)
    request = await Browser(place).begin(connection_id=google.id, **hinted)
    assert login_requirements.path(request).startswith(f"/sso/v1/oauth/{google.id}/start")
    request = await Browser(place).begin(domain_hint="nobody.example", login_hint="not an address")
    assert request.state == states.IN_PROGRESS


async def test_one_that_the_application_names_is_the_only_one(place, acme, connection):
    user = await place.member(acme, email="ann@elsewhere.example")
    browser = Browser(place)
    request = await browser.begin(connection_id=connection.id, organization_id=acme.id)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.start_email(browser.call, request, email=user.email)
    second = await connect(place, acme)
    request = await arrive(browser, request, second, somebody(ANN))
    assert error_of(await browser.complete(request)) == "invalid_connection_id"


async def test_nothing_is_silent_that_needs_the_provider(place, acme, connection):
    user = await place.member(acme, email=ANN)
    assert (
        error_of(await Browser(place).begin(prompt=("none",), login_hint=ANN)) == "login_required"
    )
    await change(place, connection, enabled=False)
    browser = Browser(place)
    assert code_of(await browser.sign_in_as(user))
    assert code_of(await browser.begin(prompt=("none",)))
    await change(place, connection, enabled=True)
    assert error_of(await browser.begin(prompt=("none",))) == "interaction_required"
    request = await browser.begin()
    to(request, connection)
    request = await arrive(browser, request, connection, somebody(ANN))
    assert code_of(await browser.complete(request))
    assert code_of(await browser.begin(prompt=("none",)))
    assert (await browser.session()).amr[-1] == connection.id


async def test_a_passkey_of_such_a_person_leads_there_too(place, acme, connection):
    """The proof counts for nothing, and no session begins."""
    user = await place.member(acme, email=ANN)
    await register_totp(place, user)
    device = await register_passkey(place, user)
    browser = Browser(place)
    request = await browser.begin()
    challenge, options = await browser.sign_in.passkey_options(browser.call, request)
    request = browser.take(
        await browser.sign_in.verify_passkey(browser.call, request, challenge, device.get(options))
    )
    to(request, connection)
    assert (request.user_id, request.facts.proofs) == (None, ())
    with pytest.raises(states.OutOfStep):
        await browser.complete(request)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.choices(browser.call, request)


async def test_a_password_is_not_even_looked_at(new_place):
    place = await new_place(sign_in_methods="password,email")
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.verify_password(
        browser.call, request, email=ANN, password="wrong"
    )
    to(request, connection)


async def test_a_code_that_was_sent_before_leads_there(place, acme):
    """The connection was enabled while the mail was on its way."""
    user = await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=ANN)
    code = await place.code(ANN)
    connection = await connect(place, acme, "acme.example")
    request = browser.take(await browser.sign_in.verify_code(browser.call, request, code))
    to(request, connection)
    request = await arrive(browser, request, connection, somebody(ANN))
    assert code_of(await browser.complete(request))
    assert (await browser.session()).user_id == user.id


async def test_a_connection_enabled_at_the_last_moment_still_counts(place, acme):
    user = await place.member(acme, email=ANN)
    browser = Browser(place)
    request = await browser.prove(await browser.begin(), user.email)
    assert request.state == states.ORGANIZATION_SELECTED
    await connect(place, acme, "acme.example")
    assert error_of(await browser.complete(request)) == "login_required"
    assert await browser.session() is None


async def test_a_social_sign_in_of_such_a_person_leads_there_too(place, acme, connection):
    google = await connect_social(place)
    await place.member(acme, email=ANN)
    for verified in (True, False):
        browser = Browser(place)
        identity = somebody(ANN, email_verified=verified)
        request = await browser.begin(connection_id=google.id)
        request = await arrive(browser, request, google, identity)
        to(request, connection)
    assert await place.emails() == []


async def test_the_link_of_an_invitation_is_no_way_past_it(place, acme, connection):
    await place.member(acme, email=ANN, invited=True)
    token = (await place.link(ANN)).rpartition("/")[2]
    browser = Browser(place)
    accepted = await browser.sign_in.accept_invitation(browser.call, token, session=None)
    assert accepted.secret is None
    assert code_of(await sign_in_by(browser, connection, somebody(ANN)))


async def test_a_guest_who_accepts_an_invitation_is_not_sent_to_the_provider(
    place, acme, connection
):
    home = await place.application("Home", initiate_login_uri="https://app.example/login")
    for email, named in (("guest@elsewhere.example", False), (ANN, True)):
        await place.member(acme, email=email, invited=True, client=home)
        token = (await place.link(email)).rpartition("/")[2]
        browser = Browser(place)
        accepted = await browser.sign_in.accept_invitation(browser.call, token, session=None)
        asked = dict(parse_qsl(urlsplit(accepted.way.uri).query))
        assert asked == {"login_hint": email} | ({"organization_id": acme.id} if named else {})


async def test_a_guest_of_another_domain_goes_other_ways(place, acme, connection):
    """The rule is about the people of the domain; others are members as before."""
    user = await place.member(acme, email="guest@elsewhere.example")
    browser = Browser(place)
    assert code_of(await browser.sign_in_as(user))
    assert code_of(await browser.begin(organization_id=acme.id))  # silently


async def test_a_person_of_the_domain_is_a_guest_elsewhere(place, acme, connection):
    """Where the application names another organization, that one's rules hold."""
    other = await place.organization("Other")
    user = await place.member(other, email=ANN)
    browser = Browser(place)
    assert code_of(await browser.sign_in_as(user, organization_id=other.id))
    session = await browser.session()
    assert session.organizations == (other.id,)
