"""A process's memory of tokens: never old, bounded, read many at once."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from tenantry.access.api_tokens import format as format_
from tenantry.access.api_tokens import token_cache as known_module
from tenantry.access.api_tokens.token_cache import ApiTokenCache
from tenantry.db import ttl_cache
from tenantry.db.engine import Unavailable

pytestmark = pytest.mark.wires("rest")


class Counting:
    """The server's database, with a count of its statements."""

    def __init__(self, database) -> None:
        self._database = database
        self.statements = 0
        self.problem = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.reading = asyncio.Event()

    async def fetch_all(self, statement, **params):  # noqa: ANN003
        self.statements += 1
        rows = await self._database.fetch_all(statement, **params)
        self.reading.set()
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        return rows


@pytest.fixture
def counting(database):
    return Counting(database)


@pytest.fixture
def known(counting):
    return ApiTokenCache(counting)


async def test_what_one_turn_misses_is_one_statement(known, counting, make, make_token):
    organization = await make.organization()
    user = await make.user(organization["id"])
    made = [await make_token(organization["id"]) for _ in range(5)]
    made += [await make_token(organization["id"], user_id=user["id"]) for _ in range(5)]
    asked = [token["token"] for token in made] + [token["token_id"] for token in made]
    found = await asyncio.gather(*map(known.find, [*asked, *asked, format_.new("tnat_"), "x"]))
    assert counting.statements == 1
    assert [token.id for token in found[:-2]] == 4 * [token["token_id"] for token in made]
    assert found[-2:] == [None, None]
    assert [token.email for token in found[5:10]] == [user["email"]] * 5
    await asyncio.gather(*map(known.find, asked))
    assert counting.statements == 1


async def test_a_mistyped_token_is_not_looked_for(known, counting):
    for text in ("", "x", format_.new("tnat_")[:-1] + "-", "apit_x", "tnat_" + "0" * 49):
        assert await known.find(text) is None
    assert counting.statements == 0


async def test_nothing_is_older_than_it_may_be(known, counting, make_token, monkeypatch):
    made, unknown = await make_token(), format_.new("tnat_")
    for _ in range(3):
        assert await known.find(made["token"])
        assert await known.find(unknown) is None
    assert counting.statements == 2
    later = time.monotonic() + 1.0
    monkeypatch.setattr(ttl_cache, "time", SimpleNamespace(monotonic=lambda: later))
    await known.find(made["token"])
    await known.find(unknown)
    assert counting.statements == 4


async def test_what_is_forgotten_while_it_is_read_is_not_remembered(known, counting, make_token):
    made = await make_token()
    token = await known.find(made["token"])
    known.forget(token)
    counting.gate.clear()
    counting.reading.clear()
    asked = asyncio.create_task(known.find(made["token"]))
    await counting.reading.wait()
    known.forget(token)
    later = asyncio.create_task(known.find(made["token"]))
    await asyncio.sleep(0.05)
    assert counting.statements == 3  # not the answer of before
    counting.gate.set()
    assert (await asked).id == (await later).id
    await known.find(made["token"])
    assert counting.statements == 3


async def test_who_goes_away_ends_it_for_nobody_else(known, counting, make_token):
    made = await make_token()
    counting.gate.clear()
    first, second = (asyncio.create_task(known.find(made["token"])) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    counting.gate.set()
    assert (await second).id == made["token_id"]


async def test_a_database_that_does_not_answer_is_asked_again(known, counting, make_token):
    made = await make_token()
    counting.problem = Unavailable("not now")
    problems = await asyncio.gather(
        known.find(made["token"]), known.find(made["token_id"]), return_exceptions=True
    )
    assert problems == [counting.problem] * 2
    counting.problem = None
    assert await known.find(made["token"])


async def test_guesses_push_out_no_token(counting, make_token, monkeypatch):
    monkeypatch.setattr(known_module, "_MOST", 3)
    known = ApiTokenCache(counting)
    made = [await make_token() for _ in range(4)]
    for token in made[1:]:
        await known.find(token["token"])
    await asyncio.gather(*(known.find(format_.new("tnat_")) for _ in range(50)))
    before = counting.statements
    for token in made[1:]:
        await known.find(token["token"])
    assert counting.statements == before
    await known.find(made[0]["token"])
    await known.find(made[1]["token"])  # the first that was read
    assert counting.statements == before + 2
