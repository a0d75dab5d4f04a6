"""Social sign-in over the wire: providers of OAuth 2.0 in the shapes of those that are known."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from apis import unique
from connections_of_tests import path
from hosted import answered, heading
from oidc_sign_ins import come_back, led_on, local, state_of, to_provider, told
from openid_providers import CLIENT_ID, CLIENT_SECRET, OpenIDProvider
from signins import claims_of
from social_providers import as_github, social

from tenantry.identity.federation import requests


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


async def identity_of(place, visitor, application, conn, provider):
    """The identity that a sign-in by this connection leads to."""
    there = await to_provider(visitor, application, conn)
    arrival = led_on(await come_back(visitor, provider.answer_to(there)), visitor)
    _, found = await requests.take_arrival(place.database, arrival.partition("=")[2])
    return found


async def test_a_sign_in_by_github_goes_all_the_way_to_tokens(
    place, application, visitor, provider
):
    email = f"{unique('ann')}@example.com"
    user = await place.make.user(email=email)
    as_github(provider, email)
    conn = await social(place, provider)
    there = await to_provider(visitor, application, conn)
    query = dict(parse_qsl(urlsplit(there).query))
    assert query["scope"] == "read:user user:email"
    assert "nonce" not in query
    back = await come_back(visitor, provider.answer_to(there))
    done = await visitor.get(local(visitor, back.headers["location"]))
    tokens = await application.tokens(visitor.http, answered(done)["code"])
    assert claims_of(tokens["id_token"])["sub"] == user["id"]
    (got,) = provider.at("/token")
    assert got.form["client_secret"] == CLIENT_SECRET
    assert got.form["code_verifier"]
    for at in ("/user", "/user/emails"):
        (got,) = provider.at(at)
        assert got.headers["authorization"].startswith("Bearer ")
        assert got.headers["user-agent"]  # GitHub refuses requests without one


async def test_a_second_factor_of_ours_is_asked_for_after_a_social_provider(
    place, application, visitor, provider
):
    email = f"{unique('ann')}@example.com"
    user = await place.make.user(email=email)
    recovery_codes = await place.second_factor(user["id"])
    as_github(provider, email)
    conn = await social(place, provider)
    there = await to_provider(visitor, application, conn)
    arrival = await come_back(visitor, provider.answer_to(there))
    sent = await visitor.get(local(visitor, arrival.headers["location"]))
    assert (sent.status_code, sent.headers["location"]) == (303, visitor.path)
    assert heading(await visitor.page()) == "Two-step verification"
    # Neither the answer nor the provider once more goes past it.
    again = await visitor.get(local(visitor, arrival.headers["location"]))
    assert again.headers["location"] == visitor.path
    page = await visitor.refused("second-factor", code="000000")
    assert heading(page) == "Two-step verification"
    done = await visitor.step("second-factor", code=recovery_codes[0], page="recovery")
    tokens = await application.tokens(visitor.http, answered(done)["code"])
    claims = claims_of(tokens["id_token"])
    assert (claims["sub"], claims["amr"][0]) == (user["id"], conn.id)
    # A code of the app does as well, in another browser.
    async with place.visitor() as elsewhere:
        there = await to_provider(elsewhere, application, conn)
        arrival = await come_back(elsewhere, provider.answer_to(there))
        await elsewhere.get(local(elsewhere, arrival.headers["location"]))
        # That of this time step is used up by now.
        code = place.apps[user["id"]].at(int(time.time()), counter_offset=1)
        answered(await elsewhere.step("second-factor", code=code))


@pytest.mark.parametrize("form", [True, False])
async def test_the_address_is_the_primary_verified_one(place, application, visitor, provider, form):
    email = f"{unique('ann')}@example.com"
    as_github(provider, email, form=form)
    found = await identity_of(place, visitor, application, await social(place, provider), provider)
    assert (found.email, found.email_verified) == (email, True)
    assert found.profile["name"] == "Ann Smith"
    assert found.subject.isdecimal()


async def test_an_address_that_is_not_verified_is_proved_first(
    place, application, visitor, provider
):
    conn = await social(place, provider, "LINKEDIN")
    email = f"{unique('ann')}@example.com"
    await place.make.user(email=email)
    person = {"sub": unique("li"), "email": email, "email_verified": False, "given_name": "Ann"}
    provider.answers["/user"] = person
    there = await to_provider(visitor, application, conn)
    back = await come_back(visitor, provider.answer_to(there))
    page = await visitor.get(local(visitor, back.headers["location"]))
    assert page.status_code == 303
    assert "code=" not in page.headers["location"]
    assert await place.code(email)


@pytest.mark.parametrize("name", ["GOOGLE", "GITLAB", "LINKEDIN", "SALESFORCE", "CUSTOM"])
async def test_others_are_asked_at_their_own_endpoints(place, application, visitor, provider, name):
    conn = await social(place, provider, name)
    person = {"sub": "x1", "email": "ann@example.com", "email_verified": True, "locale": "en"}
    provider.answers["/user"] = person
    found = await identity_of(place, visitor, application, conn, provider)
    assert (found.subject, found.email, found.email_verified) == ("x1", "ann@example.com", True)
    assert found.profile == {"locale": "en"}
    (got,) = provider.at("/token")
    assert ("code_verifier" in got.form) == (name != "LINKEDIN")


async def test_a_provider_of_ones_own_is_set_up_by_settings_alone(
    place, application, visitor, provider
):
    conn = await social(
        place,
        provider,
        "CUSTOM",
        attribute_mapping={"email": "contact.mail", "given_name": "first"},
        settings={
            "scopes": ["profile", "mail"],
            "prompt": "consent",
            "access_type": "offline",
            "token_endpoint_auth_method": "client_secret_basic",
            "extra_authorize_params": {"audience": "us", "state": "mine", "client_id": "mine"},
        },
    )
    provider.answers["/user"] = {"id": 7, "contact": {"mail": "ann@example.com"}, "first": "Ann"}
    there = await to_provider(visitor, application, conn)
    query = dict(parse_qsl(urlsplit(there).query))
    assert query["scope"] == "profile mail"
    assert (query["prompt"], query["access_type"], query["audience"]) == (
        *("consent", "offline", "us"),
    )
    assert (query["client_id"], len(query["state"])) == (CLIENT_ID, 43)
    arrival = led_on(await come_back(visitor, provider.answer_to(there)), visitor)
    _, found = await requests.take_arrival(place.database, arrival.partition("=")[2])
    assert (found.subject, found.email, found.email_verified) == ("7", "ann@example.com", False)
    assert found.profile == {"given_name": "Ann"}
    (got,) = provider.at("/token")
    assert got.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "case",
    [
        ("/token", {"error": "bad_verification_code"}, "failed_to_exchange_token"),
        ("/token", b"error=bad_verification_code", "failed_to_exchange_token"),
        ("/token", b"<html>", "failed_to_exchange_token"),
        ("/user", 401, "user_info_retrieve_failed"),
        ("/user", [], "user_info_retrieve_failed"),
        ("/user", {}, "user_info_retrieve_failed"),
        ("/user", {"id": True}, "user_info_retrieve_failed"),
        ("/user/emails", 404, "user_info_retrieve_failed"),
        ("/user/emails", [], "mandatory_attribute_missing"),
        ("/user/emails", {"message": "no"}, "mandatory_attribute_missing"),
        (
            "/user/emails",
            [{"email": "no address", "verified": True}],
            "mandatory_attribute_missing",
        ),
    ],
)
async def test_whatever_the_provider_answers_the_application_is_told(
    place, application, visitor, provider, case
):
    at, answer, error = case
    as_github(provider, "ann@example.com")
    provider.answers[at] = answer
    conn = await social(place, provider)
    there = await to_provider(visitor, application, conn)
    found = told(await come_back(visitor, provider.answer_to(there)))
    assert found["error"] == error
    assert CLIENT_SECRET not in found["error_description"]


async def test_the_answer_to_another_connection_or_browser_is_nobodys(
    place, application, visitor, provider
):
    as_github(provider, "ann@example.com")
    conn, other = await social(place, provider), await social(place, provider, "GITLAB")
    there = await to_provider(visitor, application, conn)
    query = urlsplit(provider.answer_to(there)).query
    for at in (other, conn):  # it is spent by the wrong one
        page = await visitor.get(path(at, f"callback?{query}"))
        assert (page.status_code, heading(page)) == (400, "Sign-in failed")
    assert provider.at("/token") == []


async def test_a_code_of_another_sign_in_does_not_fit_the_verifier(
    place, application, visitor, other_visitor, provider
):
    as_github(provider, "ann@example.com")
    conn = await social(place, provider)
    victim = await to_provider(other_visitor, application, conn)
    stolen = dict(parse_qsl(urlsplit(provider.answer_to(victim)).query))["code"]
    mine = await to_provider(visitor, application, conn)
    injected = path(conn, f"callback?code={stolen}&state={state_of(mine)}")
    assert told(await visitor.get(injected))["error"] == "failed_to_exchange_token"


async def test_a_connection_without_a_client_or_an_endpoint_says_so(
    place, application, visitor, provider
):
    for settings in ({"client_id": ""}, {"authorize_uri": ""}):
        conn = await social(place, provider, settings=settings)
        await visitor.begin(application)
        login = visitor.path.removeprefix("/login/")
        page = await visitor.get(path(conn, f"start?login={login}"))
        assert (page.status_code, heading(page)) == (400, "Single sign-on is unavailable")
    conn = await social(place, provider, settings={"user_info_uri": ""})
    there = await to_provider(visitor, application, conn)
    assert told(await come_back(visitor, provider.answer_to(there)))["error"] == "server_error"


async def test_a_test_of_a_social_connection_shows_the_attributes_as_they_came(
    place, visitor, provider
):
    as_github(provider, "ann@example.com")
    conn = await social(place, provider, enabled=False)
    sent = await visitor.get(path(conn, "test"))
    back = await come_back(visitor, provider.answer_to(sent.headers["location"]))
    page = await visitor.get(local(visitor, back.headers["location"]))
    assert heading(page).strip() == "Test succeeded"
    assert "avatar_url" in page.text
