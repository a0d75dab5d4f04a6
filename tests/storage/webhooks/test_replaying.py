"""Deliveries can be sent once more; old ones go, and erased people are forgotten."""

from __future__ import annotations

import pytest
from aiohttp import web
from webhook_receivers import (
    Worker,
    attempts,
    configured,
    deliveries,
    endpoint,
    event,
    publish,
    queue,
    rows,
)

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.events.webhooks import service
from tenantry.events.webhooks.deliveries import on_demand, pruning, replaying
from tenantry.events.webhooks.model import webhook_deliveries

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR


async def replay(db, made, **narrowed: object):
    given = {"start": now() - HOUR, "end": now(), "types": [], "organization_id": None}
    return await replaying.replay_events(db, made, **{**given, **narrowed})


async def test_a_delivery_is_replayed_with_the_id_of_its_event(db, receiver, eventually):
    made, _ = await endpoint(db, receiver.url())
    await queue(db, "Acme")
    async with Worker(db):
        await eventually(lambda: len(receiver.got) == 1)
        [first] = await deliveries(db)
        again = await replaying.replay_delivery(db, made.id, first["id"])
        assert again["id"] != first["id"]
        assert (bool(again["replay"]), again["state"], again["attempts"]) == (True, "PENDING", 0)
        await eventually(lambda: len(receiver.got) == 2)
    one, two = receiver.got
    assert one.headers["webhook-id"] == two.headers["webhook-id"] == first["event_id"]
    assert one.body == two.body


async def test_a_test_event_is_replayed_as_it_was(db, receiver, eventually):
    made, _ = await endpoint(db, receiver.url())
    sent, payload = await on_demand.send_test_event(Call(SYSTEM, db, request_id="t"), made.id)
    assert await replaying.replay_delivery(db, made.id, sent.id)
    async with Worker(db):
        await eventually(lambda: len(receiver.got) == 2)
    assert [got.event for got in receiver.got] == [payload, payload]


async def test_there_is_nothing_to_replay_where_nothing_is(db, receiver):
    made, _ = await endpoint(db, receiver.url())
    other, _ = await endpoint(db, receiver.url("/other"))
    await queue(db, "Acme")
    mine = next(row for row in await deliveries(db) if row["endpoint_id"] == made.id)
    assert await replaying.replay_delivery(db, made.id, "dlv_1") is None
    assert await replaying.replay_delivery(db, other.id, mine["id"]) is None
    await rows(db, "DELETE FROM events")
    assert await replaying.replay_delivery(db, made.id, mine["id"]) is None
    assert len(await deliveries(db)) == 2


async def test_events_are_replayed_by_time_type_and_organization(db, receiver, eventually):
    await queue(db, "before")
    start = now()
    await queue(db, "a", "b")
    await queue(db, "other org", organization_id="org_2")
    await queue(db, "role", type_="role.created", organization_id=None)
    await queue(db, "ours", type_="user.created")
    end = now()
    await queue(db, "after")
    await publish(db, "not in the log yet")
    made, _ = await endpoint(db, receiver.url())
    within = {"start": start, "end": end}
    assert await replay(db, made, **within) == 4
    assert await replay(db, made, **within, organization_id="org_1") == 2
    assert await replay(db, made, **within, types=["user.created", "role.created"]) == 2
    assert await replay(db, made, **within, types=["role.deleted"]) == 0
    assert await replay(db, made, start=end, end=start) == 0
    found = await deliveries(db)
    assert len({row["position"] for row in found}) == 1
    assert all(row["replay"] for row in found)
    pump_only = Worker(db)
    while len(receiver.got) < 8:
        await pump_only.pump.run(db)
    await pump_only.pump.close()
    assert sorted(got.name for got in receiver.got) == sorted(
        ["a", "b", "other org", "role", "a", "b", "role", "ours"]
    )


async def test_many_events_are_replayed_in_their_order(db, receiver, monkeypatch):
    await queue(db)
    await db.record_all([event(f"n{number:05}") for number in range(4500)])
    await queue(db)
    made, _ = await endpoint(db, receiver.url())
    assert await replay(db, made) == 4500
    found = await deliveries(db)
    assert [row["event_id"] for row in found] == sorted(row["event_id"] for row in found)
    assert len({row["event_id"] for row in found}) == 4500


async def test_a_replay_for_an_endpoint_that_is_gone_says_so(db, receiver):
    made, _ = await endpoint(db, receiver.url())
    await queue(db, "Acme")
    await service.remove(Call(SYSTEM, db, request_id="test"), made.id)
    with pytest.raises(errors.NotFound):
        await replay(db, made)


async def test_what_ended_long_ago_goes_with_its_attempts(db, receiver, eventually):
    made, _ = await endpoint(db, receiver.url())
    off, _ = await endpoint(db, receiver.url("/off"))
    await queue(db, "Acme")
    columns = ", ".join(c.name for c in webhook_deliveries.c if c.name != "id")
    [mine] = [row for row in await deliveries(db) if row["endpoint_id"] == made.id]
    old, older = now() - 31 * DAY, now() - 29 * DAY

    async def copy(name, state, end, to=made.id):
        delivery_id = f"dlv_0{name}"
        await rows(
            db,
            f"INSERT INTO webhook_deliveries (id, {columns}) SELECT :new, {columns} "
            "FROM webhook_deliveries WHERE id = :id",
            new=delivery_id,
            id=mine["id"],
        )
        await rows(
            db,
            "UPDATE webhook_deliveries SET state = :state, end_time = :end, endpoint_id = :to "
            "WHERE id = :id",
            state=state,
            end=end,
            to=to,
            id=delivery_id,
        )
        await rows(
            db,
            "INSERT INTO webhook_attempts (delivery_id, number, attempt_time, duration) "
            "VALUES (:id, 1, 1, 1)",
            id=delivery_id,
        )

    await copy("1", "SUCCEEDED", old)
    await copy("2", "FAILED", old)
    await copy("3", "SUCCEEDED", older)
    await copy("4", "PENDING", None)
    await copy("5", "PENDING", None, to=off.id)
    await rows(db, "UPDATE webhook_endpoints SET enabled = false WHERE id = :id", id=off.id)
    assert await pruning.prune(db, days=30) is False
    left = {row["id"] for row in await deliveries(db)}
    assert {"dlv_03", "dlv_04"} <= left
    assert not {"dlv_01", "dlv_02", "dlv_05"} & left
    assert {row["delivery_id"] for row in await attempts(db)} == {"dlv_03", "dlv_04"}


async def test_what_was_answered_about_erased_events_is_forgotten(db, receiver, eventually):
    async def echo(request):
        return web.Response(text="thank you for jane@acme.example")

    receiver.answers = {"/hook": echo}
    made, _ = await endpoint(db, receiver.url())
    sent, _ = await on_demand.send_test_event(Call(SYSTEM, db, request_id="t"), made.id)
    await queue(db, "one", "two")

    async def ended():
        return len(await attempts(db)) == 3

    async with Worker(db):
        await eventually(ended)
    by_name = {got.name: got.headers["webhook-id"] for got in receiver.got}
    await pruning.forget(db, [by_name["one"], sent.event_id])
    kept = {
        row["event_id"]: row["response"]
        for row in await rows(
            db,
            "SELECT d.event_id, a.response FROM webhook_attempts a "
            "JOIN webhook_deliveries d ON d.id = a.delivery_id",
        )
    }
    assert kept[by_name["two"]] == "thank you for jane@acme.example"
    assert kept[by_name["one"]] is None
    assert kept[sent.event_id] is None
    bodies = {row["event_id"]: row["body"] for row in await deliveries(db)}
    assert bodies[sent.event_id] == "{}"
    assert configured().delivery_retention_days == 30
