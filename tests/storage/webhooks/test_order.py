"""Where an endpoint asks for order, one delivery at a time goes out, and none passes another."""

from __future__ import annotations

import asyncio

from webhook_receivers import (
    Worker,
    attempts,
    deliveries,
    endpoint,
    event,
    hasten,
    publish,
    queue,
    rows,
)

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.events.webhooks.deliveries import claiming, on_demand, replaying


async def test_deliveries_come_one_by_one_in_the_order_of_the_log(db, other, receiver, eventually):
    await endpoint(db, receiver.url(), ordered=True)
    receiver.delay = 0.005
    names = [f"n{number:03}" for number in range(60)]
    async with Worker(db), Worker(other):
        for start in range(0, 60, 10):
            await db.record_all([event(name) for name in names[start : start + 10]])
            await asyncio.sleep(0.05)
        await eventually(lambda: len(receiver.got) == 60)
    assert [got.name for got in receiver.got] == names
    assert receiver.most_open == 1


async def test_one_that_fails_holds_up_those_behind_it_and_no_other_endpoint(
    db, receiver, eventually
):
    receiver.answers = {"/in-order": [500, 500, 200]}
    await endpoint(db, receiver.url("/in-order"), ordered=True)
    await endpoint(db, receiver.url("/free"))
    await queue(db, "first", "second", "third")
    async with Worker(db):
        for tries in (1, 2):

            async def tried(n=tries):
                found = await attempts(db)
                return len([one for one in found if one["status_code"] == 500]) == n

            await eventually(tried)
            await publish(db, f"later {tries}")
            await asyncio.sleep(0.3)
            assert [got.name for got in receiver.at("/in-order")] == ["first"] * tries
            await rows(
                db,
                "UPDATE webhook_deliveries SET due_time = 1 WHERE state = 'PENDING' "
                "AND attempts > 0",
            )
        await eventually(lambda: len(receiver.at("/in-order")) == 7)
        await eventually(lambda: len(receiver.at("/free")) == 5)
    got = [one.name for one in receiver.at("/in-order")]
    assert got == ["first", "first", "first", "second", "third", "later 1", "later 2"]


async def test_one_that_is_given_up_lets_the_others_pass(db, receiver, eventually):
    receiver.answers = {"/hook": [500, 500, 200]}
    await endpoint(db, receiver.url(), ordered=True)
    await queue(db, "first", "second")
    async with Worker(db, webhook_retries="0,1"):
        await eventually(lambda: len(receiver.got) == 3)
    assert [got.name for got in receiver.got] == ["first", "first", "second"]
    assert [row["state"] for row in await deliveries(db)] == ["FAILED", "SUCCEEDED"]
    assert receiver.got[1].at - receiver.got[0].at > 0.8


async def test_a_replay_stands_behind_what_is_in_the_line(db, receiver, eventually):
    made, _ = await endpoint(db, receiver.url(), ordered=True)
    await queue(db, "a", "b", "c")
    first, *_ = await deliveries(db)
    assert await replaying.replay_delivery(db, made.id, first["id"])
    await queue(db, "d")
    async with Worker(db):
        await eventually(lambda: len(receiver.got) == 5)
    assert [got.name for got in receiver.got] == ["a", "b", "c", "a", "d"]


async def test_a_test_event_waits_for_nothing(db, receiver, eventually):
    receiver.answers = {"/hook": [500, 200]}
    made, _ = await endpoint(db, receiver.url(), ordered=True)
    await queue(db, "first", "second")
    async with Worker(db):
        await eventually(lambda: len(receiver.got) == 1)
        call = Call(SYSTEM, db, request_id="test")
        sent, _ = await on_demand.send_test_event(call, made.id)
        await eventually(lambda: len(receiver.got) == 2)
        assert receiver.got[1].event["id"] == sent.event_id
        await asyncio.sleep(0.3)
        assert len(receiver.got) == 2
        await hasten(db)
        await eventually(lambda: len(receiver.got) == 4)
    assert [got.name for got in receiver.got[2:]] == ["first", "second"]


async def test_two_workers_that_look_at_once_take_one_head_only(db, other, receiver):
    made, _ = await endpoint(db, receiver.url(), ordered=True)
    await queue(db, *(f"n{number}" for number in range(20)))

    async def claim(session):
        async with session.transaction() as transaction:
            return await claiming.claim_heads(transaction, [made.id], lease_seconds=60)

    for _ in range(10):
        taken = await asyncio.gather(*(claim(session) for session in (db, other, db, other)))
        [[one]] = [found for found in taken if found]
        assert [found for found in await asyncio.gather(claim(db), claim(other)) if found] == []
        await rows(
            db, "UPDATE webhook_deliveries SET state = 'SUCCEEDED' WHERE id = :id", id=one["id"]
        )
    done = [row["id"] for row in await deliveries(db) if row["state"] == "SUCCEEDED"]
    assert done == [row["id"] for row in (await deliveries(db))[:10]]
