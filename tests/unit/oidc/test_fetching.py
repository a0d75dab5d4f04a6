"""Asking providers: bounded, guarded, remembered, and never asked again and again."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web
from jwts_of_providers import jwk, key_of, private_key, signed
from openid_providers import ANN, CLIENT_ID, CLIENT_SECRET, Grant, OpenIDProvider

from tenantry.identity.connections.oidc import jwts, tokens
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.providers import fetching as module
from tenantry.identity.connections.providers.fetching import Fetching

LOOPBACK = ("127.0.0.0/8",)
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
async def provider():
    async with OpenIDProvider() as started:
        yield started


@pytest.fixture
async def fetching():
    made = Fetching(LOOPBACK)
    yield made
    await made.close()


@pytest.fixture
def clock(monkeypatch):
    """Let seconds pass."""
    passed = 0.0
    real = time.monotonic

    def move(seconds):
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(time, "monotonic", lambda: real() + passed)
    return move


def discover(fetching, provider):
    return fetching.discover(provider.issuer, is_debug=True)


def keys(fetching, provider, kid="k1"):
    uri = f"{provider.issuer}/keys"
    return fetching.keys(uri, algorithm="RS256", kid=kid, is_debug=True)


def exchange(fetching, provider, code="none", connection_id="conn_1"):
    return fetching.exchange(
        connection_id,
        f"{provider.issuer}/token",
        {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://rp/cb"},
        authorization=tokens.basic(CLIENT_ID, CLIENT_SECRET),
        secrets=(code, CLIENT_SECRET),
        is_debug=True,
    )


def userinfo(fetching, provider):
    return fetching.userinfo("conn_1", f"{provider.issuer}/userinfo", "a token", is_debug=True)


async def test_a_document_is_fetched_once_for_many_and_again_after_minutes(
    fetching, provider, clock
):
    found = await asyncio.gather(*(discover(fetching, provider) for _ in range(50)))
    assert {one.token_endpoint for one in found} == {f"{provider.issuer}/token"}
    await asyncio.gather(*(keys(fetching, provider) for _ in range(50)))
    assert (len(provider.at(DISCOVERY)), len(provider.at("/keys"))) == (1, 1)
    clock(module.KEPT_SECONDS + 1)
    await discover(fetching, provider)
    await keys(fetching, provider)
    assert (len(provider.at(DISCOVERY)), len(provider.at("/keys"))) == (2, 2)


async def test_a_new_key_of_the_provider_is_found_at_once(fetching, provider):
    await keys(fetching, provider)
    provider.keys.append(jwk(key_of("RS256"), kid="k2"))
    assert (await keys(fetching, provider, "k2")).fitting("RS256", "k2")
    assert len(provider.at("/keys")) == 2


async def test_a_key_that_was_replaced_under_its_name_is_found_at_once(fetching, provider):
    uri = f"{provider.issuer}/keys"
    old, new = (
        jwts.read(signed({}, key=private, kid="k1"), algorithms=["RS256"])
        for private in (key_of("RS256"), private_key("other"))
    )
    await fetching.verify(old, uri, is_debug=True)
    provider.keys = [jwk(private_key("other"), kid="k1")]
    await fetching.verify(new, uri, is_debug=True)
    with pytest.raises(OIDCError, match="signature"):
        await fetching.verify(old, uri, is_debug=True)
    assert len(provider.at("/keys")) == 2


async def test_a_storm_of_forged_signatures_reaches_the_provider_once_a_minute(
    fetching, provider, clock
):
    uri = f"{provider.issuer}/keys"
    forged = jwts.read(signed({}, key=private_key("other"), kid="k1"), algorithms=["RS256"])
    await keys(fetching, provider)
    for round_ in range(1, 4):
        for _ in range(100):
            with pytest.raises(OIDCError, match="signature"):
                await fetching.verify(forged, uri, is_debug=True)
        assert len(provider.at("/keys")) == 1 + round_
        clock(module.RENEWED_SECONDS + 1)


async def test_a_forged_signature_costs_a_provider_that_is_away_none_of_its_keys(
    fetching, provider
):
    uri = f"{provider.issuer}/keys"
    forged = jwts.read(signed({}, key=private_key("other"), kid="k1"), algorithms=["RS256"])
    await keys(fetching, provider)
    provider.answers = {"/keys": 500}
    with pytest.raises(OIDCError, match="signature"):
        await fetching.verify(forged, uri, is_debug=True)


async def test_a_storm_of_forged_key_ids_reaches_the_provider_once(fetching, provider, clock):
    await keys(fetching, provider)
    for round_ in range(1, 4):
        clock(module.RENEWED_SECONDS + 1)
        for n in range(100):
            found = await keys(fetching, provider, f"forged {round_}.{n}")
            assert not found.fitting("RS256", f"forged {round_}.{n}")
        assert len(provider.at("/keys")) == 1 + round_


async def test_a_provider_that_fails_is_left_alone_for_a_moment(fetching, provider, clock):
    provider.answers = {DISCOVERY: 500, "/keys": b"{}"}
    for _ in range(20):
        with pytest.raises(OIDCError, match="could not be fetched: the response status is 500"):
            await discover(fetching, provider)
        with pytest.raises(OIDCError, match="not a JWK Set: it has no keys array"):
            await keys(fetching, provider)
    assert (len(provider.at(DISCOVERY)), len(provider.at("/keys"))) == (1, 1)
    provider.answers = {}
    clock(module.RETRIED_SECONDS + 1)
    assert (await discover(fetching, provider)).issuer == provider.issuer
    assert (await keys(fetching, provider)).keys


@pytest.mark.parametrize("path", [DISCOVERY, "/keys", "/token", "/userinfo"])
async def test_whatever_a_provider_answers_there_is_one_error(fetching, provider, path):
    async def redirect(_request):
        raise web.HTTPFound(f"{provider.issuer}/elsewhere")

    async def giant(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * 65_536)
        return response

    async def broken(request):
        request.transport.close()

    asks = {DISCOVERY: discover, "/keys": keys, "/token": exchange, "/userinfo": userinfo}[path]
    codes = {"/token": "failed_to_exchange_token", "/userinfo": "user_info_retrieve_failed"}
    codes |= {"/keys": "invalid_id_token", DISCOVERY: "server_error"}
    for answer in (
        *(redirect, giant, broken, 204, 404, 500),
        *(b"", b"null", b"[]", b"<html>", b"\xff\xfe", b'{"a":' * 100, b"[" + b"1," * 9000 + b"1]"),
    ):
        fresh = Fetching(LOOPBACK)
        provider.answers[path] = answer
        at = time.perf_counter()
        if (answer, path) in {(b"null", "/userinfo"), (b"[]", "/userinfo")}:
            assert not await asks(fresh, provider)  # JSON; whose it is, is looked at later
        else:
            with pytest.raises(OIDCError) as raised:
                await asks(fresh, provider)
            assert raised.value.code == codes[path]
            assert provider.issuer not in str(raised.value)
        assert time.perf_counter() - at < 20
        await fresh.close()
    assert provider.at("/elsewhere") == []


async def test_a_provider_that_never_answers_is_given_up(fetching, provider, monkeypatch):
    async def hang(_request):
        await asyncio.sleep(3600)

    monkeypatch.setattr(module, "SECONDS", 0.2)
    provider.answers = dict.fromkeys((DISCOVERY, "/keys", "/token", "/userinfo"), hang)
    for ask in (discover, keys, exchange, userinfo):
        at = time.monotonic()
        with pytest.raises(OIDCError, match=r"no complete answer within 0\.2 s"):
            await ask(fetching, provider)
        assert time.monotonic() - at < 10


async def test_a_slow_provider_holds_up_no_other_connection(fetching, provider, monkeypatch):
    waiting = asyncio.Event()
    came: asyncio.Queue[None] = asyncio.Queue()

    async def hang(_request):
        came.put_nowait(None)
        await waiting.wait()
        return web.json_response({"error": "invalid_grant"}, status=400)

    monkeypatch.setattr(module, "_MOST_AT_ONE", 4)
    provider.answers = {"/token": hang}
    under_way = [asyncio.create_task(exchange(fetching, provider)) for _ in range(4)]
    for _ in under_way:
        await came.get()
    with pytest.raises(
        OIDCError, match="Too many sign-ins are waiting for this provider"
    ) as raised:
        await exchange(fetching, provider)
    assert raised.value.code == "server_error"
    other = asyncio.create_task(exchange(fetching, provider, connection_id="conn_2"))
    await came.get()
    waiting.set()
    for one in await asyncio.gather(*under_way, other, return_exceptions=True):
        assert isinstance(one, OIDCError)
    with pytest.raises(OIDCError, match="invalid_grant"):
        await exchange(fetching, provider)  # the turns are free again


async def test_tokens_and_userinfo_of_a_grant(fetching, provider):
    provider.grants["a code"] = Grant({"redirect_uri": "https://rp/cb"}, dict(ANN), "a token")
    found = await exchange(fetching, provider, "a code")
    assert found.access_token == "a token"
    assert await userinfo(fetching, provider) == ANN
    (got,) = provider.at("/token")
    assert "client_secret" not in got.form
    assert got.headers["accept"] == "application/json"


async def test_userinfo_as_a_jwt_is_refused_in_clear_words(fetching, provider):
    async def jwt(_request):
        return web.Response(text="a.b.c", content_type="application/jwt")

    provider.answers["/userinfo"] = jwt
    with pytest.raises(OIDCError, match="it is a JWT; disable signed and encrypted userinfo"):
        await userinfo(fetching, provider)


async def test_nobody_is_asked_without_tls_unless_the_connection_says_so(fetching, provider):
    for ask in (
        fetching.discover(provider.issuer),
        fetching.keys(f"{provider.issuer}/keys", algorithm="RS256", kid=None),
        fetching.exchange("conn_1", f"{provider.issuer}/token", {}),
        fetching.userinfo("conn_1", f"{provider.issuer}/userinfo", "t"),
        fetching.userinfo("conn_1", "ftp://idp.example/", "t"),
        fetching.userinfo("conn_1", "", "t"),
    ):
        with pytest.raises(OIDCError, match="does not use HTTPS"):
            await ask
    await discover(fetching, provider)
    with pytest.raises(
        OIDCError, match="does not use HTTPS"
    ):  # though it is known from another connection
        await fetching.discover(provider.issuer)
    assert len(provider.got) == 1


async def test_private_addresses_are_asked_only_where_the_operator_allows_it(provider):
    stranger = Fetching(())
    for ask in (
        *(discover(stranger, provider), keys(stranger, provider)),
        *(exchange(stranger, provider), userinfo(stranger, provider)),
        stranger.discover("https://169.254.169.254"),
        stranger.discover("https://[::1]:8443"),
        stranger.discover("https://localhost:8443"),
    ):
        with pytest.raises(OIDCError):
            await ask
    assert provider.got == []
    await stranger.close()
