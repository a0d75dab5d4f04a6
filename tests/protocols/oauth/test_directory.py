"""A process's memory of clients and tokens: not for long, not without bound, read at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from types import SimpleNamespace

import pytest

from tenantry.access.clients import client_cache as directory_module
from tenantry.access.clients.client_cache import ClientCache
from tenantry.access.clients.credentials import revocations
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db import ttl_cache


class Counted:
    """A database that counts its statements, and may take its time or fail."""

    def __init__(self, database) -> None:
        self.statements = 0
        self.failing = False
        self.slow = asyncio.Event()
        self.slow.set()
        self._database = database

    async def fetch_all(self, statement, **params: str):
        self.statements += 1
        if self.failing:
            raise OSError
        rows = await self._database.fetch_all(statement, **params)
        await self.slow.wait()
        return rows


@pytest.fixture
def counted(database):
    return Counted(database)


@pytest.fixture
def directory(counted):
    return ClientCache(counted)


async def test_what_is_missed_at_once_is_read_in_one_statement(directory, counted, new, make):
    organization = await make.organization()
    made = [await new.machine(organization["id"]) for _ in range(5)]
    ids = [client.id for client in made] * 20 + ["m2morg_1", "x", ""]
    found = await asyncio.gather(
        *(directory.find(id_) for id_ in ids),
        *(directory.in_force(id_, f"tkn_{n}") for n, id_ in enumerate(ids)),
    )
    assert counted.statements == 1
    wanted = Counter({client.id: 40 for client in made} | {None: 6})
    assert Counter(client and client.id for client in found) == wanted
    assert len(found[0].secrets) == 1
    for id_ in ids:
        await directory.find(id_)
    assert counted.statements == 1


async def test_who_asks_while_it_is_read_waits_for_that(directory, counted, new):
    client = await new.machine()
    counted.slow.clear()
    asked = []
    for _ in range(5):
        asked.append(asyncio.create_task(directory.find(client.id)))
        asked.append(asyncio.create_task(directory.in_force(client.id, "tkn_1")))
        await asyncio.sleep(0.01)
    # A caller that gives up ends it for nobody else.
    asked[0].cancel()
    counted.slow.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert {one.id for one in found[1:]} == {client.id}
    assert counted.statements <= 2


async def test_it_is_remembered_for_less_than_a_second_from_before_it_was_read(
    directory, counted, new, monkeypatch
):
    client = await new.machine()
    clock = [100.0]
    monkeypatch.setattr(ttl_cache, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    read = []
    for step in (0.0, 0.89, 0.02, 0.5, 0.5):
        clock[0] += step
        assert await directory.find(client.id)
        assert await directory.in_force(client.id, "tkn_1")
        read.append(counted.statements)
    # The first time the client and then its token, later both by one statement or the other's.
    assert read == [2, 2, 4, 4, 6]
    # A read from before a moment is not good enough for a caller that names the moment.
    before = counted.statements
    await directory.find(client.id, since=clock[0])
    assert counted.statements == before
    await directory.find(client.id, since=clock[0] + 0.0)
    clock[0] += 0.1
    await directory.find(client.id, since=clock[0])
    assert counted.statements == before + 1


async def test_a_slow_read_answers_nobody_who_came_too_late_for_it(
    directory, counted, new, monkeypatch
):
    client = await new.machine()
    clock = [100.0]
    monkeypatch.setattr(ttl_cache, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    counted.slow.clear()
    first = asyncio.create_task(directory.find(client.id))
    await asyncio.sleep(0.05)
    clock[0] += 5
    late = asyncio.create_task(directory.find(client.id))
    await asyncio.sleep(0.05)
    assert counted.statements == 2
    counted.slow.set()
    assert (await first).id == (await late).id == client.id


async def test_it_does_not_grow_without_bound(counted, new, monkeypatch):
    client = await new.machine()
    monkeypatch.setattr(directory_module, "_MOST", 10)
    directory = ClientCache(counted)
    for number in range(100):
        await directory.in_force(client.id, f"tkn_{number}")
        await directory.find(f"m2morg_{number}")
    assert len(directory._clients) <= 20  # with as many that do not exist
    assert await directory.find(client.id)


async def test_a_failed_read_is_raised_and_not_remembered(directory, counted, new):
    client = await new.machine()
    counted.failing = True
    for answer in await asyncio.gather(
        *(directory.find(client.id) for _ in range(3)), return_exceptions=True
    ):
        assert isinstance(answer, OSError)
    counted.failing = False
    assert (await directory.find(client.id)).id == client.id


async def test_a_token_revoked_here_is_refused_at_once_also_while_it_is_read(
    directory, counted, database, new
):
    client = await new.machine()
    known = await directory.in_force(client.id, f"tkn_{client.id}")
    counted.slow.clear()
    directory.forget_token(client.id, f"tkn_{client.id}")
    reading = asyncio.create_task(directory.in_force(client.id, f"tkn_{client.id}"))
    await asyncio.sleep(0.1)  # it has read that the token is good
    system = Call(SYSTEM, database, request_id="test")
    at = int(time.time()) + 100
    await revocations.revoke(system, known, jti=f"tkn_{client.id}", expires=at)
    directory.forget_token(client.id, f"tkn_{client.id}")
    counted.slow.set()
    await reading
    assert await directory.in_force(client.id, f"tkn_{client.id}") is None
