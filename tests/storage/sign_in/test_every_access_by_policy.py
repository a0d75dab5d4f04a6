"""The sign-in policy of an organization at every way into it.

`METHODS` are all methods of a sign-in and `ACCESSES` all other ways into an organization: each is
tried with a policy that allows it and with one that does not.
"""

from __future__ import annotations

from dataclasses import replace

import pyotp
import pytest
from visitors import Browser, code_of, error_of, next_code, register_passkey, register_totp
from vouching import arrive, connect, connect_social, sign_in_by, somebody

from tenantry.core import errors
from tenantry.core.caller import Caller, Kind
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.organization_policies import enforcement, service, simulation
from tenantry.identity.sessions.model import Impersonation
from tenantry.identity.sign_in import beginning, policy_steps
from tenantry.identity.sign_in.auth_requests import states
from tenantry.settings import load
from tenantry.tenants.memberships import invitations, joining
from tenantry.tenants.organizations.policy import Refusal

PASSWORD = "correct horse battery staple"
HERE, ELSEWHERE = "203.0.113.9", "198.51.100.9"
NETWORKS = {"networks": ("203.0.113.0/24",)}


@pytest.fixture
async def place(new_place):
    return await new_place(sign_in_methods="email,password,passkey")


@pytest.fixture
async def acme(place):
    return await place.organization()


@pytest.fixture
async def user(place, acme):
    user = await place.member(acme, email="ann@acme.example")
    await place.passwords.choose(place.operator, user.id, PASSWORD, settings=load({}))
    return user


@pytest.fixture
def require(place, acme):
    """Change members of the policy."""

    async def update(**policy: object):
        return (await service.update(place.operator, acme.id, policy)).policy

    return update


# Each proves a user by one method, up to the choice of the organization.


async def by_code(browser, user):
    return await browser.prove(await browser.begin(), user.email)


async def by_link(browser, user):
    request = await browser.sign_in.start_email(
        browser.call, await browser.begin(), email=user.email
    )
    token = await browser.place.link_token(user.email)
    return browser.take(await browser.sign_in.verify_link(browser.call, request, token))


async def by_password(browser, user):
    request = await browser.sign_in.verify_password(
        browser.call, await browser.begin(), email=user.email, password=PASSWORD
    )
    return browser.take(request)


async def by_passkey(browser, user):
    device = await register_passkey(browser.place, user)
    request = await browser.begin()
    challenge_id, options = await browser.sign_in.passkey_options(browser.call, request)
    return browser.take(
        await browser.sign_in.verify_passkey(
            browser.call, request, challenge_id, device.get(options)
        )
    )


async def by_social(browser, user):
    connection = await connect_social(browser.place)
    identity = somebody(user.email, email_verified=True)
    return await arrive(browser, await browser.begin(), connection, identity)


async def by_sso(browser, user):
    place = browser.place
    connection = await connect(place, await one_organization(place, user), "acme.example")
    return await arrive(
        browser, await browser.begin(login_hint=user.email), connection, somebody(user.email)
    )


async def one_organization(place, user):
    found = await place.user(user.id)
    return await service.get(place.operator, found.memberships[0].organization_id)


METHODS = {
    "code": (by_code, "EMAIL"),
    "link": (by_link, "EMAIL"),
    "password": (by_password, "PASSWORD"),
    "passkey": (by_passkey, "PASSKEY"),
    "social": (by_social, "SOCIAL"),
    "sso": (by_sso, "SSO"),
}
# These give two factors by themselves, or leave the second one to the identity provider.
WITH_SECOND_FACTOR = {"passkey", "sso"}


@pytest.mark.parametrize("name", METHODS)
async def test_each_method_where_it_is_not_allowed(place, user, require, name):
    prove, method = METHODS[name]
    await require(methods=("PASSWORD",) if method != "PASSWORD" else ("EMAIL",))
    browser = Browser(place)
    request = await browser.finish(await prove(browser, user))
    assert request.state == states.POLICY_REFUSED
    assert request.facts.refusal == Refusal.METHOD
    assert await browser.session() is None
    refused = [one for one in await place.events() if one["type"] == "organization.access_refused"]
    assert refused[0]["after"]["reason"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("name", METHODS)
async def test_each_method_where_it_is_allowed(place, user, require, name):
    prove, method = METHODS[name]
    browser = Browser(place)
    request = await prove(browser, user)
    await require(methods=(method,), **NETWORKS)
    assert code_of(await browser.at(HERE).complete(request))


@pytest.mark.parametrize("name", METHODS)
async def test_each_method_from_another_network(place, user, require, name):
    prove, _ = METHODS[name]
    await require(**NETWORKS)
    browser = Browser(place, address=ELSEWHERE)
    request = await browser.finish(await prove(browser, user))
    assert request.state == states.POLICY_REFUSED
    assert request.facts.refusal == Refusal.NETWORK


@pytest.mark.parametrize("name", METHODS)
async def test_each_method_without_a_second_factor(place, user, require, name):
    prove, _ = METHODS[name]
    await require(second_factor_required=True)
    browser = Browser(place)
    done = await browser.finish(await prove(browser, user))
    if name in WITH_SECOND_FACTOR:
        assert code_of(done)
    else:
        assert done.state == states.SECOND_FACTOR_SETUP
        assert await browser.session() is None


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"sso"}))
async def test_each_method_where_single_sign_on_is_required(place, acme, user, require, name):
    prove, _ = METHODS[name]
    connection = await connect(place, acme)  # without a domain: nobody is sent there by address
    await require(sso_required=True)
    browser = Browser(place)
    request = await browser.finish(await prove(browser, user))
    assert request.state == states.SSO_PENDING
    assert connection.id in request.facts.sso
    request = await arrive(browser, request, connection, somebody(user.email))
    # The address is not of a domain of the organization: its inbox is proved once.
    code = await place.code(user.email)
    request = browser.take(await browser.sign_in.verify_code(browser.call, request, code))
    assert code_of(await browser.complete(request))


async def test_break_glass_access_is_recorded(place, acme, user, require):
    await connect(place, acme, "acme.example")
    await require(sso_required=True, break_glass_user_ids=(user.id,))
    await place.events()
    assert code_of(await Browser(place).sign_in_as(user))
    types = [one["type"] for one in await place.events()]
    assert "organization.break_glass_used" in types
    # Others of the domain still go to the provider.
    other = await place.member(acme, email="bob@acme.example")
    browser = Browser(place)
    request = await browser.sign_in.start_email(
        browser.call, await browser.begin(), email=other.email
    )
    assert request.state == states.SSO_PENDING


async def test_break_glass_access_by_a_session_of_another_organization_is_recorded(
    place, acme, user, require
):
    other = await place.organization("Other")
    await place.join(other, user)
    browser = Browser(place)
    code_of(await browser.sign_in_as(user, organization_id=other.id))
    await connect(place, acme)
    await require(sso_required=True, break_glass_user_ids=(user.id,))
    assert not await browser.sign_in.go_to(browser.call, await browser.session(), acme.id)
    silent = await browser.begin(organization_id=acme.id, prompt=("none",))
    assert error_of(silent) == "interaction_required"
    await place.events()
    assert code_of(await browser.finish(await browser.begin(organization_id=acme.id)))
    assert "organization.break_glass_used" in [one["type"] for one in await place.events()]
    # The session now answers at once.
    assert code_of(await browser.begin(organization_id=acme.id))


async def test_a_session_is_stepped_up_by_a_second_factor(place, user, require):
    browser = Browser(place)
    code_of(await browser.sign_in_as(user))
    before = await browser.session()
    app, _ = await register_totp(place, user)
    await require(second_factor_required=True)
    request = await browser.begin()
    request = await browser.finish(request)
    assert request.state == states.SECOND_FACTOR_PENDING
    request = browser.take(
        await browser.sign_in.verify_second_factor(browser.call, request, next_code(app))
    )
    assert code_of(await browser.complete(request))
    after = await browser.session()
    assert after.id == before.id
    assert after.amr == before.amr
    assert after.second_factor_time
    # The session now answers at once.
    assert code_of(await browser.begin())


async def test_the_setup_continues_the_sign_in(place, user, require):
    await require(second_factor_required=True, second_factor_grace_days=1)
    browser = Browser(place)
    request = await browser.finish(await by_code(browser, user))
    registration = await policy_steps.registration_of(browser.call, request)
    app = pyotp.TOTP(totp.secret(place.db, registration))
    moved, codes = await policy_steps.set_up(browser.call, request, app.now())
    assert codes
    assert code_of(await browser.complete(browser.take(moved)))
    assert (await browser.session()).second_factor_time


async def test_the_grace_period_begins_with_the_membership(place, acme, user, require, clock):
    await require(second_factor_required=True, second_factor_grace_days=7)
    clock.of(policy_steps, joining).forward(8 * 24 * 3600)
    late = await place.member(acme, email="late@acme.example")
    for one, left in ((user, 0), (late, 1)):
        browser = Browser(place)
        request = await browser.finish(await by_code(browser, one))
        assert request.state == states.SECOND_FACTOR_SETUP
        assert bool(request.facts.enrollment_deadline) == bool(left)


async def test_an_organization_is_switched_to(place, acme, user, require):
    other = await place.organization("Other")
    await place.join(other, user)
    browser = Browser(place)
    code_of(await browser.sign_in_as(user, organization_id=other.id))
    await require(methods=("PASSKEY",))
    silent = await browser.begin(organization_id=acme.id, prompt=("none",))
    assert error_of(silent) == "interaction_required"
    request = await browser.finish(await browser.begin(organization_id=acme.id))
    assert request.state == states.POLICY_REFUSED
    # By the page that chooses, too.
    request = await browser.begin(prompt=("select_account",))
    request = await browser.sign_in.choose_organization(browser.call, request, acme.id)
    assert (await browser.finish(request)).state == states.POLICY_REFUSED
    # The other organization has no policy.
    assert code_of(await browser.begin(organization_id=other.id))
    # By the account pages, too.
    session = await browser.session()
    assert not await browser.sign_in.go_to(browser.call, session, acme.id)
    await require(methods=("EMAIL",))
    assert await browser.sign_in.go_to(browser.call, session, acme.id)


async def test_sensitive_scopes_take_a_recent_sign_in(place, user, require, clock):
    await require(reauthentication_minutes=10, reauthentication_scopes=("pay",))
    browser = Browser(place)
    code_of(await browser.sign_in_as(user, scope="openid pay"))
    assert code_of(await browser.begin(scope="openid pay"))
    clock.of(beginning).forward(11 * 60)
    assert code_of(await browser.begin(scope="openid"))
    request = await browser.begin(scope="openid pay")
    assert request.state == states.IN_PROGRESS
    assert error_of(await browser.begin(scope="openid pay", prompt=("none",)))


async def test_an_invitation_link_begins_no_session_that_the_policy_refuses(place, acme, require):
    await require(methods=("PASSKEY",))
    invited = await place.member(acme, email="new@acme.example", invited=True)
    browser = Browser(place)
    token = (await place.link(invited.email)).rpartition("/")[2]
    accepted = await browser.sign_in.accept_invitation(browser.call, token, session=None)
    assert accepted.secret is None


async def test_only_allowed_domains_are_invited(place, acme, user, require):
    invited = await place.member(acme, email="guest@other.example", invited=True)
    await require(email_domains=("acme.example",))
    with pytest.raises(errors.InvalidArgument) as problem:
        await place.member(acme, email="more@other.example", invited=True)
    assert problem.value.violations[0].field == "user.email"
    with pytest.raises(errors.InvalidArgument):
        await place.member(acme, email="direct@other.example")
    stranger = await place.member(email="stranger@other.example")
    with pytest.raises(errors.InvalidArgument):
        await place.join(acme, stranger)
    await place.member(acme, email="more@acme.example", invited=True)
    with pytest.raises(invitations.DomainNotAllowed):
        await invitations.resend(place.operator, acme.id, invited.id, days=3)
    browser = Browser(place)
    token = (await place.link(invited.email)).rpartition("/")[2]
    with pytest.raises(invitations.DomainNotAllowed):
        await browser.sign_in.accept_invitation(browser.call, token, session=None)


async def test_the_identity_provider_is_exempt_from_invited_domains(place, acme, require):
    connection = await connect(place, acme, "acme.example")
    await require(email_domains=("elsewhere.example",))
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, somebody("jit@acme.example")))


async def test_an_operator_in_a_users_place_is_exempt(place, acme, user, require):
    browser = Browser(place)
    code_of(await browser.sign_in_as(user))
    session = await browser.session()
    policy = await require(methods=("PASSKEY",), **NETWORKS)
    organization = replace(acme, policy=policy)
    asked = {"member_since": 0, "address": ELSEWHERE}
    assert await enforcement.of_session(place.db, organization, session, **asked)
    standing_in = replace(session, impersonation=Impersonation("opr_1", "Olga", "why", 0))
    assert await enforcement.of_session(place.db, organization, standing_in, **asked) is None


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (NETWORKS, "allowed_networks"),
        ({"methods": ("PASSKEY",)}, "allowed_sign_in_methods"),
        ({"second_factor_required": True}, "second_factor_required"),
    ],
)
async def test_an_administrator_is_not_locked_out_by_the_own_change(
    place, acme, user, policy, field
):
    browser = Browser(place, address=ELSEWHERE)
    code_of(await browser.sign_in_as(user))
    session = await browser.session()
    caller = Caller(Kind.USER_SESSION, user.id, acme.id, frozenset(), session.id)
    call = replace(browser.call, caller=caller)
    with pytest.raises(errors.InvalidArgument) as problem:
        await service.update(call, acme.id, policy)
    assert problem.value.violations[0].field == f"policy.{field}"
    assert (await service.get(call, acme.id)).policy is None
    # With an address, a method or a grace period that fits, the change is accepted.
    fits = {"networks": ("198.51.100.0/24",), "methods": ("EMAIL",)}
    await service.update(
        call, acme.id, {**fits, "second_factor_required": True, "second_factor_grace_days": 1}
    )


async def test_the_events_of_a_change_show_the_policy(place, require):
    await place.events()
    await require(**NETWORKS)
    await require(**NETWORKS)  # no change
    (event,) = await place.events()
    assert event["type"] == "organization.policy_updated"
    assert event["after"]["policy"]["networks"] == ["203.0.113.0/24"]


async def test_the_simulation_tells_who_would_be_refused(place, acme, user):
    browser = Browser(place, address=ELSEWHERE)
    code_of(await browser.sign_in_as(user))
    safe = await place.member(acme, email="safe@acme.example")
    await register_totp(place, safe)
    policy = await service.proposed(
        place.operator, acme, {**NETWORKS, "methods": ("PASSKEY",), "second_factor_required": True}
    )
    found = await simulation.simulate(place.operator, acme, policy, page_size=30, page_token="")
    assert found.evaluated == 2
    (affected,) = found.affected
    assert affected.user_id == user.id
    assert affected.refusals == (Refusal.NETWORK, Refusal.METHOD, Refusal.SECOND_FACTOR)
    assert affected.address == ELSEWHERE
    first = await simulation.simulate(place.operator, acme, policy, page_size=1, page_token="")
    assert first.evaluated == 1
    second = await simulation.simulate(
        place.operator, acme, policy, page_size=1, page_token=first.next_page_token
    )
    assert [*first.affected, *second.affected] == found.affected
    assert not second.next_page_token
