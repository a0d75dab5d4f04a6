"""A sign-in that the provider begins is handed to the application, which begins its own."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from connections_of_tests import start
from hosted import answered, heading
from joserfc import jwt
from joserfc.jwk import KeySet
from saml_idps import asked, post, provider, saml_connection
from saml_provider import pair, pem

from tenantry.core.times import MINUTE, SECOND, now

BEGIN = "https://app.example.com/login?from=portal"


@pytest.fixture
async def begins(place):
    """An application that says where a sign-in begins; the oldest such is the environment's."""
    return await place.application("https://app.example.com/callback", initiate_login_uri=BEGIN)


def handed(answer, to=BEGIN):
    """The parameters that the application gets."""
    assert answer.status_code == 303, answer.text
    location = urlsplit(answer.headers["location"])
    expected = urlsplit(to)
    assert (location.scheme, location.netloc, location.path) == (
        expected.scheme,
        expected.netloc,
        expected.path,
    )
    assert answer.headers["referrer-policy"] == "no-referrer"
    members = dict(parse_qsl(location.query))
    for name, value in parse_qsl(expected.query):
        assert members.pop(name) == value
    return members


async def test_the_application_gets_a_signed_hint(place, begins, visitor):
    conn = await saml_connection(place, allow_idp_initiated_login=True)
    before = now() // SECOND
    answer = await post(visitor, conn, provider(place, conn, None), "/reports?id=7")
    (token,) = handed(answer).values()
    keys = KeySet.import_key_set((await visitor.http.get("/keys")).json())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    issued = claims["iat"]
    assert before <= issued <= now() // SECOND
    assert claims == {
        "iss": place.server.url,
        "organization_id": conn.organization_id,
        "connection_id": conn.id,
        "login_hint": "ann@acme.test",
        "iat": issued,
        "nbf": issued,
        "exp": issued + 300,
        "relay_state": "/reports?id=7",
    }


async def test_without_a_relay_state_there_is_no_such_claim(place, begins, visitor):
    conn = await saml_connection(place, allow_idp_initiated_login=True)
    for relay_state in (None, ""):
        answer = await post(visitor, conn, provider(place, conn, None), relay_state)
        (token,) = handed(answer).values()
        keys = KeySet.import_key_set((await visitor.http.get("/keys")).json())
        assert "relay_state" not in jwt.decode(token, keys, algorithms=["RS256"]).claims


async def test_the_hint_is_no_token_of_ours(place, begins, application, visitor):
    conn = await saml_connection(place, allow_idp_initiated_login=True)
    (token,) = handed(await post(visitor, conn, provider(place, conn, None), None)).values()
    bearer = {"authorization": f"Bearer {token}"}
    for path in ("/api/v1/organizations", "/userinfo"):
        assert (await visitor.http.get(path, headers=bearer)).status_code == 401
    page = await visitor.get(f"/oidc/logout?id_token_hint={token}")
    assert page.status_code == 400
    sent = await visitor.get(application.path(id_token_hint=token))
    assert "error=" in sent.headers["location"]


async def test_only_where_the_connection_allows_it(place, begins, visitor):
    conn = await saml_connection(place)
    page = await post(visitor, conn, provider(place, conn, None), None)
    assert page.status_code == 400
    assert heading(page) == "Sign-in failed"
    assert "IdP-initiated sign-in" in page.text
    await place.api.single_sign_on.update_connection_settings(
        connection_id=conn.id, settings={"allow_idp_initiated_login": True}
    )
    answer = await post(visitor, conn, provider(place, conn, None), None)
    assert handed(answer).keys() == {"idp_initiated_login"}


async def test_of_several_applications_it_goes_to_the_one_that_the_organization_used_last(
    place, begins, visitor
):
    other = "https://other.example.com/login"
    app = await place.application("https://other.example.com/callback", initiate_login_uri=other)
    try:
        conn = await saml_connection(place, allow_idp_initiated_login=True)
        page = await post(visitor, conn, provider(place, conn, None), None)
        assert (page.status_code, heading(page)) == (400, "Sign-in failed")
        assert "invalid_redirect_uri" in page.text
        user = await place.make.user(conn.organization_id, email="bob@elsewhere.test")
        async with place.visitor() as member:
            await member.begin(app)
            answered(await member.prove(user["email"]), "https://other.example.com/callback")
        handed(await post(visitor, conn, provider(place, conn, None), None), other)
    finally:
        await place.api.clients.delete_client(client_id=app.id)


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("another key", "signature_validation_failed"),
        ("expired", "response_expired"),
        ("other audience", "invalid_saml_response"),
        ("answers a request", "invalid_saml_response"),
        ("long RelayState", "invalid_saml_form_params"),
        ("twice", "invalid_saml_response"),
    ],
)
async def test_an_error_goes_where_a_sign_in_begins(place, begins, visitor, case, error):
    conn = await saml_connection(place, allow_idp_initiated_login=True)
    response = provider(place, conn, None)
    relay_state = "y" * 1001 if case == "long RelayState" else "x"
    if case == "another key":
        response = response.but(key=pem(pair("somebody").private_key))
    elif case == "expired":
        response = response.but(confirmed_until=now() - 3 * MINUTE)
    elif case == "other audience":
        response = response.but(audience="https://sp.test")
    elif case == "answers a request":
        response = response.but(answers="_old", confirms="_old")
    elif case == "twice":
        assert "idp_initiated_login" in handed(await post(visitor, conn, response, relay_state))
    told = handed(await post(visitor, conn, response, relay_state))
    assert told["error"] == error
    assert told["error_description"]
    assert told.keys() == {"error", "error_description"}


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("https://app.example.com/welcome", True),
        ("https://app.example.com:443/", True),
        ("https://app.example.com:8443/", False),
        ("http://app.example.com/", False),
        ("https://app.example.com.evil.test/", False),
        ("https://app.example.com@evil.test/", False),
        ("https://evil.test\\@app.example.com/", False),
        ("javascript:alert(1)//app.example.com", False),
        ("//app.example.com/", False),
    ],
)
async def test_the_target_of_a_connection_is_at_a_registered_origin(
    place, begins, visitor, uri, good
):
    conn = await saml_connection(place, allow_idp_initiated_login=True, default_redirect_uri=uri)
    answer = await post(visitor, conn, provider(place, conn, None), None)
    if good:
        assert handed(answer, uri).keys() == {"idp_initiated_login"}
    else:
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "invalid_redirect_uri" in answer.text


async def test_an_answer_to_a_request_is_none_that_the_provider_began(
    place, begins, application, visitor
):
    conn = await saml_connection(place, allow_idp_initiated_login=True)
    request = asked(await start(visitor, application, conn))
    # With the RelayState of a sign-in the response must answer that sign-in's request.
    answer = await post(visitor, conn, provider(place, conn, None), request.relay_state)
    assert answered(answer)["error"] == "invalid_saml_response"
    request = asked(await start(visitor, application, conn))
    told = handed(await post(visitor, conn, provider(place, conn, request), "elsewhere"))
    assert told["error"] == "invalid_saml_response"
