"""Signing up: a new person founds an organization, as far as rules and interceptors allow."""

from __future__ import annotations

import asyncio

import pytest
from valid_events import assert_all_valid
from visitors import Browser, Deciding, code_of, error_of

from tenantry.core import errors
from tenantry.identity.sign_in.auth_requests import states


async def newcomer(place, email="ann@new.example", **params: object):
    browser = Browser(place)
    return browser, await browser.prove(await browser.begin(**params), email)


async def test_nobody_exists_before_the_form_is_sent(place):
    _, request = await newcomer(place)
    assert request.state == states.ORGANIZATION_SIGNUP
    assert request.user_id is None
    assert [event["type"] for event in await place.events()] == ["client.created"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"organization_name": "  "}, "organization_name"),
        ({"organization_name": "x" * 201}, "organization_name"),
        ({"organization_name": "Acme", "first_name": "x" * 201}, "first_name"),
        ({"organization_name": "Acme", "last_name": "x" * 201}, "last_name"),
        ({"organization_name": "Acme", "full_name": "x" * 513}, "full_name"),
        ({"organization_name": "Acme", "phone_number": "12"}, "phone_number"),
    ],
)
async def test_what_cannot_be_taken_is_named(place, given, field):
    browser, request = await newcomer(place)
    with pytest.raises(errors.InvalidArgument) as problem:
        await browser.sign_in.sign_up(browser.call, request, **given)
    assert problem.value.violations[0].field == field
    assert (await browser.again(request)).state == states.ORGANIZATION_SIGNUP


async def test_names_are_kept(place):
    browser, request = await newcomer(place)
    request = await browser.sign_in.sign_up(
        browser.call,
        request,
        organization_name=" Größe & Co <b> ",
        first_name="Ann",
        last_name="Bee",
        full_name="Ann Bee",
        phone_number="+49 30 1234567",
    )
    user = await place.user(request.user_id)
    assert user.profile == {
        "given_name": "Ann",
        "family_name": "Bee",
        "name": "Ann Bee",
        "phone_number": "+49301234567",
    }
    assert user.memberships[0].organization_name == "Größe & Co <b>"


async def test_two_forms_at_once_found_one_organization(place):
    browser, request = await newcomer(place)
    done = await asyncio.gather(
        *(
            browser.sign_in.sign_up(browser.call, request, organization_name=f"Acme {n}")
            for n in range(4)
        ),
        return_exceptions=True,
    )
    won = [one for one in done if not isinstance(one, Exception)]
    assert len(won) == 1
    assert all(isinstance(one, states.OutOfStep) for one in done if one not in won), done
    types = [event["type"] for event in await place.events()]
    assert types.count("organization.created") == types.count("user.signup") == 1


async def test_an_account_that_appeared_meanwhile_is_not_taken_over(place):
    browser, request = await newcomer(place)
    await place.member(email="ann@new.example")
    with pytest.raises(errors.Duplicate):
        await browser.sign_in.sign_up(browser.call, request, organization_name="Acme")


async def test_who_has_an_account_and_signs_up_may_found_another(new_place):
    place = await new_place(organizations_per_user=2)
    browser = Browser(place)
    await browser.sign_up("ann@new.example", "First")
    for name, state in (
        ("Second", states.ORGANIZATION_SWITCHER_SIGNUP),
        ("Third", states.ORGANIZATION_SWITCHER),
    ):
        again = Browser(place, address=f"192.0.2.{len(name)}")
        request = await again.begin(prompt=("create",))
        request = await again.prove(request, "ann@new.example", intent="sign_up")
        assert request.state == state
        if state == states.ORGANIZATION_SWITCHER:
            with pytest.raises(states.OutOfStep):
                await again.sign_in.sign_up(again.call, request, organization_name=name)
            return
        request = await again.sign_in.sign_up(again.call, request, organization_name=name)
        assert code_of(await again.complete(request))


async def test_the_limit_holds_for_two_at_once(new_place):
    """Two windows, each within the limit when it began."""
    place = await new_place(organizations_per_user=2)
    await Browser(place).sign_up("ann@new.example", "First")
    begun = []
    for number in range(2):
        browser = Browser(place, address=f"192.0.2.{number}")
        request = await browser.begin(prompt=("create",))
        begun.append((browser, await browser.prove(request, "ann@new.example", intent="sign_up")))
    done = await asyncio.gather(
        *(b.sign_in.sign_up(b.call, request, organization_name="More") for b, request in begun),
        return_exceptions=True,
    )
    assert sum(isinstance(one, errors.InvalidArgument) for one in done) == 1, done


@pytest.mark.parametrize(
    ("setting", "email"),
    [
        ("block_disposable_emails", "who@mailinator.com"),
        ("block_public_emails", "who@gmail.com"),
    ],
)
async def test_blocked_addresses_found_nothing(new_place, setting, email):
    place = await new_place(**{setting: True})
    browser, request = await newcomer(place, email)
    assert request.state == states.FAILED
    answer = await browser.complete(request)
    assert error_of(answer) == "access_denied"
    assert email.rpartition("@")[2] in answer.members["error_description"]


async def test_an_interceptor_may_forbid_it(new_place):
    place = await new_place(outgoing_allow="127.0.0.0/8")
    async with Deciding(place, "PRE_SIGNUP") as ask:
        ask.answer = {"decision": "DENY", "error": {"code": "NO", "message": "Not you."}}
        browser, request = await newcomer(place, login_hint="ann@new.example")
        with pytest.raises(errors.Intercepted, match=r"Not you\."):
            await browser.sign_in.sign_up(browser.call, request, organization_name="Acme")
        (asked,) = ask.got
        context = asked["interceptor_context"]
        assert context["user_email"] == "ann@new.example"
        assert context["auth_request"]["login_hint"] == "ann@new.example"
        assert context["auth_request"]["state"] == "s1"
        assert context["connection_details"][0]["type"] == "PASSWORDLESS"
        assert context["ip_address"] == "192.0.2.7"
        assert "user" not in asked["data"]
        # Nothing came of it, and the person may try again.
        assert (await browser.again(request)).state == states.ORGANIZATION_SIGNUP
        ask.answer = {"decision": "ALLOW"}
        request = await browser.sign_in.sign_up(browser.call, request, organization_name="Acme")
        assert code_of(await browser.complete(request))


@pytest.mark.parametrize("key", ["organization_id", "external_organization_id"])
async def test_an_interceptor_may_know_a_place(new_place, key):
    from tenantry.tenants.organizations import service as organizations

    place = await new_place(outgoing_allow="127.0.0.0/8")
    there = await organizations.create(
        place.operator, region_code="US", display_name="There", external_id="there"
    )
    async with Deciding(place, "PRE_SIGNUP") as ask:
        named = there.id if key == "organization_id" else "there"
        ask.answer = {
            "decision": "ALLOW",
            "response": {"create_organization_membership": {key: named, "roles": ["admin"]}},
        }
        browser, request = await newcomer(place)
        await place.events()
        request = await browser.sign_in.sign_up(browser.call, request, organization_name="Mine")
        assert request.organization_id == there.id
        assert code_of(await browser.complete(request))
    (membership,) = (await place.user(request.user_id)).memberships
    assert (membership.organization_id, membership.status) == (there.id, "ACTIVE")
    assert [role.name for role in membership.roles] == ["admin"]
    happened = [e for e in await place.events() if e["type"] != "interceptor.executed"]
    assert [event["type"] for event in happened] == [
        *("user.created", "user.organization_membership_created", "user.login")
    ]
    assert_all_valid(happened)


async def test_a_place_that_an_interceptor_made_up_is_an_error(new_place):
    place = await new_place(outgoing_allow="127.0.0.0/8")
    async with Deciding(place, "PRE_SIGNUP") as ask:
        browser, request = await newcomer(place)
        for given in ({"organization_id": "org_1"}, {"external_organization_id": "nowhere"}):
            ask.answer = {
                "decision": "ALLOW",
                "response": {"create_organization_membership": given},
            }
            with pytest.raises(errors.NotFound):
                await browser.sign_in.sign_up(browser.call, request, organization_name="Mine")
    types = [event["type"] for event in await place.events()]
    assert "user.created" not in types
