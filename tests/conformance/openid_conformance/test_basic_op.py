"""Basic OP, and Form Post OP: the same with the answer in a form.

The functions have the names of the suite's test modules.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from profiles import BASIC, DYNAMIC, FORM_POST, drives
from relying_parties import POST, Refused
from signins import claims_of, header_of
from trials import assert_standard, error_of
from user_agent import Callback, Page

BOTH = (BASIC, FORM_POST)
# Errors that say that somebody would have to do something, section 3.1.2.6.
INTERACTIVE = {
    *("interaction_required", "login_required"),
    *("account_selection_required", "consent_required"),
}
PROFILE = {
    "first_name": "Anna",
    "last_name": "Berg",
    "name": "Anna Berg",
    "gender": "female",
    "locale": "en-US",
    "phone_number": "+14155552671",
}
PROFILE_CLAIMS = {
    "name": "Anna Berg",
    "given_name": "Anna",
    "family_name": "Berg",
    "gender": "female",
    "locale": "en-US",
}


def unsigned(claims):
    """A request object without a signature (section 6.1)."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def is_error_page(found, *says: str):
    """The person is shown the fault, and the application is told nothing."""
    assert isinstance(found, Page), found
    assert urlsplit(found.url).path.startswith("/login/error/err_")
    assert found.status == 400, found.status
    assert all(word in found.text for word in says), found.text
    return True


def is_same_authentication(second, first):
    """Two ID tokens are of the same person and the same authentication."""
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] == first.claims["auth_time"]
    return True


@drives("oidcc-server", *BOTH, DYNAMIC)
async def test_server(trial):
    """Sections 3.1.2.1 to 3.1.3.7: the code flow from the request to UserInfo."""
    done = await trial.signed_in()
    assert [page.is_sign_in for page in done.pages] == [True, False]  # the address, the code
    assert done.claims["sub"] == (await trial.person())["id"]


@drives("oidcc-response-type-missing", *BOTH)
async def test_response_type_missing(trial):
    """RFC 6749 section 3.1.1."""
    asked = (await trial.ask()).with_parameters(response_type=None)
    answered = await trial.answered(asked)
    trial.check_way(asked, answered)
    errors = {"invalid_request", "unsupported_response_type"}
    assert error_of(answered, asked, trial.url) in errors
    with pytest.raises(Refused) as refused:
        await trial.party.tokens(asked.client, answered, asked.expected)
    assert refused.value.error in errors


@drives("oidcc-idtoken-signature", *BOTH)
async def test_idtoken_signature(trial):
    """Sections 2 and 10.1: one key of several is named, and has made the signature."""
    done = await trial.signed_in()
    keys = await trial.published()
    assert len({key["kid"] for key in keys}) == len(keys) > 1
    assert header_of(done.id_token)["kid"] in {key["kid"] for key in keys}


@drives("oidcc-idtoken-rs256", DYNAMIC)
async def test_idtoken_rs256(trial):
    """Section 15.1: RS256 is there for every client."""
    assert header_of((await trial.signed_in()).id_token)["alg"] == "RS256"


async def userinfo_by(trial, verb, *, in_header):
    done = await trial.signed_in()
    token = done.access_token
    more = {"headers": {"authorization": f"Bearer {token}"}} if in_header else {}
    if not in_header:
        more = {"data": {"access_token": token}}
    answer = await trial.http.request(verb, "/userinfo", **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert answer.json()["sub"] == done.claims["sub"]
    assert_standard(answer.json())
    assert answer.json() == await trial.party.userinfo(done.client, token, done.claims["sub"])


@drives("oidcc-userinfo-get", *BOTH)
async def test_userinfo_get(trial):
    """Section 5.3.1."""
    await userinfo_by(trial, "GET", in_header=True)


@drives("oidcc-userinfo-post-header", *BOTH)
async def test_userinfo_post_header(trial):
    """Section 5.3.1, RFC 6750 section 2.1."""
    await userinfo_by(trial, "POST", in_header=True)


@drives("oidcc-userinfo-post-body", *BOTH)
async def test_userinfo_post_body(trial):
    """Section 5.3.1, RFC 6750 section 2.2."""
    await userinfo_by(trial, "POST", in_header=False)


@drives("oidcc-ensure-request-without-nonce-succeeds-for-code-flow", *BOTH)
async def test_request_without_nonce_succeeds_for_code_flow(trial):
    """Section 3.1.2.1: a nonce is optional in this flow."""
    done = await trial.signed_in(await trial.ask(nonce=False))
    assert "nonce" not in done.claims


async def told(trial, scope, expected):
    """UserInfo and the ID token of somebody whose profile is known (section 5.4)."""
    email = (await trial.person(user_profile=PROFILE))["email"]
    done = await trial.signed_in(await trial.ask(scope=scope))
    claims = await trial.party.userinfo(done.client, done.access_token, done.claims["sub"])
    assert_standard(claims)
    expected = {
        name: email if value is trial else value
        for name, value in ({"sub": done.claims["sub"]} | expected).items()
    }
    assert expected.items() <= claims.items()
    known = {*PROFILE_CLAIMS, "email", "email_verified", "phone_number", "phone_number_verified"}
    assert set(claims) & known == set(expected) - {"sub"}
    assert "address" not in claims
    assert set(done.answer["scope"].split()) <= set(scope.split())
    return done, claims


@drives("oidcc-scope-profile", *BOTH)
async def test_scope_profile(trial):
    """Section 5.4; of `updated_at` see the table."""
    done, claims = await told(trial, "openid profile", PROFILE_CLAIMS)
    assert isinstance(claims["updated_at"], int)
    assert "updated_at" not in done.claims


@drives("oidcc-scope-email", *BOTH)
async def test_scope_email(trial):
    """Section 5.4."""
    done, _ = await told(trial, "openid email", {"email": trial, "email_verified": True})
    assert done.claims["email_verified"] is True


@drives("oidcc-scope-address", *BOTH)
async def test_scope_address(trial):
    """Section 3.1.2.1: a scope that is not known is ignored."""
    done, _ = await told(trial, "openid address", {})
    assert done.answer["scope"] == "openid"  # RFC 6749 section 3.3: less than was asked for


@drives("oidcc-scope-phone", *BOTH)
async def test_scope_phone(trial):
    """Section 5.4."""
    phone = {"phone_number": PROFILE["phone_number"], "phone_number_verified": False}
    await told(trial, "openid phone", phone)


@drives("oidcc-scope-all", *BOTH)
async def test_scope_all(trial):
    """Section 5.4; `address` is left out."""
    await told(
        trial,
        "openid profile email address phone",
        {
            **PROFILE_CLAIMS,
            "email": trial,
            "email_verified": True,
            "phone_number": PROFILE["phone_number"],
            "phone_number_verified": False,
        },
    )


@drives("oidcc-ensure-other-scope-order-succeeds", *BOTH)
async def test_other_scope_order_succeeds(trial):
    """RFC 6749 section 3.3: the order of scopes does not matter."""
    await told(trial, "email openid", {"email": trial, "email_verified": True})


@drives("oidcc-alternate-happy-flow", *BOTH)
async def test_alternate_happy_flow(trial):
    """RFC 6749 section 3.3, and parameters in another order."""
    asked = await trial.ask(scope="email openid")
    there = urlsplit(asked.url)
    query = "&".join(reversed(there.query.split("&")))
    done = await trial.signed_in(replace(asked, url=there._replace(query=query).geturl()))
    assert done.claims["email"] == (await trial.person())["email"]


@drives("oidcc-display-page", *BOTH)
async def test_display_page(trial):
    """Sections 3.1.2.1 and 15.1: `display` causes no error."""
    await trial.signed_in(await trial.ask(display="page"))


@drives("oidcc-display-popup", *BOTH)
async def test_display_popup(trial):
    """Sections 3.1.2.1 and 15.1: `display` causes no error."""
    await trial.signed_in(await trial.ask(display="popup"))


@drives("oidcc-prompt-login", *BOTH)
async def test_prompt_login(trial):
    """Section 3.1.2.1: somebody with a session signs in anew."""
    first = await trial.signed_in()
    await trial.place.age(first.claims["sid"], seconds=2)
    second = await trial.signed_in(await trial.ask(prompt="login"))
    assert second.pages[0].is_sign_in
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] > first.claims["auth_time"] - 2


@drives("oidcc-prompt-none-not-logged-in", *BOTH)
async def test_prompt_none_not_logged_in(trial):
    """Section 3.1.2.6: an error in place of a page, with a long state that comes back whole."""
    asked = await trial.ask(prompt="none", state="Ab1-._~" * 18 + "xy")
    answered = await trial.answered(asked)
    trial.check_way(asked, answered)
    assert error_of(answered, asked, trial.url) in INTERACTIVE
    with pytest.raises(Refused) as refused:
        await trial.party.tokens(asked.client, answered, asked.expected)
    assert refused.value.error in INTERACTIVE


@drives("oidcc-prompt-none-logged-in", *BOTH)
async def test_prompt_none_logged_in(trial):
    """Section 3.1.2.1: the session is enough."""
    first = await trial.signed_in()
    second = await trial.silently(await trial.ask(prompt="none"))
    assert is_same_authentication(second, first)


@drives("oidcc-max-age-1", *BOTH)
async def test_max_age_1(trial):
    """Section 3.1.2.1: the session is too old, and the ID token says when it began anew."""
    first = await trial.signed_in()
    await trial.place.age(first.claims["sid"], seconds=3)
    second = await trial.signed_in(await trial.ask(max_age="1"))
    assert second.pages[0].is_sign_in
    assert second.claims["auth_time"] >= first.claims["auth_time"]
    assert second.claims["iat"] - second.claims["auth_time"] < 60


@drives("oidcc-max-age-10000", *BOTH)
async def test_max_age_10000(trial):
    """Section 3.1.2.1: the session is young enough; `auth_time` is there."""
    first = await trial.signed_in(await trial.ask(max_age="15000"))
    second = await trial.silently(await trial.ask(max_age="10000"))
    assert is_same_authentication(second, first)


@drives("oidcc-ensure-request-with-unknown-parameter-succeeds", *BOTH)
async def test_request_with_unknown_parameter_succeeds(trial):
    """Section 3.1.2.1: an unknown parameter is ignored."""
    await trial.signed_in(await trial.ask(extra="foobar"))


@drives("oidcc-id-token-hint", *BOTH)
async def test_id_token_hint(trial):
    """Section 3.1.2.1: the hint is of the signed-in person."""
    first = await trial.signed_in()
    asked = await trial.ask(prompt="none", id_token_hint=first.id_token)
    assert is_same_authentication(await trial.silently(asked), first)


@drives("oidcc-login-hint", *BOTH)
async def test_login_hint(trial):
    """Section 3.1.2.1: the page knows the person by the hint."""
    email = (await trial.person())["email"]
    done = await trial.signed_in(await trial.ask(login_hint=email))
    form = done.pages[0].form("email")
    assert form is None or form.fields["email"] == email


@drives("oidcc-ui-locales", *BOTH)
async def test_ui_locales(trial):
    """Sections 3.1.2.1 and 15.1: one that is not there causes no error, one that is, counts."""
    done = await trial.signed_in(await trial.ask(ui_locales="se"))
    assert done.pages[0].language == "en"
    trial.agent = trial.new_agent()
    done = await trial.signed_in(await trial.ask(ui_locales="se de"))
    assert done.pages[0].language == "de"


@drives("oidcc-claims-locales", *BOTH)
async def test_claims_locales(trial):
    """Sections 5.2 and 15.1: `claims_locales` causes no error."""
    await trial.signed_in(await trial.ask(claims_locales="se"))


@drives("oidcc-ensure-request-with-acr-values-succeeds", *BOTH)
async def test_request_with_acr_values_succeeds(trial):
    """Sections 3.1.2.1 and 15.1: `acr_values` causes no error."""
    done = await trial.signed_in(await trial.ask(acr_values="1 2"))
    assert done.claims.get("acr") in {None, "1", "2"}


async def reuse(trial, *, seconds):
    asked = await trial.ask()
    callback = await trial.log_in(await trial.go(asked))
    done = await trial.finish(asked, callback)
    if seconds:
        await trial.place.age_codes(asked.client, seconds=seconds)
    with pytest.raises(Refused) as refused:
        await trial.party.tokens(asked.client, callback, asked.expected)
    assert refused.value.error == "invalid_grant"
    # RFC 6749 section 4.1.2: what the code gave is revoked.
    with pytest.raises(Refused, match=r"invalid_token|WWW_AUTHENTICATE"):
        await trial.party.userinfo(done.client, done.access_token, done.claims["sub"])


@drives("oidcc-codereuse", *BOTH)
async def test_codereuse(trial):
    """RFC 6749 sections 4.1.2 and 5.2: a code is good for one request."""
    await reuse(trial, seconds=0)


@drives("oidcc-codereuse-30seconds", *BOTH)
async def test_codereuse_30seconds(trial):
    """RFC 6749 section 4.1.2: also after a while."""
    await reuse(trial, seconds=30)


@drives("oidcc-ensure-registered-redirect-uri", *BOTH)
async def test_registered_redirect_uri(trial):
    """Section 3.1.2.1: nothing is sent to an address that is not registered."""
    client = await trial.client()
    asked = await trial.ask(redirect_uri=f"{client.redirect_uri}/another")
    assert is_error_page(await trial.go(asked), "redirect_uri", "not registered")


@drives("oidcc-ensure-redirect-uri-in-authorization-request", DYNAMIC)
async def test_redirect_uri_in_authorization_request(trial):
    """Section 3.1.2.1: redirect_uri is required."""
    asked = (await trial.ask()).with_parameters(redirect_uri=None)
    assert is_error_page(await trial.go(asked), "redirect_uri is missing")


@drives("oidcc-redirect-uri-query-added", DYNAMIC)
async def test_redirect_uri_query_added(trial):
    """Section 3.1.2.1: compared as it is, with its query."""
    client = await trial.client()
    asked = await trial.ask(redirect_uri=f"{client.redirect_uri}?foo=bar")
    assert is_error_page(await trial.go(asked), "redirect_uri", "not registered")


@drives("oidcc-ensure-post-request-succeeds", *BOTH)
async def test_post_request_succeeds(trial):
    """Section 3.1.2.1: the request may be a form; with a session it is answered at once."""
    asked = await trial.ask()
    there = urlsplit(asked.url)
    bare = there._replace(query="").geturl()
    form = dict(parse_qsl(there.query))
    found = await trial.agent.post(bare, form)
    assert isinstance(found, Page)
    first = await trial.finish(asked, await trial.log_in(found))
    asked = await trial.ask(prompt="none")
    found = await trial.agent.post(bare, dict(parse_qsl(urlsplit(asked.url).query)))
    assert isinstance(found, Callback)
    assert is_same_authentication(await trial.finish(asked, found), first)


@drives("oidcc-server-client-secret-post", *BOTH)
async def test_server_client_secret_post(trial):
    """Section 9: `client_secret_post` too."""
    client = replace(await trial.client(), method=POST)
    await trial.signed_in(await trial.ask(client))


@drives(
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    *BOTH,
)
async def test_request_uri_is_rejected_as_unsupported(trial):
    """Sections 3.1.2.6 and 6.2."""
    asked = await trial.ask(request_uri="https://app.example.com/request.jwt")
    answered = await trial.answered(asked)
    trial.check_way(asked, answered)
    assert error_of(answered, asked, trial.url) == "request_uri_not_supported"
    assert (await trial.party.discover())["request_uri_parameter_supported"] is False


@drives(
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    *BOTH,
)
async def test_unsigned_request_object_is_rejected_as_unsupported(trial):
    """Sections 3.1.2.6 and 6.1."""
    asked = await trial.ask()
    parameters = dict(parse_qsl(urlsplit(asked.url).query))
    asked = asked.with_parameters(request=unsigned({**parameters, "aud": trial.url}))
    answered = await trial.answered(asked)
    trial.check_way(asked, answered)
    assert error_of(answered, asked, trial.url) == "request_not_supported"
    assert (await trial.party.discover())["request_parameter_supported"] is False


@drives("oidcc-claims-essential", *BOTH)
async def test_claims_essential(trial):
    """Section 5.5: the request succeeds, essential claims or not."""
    await trial.person(user_profile=PROFILE)
    wanted = json.dumps({"userinfo": {"name": {"essential": True}}})
    done = await trial.signed_in(await trial.ask(claims=wanted))
    assert "name" not in done.claims
    assert (await trial.party.discover())["claims_parameter_supported"] is False


@drives("oidcc-ensure-request-object-with-redirect-uri", *BOTH, DYNAMIC)
async def test_request_object_with_redirect_uri(trial):
    """Section 6.1: the redirect_uri of the query is not taken, whatever the object says."""
    asked = await trial.ask()
    parameters = dict(parse_qsl(urlsplit(asked.url).query))
    asked = asked.with_parameters(
        request=unsigned({**parameters, "aud": trial.url}),
        redirect_uri=f"{asked.client.redirect_uri}/another",
    )
    assert is_error_page(await trial.go(asked), "redirect_uri", "not registered")


@drives("oidcc-refresh-token", *BOTH, DYNAMIC)
async def test_refresh_token(trial):
    """Sections 11 and 12, RFC 6749 section 6: refresh, and nobody else's token."""
    scope = {"scope": "openid offline_access", "prompt": "consent"}
    mine = await trial.signed_in(await trial.ask(**scope))
    assert "refresh_token" in (await trial.party.discover())["grant_types_supported"]
    second = await trial.new_client()
    theirs = await trial.silently(await trial.ask(second, **scope))
    for done, more in ((mine, {"scope": "openid offline_access"}), (theirs, {})):
        answer = await trial.party.refresh(done.client, done.answer["refresh_token"], **more)
        assert answer["access_token"] != done.access_token
        assert len(answer["refresh_token"]) >= 22  # 128 bits, RFC 6749 section 10.10
        assert answer["refresh_token"].isascii()
        assert str(answer["token_type"]).lower() == "bearer"
        assert int(answer["expires_in"]) > 0
        if answer.get("id_token") is not None:  # section 12.2
            claims = claims_of(answer["id_token"])
            assert {n: claims[n] for n in ("iss", "sub", "aud", "auth_time")} == {
                n: done.claims[n] for n in ("iss", "sub", "aud", "auth_time")
            }
        newest = str(answer["access_token"])
        await trial.party.userinfo(done.client, newest, done.claims["sub"])
    with pytest.raises(Refused) as refused:
        await trial.party.refresh(mine.client, answer["refresh_token"])
    assert refused.value.error == "invalid_grant"
    await trial.party.refresh(second, answer["refresh_token"])  # theirs is as good as before


@drives("oidcc-ensure-request-with-valid-pkce-succeeds", *BOTH)
async def test_request_with_valid_pkce_succeeds(trial):
    """RFC 7636 section 4."""
    await trial.signed_in(await trial.ask(pkce=True))
