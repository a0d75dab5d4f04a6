"""Kept replies: one effect and one answer for each key, for 24 hours."""

from __future__ import annotations

import asyncio

import pytest
from statements import INSERT_CLIENT, count, event

from tenantry.core import errors
from tenantry.db.writes import pruning, replies

HOUR = 3600 * 1_000_000


async def once(db, *, request="r", key="k", caller_id="skc_1", name="a"):
    """Keep a reply as the pipeline does for an Idempotency-Key; return it and whether it is old."""
    async with db.transaction() as tx:
        kept = await replies.claim(tx, caller_id=caller_id, key=key, request=request)
        if kept is not None:
            return kept, True
        await tx.apply(INSERT_CLIENT, event(), p_id=db.new_id("skc_"), p_name=name)
        await asyncio.sleep(0.02)
        reply = b"\0answer of " + name.encode(), {"etag": '"1"'}
        await replies.keep(tx, caller_id=caller_id, key=key, response=reply[0], headers=reply[1])
        return reply, False


async def test_the_second_request_gets_the_answer_of_the_first(db):
    first, old = await once(db, name="one")
    assert (first, old) == ((b"\0answer of one", {"etag": '"1"'}), False)
    assert await once(db, name="two") == (first, True)
    assert await count(db, "clients") == 1


async def test_a_key_is_its_callers_own(db):
    await once(db)
    _, old = await once(db, caller_id="skc_2")
    assert not old
    _, old = await once(db, key="another")
    assert not old
    assert await count(db, "clients") == 3


async def test_a_key_of_another_request_is_refused(db):
    await once(db)
    with pytest.raises(errors.IdempotencyMismatch):
        await once(db, request="another")
    assert await count(db, "clients") == 1


async def test_requests_at_once_have_one_effect(db):
    outcomes = await asyncio.gather(*(once(db, name=f"{n}") for n in range(8)))
    assert len({reply[0] for reply, _ in outcomes}) == 1
    assert sorted(old for _, old in outcomes) == [False] + [True] * 7
    assert await count(db, "clients") == await count(db, "events") == 1


async def test_other_requests_with_the_key_at_once_are_refused(db):
    outcomes = await asyncio.gather(
        *(once(db, request=f"{n}") for n in range(4)), return_exceptions=True
    )
    refused = [one for one in outcomes if isinstance(one, errors.IdempotencyMismatch)]
    assert len(refused) == 3
    assert await count(db, "clients") == 1


async def test_a_request_that_failed_keeps_no_answer(db):
    with pytest.raises(errors.NotFound):  # noqa: PT012 - all of it is one call
        async with db.transaction() as tx:
            assert await replies.claim(tx, caller_id="skc_1", key="k", request="r") is None
            raise errors.NotFound("organization")
    _, old = await once(db)
    assert not old


async def test_the_next_waits_for_one_that_fails_and_takes_its_place(db):
    """A request that waits for the first one to end must not be lost with it."""
    claimed, go_on = asyncio.Event(), asyncio.Event()

    async def failing():
        async with db.transaction() as tx:
            await replies.claim(tx, caller_id="skc_1", key="k", request="r")
            claimed.set()
            await go_on.wait()
            raise errors.NotFound("organization")

    first = asyncio.create_task(failing())
    await claimed.wait()
    second = asyncio.create_task(once(db))
    await asyncio.sleep(0.05)
    assert not second.done()
    go_on.set()
    with pytest.raises(errors.NotFound):
        await first
    _, old = await second
    assert not old


async def test_an_answer_is_kept_for_24_hours(db, monkeypatch):
    clock = replies.now()
    monkeypatch.setattr(replies, "now", lambda: clock)
    await once(db)
    clock += 24 * HOUR
    assert (await once(db))[1]
    clock += 1
    assert not (await once(db))[1]
    assert await count(db, "replies") == 1


async def test_old_answers_do_not_pile_up(db, monkeypatch):
    clock = replies.now()
    monkeypatch.setattr(replies, "now", lambda: clock)
    monkeypatch.setattr(pruning, "now", lambda: clock)
    for number in range(5):
        await once(db, key=f"{number}")
    assert await count(db, "replies") == 5
    clock += 25 * HOUR
    assert not await replies.prune(db)  # as the worker does
    assert await count(db, "replies") == 0


async def test_old_answers_are_deleted_some_at_a_time(db, monkeypatch):
    for number in range(3):
        await once(db, key=f"{number}")
    assert not await replies.prune(db)
    assert await count(db, "replies") == 3
    monkeypatch.setattr(replies.prune, "keep", 0)
    monkeypatch.setattr(pruning, "AT_ONCE", 3)  # as if these were all of one look
    assert await replies.prune(db)
    assert await count(db, "replies") == 0
