"""`client.token_issued` and last uses: as much as the setting says, and never more than once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic
from types import SimpleNamespace

import pytest
from machines import by_assertion, claims_of, jwks, key_for, says, signed

from tenantry import worker
from tenantry.access.clients import token_events
from tenantry.access.clients.credentials import assertions, revocations
from tenantry.access.clients.token_events import TokenEvents
from tenantry.call import Call
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import now
from tenantry.settings import load

WAIT = 1.6  # for one too many: rows are written about a second later


async def first_issued(events, client, eventually):
    """The events of a client's tokens, once there is one, and a while later."""
    found = []

    async def came():
        found.extend(await issued(events, client))
        return found

    await eventually(came)
    await asyncio.sleep(WAIT)
    await came()
    return found


async def issued(events, client):
    return [
        event
        for event in await events.new(tokens=True)
        if event["type"] == "client.token_issued" and event["after"]["client_id"] == client.id
    ]


async def test_the_first_token_of_a_day_leaves_one_event_whatever_the_processes(
    oauth, second, new, events, eventually
):
    client = await new.machine(scopes=["a", "b"])
    here = await oauth.get_token(client, scope="b")
    there = await second.get_token(client, scope="b")
    (event,) = await first_issued(events, client, eventually)
    assert event["after"]["scopes"] == ["b"]
    assert event["after"]["token_id"] in {claims_of(token)["jti"] for token in (here, there)}
    assert event["actor"] == {"type": "organization_client", "id": client.id}
    assert event["organization_id"] == claims_of(here)["oid"]


async def test_a_client_that_signs_leaves_one_too(server, oauth, new, events, eventually):
    client, key = await new.machine(), key_for("ES256")
    await new.set_up(client, jwks=jwks(key))
    for _ in range(2):
        assertion = by_assertion(signed(says(client.id, server.url), key))
        assert (await oauth.token(**assertion)).status_code == 200
    assert len(await first_issued(events, client, eventually)) == 1


async def test_with_all_each_token_has_its_event_before_the_answer(process, new, events):
    here, client = process(token_events="all"), await new.machine()
    tokens = await asyncio.gather(*(here.get_token(client) for _ in range(5)))
    found = await issued(events, client)
    assert {e["after"]["token_id"] for e in found} == {claims_of(t)["jti"] for t in tokens}
    assert len(found) == 5
    assert not [part for token in tokens for part in token.split(".") if part in str(found)]


async def test_with_none_there_is_none(process, new, events):
    here, client = process(token_events="none"), await new.machine()
    await here.get_token(client)
    await asyncio.sleep(WAIT)
    assert await issued(events, client) == []


async def test_a_refused_request_leaves_none(oauth, new, events):
    client = await new.machine()
    assert (await oauth.token(client, scope="x")).status_code == 400
    assert (await oauth.introspect(client, token="x")).status_code == 200
    await asyncio.sleep(WAIT)
    assert await issued(events, client) == []


@pytest.fixture
def call(database):
    """Makes a call as a client makes it."""

    def made(client):
        return Call(Caller(Kind.ORGANIZATION_CLIENT, client.id), database, request_id="test")

    return made


async def test_each_day_has_its_own_and_what_waits_is_written_at_the_end(
    database, new, events, call, monkeypatch
):
    client = await new.machine()
    known = SimpleNamespace(id=client.id, organization_id=None)
    clock = [now()]
    monkeypatch.setattr(token_events, "now", lambda: clock[0])
    several = [TokenEvents(database, "first") for _ in range(3)]
    for day in range(3):
        for number, one in enumerate(several):
            await one.issued(call(client), known, token_id=f"tkn_{day}{number}", scopes=["a"])
        await asyncio.gather(*(one.close() for one in several))
        assert len(await issued(events, client)) == 1
        clock[0] += 24 * 3600 * 1_000_000


async def test_what_the_database_did_not_take_is_written_later(
    database, new, events, call, monkeypatch
):
    client = await new.machine()
    gone = SimpleNamespace(id="m2morg_1", organization_id=None)
    known = SimpleNamespace(id=client.id, organization_id=None)
    one = TokenEvents(database, "first")
    begin = database.transaction

    @asynccontextmanager
    async def broken():
        raise OSError
        yield

    monkeypatch.setattr(database, "transaction", broken)
    for about in (gone, known):
        await one.issued(call(client), about, token_id="tkn_1", scopes=[])
    await one.close()
    assert await issued(events, client) == []
    monkeypatch.setattr(database, "transaction", begin)
    await one.close()
    assert len(await issued(events, client)) == 1


async def test_the_use_of_a_secret_is_noted(rest, make, oauth, new):
    organization = await make.organization()
    client = await new.machine(organization["id"])
    place = {"organization_id": organization["id"], "client_id": client.id}

    async def last_use():
        (secret,) = (await rest.clients.get_organization_client(**place))["client"]["secrets"]
        return secret.get("last_used_time")

    async def later_than(time):
        until = monotonic() + 60
        while (used := await last_use()) == time:
            assert monotonic() < until
            await asyncio.sleep(0.05)
        return used

    assert (await oauth.token(client, client_secret="wrong")).status_code == 401
    await oauth.introspect(client, token="x", client_secret="wrong")
    assert await last_use() is None
    await oauth.get_token(client)
    first = await later_than(None)
    assert (await oauth.introspect(client, token="x")).status_code == 200
    assert await later_than(first) > first


async def test_the_worker_forgets_what_has_expired(server, database, new, call):
    client = await new.machine()
    mine = SimpleNamespace(id=client.id, organization_id=None)
    at = now() // 1_000_000
    for name, expires in (("old", at - 5), ("new", at + 3600)):
        await revocations.revoke(call(client), mine, jti=f"{client.id}-{name}", expires=expires)
        assert await assertions.spend(database, client.id, name, expires=expires)
        assert not await assertions.spend(database, client.id, name, expires=expires)
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    for job in worker.jobs(load(environment)):
        if job.name in {"spent assertions", "revoked tokens"}:
            assert await job.run(database) > 0
    assert await assertions.spend(database, client.id, "old", expires=at + 3600)
    assert not await assertions.spend(database, client.id, "new", expires=at + 3600)
