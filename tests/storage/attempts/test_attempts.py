"""How often something may be tried: exact, however many come at once, and in every process."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from tenantry.core import errors
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.attempts import service
from tenantry.identity.attempts.model import attempts

ROWS = Statement(select(attempts))


async def takes(db, whose="ann@example.com", *, most=5, seconds=600):
    try:
        await service.take(db, "codes", whose, most=most, seconds=seconds)
    except errors.RateLimited:
        return False
    return True


async def test_so_many_and_no_more(db):
    assert [await takes(db) for _ in range(7)] == [True] * 5 + [False] * 2


async def test_a_thousand_at_once_get_exactly_so_many_over_two_processes(db, other):
    tried = await asyncio.gather(*(takes(db if n % 2 else other) for n in range(1000)))
    assert sum(tried) == 5


async def test_each_has_its_own(db):
    for whose in ("ann@example.com", "bob@example.com"):
        assert [await takes(db, whose, most=1) for _ in range(2)] == [True, False]
    await service.take(db, "mails", "ann@example.com", most=1, seconds=60)


async def test_the_error_says_when_to_come_again(db, clock):
    clock.of(service)
    assert await takes(db, most=1, seconds=600)
    clock.forward(100)
    with pytest.raises(errors.RateLimited) as refused:
        await service.take(db, "codes", "ann@example.com", most=1, seconds=600)
    assert refused.value.headers["retry-after"] in {"500", "499"}
    assert refused.value.status == 429


async def test_counting_begins_anew_after_the_time_and_refusals_do_not_put_it_off(db, clock):
    clock.of(service)
    for _ in range(3):
        assert [await takes(db, most=2, seconds=60) for _ in range(2)] == [True, True]
        for _ in range(3):
            clock.forward(15)
            assert not await takes(db, most=2, seconds=60)
        clock.forward(15.1)


async def test_what_is_forgotten_is_counted_anew(db):
    assert [await takes(db, most=1) for _ in range(2)] == [True, False]
    await service.clear(db, "codes", "ann@example.com")
    assert await takes(db, most=1)


async def test_one_that_was_right_is_taken_back(db):
    for _ in range(20):
        assert await takes(db, most=2)
        await service.give_back(db, "codes", "ann@example.com")
    await service.give_back(db, "codes", "ann@example.com")  # never below none
    assert [await takes(db, most=2) for _ in range(3)] == [True, True, False]
    await service.give_back(db, "codes", "nobody")


async def test_it_is_committed_before_the_secret_is_looked_at(db, other):
    await takes(db, most=1)
    assert not await takes(other, most=1)
    async with db.transaction() as transaction:
        with pytest.raises(AssertionError):
            await service.take(transaction, "codes", "ann", most=1, seconds=1)


async def test_no_address_lies_there_in_clear(db):
    await takes(db)
    (row,) = await db.fetch_all(ROWS)
    assert "ann" not in str(row["digest"])
    assert len(row["digest"]) == 64


async def test_a_name_of_any_characters_counts(db):
    for whose in ("", "ü", "\ud800", "x" * 10_000, "'; DROP TABLE attempts; --"):
        assert [await takes(db, whose, most=1) for _ in range(2)] == [True, False]


async def test_what_is_over_is_deleted_and_the_rest_is_not(db, clock):
    clock.of(service, pruning)
    await takes(db, "short", seconds=10)
    await takes(db, "long", most=1, seconds=1000)
    clock.forward(100)
    assert not await service.prune(db)
    assert len(await db.fetch_all(ROWS)) == 1
    assert not await takes(db, "long", most=1)
