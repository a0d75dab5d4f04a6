"""RP-Initiated OP and Back-Channel OP.

The functions have the names of the suite's test modules. Sections are those of OpenID Connect
RP-Initiated Logout 1.0, unless another specification is named.
"""

from __future__ import annotations

import secrets
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey
from profiles import BACK_CHANNEL, RP_INITIATED, drives
from signins import claims_of
from test_basic_op import INTERACTIVE
from trials import changed, error_of
from user_agent import Callback, Page

SIGNED_OUT, ASKS = "You are signed out", "Sign out?"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def new_state():
    """A long one, to see that it comes back whole."""
    return secrets.token_urlsafe(96)


async def leave(trial, client, **parameters: str):
    """Where the browser is after the request of a library."""
    return await trial.agent.open(await trial.party.end_session_url(client, parameters))


async def is_signed_in(trial):
    """Whether a request with prompt=none gets a code."""
    asked = await trial.ask(prompt="none")
    answered = await trial.answered(asked)
    if "code" in answered.members:
        return True
    assert error_of(answered, asked, trial.url) in INTERACTIVE
    return False


def is_page(found, says, *, status=200):
    """The browser is not sent to the application, the person reads this."""
    assert isinstance(found, Page), found
    assert found.status == status, found.text
    assert says in found.text, found.text
    return True


@drives("oidcc-rp-initiated-logout", RP_INITIATED)
async def test_rp_initiated_logout(trial):
    """Sections 2 and 3: signed out, and back at the application with its state."""
    done, state = await trial.signed_in(), new_state()
    uri = done.client.logout_uri
    found = await leave(
        trial,
        done.client,
        id_token_hint=done.id_token,
        post_logout_redirect_uri=uri,
        state=state,
    )
    assert isinstance(found, Callback), found.text
    assert (found.redirect_uri, found.members) == (uri, {"state": state})
    assert not await is_signed_in(trial)


@drives("oidcc-rp-initiated-logout-no-state", RP_INITIATED)
async def test_no_state(trial):
    """Section 3: no state comes back when none was sent."""
    done = await trial.signed_in()
    found = await leave(
        trial,
        done.client,
        id_token_hint=done.id_token,
        post_logout_redirect_uri=done.client.logout_uri,
    )
    assert isinstance(found, Callback), found.text
    assert found.url == done.client.logout_uri
    assert not await is_signed_in(trial)


@drives("oidcc-rp-initiated-logout-no-post-logout-redirect-uri", RP_INITIATED)
async def test_no_post_logout_redirect_uri(trial):
    """Section 2: signed out, and told so."""
    done = await trial.signed_in()
    found = await leave(trial, done.client, id_token_hint=done.id_token, state=new_state())
    assert is_page(found, SIGNED_OUT)
    assert not await is_signed_in(trial)


async def asked_first(trial, found):
    """The person is asked, and is signed out once they have said yes."""
    assert is_page(found, ASKS)
    assert await is_signed_in(trial)
    found = await trial.agent.submit(found, found.form("confirm"))
    assert is_page(found, SIGNED_OUT)
    assert not await is_signed_in(trial)


@drives("oidcc-rp-initiated-logout-no-params", RP_INITIATED)
async def test_no_params(trial):
    """Section 2: without an ID token the person must be asked."""
    await trial.signed_in()
    metadata = await trial.party.discover()
    await asked_first(trial, await trial.agent.open(metadata["end_session_endpoint"]))


@drives("oidcc-rp-initiated-logout-only-state", RP_INITIATED)
async def test_only_state(trial):
    """Section 2: without an ID token the person must be asked; a state alone goes nowhere."""
    await trial.signed_in()
    metadata = await trial.party.discover()
    url = f"{metadata['end_session_endpoint']}?state={new_state()}"
    await asked_first(trial, await trial.agent.open(url))


@drives("oidcc-rp-initiated-logout-no-id-token-hint", RP_INITIATED)
async def test_no_id_token_hint(trial):
    """Section 3: nobody is sent anywhere for an unknown application."""
    done = await trial.signed_in()
    metadata = await trial.party.discover()
    uri = done.client.logout_uri
    query = f"post_logout_redirect_uri={uri}&state={new_state()}"
    found = await trial.agent.open(f"{metadata['end_session_endpoint']}?{query}")
    assert is_page(found, "needs an id_token_hint or a client_id", status=400)
    assert await is_signed_in(trial)
    # By its client_id the application is known, and still the person is asked first.
    found = await leave(trial, done.client, client_id=done.client.id, post_logout_redirect_uri=uri)
    assert is_page(found, ASKS)
    found = await trial.agent.submit(found, found.form("confirm"))
    assert isinstance(found, Callback), found.text
    assert found.url == uri
    assert not await is_signed_in(trial)


async def refused_for_address(trial, change):
    done = await trial.signed_in()
    found = await leave(
        trial,
        done.client,
        id_token_hint=done.id_token,
        post_logout_redirect_uri=change(done.client.logout_uri),
        state=new_state(),
    )
    assert is_page(found, "is not registered", status=400)


@drives("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", RP_INITIATED)
async def test_bad_post_logout_redirect_uri(trial):
    """Section 3: an address that is not registered is not gone to."""
    await refused_for_address(trial, lambda uri: f"{uri}/{secrets.token_urlsafe(8)}")


@drives("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", RP_INITIATED)
async def test_query_added_to_post_logout_redirect_uri(trial):
    """Section 3: compared as it is, with its query."""
    await refused_for_address(trial, lambda uri: f"{uri}?foo=bar")


async def refused_for_token(trial, change):
    done = await trial.signed_in()
    found = await leave(
        trial,
        done.client,
        id_token_hint=change(done),
        post_logout_redirect_uri=done.client.logout_uri,
        state=new_state(),
    )
    assert is_page(found, "is no ID token of this server", status=400)
    assert await is_signed_in(trial)


@drives("oidcc-rp-initiated-logout-modified-id-token-hint", RP_INITIATED)
async def test_modified_id_token_hint(trial):
    """Section 4: the same claims, unsigned."""
    await refused_for_token(
        trial, lambda done: changed(done.id_token, header={"alg": "none", "typ": "JWT"})
    )


@drives("oidcc-rp-initiated-logout-bad-id-token-hint", RP_INITIATED)
async def test_bad_id_token_hint(trial):
    """Section 4: a token that the client has made itself, with the secret that it has."""

    def forged(done):
        at = int(time.time())
        claims = {**claims_of(done.id_token), "iat": at, "exp": at + 300}
        key = OctKey.import_key(done.client.secret)
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key)

    await refused_for_token(trial, forged)


@pytest.fixture
async def application():
    """An application that is told of logouts: its address, and the requests to it."""
    got: list[tuple[str, dict[str, list[str]]]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.content_type, parse_qs(await request.text(), strict_parsing=True)))
        return web.Response(headers={"cache-control": "no-store"})

    app = web.Application()
    app.router.add_post("/backchannel_logout", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/backchannel_logout", got
    await runner.cleanup()


@drives("oidcc-backchannel-rp-initiated-logout", BACK_CHANNEL)
async def test_backchannel_rp_initiated_logout(trial, application):
    """Back-Channel Logout 1.0 sections 2.4 to 2.6: the application is told, by a logout token."""
    uri, got = application
    client = await trial.new_client(back_channel_logout_uris=[uri])
    done, state = await trial.signed_in(await trial.ask(client)), new_state()
    found = await leave(
        trial,
        client,
        id_token_hint=done.id_token,
        post_logout_redirect_uri=client.logout_uri,
        state=state,
    )
    assert isinstance(found, Callback), found.text
    assert found.members == {"state": state}
    await trial.place.run_job("logout notices", until=lambda: got)
    ((content_type, form),) = got
    assert content_type == "application/x-www-form-urlencoded"
    assert set(form) == {"logout_token"}
    (token,) = form["logout_token"]
    published = KeySet.import_key_set({"keys": await trial.published()})
    verified = jwt.decode(token, published, algorithms=["RS256"])
    claims = verified.claims
    assert verified.header["typ"] == "logout+jwt"
    assert claims["iss"] == trial.url
    assert claims["aud"] in (client.id, [client.id])
    assert claims["iat"] - 5 <= time.time() < claims["exp"]
    assert claims["jti"]
    assert claims["events"] == {EVENT: {}}
    assert claims["sub"] == done.claims["sub"]
    assert claims["sid"] == done.claims["sid"]
    assert "nonce" not in claims
    assert not await is_signed_in(trial)
    assert urlsplit(found.url).scheme == "https"
