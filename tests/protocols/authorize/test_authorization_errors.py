"""Authorization requests that are refused: the application is told, at its redirect_uri."""

from __future__ import annotations

from typing import Any

import pytest
from authorizations import (
    CHALLENGE,
    REDIRECT_URI,
    VERIFIER,
    answer_of,
    form_of,
    id_token,
)


def is_told(response, server, error, says, *, state="s"):
    """The application is told of this error, in the form of RFC 6749 section 4.1.2.1."""
    told = answer_of(response)
    assert told["error"] == error, told
    assert says in told["error_description"], told
    assert told.get("state") == state
    assert told["iss"] == server.url  # RFC 9207
    assert set(told) == {"error", "error_description", "iss"} | ({"state"} if state else set())
    assert "set-cookie" not in response.headers
    return True


@pytest.mark.parametrize(
    ("members", "error", "says"),
    [
        ({"response_type": None}, "invalid_request", "response_type is missing"),
        ({"response_type": ""}, "invalid_request", "response_type is missing"),
        ({"response_type": "token"}, "unsupported_response_type", "must be code"),
        ({"response_type": "code id_token"}, "unsupported_response_type", "must be code"),
        ({"response_type": "none"}, "unsupported_response_type", "must be code"),
        ({"response_mode": "fragment"}, "invalid_request", "response_mode must be"),
        ({"response_mode": "web_message"}, "invalid_request", "response_mode must be"),
        ({"scope": "everything"}, "invalid_scope", "at least one of openid"),
        ({"scope": "x" * 1001}, "invalid_request", "scope must have at most 1000"),
        ({"prompt": "none login"}, "invalid_request", "none stands alone"),
        ({"prompt": "login none"}, "invalid_request", "none stands alone"),
        ({"prompt": "none consent"}, "invalid_request", "none stands alone"),
        ({"prompt": "please"}, "invalid_request", "prompt may be of"),
        ({"prompt": "login " * 50}, "invalid_request", "prompt must have at most"),
        ({"max_age": "soon"}, "invalid_request", "max_age must be"),
        ({"max_age": "-1"}, "invalid_request", "max_age must be"),
        ({"max_age": "1.5"}, "invalid_request", "max_age must be"),
        ({"max_age": "٣"}, "invalid_request", "max_age must be"),
        ({"max_age": "1" * 11}, "invalid_request", "max_age must have at most 10"),
        ({"nonce": "n" * 501}, "invalid_request", "nonce must have at most 500"),
        ({"nonce": "a\x00b"}, "invalid_request", "nonce must not contain control"),
        ({"login_hint": "a" * 321}, "invalid_request", "login_hint must have at most 320"),
        ({"login_hint": "a@b.c\r\n"}, "invalid_request", "login_hint must not contain control"),
        ({"domain_hint": "a" * 254}, "invalid_request", "domain_hint must have at most 253"),
        ({"domain": "a" * 254}, "invalid_request", "domain must have at most 253"),
        ({"domain": "a.com", "domain_hint": "b.com"}, "invalid_request", "differ"),
        ({"organization_id": "acme"}, "invalid_request", "organization_id is no id"),
        ({"organization_id": "usr_1"}, "invalid_request", "organization_id is no id"),
        (
            {"organization_id": "org_" + "1" * 40},
            "invalid_request",
            "organization_id must have at most",
        ),
        ({"connection_id": "conn_1"}, "invalid_connection_id", "connection conn_1 not found"),
        ({"connection_id": "é"}, "invalid_connection_id", "connection ? not found"),
        ({"provider": "google"}, "no_active_connections", "connection with provider google"),
        ({"provider": "a" * 65}, "invalid_request", "provider must have at most 64"),
        ({"ui_locales": "de " * 200}, "invalid_request", "ui_locales must have at most 500"),
        ({"request": "eyJ"}, "request_not_supported", "request is not supported"),
        ({"request_uri": "https://x"}, "request_uri_not_supported", "is not supported"),
        ({"registration": "{}"}, "registration_not_supported", "is not supported"),
        ({"resource": "https://api.example.com"}, "invalid_target", "no such resource"),
        ({"resource": "res_1"}, "invalid_target", "no such resource"),
        ({"resource": ["https://a.com", "https://b.com"]}, "invalid_target", "no such"),
        ({"nonce": ["a", "b"]}, "invalid_request", "nonce is given more than once"),
        ({"nonce": ["a", "a"]}, "invalid_request", "nonce is given more than once"),
        ({"prompt": ["none", "login"]}, "invalid_request", "prompt is given more than once"),
        ({"scope": ["openid", "email"]}, "invalid_request", "scope is given more than once"),
        ({"response_type": ["code", "code"]}, "invalid_request", "response_type is given more"),
        ({"response_mode": ["query", "form_post"]}, "invalid_request", "response_mode is given"),
        ({"code_challenge": [CHALLENGE] * 2}, "invalid_request", "code_challenge is given more"),
        ({"id_token_hint": "hint"}, "invalid_request", "id_token_hint is no ID token"),
        ({"id_token_hint": "a.b.c"}, "invalid_request", "id_token_hint is no ID token"),
        ({"id_token_hint": "é"}, "invalid_request", "id_token_hint is no ID token"),
        ({"id_token_hint": "a" * 17_000}, "invalid_request", "id_token_hint is no ID token"),
    ],
)
async def test_what_cannot_be_given_is_named(server, application, members, error, says):
    assert is_told(await application.authorize(**members), server, error, says)


async def test_a_state_is_echoed_by_its_characters_or_not_at_all(server, application):
    for state in ("a b+c%20&d=e#f", "<script>", "ünïcödé 🙂", "x" * 2000, "a\xa0b"):
        told = await application.authorize(state=state, scope="none")
        assert is_told(told, server, "invalid_scope", "at least", state=state)
    told = await application.authorize(state=None, scope="none")
    assert is_told(told, server, "invalid_scope", "at least", state=None)
    for state, says in (
        ("x" * 2001, "state must have at most 2000 characters, got 2001"),
        ("a\r\nset-cookie: a=b", "state must not contain control"),
        ("a\x00", "state must not contain control"),
        (["a", "b"], "state is given more than once"),
    ):
        told = await application.authorize(state=state)
        assert is_told(told, server, "invalid_request", says, state=None)


async def test_who_may_not_get_codes_is_told_so(server, new_application):
    application = await new_application(grant_types=["client_credentials"])
    told = await application.authorize()
    assert is_told(told, server, "unauthorized_client", "authorization_code")


# PKCE (RFC 7636).


@pytest.mark.parametrize(
    ("challenge", "method", "says"),
    [
        (VERIFIER, "plain", "code_challenge_method must be S256"),
        (VERIFIER, None, "code_challenge_method must be S256"),
        (CHALLENGE, None, "code_challenge_method must be S256"),
        (CHALLENGE, "", "code_challenge_method must be S256"),
        (CHALLENGE, "s256", "code_challenge_method must be S256"),
        (CHALLENGE, "S512", "code_challenge_method must be S256"),
        (CHALLENGE[:-1], "S256", "43 characters"),
        (CHALLENGE + "=", "S256", "43 characters"),
        (CHALLENGE + "A", "S256", "43 characters"),
        (CHALLENGE[:-1] + "+", "S256", "43 characters"),
        (CHALLENGE[:-1] + "\n", "S256", "43 characters"),
        (None, "S256", "code_challenge is missing"),
        ("", "S256", "code_challenge is missing"),
    ],
)
@pytest.mark.parametrize("client_type", ["WEB_APP", "SPA"])
async def test_a_challenge_is_of_s256_or_refused(
    server, new_application, *, client_type, challenge, method, says
):
    application = await new_application(client_type)
    told = await application.authorize(code_challenge=challenge, code_challenge_method=method)
    assert is_told(told, server, "invalid_request", says)


@pytest.mark.parametrize(
    ("client_type", "enforce"), [("SPA", False), ("NTV", False), ("WEB_APP", True)]
)
async def test_pkce_cannot_be_left_out(server, new_application, client_type, enforce):
    application = await new_application(client_type, enforce_pkce=enforce)
    told = await application.authorize(code_challenge=None, code_challenge_method=None)
    assert is_told(told, server, "invalid_request", "code_challenge is missing")


# The form post response mode.


async def test_a_form_is_told_by_a_form(server, application):
    state = "\"><script>alert(1)</script>&amp;'"
    response = await application.authorize(response_mode="form_post", state=state, scope="none")
    told = form_of(response)
    assert told["error"] == "invalid_scope"
    assert told["state"] == state
    assert told["iss"] == server.url
    assert "<script>alert" not in response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<button" in response.text  # for people without JavaScript


async def test_the_form_is_posted_by_a_script_of_ours(http, application):
    response = await application.authorize(response_mode="form_post", scope="none")
    assert '<script src="/oauth/form_post.js" defer></script>' in response.text
    script = await http.get("/oauth/form_post.js")
    assert script.status_code == 200
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "submit()" in script.text


async def test_a_form_needs_a_web_address(server, new_application):
    application = await new_application("NTV", post_login_uris=["com.example.app:/done"])
    response = await application.authorize(
        response_mode="form_post", redirect_uri="com.example.app:/done"
    )
    told = answer_of(response, "com.example.app:/done")
    assert told["error"] == "invalid_request"
    assert "form_post" in told["error_description"]


# id_token_hint.


async def test_an_id_token_hint_is_one_of_this_application(
    server, database, new_application, signed_in
):
    session, _ = await signed_in()
    application, other = await new_application(), await new_application()

    async def told(**claims: Any):
        token = await id_token(database, server.url, session, application.id, **claims)
        return await application.authorize(id_token_hint=token)

    for claims in (
        {"iss": "https://evil.example.com"},
        {"aud": [other.id], "azp": other.id},
        {"aud": [application.id, other.id]},
        {"aud": application.id},
        {"azp": other.id},
        {"sub": None},
        {"sub": 1},
        {"sub": application.id},
        {"jti": "tkn_1"},  # an access token in the place of an ID token
        {"events": {}},  # a logout token
    ):
        response = await told(**claims)
        assert is_told(response, server, "invalid_request", "id_token_hint is no ID token")
    good = await id_token(database, server.url, session, application.id)
    head, said, signature = good.split(".")
    forged = [
        f"{head}.{said}.",
        f"{head}.{said}.{signature[:-4]}AAAA",
        f"{head}.{said[:-4]}AAAA.{signature}",
        f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{said}.",  # alg none
    ]
    for token in forged:
        response = await application.authorize(id_token_hint=token)
        assert is_told(response, server, "invalid_request", "id_token_hint is no ID token")


async def test_an_address_of_the_application_gets_no_more_than_it_may(application):
    """A description has none of the characters that RFC 6749 keeps out of it."""
    told = answer_of(await application.authorize(connection_id='"\\<é>'))
    assert told["error_description"] == "connection ??<?> not found"
    assert REDIRECT_URI.startswith("https://")
