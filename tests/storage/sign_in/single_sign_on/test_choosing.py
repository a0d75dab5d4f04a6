"""For which organization somebody signs in, and joining one by choosing it."""

from __future__ import annotations

import pytest
from valid_events import assert_all_valid
from visitors import Browser, code_of, error_of

from tenantry.core import errors
from tenantry.identity.sign_in.auth_requests import states
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.organizations import service as organizations


@pytest.fixture
def browser(place):
    return Browser(place)


async def arrived(browser, user, **params: object):
    return await browser.prove(await browser.begin(**params), user.email)


async def test_of_several_organizations_one_is_chosen(place, browser):
    first, second = await place.organization("First"), await place.organization("Second")
    user = await place.member(first, second)
    request = await arrived(browser, user)
    assert request.state == states.ORGANIZATION_SWITCHER
    choices = await browser.sign_in.choices(browser.call, request)
    assert [(one.id, one.membership_status) for one in choices] == [
        (first.id, "ACTIVE"),
        (second.id, "ACTIVE"),
    ]
    request = await browser.sign_in.choose_organization(browser.call, request, second.id)
    assert code_of(await browser.complete(request))
    assert (await browser.session()).organization_id == second.id


async def test_one_that_is_not_offered_cannot_be_chosen(place, browser):
    user = await place.member(await place.organization(), await place.organization())
    foreign = await place.organization("Foreign")
    request = await arrived(browser, user)
    for organization_id in (foreign.id, "org_1", ""):
        with pytest.raises(errors.NotFound):
            await browser.sign_in.choose_organization(browser.call, request, organization_id)


async def test_a_named_organization_is_selected(place, browser):
    first, second = await place.organization("First"), await place.organization("Second")
    user = await place.member(first, second)
    request = await arrived(browser, user, organization_id=second.id)
    assert request.state == states.ORGANIZATION_SELECTED
    assert request.organization_id == second.id


async def test_a_stranger_to_a_named_organization_is_told(place, browser):
    organization = await place.organization()
    request = await browser.begin(organization_id=organization.id)
    request = await browser.prove(request, "who@new.example")
    assert request.state == states.FAILED
    assert error_of(await browser.complete(request)) == "access_denied"


async def test_an_invitation_is_shown_and_accepted_by_choosing_it(place, browser):
    home, inviting = await place.organization("Home"), await place.organization("Inviting")
    user = await place.member(home)
    await place.join(inviting, user, invited=True)
    await place.events()
    request = await arrived(browser, user)
    assert request.state == states.ORGANIZATION_SWITCHER
    _, choice = await browser.sign_in.choices(browser.call, request)
    assert (choice.id, choice.membership_status) == (inviting.id, "PENDING_INVITE")
    assert choice.inviter_email == "boss@acme.example"
    assert choice.expire_time > choice.create_time
    request = await browser.sign_in.choose_organization(browser.call, request, inviting.id)
    assert code_of(await browser.complete(request))
    place_there = (await place.user(user.id)).membership_in(inviting.id)
    assert place_there.status == "ACTIVE"
    assert place_there.accept_time == place_there.join_time is not None
    happened = await place.events()
    assert [event["type"] for event in happened] == [
        *("user.organization_membership_created", "user.login")
    ]
    assert_all_valid(happened)


async def test_somebody_invited_who_never_signed_in_accepts_and_is_verified(place, browser):
    inviting = await place.organization("Inviting")
    user = await place.member(inviting, invited=True)
    assert not user.email_verified
    request = await arrived(browser, user)
    # They may also found one of their own.
    assert request.state == states.ORGANIZATION_SWITCHER_SIGNUP
    request = await browser.sign_in.choose_organization(browser.call, request, inviting.id)
    assert code_of(await browser.complete(request))
    after = await place.user(user.id)
    assert after.email_verified
    assert after.memberships[0].status == "ACTIVE"


async def test_where_the_organization_is_named_who_is_invited_accepts_by_signing_in(place, browser):
    inviting = await place.organization("Inviting")
    user = await place.member(inviting, invited=True)
    assert code_of(await browser.sign_in_as(user, organization_id=inviting.id))
    assert (await place.user(user.id)).memberships[0].status == "ACTIVE"


async def test_an_invitation_that_has_expired_is_none(new_place, clock):
    from tenantry.tenants.memberships import invitations
    from tenantry.tenants.users import reading

    place = await new_place(sign_up=False)
    user = await place.member(await place.organization(), invited=True)
    clock.of(reading, invitations).forward(16 * 24 * 3600)
    browser = Browser(place)
    request = await arrived(browser, user)
    assert request.state == states.FAILED


async def test_where_nobody_may_sign_up_who_has_no_organization_is_told(new_place):
    place = await new_place(sign_up=False)
    organization = await place.organization()
    user = await place.member(organization)
    await place.leave(organization, user)
    browser = Browser(place)
    request = await arrived(browser, user)
    assert request.state == states.FAILED
    answer = await browser.complete(request)
    assert error_of(answer) == "access_denied"
    assert "not a member" in answer.members["error_description"]


async def test_who_has_lost_the_only_organization_may_found_one(place, browser):
    organization = await place.organization()
    user = await place.member(organization)
    await place.leave(organization, user)
    request = await arrived(browser, user)
    assert request.state == states.ORGANIZATION_SIGNUP
    request = await browser.sign_in.sign_up(browser.call, request, organization_name="Mine")
    assert code_of(await browser.complete(request))
    (membership,) = (await place.user(user.id)).memberships
    assert membership.organization_name == "Mine"


async def test_a_deleted_organization_is_not_offered(place, browser):
    kept, gone = await place.organization("Kept"), await place.organization("Gone")
    user = await place.member(kept, gone)
    request = await arrived(browser, user)
    await organizations.remove(
        place.operator, organizations.OrganizationIdentifier(gone.id), dismiss_members
    )
    assert [one.id for one in await browser.sign_in.choices(browser.call, request)] == [kept.id]
    with pytest.raises(errors.NotFound):
        await browser.sign_in.choose_organization(browser.call, request, gone.id)


async def test_nobody_sees_organizations_before_the_proof(place, browser):
    user = await place.member()
    request = await browser.begin()
    request = await browser.sign_in.start_email(browser.call, request, email=user.email)
    with pytest.raises(states.OutOfStep):
        await browser.sign_in.choices(browser.call, request)
