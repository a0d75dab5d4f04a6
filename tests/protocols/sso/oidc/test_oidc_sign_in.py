"""A sign-in by OpenID Connect over the wire, from the application and back to it."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from aiohttp import web
from connections_of_tests import connection, go, path, start, switch
from hosted import answered, heading
from jwts_of_providers import jwk, key_of, private_key
from oidc_sign_ins import (
    come_back,
    led_on,
    local,
    oidc_connection,
    signed_in,
    state_of,
    to_provider,
    told,
)
from openid_providers import CLIENT_ID, CLIENT_SECRET, OpenIDProvider

from tenantry.identity.connections import model
from tenantry.identity.federation import requests

MANUAL = {"configuration_type": model.MANUAL}


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


async def test_a_wish_for_a_new_proof_goes_on_to_the_provider(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn, prompt="login", max_age=60)
    query = dict(parse_qsl(urlsplit(there).query))
    assert (query["prompt"], query["max_age"]) == ("login", "60")
    provider.claims = {"auth_time": 1_600_000_000}
    assert told(await come_back(visitor, provider.answer_to(there)))["error"] == "invalid_id_token"
    provider.claims = {}
    there = await to_provider(visitor, application, conn, prompt="login", max_age=60)
    led_on(await come_back(visitor, provider.answer_to(there)), visitor)


# Attacks.


async def test_the_answer_to_another_browser_signs_nobody_in(
    place, application, visitor, other_visitor, provider
):
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    back = await come_back(other_visitor, provider.answer_to(there))
    stolen = await other_visitor.get(led_on(back, visitor))
    assert stolen.status_code in {303, 410}
    assert "code=" not in stolen.headers.get("location", "")
    # Nor does a second use of it by the browser that began.
    assert (await come_back(visitor, provider.answer_to(there))).status_code == 400


async def test_an_answer_is_good_once_and_at_the_address_of_its_connection(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    other = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    query = urlsplit(provider.answer_to(there)).query
    # A mix-up: the honest provider's answer at the address of another connection.
    page = await visitor.get(path(other, f"callback?{query}"))
    assert (page.status_code, heading(page)) == (400, "Sign-in failed")
    assert (await visitor.get(path(conn, f"callback?{query}"))).status_code == 400
    assert provider.at("/token") == []
    for at_once in await asyncio.gather(
        *(visitor.get(path(conn, f"callback?{query}")) for _ in range(4))
    ):
        assert at_once.status_code == 400


@pytest.mark.parametrize("promised", [True, False])
async def test_an_answer_of_another_issuer_is_refused(
    place, application, visitor, provider, promised
):
    provider.metadata["authorization_response_iss_parameter_supported"] = promised
    conn = await oidc_connection(place, provider)
    for iss in ("https://evil.example", provider.issuer + "/", *([None] if promised else [])):
        there = await to_provider(visitor, application, conn)
        url = urlsplit(provider.answer_to(there))
        query = dict(parse_qsl(url.query)) | ({"iss": iss} if iss else {})
        if iss is None:
            query.pop("iss")
        found = told(await visitor.get(f"{url.path}?{urlencode(query)}"))
        assert found["error"] == "invalid_request"
        assert "RFC 9207" in found["error_description"]
    assert provider.at("/token") == []
    assert await signed_in(visitor, application, conn, provider)


async def test_a_code_of_another_sign_in_is_refused(
    place, application, visitor, other_visitor, provider
):
    conn = await oidc_connection(place, provider, settings={"pkce_enabled": False})
    victim = await to_provider(other_visitor, application, conn)
    stolen = dict(parse_qsl(urlsplit(provider.answer_to(victim)).query))["code"]
    mine = await to_provider(visitor, application, conn)
    injected = path(conn, f"callback?code={stolen}&state={state_of(mine)}")
    found = told(await visitor.get(injected))
    assert found["error"] == "invalid_id_token"
    assert "nonce" in found["error_description"]


FORGED = {
    "none": {"algorithm": "none", "key": b""},
    "HS256 by the public key": {"algorithm": "HS256", "key": b"public"},
    "HS256 by the client secret": {"algorithm": "HS256", "key": CLIENT_SECRET.encode()},
    "another key": {"key": private_key("stranger")},
    "an unknown kid": {"kid": "forged"},
    "an algorithm that is not announced": {"algorithm": "PS256", "key": key_of("PS256")},
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_forged_id_token_is_refused(place, application, visitor, provider, how):
    provider.metadata["id_token_signing_alg_values_supported"] = ["RS256", "HS256", "none"]
    conn = await oidc_connection(place, provider)
    for name, value in FORGED[how].items():
        setattr(provider, name, value)
    there = await to_provider(visitor, application, conn)
    found = told(await come_back(visitor, provider.answer_to(there)))
    assert found["error"] == "invalid_id_token"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": [CLIENT_ID, "another"]},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1_600_000_000},
        {"iat": 9_000_000_000},
        {"nonce": "another"},
        {"nonce": None},
        {"at_hash": "another"},
        {"sub": ""},
        {"sub": "a\x00b"},
    ],
)
async def test_a_token_for_something_else_is_refused(place, application, visitor, provider, claims):
    conn = await oidc_connection(place, provider)
    provider.claims = claims
    there = await to_provider(visitor, application, conn)
    found = told(await come_back(visitor, provider.answer_to(there)))
    assert found["error"] == "invalid_id_token"


async def test_a_storm_of_unknown_keys_reaches_the_provider_once(
    place, application, visitor, other_visitor, provider
):
    conn = await oidc_connection(place, provider)
    assert await signed_in(other_visitor, application, conn, provider)
    assert len(provider.at("/keys")) == 1
    provider.keys, provider.kid = [jwk(private_key("new"), kid="k2")], "k2"
    provider.key = private_key("new")
    # The first is looked for at once, and then none for a minute, however many ids are new.
    for kid in (f"forged {n}" for n in range(5)):
        provider.kid = kid
        there = await to_provider(visitor, application, conn)
        found = told(await come_back(visitor, provider.answer_to(there)))
        assert found["error"] == "invalid_id_token"
        assert kid in found["error_description"]
    assert len(provider.at("/keys")) == 2


async def test_an_encrypted_id_token_is_refused_in_clear_words(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    provider.answers["/token"] = {
        "access_token": "at",
        "token_type": "Bearer",
        "id_token": "a.b.c.d.e",
    }
    there = await to_provider(visitor, application, conn)
    found = told(await come_back(visitor, provider.answer_to(there)))
    assert found["error_description"] == "The ID token is encrypted, which is not supported."


@pytest.mark.parametrize(
    "case",
    [
        (500, "failed_to_exchange_token"),
        (302, "failed_to_exchange_token"),
        (b"x" * 300_000, "failed_to_exchange_token"),
        ({"error": "invalid_grant"}, "failed_to_exchange_token"),
        ({"access_token": "at"}, "invalid_id_token"),
        ({"access_token": "at", "id_token": "x" * 70_000}, "invalid_id_token"),
        ({"access_token": "at", "id_token": "a.b.c"}, "invalid_id_token"),
        ({"access_token": "at", "id_token": 7}, "failed_to_exchange_token"),
    ],
)
async def test_whatever_the_token_endpoint_answers_the_application_is_told(
    place, application, visitor, provider, case
):
    answer, error = case
    conn = await oidc_connection(place, provider)
    provider.answers["/token"] = answer
    there = await to_provider(visitor, application, conn)
    back = await come_back(visitor, provider.answer_to(there))
    assert told(back)["error"] == error
    assert CLIENT_SECRET not in back.headers["location"]


@pytest.mark.parametrize(
    "case",
    [
        ({"error": "access_denied"}, "authentication_not_completed"),
        (
            {"error": "access_denied", "error_description": "x" * 8000},
            "authentication_not_completed",
        ),
        ({"error": "login_required"}, "user_login_required"),
        ({"error": "temporarily_unavailable"}, "server_error"),
        ({"error": "<script>alert(1)</script>"}, "invalid_request"),
        ({"error": "\u202e\r\nset-cookie: a=b"}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({}, "invalid_request"),
        ({"code": "x" * 9000}, "invalid_request"),
        ({"code": "c", "error": "access_denied"}, "authentication_not_completed"),
    ],
)
async def test_an_error_of_the_provider_goes_to_the_application(
    place, application, visitor, provider, case
):
    query, error = case
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    answer = path(conn, f"callback?{urlencode({'state': state_of(there), **query})}")
    found = told(await visitor.get(answer))
    assert found["error"] == error
    assert found["error_description"].isprintable()
    assert len(found["error_description"]) <= 500


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=",
        "state=x",
        "code=c",
        "state=STATE&state=STATE&code=c",
        "state=STATE&code=c&code=d",
        "state=STATE&code=c&iss=a&iss=b",
        "state=%ff&code=c",
        "state=%00&code=c",
        "state=" + "x" * 8000,
        "&".join(f"a{n}=1" for n in range(100)),
        "state[]=STATE&code=c",
        ";;;===&&&",
    ],
)
async def test_an_answer_that_cannot_be_read_is_said_on_a_page(
    place, application, visitor, provider, query
):
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    query = query.replace("STATE", state_of(there))
    form = await visitor.http.post(
        path(conn, "callback"),
        content=query,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    for page in (form, await visitor.get(path(conn, f"callback?{query}"))):
        assert page.status_code == 400
        assert heading(page) == "Sign-in failed"
    assert provider.at("/token") == []


async def test_other_verbs_and_bodies_do_nothing(place, application, visitor, provider):
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    back = local(visitor, provider.answer_to(there))
    assert (await visitor.http.head(back)).status_code == 200
    for verb in ("PUT", "DELETE", "PATCH"):
        assert (await visitor.http.request(verb, back)).status_code == 405
    for body, kind in ((b"{}", "application/json"), (b"\xff" * 100, "text/plain")):
        page = await visitor.http.post(
            path(conn, "callback"), content=body, headers={"content-type": kind}
        )
        assert page.status_code == 400
    large = await visitor.http.post(
        path(conn, "callback"),
        content=b"code=" + b"x" * 70_000,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert large.status_code == 413
    led_on(await visitor.get(back), visitor)  # the sign-in still waits


async def test_a_connection_that_is_gone_or_off_by_now_signs_nobody_in(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    await switch(place, conn, enabled=False)
    found = told(await come_back(visitor, provider.answer_to(there)))
    assert found["error"] == "connection_not_active"
    await switch(place, conn, enabled=True)
    there = await to_provider(visitor, application, conn)
    organization = await place.api.organizations.delete_organization(id=conn.organization_id)
    assert organization is not None
    page = await come_back(visitor, provider.answer_to(there))
    assert page.status_code in {303, 400}
    assert "code=" not in page.headers.get("location", "")


async def test_a_way_that_began_by_another_protocol_is_none_to_here(place, application, visitor):
    conn = await connection(place, settings={"issuer": "https://idp.example.com"}, **MANUAL)
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    facts = {"id": "_of a SAML request", "force_authn": False}
    state = await requests.begin(place.database, conn.id, auth_request_id=login, facts=facts)
    page = await visitor.get(path(conn, f"callback?state={state}&code=c"))
    assert (page.status_code, heading(page)) == (400, "Sign-in failed")
    state = await requests.begin(place.database, conn.id, auth_request_id=login, facts=facts)
    page = await visitor.get(path(conn, f"logout/callback?state={state}"))
    assert (page.status_code, heading(page)) == (200, "You are signed out")


async def test_metadata_that_is_not_to_be_had_is_said_before_the_browser_leaves(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    provider.answers["/.well-known/openid-configuration"] = 500
    page = await start(visitor, application, conn)
    assert (page.status_code, heading(page)) == (400, "Single sign-on is unavailable")
    assert "discovery document could not be fetched" in page.text
    assert provider.issuer not in page.text
    sent = await go(visitor, application, connection_id=conn.id)
    assert "discovery document could not be fetched" in answered(sent)["error_description"]


async def test_one_organization_does_not_take_all_customers_of_microsoft(
    place, application, visitor, provider
):
    provider.metadata["issuer"] = "https://login.microsoftonline.com/{tenantid}/v2.0"
    conn = await oidc_connection(
        place,
        provider,
        settings={"issuer": "", "discovery_endpoint": f"{provider.issuer}/config"},
    )
    provider.answers["/config"] = provider._discovery(None)
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    page = await visitor.get(path(conn, f"start?login={login}"))
    assert page.status_code == 400
    assert "all Microsoft tenants" in page.text


@pytest.mark.thorough  # it takes the very seconds
async def test_a_provider_that_takes_its_time_with_each_answer_is_given_up(
    place, application, visitor, provider
):
    async def slowly(request):
        await asyncio.sleep(7)
        return web.json_response(answers[request.path])

    provider.in_id_token = False
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    back = provider.answer_to(there)
    (grant,) = provider.grants.values()
    answers = {
        "/keys": {"keys": provider.keys},
        "/token": {"access_token": grant.access_token, "id_token": provider.id_token(grant)},
    }
    provider.answers = dict.fromkeys(answers, slowly)
    at = time.monotonic()
    found = told(await come_back(visitor, back))
    assert found["error"] == "server_error"
    assert "12 seconds" in found["error_description"]
    assert time.monotonic() - at < 60


async def test_a_connection_without_debug_goes_nowhere_without_tls(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider, debug_enabled=False)
    await visitor.begin(application)
    login = visitor.path.removeprefix("/login/")
    page = await visitor.get(path(conn, f"start?login={login}"))
    assert page.status_code == 400
    assert provider.got == []


# Tests of a connection.


async def test_a_test_of_a_connection_shows_what_the_provider_says(place, visitor, provider):
    conn = await oidc_connection(place, provider, enabled=False)
    sent = await visitor.get(path(conn, "test"))
    assert sent.status_code == 303, sent.text
    back = await come_back(visitor, provider.answer_to(sent.headers["location"]))
    page = await visitor.get(local(visitor, back.headers["location"]))
    assert page.status_code == 200
    assert heading(page).strip() == "Test succeeded"
    assert provider.person["email"] in page.text
    assert provider.person["sub"] in page.text


async def test_a_test_that_fails_shows_why(place, visitor, provider):
    conn = await oidc_connection(place, provider, enabled=False)
    sent = await visitor.get(path(conn, "test"))
    provider.answers["/token"] = {"error": "invalid_client"}
    back = await come_back(visitor, provider.answer_to(sent.headers["location"]))
    page = await visitor.get(local(visitor, back.headers["location"]))
    assert heading(page).strip() == "Test failed"
    assert "failed_to_exchange_token" in page.text
    broken = await connection(place, settings={"issuer": "https://nowhere.invalid"}, **MANUAL)
    sent = await visitor.get(path(broken, "test"))
    page = await visitor.get(sent.headers["location"])
    assert heading(page).strip() == "Test failed"


async def test_a_verified_answer_is_kept_sealed_and_once(place, application, visitor, provider):
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    arrival = led_on(await come_back(visitor, provider.answer_to(there)), visitor)
    request, identity = await requests.take_arrival(place.database, arrival.partition("=")[2])
    assert request.connection_id == conn.id
    assert identity.subject == provider.person["sub"]
    assert identity.email == provider.person["email"]
    assert identity.email_verified
    assert identity.profile == {"given_name": "Ann", "family_name": "Smith"}
    assert identity.hint is None
    assert json.dumps(identity.received)


@pytest.mark.process
async def test_nothing_secret_stands_in_the_log(place, application, visitor, provider):
    conn = await oidc_connection(place, provider)
    secrets = [CLIENT_SECRET, "s%2Bc"]
    for answer in (None, {"error": "invalid_grant", "error_description": CLIENT_SECRET}, 500, b""):
        if answer is not None:
            provider.answers["/token"] = answer
        there = await to_provider(visitor, application, conn)
        back = provider.answer_to(there)
        code, grant = next(reversed(provider.grants.items()))
        secrets += [code, grant.access_token, grant.query["nonce"], state_of(there)]
        came = await come_back(visitor, back)
        assert CLIENT_SECRET not in came.headers["location"]
    secrets += [got.form["code_verifier"] for got in provider.at("/token")]
    log = place.server.log.read_text(errors="replace")
    assert [secret for secret in secrets if secret in log] == []
