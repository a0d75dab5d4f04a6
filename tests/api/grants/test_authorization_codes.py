"""The authorization_code grant: what a code gives, to whom, and how often."""

from __future__ import annotations

import asyncio
import time

import pytest
from apis import unique
from joserfc import jwt
from joserfc.jwk import KeySet
from signins import (
    ALL,
    CHALLENGE,
    REDIRECT_URI,
    VERIFIER,
    challenge_of,
    claims_of,
    header_of,
    is_refused,
)

from tenantry.identity.connections import environment as connections
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import REVOKED


@pytest.fixture
async def app(signins):
    """A confidential application."""
    return await signins.application()


@pytest.fixture
async def session(signins, make):
    """A session."""
    return (await signins.session(await make.user()))[0]


async def test_a_code_gives_an_access_token_an_id_token_and_a_refresh_token(signins, app, session):
    answer = await signins.redeem(app, await signins.code(app, session))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens.keys() == {
        *("access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token")
    }
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 299, ALL)
    assert tokens["refresh_token"].startswith("tnrt_")


async def test_without_offline_access_there_is_no_refresh_token(signins, app, session):
    code = await signins.code(app, session, scope="openid profile email")
    tokens = (await signins.redeem(app, code)).json()
    assert "refresh_token" not in tokens
    assert tokens["id_token"]


async def test_an_application_that_may_not_refresh_gets_no_refresh_token(signins, session):
    app = await signins.application(grant_types=["authorization_code"])
    tokens = (await signins.redeem(app, await signins.code(app, session))).json()
    assert "refresh_token" not in tokens


async def test_what_an_access_token_says(signins, app, make, server):
    organization = await make.organization(external_id=unique("o")[:9])
    permission = await make.permission(name=unique("p")[:8].replace("-", ":"))
    role = await make.role(name=unique("r")[-6:], permissions=[permission["name"]])
    user = await make.user(
        organization["id"],
        external_id=unique("u")[:9],
        membership={"roles": [{"name": role["name"]}]},
    )
    session, _ = await signins.session(user, custom_claims={"plan": "pro"})
    token = (await signins.tokens(app, session))["access_token"]
    assert header_of(token).keys() == {"alg", "kid", "typ"}
    assert (header_of(token)["alg"], header_of(token)["typ"]) == ("RS256", "JWT")
    claims = claims_of(token)
    assert abs(claims["iat"] - time.time()) < 60
    assert claims == {
        "iss": server.url,
        "sub": user["id"],
        "aud": [app.id],
        "client_id": app.id,
        "oid": organization["id"],
        "sid": session.id,
        "iat": claims["iat"],
        "nbf": claims["iat"],
        "exp": claims["iat"] + 300,
        "jti": claims["jti"],
        "roles": [role["name"]],
        "permissions": [permission["name"]],
        "scope": ALL,
        "scopes": ALL.split(" "),
        "xoid": organization["external_id"],
        "xuid": user["external_id"],
        "custom_claims": {"plan": "pro"},
    }


async def test_what_is_not_there_is_left_out_of_it(signins, make):
    user = await make.user((await make.organization())["id"])
    await signins.run("DELETE FROM role_holders WHERE user_id = :user", user=user["id"])
    session, _ = await signins.session(user)
    claims = claims_of((await signins.tokens(session=session))["access_token"])
    assert not claims.keys() & {"roles", "permissions", "xoid", "xuid", "custom_claims"}


async def test_what_an_id_token_says(signins, app, make, server, http):
    profile = {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "name": "Ada Lovelace",
        "locale": "en-GB",
    }
    user = await make.user(user_profile=profile, metadata={})
    session, _ = await signins.session(user)
    code = await signins.code(app, session, nonce="n-0S6_WzA2Mj")
    tokens = (await signins.redeem(app, code)).json()
    keys = KeySet.import_key_set((await http.get("/keys")).json())
    token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    assert token.header["typ"] == "JWT"
    connection = (await connections.of_environment(signins.database))["PASSWORDLESS"]
    organization_id = session.organization_id
    assert token.claims == {
        "iss": server.url,
        "sub": user["id"],
        "aud": [app.id],
        "oid": organization_id,
        "sid": session.id,
        "amr": [connection.id],
        "auth_time": session.auth_time // 1_000_000,
        "nonce": "n-0S6_WzA2Mj",
        "iat": token.claims["iat"],
        "exp": token.claims["iat"] + 3600,
        "email": user["email"],
        "email_verified": True,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "locale": "en-GB",
    }


async def test_scopes_say_what_an_id_token_tells(signins, make):
    user = await make.user(user_profile={"name": "Ada", "phone_number": "+14155550123"})
    told = {
        "openid": set(),
        "openid email": {"email", "email_verified"},
        "openid phone": {"phone_number", "phone_number_verified"},
        "openid profile": {"name"},
    }
    always = {
        *("iss", "sub", "aud", "oid", "sid", "amr", "auth_time", "iat", "exp"),
    }
    session, _ = await signins.session(user)
    for scope, members in told.items():
        tokens = await signins.tokens(session=session, scope=scope)
        assert claims_of(tokens["id_token"]).keys() == always | members


async def test_an_application_may_set_how_long_its_access_tokens_live(signins, session):
    app = await signins.application()
    await signins.run("UPDATE clients SET expiry = 900 WHERE id = :id", id=app.id)
    tokens = await signins.tokens(app, session)
    claims = claims_of(tokens["access_token"])
    assert claims["exp"] - claims["iat"] == 900
    assert tokens["expires_in"] == 899


async def test_a_public_application_gets_tokens_by_its_verifier(signins, session):
    for client_type in ("SPA", "NTV"):
        app = await signins.application(client_type)
        tokens = await signins.tokens(app, session)
        assert claims_of(tokens["id_token"])["aud"] == [app.id]


PKCE_DOWNGRADES = {
    "the verifier is left out": (CHALLENGE, None),
    "the verifier is empty": (CHALLENGE, ""),
    "the verifier is of another request": (CHALLENGE, "x" * 43),
    "the verifier is the challenge, as of plain": (CHALLENGE, CHALLENGE),
    "the verifier is too short": (challenge_of("short"), "short"),
    "the verifier is too long": (challenge_of("x" * 129), "x" * 129),
    "the verifier holds what none may hold": (challenge_of("é" * 43), "é" * 43),
    "there was no challenge": (None, VERIFIER),
}


@pytest.mark.parametrize("case", PKCE_DOWNGRADES)
async def test_attack_24_pkce_cannot_be_left_out(signins, app, session, case):
    challenge, verifier = PKCE_DOWNGRADES[case]
    code = await signins.code(app, session, code_challenge=challenge)
    assert is_refused(await signins.redeem(app, code, code_verifier=verifier), "invalid_grant")


async def test_attack_24_a_public_application_needs_a_challenge(signins, session):
    app = await signins.application("SPA")
    code = await signins.code(app, session, code_challenge=None)
    assert is_refused(await signins.redeem(app, code, code_verifier=None), "invalid_grant")


async def test_a_confidential_application_may_do_without_pkce(signins, app, session):
    code = await signins.code(app, session, code_challenge=None)
    assert (await signins.redeem(app, code, code_verifier=None)).status_code == 200


async def test_attack_25_a_code_that_comes_again_takes_back_what_it_gave(
    signins, app, session, events
):
    code = await signins.code(app, session)
    tokens = (await signins.redeem(app, code)).json()
    newer = await signins.refreshed(app, tokens["refresh_token"])
    await events.new()
    for _ in range(2):
        assert is_refused(await signins.redeem(app, code), "invalid_grant")
    for token in (tokens["access_token"], newer["access_token"], newer["refresh_token"]):
        assert await signins.introspect(app, token) == {"active": False}
    assert (await signins.userinfo(tokens["access_token"])).status_code == 401
    assert (await signins.userinfo(newer["access_token"])).status_code == 401
    assert is_refused(await signins.refresh(app, newer["refresh_token"]), "invalid_grant")
    told = {e["after"]["token_id"] for e in await events.new() if "revoked" in e["type"]}
    assert len(told) == 2  # the family and the access token, each once
    # The person is still signed in, and the application may ask again.
    again = await signins.tokens(app, session)
    assert (await signins.userinfo(again["access_token"])).status_code == 200


async def test_attack_25_of_two_at_once_one_wins_and_loses_it_again(signins, app, session):
    code = await signins.code(app, session)
    answers = await asyncio.gather(*(signins.redeem(app, code) for _ in range(5)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert all(is_refused(answer, "invalid_grant") for answer in answers if answer not in won)
    refreshed = await signins.refresh(app, won[0].json()["refresh_token"])
    assert is_refused(refreshed, "invalid_grant")


async def test_attack_25_another_client_gets_nothing_and_does_not_use_it_up(signins, app, session):
    code = await signins.code(app, session)
    for other in (await signins.application(), await signins.application("SPA")):
        assert is_refused(await signins.redeem(other, code), "invalid_grant")
    assert (await signins.redeem(app, code)).status_code == 200
    # Nor does it take anything back.
    tokens = await signins.tokens(app, session)
    code = await signins.code(app, session)
    assert (await signins.redeem(app, code)).status_code == 200
    assert is_refused(await signins.redeem(await signins.application(), code), "invalid_grant")
    assert (await signins.introspect(app, tokens["access_token"]))["active"]


@pytest.mark.parametrize(
    "redirect_uri",
    [
        f"{REDIRECT_URI}/",
        f"{REDIRECT_URI}?x=1",
        REDIRECT_URI.upper(),
        "https://evil.example/callback",
        "https://app.example.com/callback/../callback",
    ],
)
async def test_the_redirect_uri_has_to_be_the_same(signins, app, session, redirect_uri):
    code = await signins.code(app, session)
    answer = await signins.redeem(app, code, redirect_uri=redirect_uri)
    assert is_refused(answer, "invalid_grant")
    assert (await signins.redeem(app, code)).status_code == 200


async def test_a_code_is_good_for_ten_minutes(signins, app, session):
    code = await signins.code(app, session)
    late = "UPDATE authorization_codes SET expire_time = expire_time - 600000000"
    await signins.run(f"{late} WHERE client_id = :app", app=app.id)
    assert is_refused(await signins.redeem(app, code), "invalid_grant")


async def _remove_membership(signins, session):
    await signins.rest.users.delete_membership(
        organization_id=session.organization_id, id=session.user_id
    )


async def _deactivate_membership(signins, session):
    set_ = "UPDATE memberships SET status = 'INACTIVE' WHERE user_id = :user"
    await signins.run(set_, user=session.user_id)


async def _delete_user(signins, session):
    await signins.rest.users.delete_user(id=session.user_id)


async def _delete_organization(signins, session):
    await signins.rest.organizations.delete_organization(id=session.organization_id)


async def _end_session(signins, session):
    await sessions.end(signins.call, session.id, status=REVOKED)


async def _let_it_lapse(signins, session):
    set_ = "UPDATE sessions SET lapse_time = :past WHERE id = :id"
    await signins.run(set_, past=session.create_time - 1, id=session.id)


GONE = {
    "the membership was removed": _remove_membership,
    "the membership is not active": _deactivate_membership,
    "the user is gone": _delete_user,
    "the organization is gone": _delete_organization,
    "the session was revoked": _end_session,
    "the session has lapsed": _let_it_lapse,
}


@pytest.mark.parametrize("case", GONE)
async def test_attack_25_a_code_is_worth_nothing_once_somebody_is_gone(signins, app, make, case):
    organization = await make.organization()
    await make.user(organization["id"])  # the one that stays
    session, _ = await signins.session(await make.user(organization["id"]))
    code = await signins.code(app, session)
    await GONE[case](signins, session)
    assert is_refused(await signins.redeem(app, code), "invalid_grant")


@pytest.mark.parametrize("member", ["code", "redirect_uri"])
async def test_what_is_required(signins, app, session, member):
    form = {
        "code": await signins.code(app, session),
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        member: None,
    }
    answer = await signins.ask(app, grant_type="authorization_code", **form)
    assert is_refused(answer, "invalid_request")
    assert member in answer.json()["error_description"]


@pytest.mark.parametrize("code", ["x", "é", " ", "a" * 5000, "' OR 1=1 --"])
async def test_a_code_of_somebodys_own_is_worth_nothing(signins, app, code):
    assert is_refused(await signins.redeem(app, code), "invalid_grant")


async def test_an_application_that_is_not_registered_for_it_is_refused(signins, session):
    app = await signins.application(grant_types=["client_credentials"])
    answer = await signins.redeem(app, await signins.code(app, session))
    assert is_refused(answer, "unauthorized_client")


async def test_nothing_of_a_code_is_stored_in_the_clear(signins, app, session):
    code = await signins.code(app, session)
    (row,) = await signins.run("SELECT * FROM authorization_codes WHERE client_id = :c", c=app.id)
    assert code not in str(tuple(row))
