"""Logouts by OpenID Connect, both ways: ours ends that of the provider, and the other way round."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from connections_of_tests import path
from hosted import answered, heading
from jwts_of_providers import private_key
from oidc_sign_ins import local, oidc_connection, signed_in
from openid_providers import CLIENT_ID, OpenIDProvider
from saml_idps import SLO_URL, asked, saml_connection
from signins import claims_of

from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.federation import requests, sessions

EVENT = "http://schemas.openid.net/event/backchannel-logout"
AFTER = "https://app.example.com/signed-out"


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


@pytest.fixture
async def application(place):
    return await place.application(post_logout_redirect_uris=[AFTER])


async def log_out(visitor, tokens):
    """Come from the application to sign out."""
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "s"}
    return await visitor.get(f"/oidc/logout?{urlencode(query)}")


async def is_alive(visitor, application):
    """Whether the browser is signed in still."""
    found = answered(await visitor.get(application.path(prompt="none")))
    return "code" in found


async def test_our_logout_goes_by_way_of_the_provider(place, application, visitor, provider):
    conn = await oidc_connection(place, provider, settings={"idp_logout_required": True})
    tokens = await signed_in(visitor, application, conn, provider)
    sent = await log_out(visitor, tokens)
    url = urlsplit(sent.headers["location"])
    assert url._replace(query="").geturl() == f"{provider.issuer}/end"
    query = dict(parse_qsl(url.query))
    assert query["post_logout_redirect_uri"] == (
        f"{place.server.url}/sso/v1/oidc/{conn.id}/logout/callback"
    )
    assert query["client_id"] == CLIENT_ID
    assert claims_of(query["id_token_hint"])["sub"] == provider.person["sub"]
    assert not await is_alive(visitor, application)
    returned = f"{urlsplit(query['post_logout_redirect_uri']).path}?state={query['state']}"
    assert (await visitor.http.head(returned)).status_code == 200
    back = await visitor.get(returned)
    assert back.headers["location"] == f"{AFTER}?state=s"
    again = await visitor.get(returned)
    assert (again.status_code, heading(again)) == (200, "You are signed out")


async def also_by(place, tokens, conn):
    """Note that a session goes with one at the provider of a further connection, used last."""
    claims = claims_of(tokens["id_token"])
    async with place.database.transaction() as db:
        assert await sessions.keep(
            db,
            claims["sid"],
            conn.id,
            FederatedIdentity(subject="x", email="ann@example.com", hint={"value": "x"}),
            user_id=claims["sub"],
            is_proved=True,
            claims={},
        )


async def test_several_providers_are_visited_one_after_the_other(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider, settings={"idp_logout_required": True})
    tokens = await signed_in(visitor, application, conn, provider)
    wanted = {"idp_logout_required": True, "end_session_uri": f"{provider.issuer}/end?n=2"}
    second = await oidc_connection(place, provider, settings=wanted, domain=False)
    silent = await oidc_connection(place, provider, domain=False)
    by_saml = await saml_connection(
        place, idp_slo_required=True, idp_slo_request_binding="HTTP_POST"
    )
    for one in (second, silent, by_saml):
        await also_by(place, tokens, one)
    sent = await log_out(visitor, tokens)
    # The newest three, the last one used first; of those one wants no visit.
    told = asked(sent)
    assert told.url == SLO_URL
    way = await requests.take(place.database, told.relay_state)
    url = urlsplit(way.facts["back"])
    members = dict(parse_qsl(url.query))
    assert url.geturl().startswith(f"{provider.issuer}/end?n=2&")
    back = await visitor.get(
        local(visitor, members["post_logout_redirect_uri"]) + "?state=" + members["state"]
    )
    assert back.headers["location"] == f"{AFTER}?state=s"


async def test_a_provider_by_a_redirect_leads_on_to_the_next(place, application, visitor, provider):
    conn = await oidc_connection(place, provider, settings={"idp_logout_required": True})
    tokens = await signed_in(visitor, application, conn, provider)
    second = await oidc_connection(
        place, provider, settings={"idp_logout_required": True}, domain=False
    )
    await also_by(place, tokens, second)
    at = (await log_out(visitor, tokens)).headers["location"]
    for one in (second, conn):
        members = dict(parse_qsl(urlsplit(at).query))
        returned = members["post_logout_redirect_uri"]
        assert at.startswith(f"{provider.issuer}/end?")
        assert returned == f"{place.server.url}/sso/v1/oidc/{one.id}/logout/callback"
        back = await visitor.get(f"{urlsplit(returned).path}?state={members['state']}")
        at = back.headers["location"]
    assert at == f"{AFTER}?state=s"


async def test_a_logout_without_an_address_ends_on_our_own_page(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider, settings={"idp_logout_required": True})
    tokens = await signed_in(visitor, application, conn, provider)
    sent = await visitor.get(f"/oidc/logout?id_token_hint={tokens['id_token']}")
    state = dict(parse_qsl(urlsplit(sent.headers["location"]).query))["state"]
    back = await visitor.get(path(conn, f"logout/callback?state={state}"))
    page = await visitor.get(local(visitor, back.headers["location"]))
    assert heading(page) == "You are signed out"


@pytest.mark.parametrize("why", ["not wanted", "no such place", "not to be had"])
async def test_a_provider_that_is_not_told_holds_up_no_logout(
    place, application, visitor, provider, why
):
    if why == "no such place":
        provider.metadata["end_session_endpoint"] = None
    conn = await oidc_connection(
        place, provider, settings={"idp_logout_required": why != "not wanted"}
    )
    tokens = await signed_in(visitor, application, conn, provider)
    if why == "not to be had":
        await place.api.organizations.delete_organization(id=conn.organization_id)
    sent = await log_out(visitor, tokens)
    assert sent.headers["location"] == f"{AFTER}?state=s"


@pytest.mark.parametrize("query", ["", "state=", "state=x", "state=a&state=b", "state=%00%ff"])
async def test_nobody_is_sent_anywhere_by_a_made_up_return(place, visitor, provider, query):
    conn = await oidc_connection(place, provider)
    page = await visitor.get(path(conn, f"logout/callback?{query}&back=https://evil.example"))
    assert page.status_code in {200, 400}
    assert "location" not in page.headers
    assert "evil.example" not in page.text


async def test_the_way_of_a_sign_in_is_none_of_a_logout(place, application, visitor, provider):
    conn = await oidc_connection(place, provider, settings={"idp_logout_required": True})
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    sent = await visitor.get(path(conn, f"start?login={login}"))
    state = dict(parse_qsl(urlsplit(sent.headers["location"]).query))["state"]
    page = await visitor.get(path(conn, f"logout/callback?state={state}"))
    assert "location" not in page.headers
    tokens = await signed_in(visitor, application, conn, provider)
    sent = await log_out(visitor, tokens)
    state = dict(parse_qsl(urlsplit(sent.headers["location"]).query))["state"]
    page = await visitor.get(path(conn, f"callback?state={state}&code=c"))
    assert page.status_code == 400


# The provider ends our sessions.


def logout_token(provider, **changes: Any):
    at = int(time.time())
    claims = {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "iat": at,
        "exp": at + 120,
        "jti": f"jti-{time.monotonic_ns()}",
        "sub": provider.person["sub"],
        "sid": "a session there",
        "events": {EVENT: {}},
        **changes,
    }
    header = claims.pop("header", {"typ": "logout+jwt"})
    return provider.signed({n: v for n, v in claims.items() if v is not None}, **header)


async def tell(visitor, conn, token):
    return await visitor.http.post(path(conn, "backchannel-logout"), data={"logout_token": token})


def assert_refused(answer, status=400):
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"] == "invalid_request"
    assert answer.json()["error_description"]


@pytest.mark.parametrize("left_out", [{}, {"sid": None}, {"sub": None}])
async def test_a_logout_at_the_provider_ends_our_session(place, application, provider, left_out):
    conn = await oidc_connection(place, provider)
    async with place.visitor() as visitor, place.visitor() as other_visitor:
        await _one_of_two_ends(application, conn, provider, visitor, other_visitor, left_out)


async def _one_of_two_ends(application, conn, provider, visitor, other_visitor, left_out):  # noqa: PLR0917
    await signed_in(visitor, application, conn, provider)
    ann = provider.person
    provider.person = ann | {"sub": "another", "email": f"bob@{ann['email'].partition('@')[2]}"}
    provider.claims = {"sid": "another session there"}
    await signed_in(other_visitor, application, conn, provider)
    provider.person = ann
    assert await is_alive(visitor, application)
    answer = await tell(visitor, conn, logout_token(provider, **left_out))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert not await is_alive(visitor, application)
    assert await is_alive(other_visitor, application)


async def test_a_logout_token_is_good_once(place, application, visitor, provider):
    conn = await oidc_connection(place, provider)
    await signed_in(visitor, application, conn, provider)
    token = logout_token(provider)
    answers = await asyncio.gather(*(tell(visitor, conn, token) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [200, 400, 400, 400]
    assert_refused(await tell(visitor, conn, token))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"exp": 1_600_000_000},
        {"iat": 1_600_000_000, "exp": 9_000_000_000},
        {"nonce": "n"},
        {"events": {}},
        {"sub": None, "sid": None},
        {"jti": None},
        {"header": {"typ": "at+jwt"}},
        {"header": {"kid": "forged"}},
        {"header": {"key": private_key("stranger")}},
        {"header": {"algorithm": "none", "key": b""}},
        {"header": {"algorithm": "HS256", "key": b"public"}},
    ],
)
async def test_a_forged_logout_token_ends_nothing(place, application, visitor, provider, changes):
    conn = await oidc_connection(place, provider)
    await signed_in(visitor, application, conn, provider)
    header = changes.get("header", {})
    for name in ("key", "algorithm"):
        if name in header:
            setattr(provider, name, header[name])
    kept = {n: v for n, v in header.items() if n not in {"key", "algorithm", "kid"}}
    if "kid" in header:
        provider.kid = header["kid"]
    token = logout_token(provider, **(changes | ({"header": kept} if header else {})))
    assert_refused(await tell(visitor, conn, token))
    assert await is_alive(visitor, application)


async def test_a_logout_token_ends_sessions_of_its_own_connection_alone(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    await signed_in(visitor, application, conn, provider)
    other = await oidc_connection(place, provider, domain=False)
    assert (await tell(visitor, other, logout_token(provider))).status_code == 200
    assert await is_alive(visitor, application)


async def test_an_id_token_ends_nothing(place, application, visitor, provider):
    conn = await oidc_connection(place, provider)
    tokens = await signed_in(visitor, application, conn, provider)
    assert_refused(await tell(visitor, conn, tokens["id_token"]))
    (grant,) = [one for code, one in provider.grants.items() if code == one.access_token]
    assert_refused(await tell(visitor, conn, provider.id_token(grant)))
    assert await is_alive(visitor, application)


async def test_whatever_a_stranger_sends_is_one_error(place, visitor, provider):
    conn = await oidc_connection(place, provider)
    at = path(conn, "backchannel-logout")
    for token in ("", "x", "a.b.c", "a.b.c.d.e", "é", "\x00", "x" * 60_000):
        assert_refused(await tell(visitor, conn, token))
    for body, kind in (
        (b"", "application/x-www-form-urlencoded"),
        (b"logout_token=a&logout_token=b", "application/x-www-form-urlencoded"),
        (b"\xff=\xff", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", "text/plain"),
    ):
        answer = await visitor.http.post(at, content=body, headers={"content-type": kind})
        assert_refused(answer)
    assert_refused(await visitor.http.post("/sso/v1/oidc/conn_1/backchannel-logout", data={}))
    assert (await visitor.http.get(at)).status_code == 405
    assert len(provider.at("/keys")) == 0  # nobody is asked for keys for these
