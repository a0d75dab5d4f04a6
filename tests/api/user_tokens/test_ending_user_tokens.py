"""Introspection (RFC 7662) and revocation (RFC 7009) of people's tokens and of refresh tokens."""

from __future__ import annotations

import pytest
from signins import ALL, App, claims_of, is_refused

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


@pytest.fixture
def management(server):
    """The management client."""
    return App(server.client_id, server.client_secret)


@pytest.fixture
def revoke(signins):
    """Revoke a token."""

    async def ask(app, token):
        return await signins.http.post("/oauth/revoke", data={**app.form, "token": token})

    return ask


async def test_what_introspection_tells_of_an_access_token(signins, app, session, management):
    token = (await signins.tokens(app, session))["access_token"]
    claims = claims_of(token)
    told = await signins.introspect(app, token)
    assert told.pop("active") is True
    assert told.pop("token_type") == "Bearer"
    assert told == {name: value for name, value in claims.items() if name != "scopes"}
    assert (await signins.introspect(management, token))["active"]


async def test_what_introspection_tells_of_a_refresh_token(
    signins, app, session, management, server
):
    token = (await signins.tokens(app, session))["refresh_token"]
    told = await signins.introspect(app, token)
    assert told == {
        "active": True,
        "scope": ALL,
        "client_id": app.id,
        "sub": session.user_id,
        "aud": [app.id],
        "iss": server.url,
        "iat": told["iat"],
        "exp": session.absolute_expire_time // 1_000_000,
        "oid": session.organization_id,
        "sid": session.id,
    }
    assert await signins.introspect(management, token) == told
    newer = (await signins.refreshed(app, token))["refresh_token"]
    assert await signins.introspect(app, token) == {"active": False}
    assert (await signins.introspect(app, newer))["active"]
    await sessions.end(signins.call, session.id, status=REVOKED)
    assert await signins.introspect(app, newer) == {"active": False}


async def test_a_client_revokes_an_access_token(signins, app, session, revoke, events):
    tokens = await signins.tokens(app, session)
    await events.new()
    for _ in range(2):
        assert (await revoke(app, tokens["access_token"])).status_code == 200
    assert (await signins.userinfo(tokens["access_token"])).status_code == 401
    assert await signins.introspect(app, tokens["access_token"]) == {"active": False}
    (event,) = await events.new()
    assert event["type"] == "client.token_revoked"
    assert event["after"]["token_id"] == claims_of(tokens["access_token"])["jti"]
    # The rest goes on.
    newer = await signins.refreshed(app, tokens["refresh_token"])
    assert (await signins.userinfo(newer["access_token"])).status_code == 200


async def test_with_a_refresh_token_all_that_came_of_it_ends(signins, app, session, revoke, events):
    tokens = await signins.tokens(app, session)
    newer = await signins.refreshed(app, tokens["refresh_token"])
    others = await signins.tokens(await signins.application(), session)
    await events.new()
    # Whichever of the family it is (section 2.1).
    assert (await revoke(app, tokens["refresh_token"])).status_code == 200
    assert (await revoke(app, newer["refresh_token"])).status_code == 200
    (event,) = await events.new()
    assert event["type"] == "client.token_revoked"
    assert is_refused(await signins.refresh(app, newer["refresh_token"]), "invalid_grant")
    for one in (tokens, newer):
        assert (await signins.userinfo(one["access_token"])).status_code == 401
    assert (await signins.userinfo(others["access_token"])).status_code == 200
    # The person may come back in the same session.
    again = await signins.tokens(app, session)
    assert (await signins.userinfo(again["access_token"])).status_code == 200


async def test_only_its_client_and_the_management_end_a_token(
    signins, app, session, revoke, management
):
    tokens = await signins.tokens(app, session)
    other = await signins.application()
    for name in ("access_token", "refresh_token"):
        assert is_refused(await revoke(other, tokens[name]), "unauthorized_client")
    assert (await signins.userinfo(tokens["access_token"])).status_code == 200
    for name in ("access_token", "refresh_token"):
        assert (await revoke(management, tokens[name])).status_code == 200
    assert (await signins.userinfo(tokens["access_token"])).status_code == 401
    assert is_refused(await signins.refresh(app, tokens["refresh_token"]), "invalid_grant")


async def test_a_public_application_revokes_nothing(signins, session, revoke):
    app = await signins.application("SPA")
    tokens = await signins.tokens(app, session)
    assert is_refused(await revoke(app, tokens["refresh_token"]), "invalid_client", 401)


async def test_tokens_that_are_none_are_no_error(signins, app, revoke):
    for token in ("tnrt_", "tnrt_x", "tnrt_" + "A" * 59, "tnrt_é", "tnrt_" + "A" * 5000):
        assert (await revoke(app, token)).status_code == 200
        assert await signins.introspect(app, token) == {"active": False}
