"""Two servers on one database: whom a provider puts out at one, the other refuses in a second."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial

import pytest
from apis import Api, access_token
from factories import Make
from providers import connected, patch
from servers import LiveServer
from signins import SignIns
from wires import ApiError, Rest, over_https

pytestmark = pytest.mark.process

WITHIN = 10.0  # seconds, from the answer of the SCIM service: ten times the promise


@pytest.fixture
async def here_and_there(tmp_path, postgresql_migrated):
    """A provider that pushes to one server, and an application's view of the other."""
    common = {"database_url": postgresql_migrated, "background": "false", "rate_limit_failures": ""}
    first = LiveServer(tmp_path, **common).fork()
    second = LiveServer(tmp_path, data_dir=first.data_dir, public_url=first.url, **common)
    try:
        # Its own URL for us; what it says of itself is that of the first.
        second.url = f"https://localhost:{second.port}"
        second.fork()
        async with AsyncExitStack() as stack:
            provider = await stack.enter_async_context(connected(first))
            http = await stack.enter_async_context(over_https(second))
            wire = Rest(second)
            stack.push_async_callback(wire.aclose)
            token = await access_token(http, first.client_id, first.client_secret)
            api = Api(wire, (("authorization", f"Bearer {token}"),))
            yield provider, SignIns(provider.database, http, api, Make(api))
    finally:
        second.stop()
        first.stop()


async def ends(still_good, since):
    """Ask until it is no longer so; who asks later than within that time is refused."""
    asked = time.monotonic()
    while await still_good():
        assert asked < since + WITHIN, "still good after a second"
        await asyncio.sleep(0.01)
        asked = time.monotonic()


async def test_tokens_keys_and_refreshing_end_everywhere(here_and_there):
    provider, there = here_and_there
    organization_id = provider.directory.organization_id
    off = patch({"op": "replace", "value": {"active": False}})
    for verb, body in (("PATCH", off), ("DELETE", None)):
        person = await provider.create(verb.lower())
        listed = await there.rest.users.list_organization_users(organization_id=organization_id)
        (user,) = [one for one in listed["users"] if one["email"] == person["userName"]]
        app = await there.application(access_token_expiry=3600)
        session, _ = await there.session(user)
        tokens = await there.tokens(app, session)
        key = await there.rest.tokens.create_token(
            token={"organization_id": organization_id, "user_id": user["id"]}
        )
        ways = (
            partial(is_active, there, app, tokens["access_token"]),
            partial(is_told, there, tokens["access_token"]),
            partial(is_key, there, key["token"]),
        )
        # The second server remembers all of them, so the test says something.
        assert [await way() for way in ways] == [True] * 3
        answer = await provider(verb, f"/Users/{person['id']}", body)
        assert answer.status_code < 300, answer.text
        since = time.monotonic()
        refused = await there.refresh(app, tokens["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        await asyncio.gather(*(ends(way, since) for way in ways))


async def is_active(there, app, token):
    return (await there.introspect(app, token))["active"]


async def is_told(there, token):
    return (await there.userinfo(token)).status_code == 200


async def is_key(there, key):
    try:
        await there.rest.tokens.validate_token(token=key)
    except ApiError as problem:
        if problem.error_code != "NOT_FOUND":
            raise
        return False
    return True
