"""The served part of Dynamic OP: by clients that the management API has made.

The functions have the names of the suite's test modules; more of them are in `test_basic_op`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from apis import refused, unique
from joserfc.jwk import KeySet, RSAKey
from profiles import DYNAMIC, drives
from relying_parties import Refused
from signins import header_of


@drives("oidcc-redirect-uri-regfrag", DYNAMIC)
async def test_redirect_uri_regfrag(trial):
    """RFC 6749 section 3.1.2: an address with a fragment cannot be registered."""
    with refused("INVALID_ARGUMENT", says="fragment"):
        await trial.new_client(post_login_uris=["https://app.example.com/callback#foobar"])


@drives("oidcc-server-rotate-keys", DYNAMIC)
async def test_server_rotate_keys(trial):
    """OpenID Connect Core section 10.1.1: a new key beside the old one, and all goes on."""
    before = await trial.signed_in()
    old = await trial.published()
    done = trial.place.server.run("key", "rotate")
    assert done.returncode == 0, done.stderr
    until = time.monotonic() + 60
    while (new := await trial.published()) == old:
        assert time.monotonic() < until, "the new keys are not published"
        await asyncio.sleep(0.1)
    names, former = ({key["kid"] for key in keys} for keys in (new, old))
    assert len(names) == len(new)
    assert names - former
    assert header_of(before.id_token)["kid"] in names
    assert KeySet.import_key_set({"keys": new}).keys
    assert not any({"d", "p", "q", "k"} & set(key) for key in new)
    after = await trial.silently(await trial.ask(prompt="none"))
    assert header_of(after.id_token)["kid"] != header_of(before.id_token)["kid"]
    # Tokens signed by the old key are as good as before.
    await trial.party.userinfo(before.client, before.access_token, before.claims["sub"])


@drives("oidcc-refresh-token-rp-key-rotation", DYNAMIC)
async def test_refresh_token_rp_key_rotation(trial):
    """OpenID Connect Core section 10.1.1: the client refreshes with a new key of its own."""
    asked = await trial.ask(scope="openid offline_access", prompt="consent")
    done = await trial.signed_in(asked)
    key = RSAKey.generate_key(2048, {"kid": unique("key")})
    await trial.place.set_keys(done.client, key)
    client = replace(done.client, key=key)
    until = time.monotonic() + 60
    while True:
        try:
            answer = await trial.party.refresh(client, done.answer["refresh_token"])
            break
        except Refused as problem:
            # Processes take new keys within a second.
            if problem.error != "invalid_client" or time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)
    await trial.party.userinfo(client, answer["access_token"], done.claims["sub"])
    with pytest.raises(Refused) as problem:
        await trial.party.refresh(done.client, answer["refresh_token"])
    assert problem.value.error == "invalid_client"


@drives("oidcc-ensure-client-assertion-with-iss-aud-succeeds", DYNAMIC)
async def test_client_assertion_with_iss_aud_succeeds(trial):
    """OpenID Connect Core section 9, RFC 7523 section 3: the issuer is an audience too."""
    for audience in (trial.url, f"{trial.url}/oauth/token"):
        trial.agent = trial.new_agent()
        client = replace(await trial.client(), audience=audience)
        await trial.signed_in(await trial.ask(client))
