"""Modular mode over the wire: from a selector to tokens, and every place that reads `sub` back."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from apis import unique
from connections_of_tests import arrive, go
from hosted import answered, deployment
from oidc_sign_ins import come_back, local, oidc_connection, told
from openid_providers import CLIENT_ID, OpenIDProvider
from saml_idps import asked, post, saml_connection
from saml_idps import provider as saml_provider
from saml_provider import EMAIL_FORMAT, attribute
from signins import claims_of
from social_providers import as_github, social
from valid_events import assert_all_valid_of
from wires import ApiError

LEFT = "https://app.example.com/left"
ORGANIZATION, USER = "org_1575713387118080000", "usr_1575713387118080000"  # of nobody


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def modular_server(request, start_server):
    more: dict[str, Any] = {
        "authentication_mode": "MODULAR_AUTH",
        "sign_in_methods": "email,passkey,password",
        "trusted_proxies": "127.0.0.0/8",
        "outgoing_allow": "127.0.0.0/8",
    }
    if request.param == "postgresql":
        more["database_url"] = request.getfixturevalue("postgresql").fresh()
    server = start_server(f"modular-{request.param}", **more)
    yield server
    server.stop()
    asyncio.run(assert_all_valid_of(server))


@pytest.fixture(scope="module")
async def place(modular_server):
    async with deployment(modular_server) as opened:
        yield opened


@pytest.fixture
async def application(place):
    return await place.application(post_logout_redirect_uris=[LEFT])


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


async def by_oidc(place, visitor, application, provider, **members: Any):
    """Sign in by OpenID Connect; return the connection, the `sub` and the tokens."""
    conn = await oidc_connection(place, provider)
    sent = await go(visitor, application, connection_id=conn.id, **members)
    back = await come_back(visitor, provider.answer_to(sent.headers["location"]))
    done = await visitor.get(local(visitor, back.headers["location"]))
    tokens = await application.tokens(visitor.http, answered(done)["code"])
    sub = f"{conn.id};{provider.person['sub']}"
    return SimpleNamespace(conn=conn, sub=sub, tokens=tokens, application=application)


async def by_saml(place, visitor, application, email):
    """Sign in by SAML as somebody of this address; return the same."""
    conn = await saml_connection(place)
    request = asked(await go(visitor, application, organization_id=conn.organization_id))
    subject = f'<saml:NameID Format="{EMAIL_FORMAT}" NameQualifier="q">{email}</saml:NameID>'
    response = saml_provider(place, conn, request).but(
        subject=subject, attributes=attribute("email", email)
    )
    came = await post(visitor, conn, response, request.relay_state)
    answer = await arrive(place, visitor, came)
    tokens = await application.tokens(visitor.http, answered(answer)["code"])
    sub = f"{conn.id};{email}"
    return SimpleNamespace(conn=conn, sub=sub, tokens=tokens, application=application)


async def ask(visitor, path, application, **form: str):
    credentials = {"client_id": application.id, "client_secret": application.secret}
    return await visitor.http.post(path, data=form | credentials)


async def userinfo(visitor, token):
    return await visitor.http.get("/userinfo", headers={"authorization": f"Bearer {token}"})


async def test_tokens_name_the_connection_and_its_id_of_the_person(
    place, visitor, application, provider
):
    one = await by_oidc(place, visitor, application, provider)
    told_by_id = claims_of(one.tokens["id_token"])
    assert told_by_id["sub"] == one.sub
    assert told_by_id["oid"] == one.conn.organization_id
    assert told_by_id["amr"] == [one.conn.id]
    assert told_by_id["email"] == provider.person["email"]
    assert told_by_id["email_verified"] is True
    # The token has to fit into a cookie; the UserInfo endpoint says all of it.
    (identity,) = told_by_id["identities"]
    assert identity["connection_id"] == one.conn.id
    assert (identity["connection_type"], identity["provider_name"]) == ("OIDC", "CUSTOM")
    names = {name: told_by_id[name] for name in ("given_name", "family_name")}
    assert names == {name: provider.person[name] for name in names}
    access = claims_of(one.tokens["access_token"])
    assert (access["sub"], access["oid"]) == (one.sub, one.conn.organization_id)
    info = (await userinfo(visitor, one.tokens["access_token"])).json()
    assert info["sub"] == one.sub
    (whole,) = info["identities"]
    assert json.loads(whole.pop("provider_raw_attributes")) == {}
    assert whole == {
        "connection_id": one.conn.id,
        "organization_id": one.conn.organization_id,
        "connection_type": "OIDC",
        "provider_name": "CUSTOM",
        "social": False,
    }


async def test_a_scope_without_profile_tells_of_the_identity_all_the_same(
    place, visitor, application, provider
):
    one = await by_oidc(place, visitor, application, provider, scope="openid")
    claims = claims_of(one.tokens["id_token"])
    assert [known["connection_id"] for known in claims["identities"]] == [one.conn.id]
    assert "email" not in claims


async def test_a_person_of_a_social_provider_is_of_no_organization(
    place, visitor, application, provider
):
    email = f"{unique('ann')}@example.com"
    as_github(provider, email)
    conn = await social(place, provider)
    sent = await go(visitor, application, provider="github")
    back = await come_back(visitor, provider.answer_to(sent.headers["location"]))
    done = await visitor.get(local(visitor, back.headers["location"]))
    tokens = await application.tokens(visitor.http, answered(done)["code"])
    sub = f"{conn.id};{provider.answers['/user']['id']}"
    claims, access = claims_of(tokens["id_token"]), claims_of(tokens["access_token"])
    assert (claims["sub"], claims["email"], claims["email_verified"]) == (sub, email, True)
    assert claims["identities"][0]["social"] is True
    info = await userinfo(visitor, tokens["access_token"])
    assert info.json()["sub"] == access["sub"] == sub
    found = await ask(visitor, "/oauth/introspect", application, token=tokens["refresh_token"])
    assert (found.json()["active"], found.json()["sub"]) == (True, sub)
    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = (await ask(visitor, "/oauth/token", application, **grant)).json()
    assert claims_of(again["access_token"])["sub"] == sub
    for said in (claims, access, info.json(), found.json(), claims_of(again["access_token"])):
        assert "oid" not in said
    # Our own API knows no such person, by the token or by the session.
    bearer = {"authorization": f"Bearer {again['access_token']}"}
    assert (await visitor.http.get("/api/v1/users/me", headers=bearer)).status_code == 403
    assert (await visitor.get("/api/v1/users/me")).status_code == 401
    assert (await visitor.get("/ui/profile/security")).status_code == 401
    listed = await place.api.users.list_users()
    (user,) = [one for one in listed["users"] if one["email"] == email]
    sessions = await place.api.sessions.get_user_sessions(user_id=user["id"])
    assert not sessions["sessions"][0].get("organization_id")
    path = f"/oidc/logout?id_token_hint={tokens['id_token']}&post_logout_redirect_uri={LEFT}"
    assert (await visitor.get(path)).headers["location"] == LEFT
    refused = await ask(visitor, "/oauth/token", application, **grant)
    assert refused.json()["error"] == "invalid_grant"


async def test_an_address_of_elsewhere_is_passed_on_and_not_called_verified(
    place, visitor, application
):
    email = f"{unique('contractor')}@elsewhere.example"
    one = await by_saml(place, visitor, application, email)
    claims = claims_of(one.tokens["id_token"])
    assert (claims["sub"], claims["email"], claims["email_verified"]) == (one.sub, email, False)
    assert claims["identities"][0]["connection_type"] == "SAML"
    assert (await userinfo(visitor, one.tokens["access_token"])).json()["email_verified"] is False


async def test_refresh_introspection_and_revocation_know_the_person(
    place, visitor, application, provider
):
    one = await by_oidc(place, visitor, application, provider)
    for name in ("access_token", "refresh_token"):
        found = (
            await ask(visitor, "/oauth/introspect", application, token=one.tokens[name])
        ).json()
        assert (found["active"], found["sub"]) == (True, one.sub)
    grant = {"grant_type": "refresh_token", "refresh_token": one.tokens["refresh_token"]}
    again = (await ask(visitor, "/oauth/token", application, **grant)).json()
    assert claims_of(again["access_token"])["sub"] == one.sub
    revoked = await ask(visitor, "/oauth/revoke", application, token=again["access_token"])
    assert revoked.status_code == 200
    assert (await userinfo(visitor, again["access_token"])).status_code == 401


@pytest.mark.parametrize("kind", ["oidc", "saml"])
async def test_an_id_token_is_a_hint_for_silence_and_for_the_end(
    place, visitor, application, provider, kind
):
    if kind == "oidc":
        one = await by_oidc(place, visitor, application, provider)
    else:
        one = await by_saml(place, visitor, application, f"{unique('ann')}@elsewhere.example")
    hint = one.tokens["id_token"]
    silent = await visitor.get(application.path(prompt="none", id_token_hint=hint))
    tokens = await application.tokens(visitor.http, answered(silent)["code"])
    assert claims_of(tokens["id_token"])["sub"] == one.sub
    path = f"/oidc/logout?id_token_hint={hint}&post_logout_redirect_uri={LEFT}"
    assert (await visitor.get(path)).headers["location"] == LEFT
    assert (await userinfo(visitor, one.tokens["access_token"])).status_code == 401
    gone = await visitor.get(application.path(prompt="none", id_token_hint=hint))
    assert told(gone)["error"] == "login_required"


async def test_a_logout_at_the_provider_ends_the_session(place, visitor, application, provider):
    one = await by_oidc(place, visitor, application, provider)
    at = int(time.time())
    token = provider.signed(
        {
            "iss": provider.issuer,
            "aud": CLIENT_ID,
            "iat": at,
            "exp": at + 120,
            "jti": unique("jti"),
            "sub": provider.person["sub"],
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        },
        typ="logout+jwt",
    )
    path = f"/sso/v1/oidc/{one.conn.id}/backchannel-logout"
    assert (await visitor.http.post(path, data={"logout_token": token})).status_code == 200
    grant = {"grant_type": "refresh_token", "refresh_token": one.tokens["refresh_token"]}
    refused = await ask(visitor, "/oauth/token", application, **grant)
    assert refused.json()["error"] == "invalid_grant"


async def test_a_deleted_person_is_signed_out_and_comes_anew(place, visitor, application, provider):
    one = await by_oidc(place, visitor, application, provider)
    found = await place.api.users.list_organization_users(organization_id=one.conn.organization_id)
    (user,) = found["users"]
    await place.api.users.delete_user(id=user["id"])
    silent = await visitor.get(
        application.path(prompt="none", organization_id=one.conn.organization_id)
    )
    assert told(silent)["error"] == "login_required"
    grant = {"grant_type": "refresh_token", "refresh_token": one.tokens["refresh_token"]}
    refused = await ask(visitor, "/oauth/token", application, **grant)
    assert refused.json()["error"] == "invalid_grant"


async def test_without_a_selector_the_application_is_told(place, visitor, application):
    for more in ({}, {"prompt": "none"}, {"prompt": "create"}):
        sent = await visitor.get(application.path(**more))
        assert told(sent)["error"] == "invalid_connection_selector"


async def test_pages_offer_no_way_but_the_provider(place, visitor, application, provider):
    conn = await oidc_connection(place, provider)
    await go(visitor, application, organization_id=conn.organization_id)
    for query in ("", "?page=sign_in", "?page=sign_up", "?page=reset"):
        page = await visitor.page(query)
        assert page.status_code == 200
        assert "/sso/v1/oidc/" in page.text
        assert 'type="email"' not in page.text
        assert "passkey" not in page.text.lower()
    for name, form in (
        ("email", {"email": f"{unique('a')}@elsewhere.example"}),
        ("password", {"email": "a@elsewhere.example", "password": "p"}),
    ):
        sent = await visitor.step(name, **form)
        assert sent.status_code in {303, 400}
        assert "code" not in sent.headers.get("location", "")


@pytest.mark.parametrize(
    ("service", "method", "members"),
    [
        ("passwordless", "send_passwordless_email", {"email": "ann@example.com"}),
        (
            "passwordless",
            "verify_passwordless_email",
            {"code": "123456", "auth_request_id": "pwl_1"},
        ),
        ("passwordless", "resend_passwordless_email", {"auth_request_id": "pwl_1"}),
        ("webauthn", "begin_authentication", {}),
        ("users", "resend_invite", {"organization_id": ORGANIZATION, "id": USER}),
        (
            "users",
            "create_user_and_membership",
            {
                "organization_id": ORGANIZATION,
                "user": {"email": "ann@example.com", "membership": {}},
                "send_invitation_email": True,
            },
        ),
    ],
)
async def test_own_ways_to_sign_in_are_refused(place, service, method, members):
    with pytest.raises(ApiError) as refused:
        await getattr(getattr(place.api, service), method)(**members)
    assert refused.value.error_code == "MODULAR_AUTH"
    assert "modular mode" in str(refused.value)


async def test_a_user_that_is_made_is_not_invited_by_itself(place):
    made = await place.make.user()
    (membership,) = made["memberships"]
    assert membership["membership_status"] == "ACTIVE"


async def test_the_api_of_the_page_offers_no_own_way(place, visitor, application, provider):
    conn = await oidc_connection(place, provider)
    await go(visitor, application, organization_id=conn.organization_id)
    features = (await visitor.get("/api/v1/auth:features")).json()["features"]
    assert features == {"sign_up": False, "sign_in_methods": []}
    sent = await visitor.http.post(
        "/api/v1/auth:discovery",
        json={"email": "bob@elsewhere.example", "intent": "sign_in"},
        headers={
            "cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items()),
            "origin": place.server.url,
            "sec-fetch-site": "same-origin",
        },
    )
    assert sent.json()["details"][0]["error_code"] == "MODULAR_AUTH"
    methods = (await visitor.get("/api/v1/authmethods")).json().get("auth_methods", [])
    assert {method["connection_type"] for method in methods} <= {"OAUTH"}
