"""A sign-in by OpenID Connect, from the application to its tokens."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from connections_of_tests import path
from hosted import answered
from oidc_sign_ins import (
    come_back,
    led_on,
    oidc_connection,
    signed_in,
    state_of,
    to_provider,
    told,
)
from openid_providers import CLIENT_ID, OpenIDProvider
from signins import claims_of

from tenantry.identity.connections import model
from tenantry.identity.federation import sessions

MANUAL = {"configuration_type": model.MANUAL}


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


def endpoints(provider):
    """The settings of a connection whose admin wrote them."""
    return {
        "authorize_uri": f"{provider.issuer}/authorize",
        "token_uri": f"{provider.issuer}/token",
        "jwks_uri": f"{provider.issuer}/keys",
    }


async def test_a_sign_in_goes_all_the_way_to_tokens_of_the_organization(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    tokens = await signed_in(visitor, application, conn, provider)
    claims = claims_of(tokens["id_token"])
    assert claims["email"] == provider.person["email"]
    assert claims["oid"] == conn.organization_id
    assert claims_of(tokens["access_token"])["oid"] == conn.organization_id
    (got,) = provider.at("/token")
    assert got.form.keys() == {"grant_type", "code", "redirect_uri", "code_verifier"}
    assert provider.at("/userinfo") == []  # the ID token says it all
    (session,) = await sessions.of_session(place.database, claims["sid"])
    assert (session.connection_id, session.subject) == (conn.id, provider.person["sub"])
    assert session.session_index == "a session there"
    assert session.hint is None  # nothing needs it


@pytest.mark.parametrize(
    "way", [(auth, by) for auth in ("URL_PARAMS", "BASIC_AUTH") for by in ("hand", "discovery")]
)
async def test_what_an_admin_wrote_by_hand_does_as_well(place, application, visitor, provider, way):
    auth_type, by_hand = way[0], way[1] == "hand"
    conn = await oidc_connection(
        place,
        provider,
        settings={
            "token_auth_type": auth_type,
            "pkce_enabled": by_hand,
            **(endpoints(provider) if by_hand else {}),
        },
        **(MANUAL if by_hand else {}),
    )
    assert await signed_in(visitor, application, conn, provider)
    (got,) = provider.at("/token")
    assert ("client_secret" in got.form) == (auth_type == "URL_PARAMS")
    assert ("code_verifier" in got.form) == by_hand
    assert bool(provider.at("/.well-known/openid-configuration")) != by_hand


async def test_the_address_of_the_document_may_stand_for_the_issuer(
    place, application, visitor, provider
):
    issuer = f"{provider.issuer}/.well-known/openid-configuration"
    conn = await oidc_connection(place, provider, settings={"issuer": issuer})
    assert await signed_in(visitor, application, conn, provider)


async def test_userinfo_is_asked_for_what_the_id_token_lacks(place, application, visitor, provider):
    provider.in_id_token = False
    conn = await oidc_connection(place, provider)
    tokens = await signed_in(visitor, application, conn, provider)
    assert claims_of(tokens["id_token"])["email"] == provider.person["email"]
    assert claims_of(tokens["id_token"])["given_name"] == "Ann"
    assert len(provider.at("/userinfo")) == 1


async def test_userinfo_of_somebody_else_is_refused(place, application, visitor, provider):
    provider.in_id_token = False
    conn = await oidc_connection(place, provider)
    for answer in ({**provider.person, "sub": "eve"}, {"email": "eve@example.com"}, [], 401):
        provider.answers["/userinfo"] = answer
        there = await to_provider(visitor, application, conn)
        found = told(await come_back(visitor, provider.answer_to(there)))
        assert found["error"] == "user_info_retrieve_failed"


async def test_an_answer_may_come_as_a_form_of_the_providers_page(
    place, application, visitor, provider
):
    conn = await oidc_connection(place, provider)
    there = await to_provider(visitor, application, conn)
    url = urlsplit(provider.answer_to(there))
    cookies, visitor.cookies = visitor.cookies, {}  # SameSite: another site's form has none
    foreign = {"origin": provider.issuer, "sec-fetch-site": "cross-site"}
    back = await visitor.post(url.path, foreign, **dict(parse_qsl(url.query)))
    visitor.cookies = cookies
    done = await visitor.get(led_on(back, visitor))
    assert answered(done)["code"]


async def test_our_own_key_shows_who_we_are(place, application, visitor, provider):
    conn = await oidc_connection(
        place, provider, secret=None, settings={"token_auth_type": "PRIVATE_KEY_JWT"}
    )
    there = await to_provider(visitor, application, conn)
    told(await come_back(visitor, provider.answer_to(there)))  # this one knows a secret only
    (got,) = provider.at("/token")
    assert "authorization" not in got.headers
    assert "client_secret" not in got.form
    assert got.form["client_assertion_type"].endswith(":jwt-bearer")
    assertion = got.form["client_assertion"]
    claims = claims_of(assertion)
    assert claims["iss"] == claims["sub"] == CLIENT_ID
    assert claims["aud"] == f"{provider.issuer}/token"
    assert 0 < claims["exp"] - claims["iat"] <= 60
    keys = (await visitor.http.get("/keys")).json()["keys"]
    from joserfc import jwt
    from joserfc.jwk import KeySet

    found = jwt.decode(assertion, KeySet.import_key_set({"keys": keys}))
    assert found.header["typ"] == "client-authentication+jwt"
    # It opens nothing here.
    for token in (assertion, f"Bearer {assertion}"):
        answer = await visitor.get("/userinfo", authorization=f"Bearer {token}")
        assert answer.status_code == 401


async def test_nobody_makes_us_sign_as_ourselves(place, application, visitor, provider):
    conn = await oidc_connection(
        place,
        provider,
        settings={"token_auth_type": "PRIVATE_KEY_JWT", "client_id": place.server.url},
    )
    there = await to_provider(visitor, application, conn)
    callback = path(conn, f"callback?code=c&state={state_of(there)}")
    assert told(await visitor.get(callback))["error"] == "invalid_client"
    assert provider.at("/token") == []
