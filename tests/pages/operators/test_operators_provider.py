"""Operators by an OpenID Provider of their own: a real one, over HTTP."""

from __future__ import annotations

from http.cookies import SimpleCookie

import httpx
import pytest
from openid_providers import CLIENT_ID, CLIENT_SECRET, OpenIDProvider
from operators_with_passkeys import OURS

from tenantry.settings import SettingError, load

WAY = "__Host-tenantry_console_way"


@pytest.fixture(scope="module")
async def provider():
    async with OpenIDProvider() as running:
        yield running


@pytest.fixture(scope="module")
def console(start_server, provider):
    return start_server(
        "console-oidc",
        console_oidc_issuer=provider.issuer,
        console_oidc_client_id=CLIENT_ID,
        console_oidc_client_secret=CLIENT_SECRET,
        outgoing_allow="127.0.0.0/8",
    )


@pytest.fixture
async def browser(console):
    async with httpx.AsyncClient(base_url=console.url, verify=console.trust) as client:
        yield client


@pytest.fixture
def person(provider):
    """Somebody new, signed in at the provider."""
    before = dict(provider.person)
    provider.claims = {}

    def signs_in(name, **claims: object):
        provider.person = {"sub": name, "email": f"{name}@acme.example", "email_verified": True}
        provider.person |= claims
        return provider.person["email"]

    yield signs_in
    provider.person, provider.claims = before, {}


def invite(console, email, role="READER"):
    done = console.run("operators", "link", "--email", email, "--role", role, "--name", "Ann")
    assert done.returncode == 0, done.stderr


async def go(browser, goal="/console/organizations"):
    """Go to the provider; return where it sends the browser back to."""
    form = {"next": goal}
    return await browser.post("/console/sign-in/provider", data=form, headers=OURS)


async def come_back(browser, address):
    return await browser.get(address, headers={"sec-fetch-site": "cross-site"})


async def test_an_invited_operator_comes_in_and_is_known_from_then_on(
    browser, console, provider, person
):
    email = person("ann")
    invite(console, email)
    assert "Sign in with" in (await browser.get("/console/sign-in")).text
    sent = await go(browser)
    assert "code_challenge_method=S256" in sent.headers["location"]
    assert "nonce=" in sent.headers["location"]
    back = await come_back(browser, provider.answer_to(sent.headers["location"]))
    assert back.headers["location"] == "/console/organizations"
    assert (await browser.get("/console/organizations")).status_code == 200
    # By another address at the provider, it is the same person.
    person("ann", email="new@acme.example")
    await browser.post("/console/sign-out", data={"a": ""}, headers=OURS)
    sent = await go(browser, "https://evil.example")
    back = await come_back(browser, provider.answer_to(sent.headers["location"]))
    assert back.headers["location"] == "/console"
    # Somebody else with that address stays out.
    person("mallory", email=email)
    sent = await go(browser)
    back = await come_back(browser, provider.answer_to(sent.headers["location"]))
    assert back.headers["location"].startswith("/console/sign-in?failed=")


@pytest.mark.parametrize(
    "claims",
    [{"email_verified": False}, {"email_verified": "true"}, {"email": None}, {"email": "x"}],
    ids=str,
)
async def test_an_address_that_is_not_proven_lets_nobody_in(
    browser, console, provider, person, claims
):
    invite(console, person(f"bob{abs(hash(str(claims)))}"))
    provider.person |= claims
    sent = await go(browser)
    back = await come_back(browser, provider.answer_to(sent.headers["location"]))
    assert back.headers["location"].startswith("/console/sign-in?failed=")
    assert "tenantry_console=" not in str(back.headers.get_list("set-cookie"))


async def test_somebody_who_was_not_invited_stays_out(browser, provider, person):
    person("eve")
    sent = await go(browser)
    back = await come_back(browser, provider.answer_to(sent.headers["location"]))
    page = await browser.get(back.headers["location"])
    assert "does not belong to an operator" in page.text
    assert (await browser.get("/console")).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}],
    ids=str,
)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    browser, console, provider, person, claims
):
    invite(console, person(f"cleo{abs(hash(str(claims)))}"))
    provider.claims = claims
    sent = await go(browser)
    back = await come_back(browser, provider.answer_to(sent.headers["location"]))
    assert back.headers["location"].startswith("/console/sign-in?failed=")


async def test_an_answer_is_good_in_the_browser_that_asked_once(browser, console, provider, person):
    invite(console, person("dora"))
    sent = await go(browser)
    answer = provider.answer_to(sent.headers["location"])
    async with httpx.AsyncClient(base_url=console.url, verify=console.trust) as another:
        refused = await come_back(another, answer)
        assert refused.headers["location"].startswith("/console/sign-in?failed=")
        await go(another)
        refused = await come_back(another, answer)  # with a way of its own: another state
        assert refused.headers["location"].startswith("/console/sign-in?failed=")
    kept = browser.cookies[WAY]
    assert (await come_back(browser, answer)).headers["location"] == "/console/organizations"
    assert WAY not in browser.cookies
    browser.cookies.set(WAY, kept)
    replayed = await come_back(browser, answer)
    assert replayed.headers["location"].startswith("/console/sign-in?failed=")


@pytest.mark.parametrize("query", ["", "state=x", "code=a&state=b", "error=access_denied&state=x"])
async def test_an_answer_to_nothing_is_refused(browser, query):
    back = await come_back(browser, f"/console/sign-in/callback?{query}")
    assert back.headers["location"].startswith("/console/sign-in?failed=")


async def test_the_way_is_kept_sealed(browser, provider):
    sent = await go(browser)
    cookie = SimpleCookie(sent.headers["set-cookie"])[WAY]
    state = sent.headers["location"].partition("state=")[2].partition("&")[0]
    assert state not in cookie.value
    assert (cookie["samesite"], cookie["httponly"], cookie["secure"]) == ("Lax", True, True)


async def test_without_a_provider_there_is_no_such_way(http):
    assert (await http.get("/console/sign-in/callback")).status_code == 404
    assert "/console/sign-in/provider" not in (await http.get("/console/sign-in")).text


@pytest.mark.parametrize("issuer", ["acme", "ftp://a.example", "https://a.example?x=1"])
def test_an_issuer_is_an_address(issuer):
    with pytest.raises(SettingError, match="TENANTRY_CONSOLE_OIDC_ISSUER"):
        load({"TENANTRY_CONSOLE_OIDC_ISSUER": issuer, "TENANTRY_CONSOLE_OIDC_CLIENT_ID": "x"})


def test_a_provider_needs_a_client_id():
    with pytest.raises(SettingError, match="TENANTRY_CONSOLE_OIDC_CLIENT_ID"):
        load({"TENANTRY_CONSOLE_OIDC_ISSUER": "https://a.example"})
