"""The link of an invitation: a membership, once."""

from __future__ import annotations

import asyncio

import pytest
from valid_events import assert_all_valid
from visitors import Browser, Deciding, code_of, register_totp

from tenantry.access.clients import applications
from tenantry.access.clients import service as management_clients
from tenantry.access.clients.uris.return_targets import ReturnTarget
from tenantry.core import errors
from tenantry.core.times import SECOND, now
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds, Impersonation
from tenantry.identity.sign_in import invitations
from tenantry.identity.sign_in.auth_requests import states
from tenantry.tenants.memberships import invitations as membership_invitations
from tenantry.tenants.memberships import leaving
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.memberships.model import NamedRole
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users

HOME = "https://app.example/login"


async def token_to(place, email: str) -> str:
    return (await place.link(email)).rpartition("/")[2]


async def accept(browser, token: str):
    accepted = await browser.sign_in.accept_invitation(
        browser.call, token, session=await browser.session()
    )
    browser.session_secret = accepted.secret or browser.session_secret
    return accepted


@pytest.fixture
async def organization(place):
    return await place.organization("Inviting")


@pytest.fixture
def browser(place):
    return Browser(place)


async def test_somebody_new_accepts_and_is_signed_in(place, organization, browser):
    home = await place.application("Home", initiate_login_uri=HOME)
    user = await place.member(organization, invited=True, client=home)
    await place.events()
    token = await token_to(place, user.email)
    shown = await browser.sign_in.invitation(place.db, token)
    assert (shown.organization_name, shown.email) == ("Inviting", user.email)
    assert shown.inviter_email == "boss@acme.example"
    accepted = await accept(browser, token)
    assert accepted.way.begins
    assert accepted.way.uri == (
        f"{HOME}?organization_id={organization.id}&login_hint={user.email.replace('@', '%40')}"
    )
    after = await place.user(user.id)
    assert after.email_verified
    assert after.memberships[0].status == "ACTIVE"
    assert (await browser.session()).user_id == user.id
    happened = await place.events()
    assert [event["type"] for event in happened] == [
        *("user.updated", "user.organization_membership_created", "user.login")
    ]
    assert_all_valid(happened)
    # The application then asks, and nobody sees a page.
    assert code_of(await browser.begin(organization_id=organization.id, login_hint=user.email))


async def test_without_an_initiate_login_uri_the_origin_of_the_application_serves(
    place, organization, browser
):
    user = await place.member(organization, invited=True)
    accepted = await accept(browser, await token_to(place, user.email))
    assert accepted.way == ReturnTarget("https://app.example/", "App", begins=False)


@pytest.fixture
async def others(place):
    """Applications older than any that an invitation is to lead to: a guess would take one."""
    return [await place.application(f"Other {n}", initiate_login_uri=f"{HOME}/{n}") for n in (1, 2)]


async def test_it_leads_to_the_application_through_which_it_was_made(
    place, organization, others, browser
):
    """Not to the oldest, nor to the one that the organization's members used last."""
    member = await place.member(organization)
    await browser.sign_in_as(member, client=others[0])
    home = await place.application("Home", initiate_login_uri=HOME)
    user = await place.member(organization, invited=True, client=home)
    accepted = await accept(Browser(place), await token_to(place, user.email))
    assert accepted.way.uri.partition("?")[0] == HOME
    # Neither does it when it was sent again, or has expired.
    user = await place.member(organization, invited=True, client=home)
    await membership_invitations.resend(place.operator, organization.id, user.id, days=15)
    token = await token_to(place, user.email)
    assert (await invitations.way_of(place.db, token)).uri == HOME
    # Unless it is sent again for another one.
    await membership_invitations.resend(
        *(place.operator, organization.id, user.id),
        days=15,
        client_id=others[1].id,
        replaces_client=True,
    )
    accepted = await accept(Browser(place), await token_to(place, user.email))
    assert accepted.way.uri.partition("?")[0] == f"{HOME}/2"


async def test_made_through_none_it_leads_to_the_one_that_members_used_last(
    place, organization, others, browser
):
    elsewhere = await place.member()
    await Browser(place).sign_in_as(elsewhere, client=others[0])
    member = await place.member(organization)
    for client in others:
        await browser.sign_in_as(member, client=client, prompt=("login",))
    user = await place.member(organization, invited=True)
    accepted = await accept(Browser(place), await token_to(place, user.email))
    assert accepted.way.uri.partition("?")[0] == f"{HOME}/2"


async def test_an_operator_in_a_members_place_is_no_member_who_used_one(
    place, organization, others, browser
):
    member = await place.member(organization)
    _, browser.session_secret = await sessions.begin(
        place.operator,
        user_id=member.id,
        organization_id=organization.id,
        client_id=others[0].id,
        amr=(),
        bounds=Bounds(60, None),
        custom_claims={},
        impersonation=Impersonation("opr_1", "Ada", "Ticket 4711", now() + 3600 * SECOND),
    )
    user = await place.member(organization, invited=True)
    accepted = await accept(Browser(place), await token_to(place, user.email))
    assert accepted.way is None


@pytest.mark.parametrize("gone", [False, True])
async def test_of_several_none_is_guessed(place, organization, others, browser, gone):
    user = await place.member(organization, invited=True, client=others[0] if gone else None)
    if gone:
        await applications.remove(place.operator, others[0].id)
    accepted = await accept(browser, await token_to(place, user.email))
    assert (accepted.way, accepted.app) == (None, "")
    assert accepted.secret


async def test_an_application_without_a_page_is_named_alone(place, organization, others, browser):
    native = await place.application("Native", "NTV", post_login_uris=["com.acme.app:/callback"])
    user = await place.member(organization, invited=True, client=native)
    accepted = await accept(browser, await token_to(place, user.email))
    assert (accepted.way, accepted.app) == (None, "Native")


async def test_a_management_client_is_its_application_only_if_it_signs_people_in(
    place, organization, others
):
    machine, _ = await management_clients.create(place.operator, name="Backend")
    user = await place.member(organization, invited=True, client=machine)
    token = await token_to(place, user.email)
    assert await invitations.way_of(place.db, token) is None
    await applications.update(
        place.operator, machine.id, {"initiate_login_uri": HOME}, production=False
    )
    assert (await invitations.way_of(place.db, token)).uri == HOME


async def test_a_link_works_once(place, organization, browser):
    user = await place.member(organization, invited=True)
    token = await token_to(place, user.email)
    await accept(browser, token)
    thief = Browser(place)
    assert await thief.sign_in.invitation(place.db, token) is None
    with pytest.raises(errors.NotFound):
        await accept(thief, token)
    assert thief.session_secret == ""


async def test_of_two_who_follow_it_at_once_one_gets_in(place, organization):
    user = await place.member(organization, invited=True)
    token = await token_to(place, user.email)
    browsers = [Browser(place) for _ in range(4)]
    done = await asyncio.gather(
        *(accept(browser, token) for browser in browsers), return_exceptions=True
    )
    assert sum(bool(browser.session_secret) for browser in browsers) == 1
    assert sum(isinstance(one, errors.NotFound) for one in done) == 3, done


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "é" * 43, "../" * 14, "x" * 10_000])
async def test_a_made_up_token_is_nothing(place, browser, token):
    assert await browser.sign_in.invitation(place.db, token) is None
    with pytest.raises(errors.NotFound):
        await accept(browser, token)


async def test_one_that_was_withdrawn_is_over(place, organization, browser):
    user = await place.member(organization, invited=True)
    token = await token_to(place, user.email)
    await leaving.remove_member(
        place.operator, organization.id, users.UserIdentifier(user.id), cascade=False, forced=True
    )
    with pytest.raises(errors.NotFound):
        await accept(browser, token)
    # Invited anew, the old link stays dead.
    await place.join(organization, user, invited=True)
    with pytest.raises(errors.NotFound):
        await accept(browser, token)
    assert (await accept(browser, await token_to(place, user.email))).secret


async def test_one_of_a_deleted_organization_is_over(place, organization, browser):
    other = await place.organization()
    user = await place.member(other)
    await place.join(organization, user, invited=True)
    token = await token_to(place, user.email)
    await organizations.remove(
        place.operator, organizations.OrganizationIdentifier(organization.id), dismiss_members
    )
    with pytest.raises(errors.NotFound):
        await accept(browser, token)


async def test_one_that_has_expired_is_over(place, organization, browser, clock):
    user = await place.member(organization, invited=True)
    token = await token_to(place, user.email)
    clock.of(invitations, reading, membership_invitations).forward(16 * 24 * 3600)
    assert await browser.sign_in.invitation(place.db, token) is None
    with pytest.raises(errors.NotFound):
        await accept(browser, token)


async def test_an_invitation_makes_a_member_of_nobody_else(place, organization, browser):
    """Another person signed in meanwhile stays that person, and is signed out of this browser."""
    user, other = await place.member(organization, invited=True), await place.member()
    token = await token_to(place, user.email)
    await browser.sign_in_as(other)
    before = await browser.session()
    await accept(browser, token)
    assert (await browser.session()).user_id == user.id
    assert (await place.user(other.id)).membership_in(organization.id) is None
    from tenantry.identity.sessions import service as sessions

    assert await sessions.find_live(place.db, before.id) is None


async def test_who_has_signed_in_before_is_not_let_in_by_a_link(place, organization, browser):
    """A link that lies in an inbox for days is no way into an account."""
    user = await place.member()
    await Browser(place).sign_in_as(user)
    await place.join(organization, user, invited=True)
    accepted = await accept(browser, await token_to(place, user.email))
    assert accepted.secret is None
    assert (await place.user(user.id)).membership_in(organization.id).status == "ACTIVE"


async def test_nor_who_has_a_second_factor(place, organization, browser):
    user = await place.member(organization, invited=True)
    token = await token_to(place, user.email)
    await register_totp(place, user)
    accepted = await accept(browser, token)
    assert accepted.secret is None
    assert (await place.user(user.id)).memberships[0].status == "ACTIVE"


async def test_nor_anybody_where_mail_is_no_way_to_sign_in(new_place):
    place = await new_place(sign_in_methods="password")
    user = await place.member(await place.organization(), invited=True)
    browser = Browser(place)
    accepted = await accept(browser, await token_to(place, user.email))
    assert accepted.secret is None
    assert (await place.user(user.id)).memberships[0].status == "ACTIVE"


@pytest.mark.parametrize("by", ["link", "choice"])
async def test_many_accept_for_one_seat(place, organization, by):
    """The limit was lowered after they were invited: the first one sits."""
    people = [await place.member(organization, invited=True) for _ in range(10)]
    await organizations.set_max_allowed_users(place.operator, organization.id, 1)
    emails = dict(await place.emails())
    waiting = []
    for number, user in enumerate(people):
        browser = Browser(place, address=f"198.51.100.{number}")
        if by == "link":
            token = emails[user.email].partition("/invitations/")[2].split()[0]
            waiting.append(accept(browser, token))
        else:
            request = await browser.begin()
            request = await browser.prove(request, user.email)
            waiting.append(
                browser.sign_in.choose_organization(browser.call, request, organization.id)
            )
    done = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [one for one in done if isinstance(one, errors.InvalidArgument)]
    assert len(refused) == len(people) - 1, [one for one in done if one not in refused]
    assert all("limit of 1 users" in str(one) for one in refused)
    found = [(await place.user(user.id)).memberships[0].status for user in people]
    assert found.count("ACTIVE") == 1


async def test_a_refused_choice_leaves_the_request_where_it_was(place, organization, browser):
    first = await place.member(organization)
    user = await place.member(organization, invited=True)
    await organizations.set_max_allowed_users(place.operator, organization.id, 1)
    request = await browser.prove(await browser.begin(), user.email)
    with pytest.raises(errors.InvalidArgument):
        await browser.sign_in.choose_organization(browser.call, request, organization.id)
    assert (await browser.again(request)).state == states.ORGANIZATION_SWITCHER_SIGNUP
    assert first.id


async def test_roles_are_those_of_the_moment_of_acceptance(place, organization, browser):
    """A role that was lowered, or raised, after the mail was sent counts as it is now."""
    user = await place.member(organization, invited=True)
    token = await token_to(place, user.email)
    await memberships.change(
        place.operator,
        organization.id,
        users.UserIdentifier(user.id),
        named=[NamedRole("roles", "", "admin")],
        metadata=None,
        forced=True,
    )
    await memberships.change(
        place.operator,
        organization.id,
        users.UserIdentifier(user.id),
        named=[NamedRole("roles", "", "member")],
        metadata=None,
        forced=True,
    )
    await accept(browser, token)
    (membership,) = (await place.user(user.id)).memberships
    assert [role.name for role in membership.roles] == ["member"]


async def test_an_interceptor_that_denies_leaves_everything_as_it_was(new_place):
    place = await new_place(outgoing_allow="127.0.0.0/8")
    user = await place.member(await place.organization(), invited=True)
    token = await token_to(place, user.email)
    browser = Browser(place)
    async with Deciding(place, "PRE_SESSION_CREATION") as ask:
        ask.answer = {"decision": "DENY", "error": {"code": "NO", "message": "Not yet."}}
        with pytest.raises(errors.Intercepted, match=r"Not yet\."):
            await accept(browser, token)
        assert (await place.user(user.id)).memberships[0].status == "PENDING_INVITE"
        ask.answer = {"decision": "ALLOW"}
        assert (await accept(browser, token)).secret
