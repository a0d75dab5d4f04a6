"""Events reach their receivers: signed, once each, tried again by the schedule."""

from __future__ import annotations

import asyncio
import json

import pytest
import standardwebhooks
from aiohttp import web
from scalekit import ScalekitClient
from webhook_receivers import (
    RETRIES,
    Worker,
    attempts,
    deliveries,
    drip,
    endpoint,
    event,
    hang,
    hasten,
    publish,
    queue,
    rows,
)

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db.engine import Unavailable
from tenantry.events.webhooks import service
from tenantry.events.webhooks.deliveries import delivery as sending
from tenantry.events.webhooks.deliveries import results
from tenantry.tenants.organizations import service as organizations


async def test_an_event_arrives_as_the_contract_says(db, receiver, worker, eventually):
    made, secret = await endpoint(db, receiver.url("/hook?token=abc"))
    await publish(db, "Acme")
    await eventually(lambda: receiver.got)
    [got] = receiver.got
    [row] = await rows(db, "SELECT * FROM events WHERE type = 'organization.updated'")
    assert got.event == {
        "spec_version": "1",
        "id": row["id"],
        "type": "organization.updated",
        "occurred_at": got.event["occurred_at"],
        "environment_id": db.environment_id,
        "organization_id": "org_1",
        "object": "Organization",
        "display_name": "Organization updated",
        "data": {"id": "org_1", "display_name": "Acme", "metadata": {"é": "🐘"}},
    }
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("Tenantry/")
    assert got.headers["webhook-id"] == row["id"]
    standardwebhooks.Webhook(secret).verify(got.body, got.headers)

    async def ended():
        [delivery] = await deliveries(db)
        return delivery["state"] == "SUCCEEDED"

    await eventually(ended)
    [delivery] = await deliveries(db)
    assert (delivery["attempts"], delivery["last_status"], delivery["due_time"]) == (1, 200, None)
    assert delivery["end_time"] >= delivery["create_time"]
    [attempt] = await attempts(db)
    assert (attempt["delivery_id"], attempt["number"]) == (delivery["id"], 1)
    assert (attempt["status_code"], attempt["problem"], attempt["response"]) == (200, None, None)
    assert attempt["duration"] > 0
    assert made.id == delivery["endpoint_id"]


async def test_a_change_is_delivered_at_once(db, receiver, eventually, monkeypatch):
    """Not with the next look for due deliveries."""
    monkeypatch.setattr(sending, "_LOOK_SECONDS", 600.0)
    await endpoint(db, receiver.url())
    async with Worker(db):
        for number in range(5):
            await publish(db, f"n{number}")
            await eventually(lambda n=number: len(receiver.got) > n)


async def test_who_gets_what(db, receiver, worker, eventually):
    call = Call(SYSTEM, db, request_id="test")
    one, two = [
        (await organizations.create(call, region_code="US", display_name=name)).id
        for name in ("1", "2")
    ]
    await endpoint(db, receiver.url("/all"))
    await endpoint(db, receiver.url("/roles"), event_types=["role.created", "user.created"])
    await endpoint(db, receiver.url("/one"), organization_id=one)
    await endpoint(db, receiver.url("/off"), enabled=False)
    await publish(db, "of 1", organization_id=one)
    await publish(db, "of 2", organization_id=two)
    await publish(db, "of nobody", type_="role.created", organization_id=None)
    await publish(db, "ours", type_="user.created")
    await eventually(lambda: len([got for got in receiver.got if len(got.name) > 1]) == 6)
    await asyncio.sleep(0.3)

    def names(path):
        # Not those of the organizations' creation: whether an endpoint made a moment later gets
        # them is open.
        return sorted(got.name for got in receiver.at(path) if len(got.name) > 1)

    assert names("/all") == ["of 1", "of 2", "of nobody"]
    assert names("/roles") == ["of nobody", "ours"]
    assert names("/one") == ["of 1"]
    assert receiver.at("/off") == []


async def test_an_event_is_in_the_log_together_with_its_deliveries_or_not_at_all(
    db, receiver, monkeypatch
):
    await endpoint(db, receiver.url())
    worker = Worker(db)

    async def fail(_db, _rows, _common):
        raise ValueError

    monkeypatch.setattr("tenantry.events.webhooks.deliveries.queue.insert_rows", fail)
    await publish(db, "Acme")
    with pytest.raises(ValueError):
        await worker._sealing.run(db)
    assert await rows(db, "SELECT * FROM event_log") == []
    monkeypatch.undo()
    await worker._sealing.run(db)
    [found] = [d for d in await deliveries(db) if d["event_type"] == "organization.updated"]
    logged = await rows(db, "SELECT * FROM event_log ORDER BY position")
    assert found["position"] == logged[-1]["position"]
    await worker.pump.close()


@pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 401, 404, 429, 500, 503])
async def test_whatever_is_no_success_is_tried_again(db, receiver, worker, eventually, status):
    receiver.answers = {"/hook": [status, 204]}
    await endpoint(db, receiver.url())
    await publish(db, "Acme")

    async def tried():
        return len(await attempts(db)) == 1

    await eventually(tried)
    await eventually(lambda: _state(db, "PENDING", last_status=status))
    assert len(receiver.got) == 1  # a redirect is not followed either
    await hasten(db)
    await eventually(lambda: _state(db, "SUCCEEDED", last_status=204))
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    problems = [one["problem"] for one in await attempts(db)]
    assert problems == [f"the answer was {status}", None]


async def _state(db, state, last_status=None):
    [delivery] = await deliveries(db)
    return delivery["state"] == state and last_status in {None, delivery["last_status"]}


async def test_attempts_follow_the_schedule_until_the_last(db, receiver, eventually):
    receiver.answers = {"/hook": 500}
    await endpoint(db, receiver.url())
    await queue(db, "Acme")
    async with Worker(db):
        for number in range(1, 9):

            async def tried(n=number):
                return len(await attempts(db)) == n

            await eventually(tried)
            await eventually(lambda n=number: _attempted(db, n))
            attempt = (await attempts(db))[-1]
            [delivery] = await deliveries(db)
            if number < 8:
                wait = (delivery["due_time"] - attempt["attempt_time"]) / 1e6
                planned = RETRIES[number]
                assert planned * 0.9 <= wait <= planned * 1.1 + 30
                await hasten(db)
        assert delivery["state"] == "FAILED"
        assert delivery["due_time"] is None
        await asyncio.sleep(0.2)
    assert len(receiver.got) == 8


async def _attempted(db, number):
    """Whether the attempt of this number is done: it is not claimed any more."""
    [delivery] = await deliveries(db)
    [last] = [one for one in await attempts(db) if one["number"] == number]
    return delivery["last_status"] == last["status_code"] and (
        delivery["due_time"] is None or delivery["due_time"] != 1
    )


def test_jitter_is_a_tenth_either_way_and_spreads():
    schedule = (0, 5, 300)
    waits = [results.wait_seconds(2, schedule) for _ in range(2000)]
    assert 270 <= min(waits) < 275
    assert 325 < max(waits) <= 330
    assert results.wait_seconds(3, schedule) is None


async def test_the_wait_before_the_first_attempt_is_kept_too(db, receiver):
    await endpoint(db, receiver.url())
    worker = Worker(db, webhook_retries="60,5")
    await publish(db, "Acme")
    await worker._sealing.run(db)
    [delivery] = await deliveries(db)
    assert delivery["due_time"] - delivery["create_time"] == 60_000_000
    await worker.pump.close()


@pytest.mark.parametrize("answer", [hang, drip])
async def test_a_receiver_that_never_ends_its_answer_has_failed(db, receiver, eventually, answer):
    receiver.answers = {"/hook": answer}
    await endpoint(db, receiver.url())
    await publish(db, "Acme")

    async def tried():
        return len(await attempts(db)) == 1

    async with Worker(db, webhook_timeout_seconds=1):
        await eventually(tried)
    [attempt] = await attempts(db)
    assert attempt["problem"] == "no complete answer within 1 s"
    assert attempt["status_code"] is None
    assert attempt["duration"] > 0.9e6


@pytest.mark.one_database
async def test_endpoints_that_hang_delay_no_other(db, receiver, eventually):
    receiver.answers = {f"/hang{n}": hang for n in range(5)}
    for number in range(5):
        await endpoint(db, receiver.url(f"/hang{number}"))
    await endpoint(db, receiver.url("/good"))
    async with Worker(db):
        await db.record_all([event(f"n{n}") for n in range(100)])
        await eventually(lambda: len(receiver.at("/good")) == 100)
        for number in range(5):
            assert len(receiver.at(f"/hang{number}")) == 20  # its room, and no more


async def test_an_endpoint_that_fails_gets_little_room_until_it_works_again(
    db, receiver, eventually
):
    made, _ = await endpoint(db, receiver.url())
    await rows(db, "UPDATE webhook_endpoints SET failing_since = 1790000000000000")
    await db.record_all([event(f"n{n}") for n in range(60)])
    receiver.delay = 0.2
    async with Worker(db, webhook_disable_days=0):
        await eventually(lambda: receiver.got)
        await asyncio.sleep(0.1)
        # The first claim is made before the endpoint is known to fail.
        await eventually(lambda: len(receiver.got) == 60)
        [found] = await rows(db, "SELECT * FROM webhook_endpoints")
        assert found["failing_since"] is None
        assert found["revision"] == made.revision


async def test_two_workers_share_and_nothing_is_sent_twice(db, other, receiver, eventually):
    for number in range(3):
        await endpoint(db, receiver.url(f"/{number}"))
    receiver.delay = 0.02
    async with Worker(db) as one, Worker(other) as two:
        counts = {}
        for worker in (one, two):
            real = worker.pump._start

            def start(claimed, real=real, worker=worker):
                counts[worker] = counts.get(worker, 0) + 1
                real(claimed)

            worker.pump._start = start
        for number in range(10):
            await db.record_all([event(f"n{number}-{n}") for n in range(30)])
        await eventually(lambda: len(receiver.got) == 900)
        await asyncio.sleep(0.2)  # for one too many
    assert len(receiver.got) == 900
    assert len({(got.path, got.headers["webhook-id"]) for got in receiver.got}) == 900
    assert min(counts.values()) > 50
    assert {row["attempts"] for row in await deliveries(db)} == {1}


async def test_a_result_that_comes_after_its_claim_was_lost_changes_nothing(
    db, receiver, eventually
):
    receiver.answers = {"/hook": 500}
    await endpoint(db, receiver.url())
    await queue(db, "Acme")
    receiver.go.clear()
    async with Worker(db):
        await eventually(lambda: receiver.got)
        # As if this process had been stopped for long: another one claims it.
        await rows(
            db,
            "UPDATE webhook_deliveries SET attempts = attempts + 1, due_time = 4000000000000000",
        )
        receiver.go.set()

        async def tried():
            return len(await attempts(db)) == 1

        await eventually(tried)
    [delivery] = await deliveries(db)
    assert (delivery["attempts"], delivery["due_time"]) == (2, 4000000000000000)
    assert delivery["state"] == "PENDING"


async def test_an_endpoint_that_is_deleted_meanwhile_takes_its_deliveries_along(
    db, receiver, worker, eventually
):
    await endpoint(db, receiver.url("/gone"))
    await endpoint(db, receiver.url("/stays"))
    receiver.go.clear()
    await publish(db, "Acme")
    await eventually(lambda: len(receiver.got) == 2)
    await rows(db, "DELETE FROM webhook_endpoints WHERE url LIKE '%/gone'")
    receiver.go.set()

    async def ended():
        return [row["state"] for row in await deliveries(db)] == ["SUCCEEDED"]

    await eventually(ended)


async def test_what_is_written_survives_a_database_that_is_away_for_a_moment(
    db, receiver, eventually, monkeypatch
):
    await endpoint(db, receiver.url())
    await queue(db, "Acme")
    worker = Worker(db)
    real = results.write
    calls = []

    async def away(db, done, schedule):
        calls.append(done)
        if len(calls) == 1:
            raise Unavailable("gone")
        await real(db, done, schedule)

    monkeypatch.setattr(results, "write", away)
    refused = 0
    while len(calls) < 2:
        try:
            await worker.pump.run(db)
        except Unavailable:
            refused += 1
    await worker.pump.close()
    assert refused == 1
    assert await _state(db, "SUCCEEDED")
    assert len(receiver.got) == 1


async def test_an_event_that_is_gone_fails_its_delivery(db, receiver, eventually):
    await endpoint(db, receiver.url())
    await queue(db, "Acme")
    await rows(db, "DELETE FROM events WHERE type = 'organization.updated'")
    async with Worker(db):
        await eventually(lambda: _state(db, "FAILED"))
    [attempt] = await attempts(db)
    assert attempt["problem"] == "the event is no longer stored"
    assert receiver.got == []
    [found] = await rows(db, "SELECT failing_since FROM webhook_endpoints")
    assert found["failing_since"] is None


async def test_a_rotated_secret_is_verified_by_the_official_sdk_beside_the_previous_one(
    db, receiver, worker, eventually
):
    made, first = await endpoint(db, receiver.url())
    call = Call(SYSTEM, db, request_id="test")
    _, second = await service.rotate_secret(call, made.id)
    await publish(db, "one")
    await eventually(lambda: len(receiver.got) == 1)
    [got] = receiver.got
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    official = ScalekitClient.__new__(ScalekitClient)
    for secret in (first, second):
        assert official.verify_webhook_payload(secret, got.headers, got.body)
        standardwebhooks.Webhook(secret).verify(got.body, got.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook("whsec_" + "A" * 43 + "=").verify(got.body, got.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(first).verify(got.body + b" ", got.headers)

    # A day later the previous one is over.
    await rows(db, "UPDATE webhook_endpoints SET previous_secret_expire_time = 1")
    await publish(db, "two")
    await eventually(lambda: len(receiver.got) == 2)
    got = receiver.got[1]
    assert len(got.headers["webhook-signature"].split(" ")) == 1
    assert official.verify_webhook_payload(second, got.headers, got.body)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(first).verify(got.body, got.headers)


async def test_neither_the_secret_nor_the_query_is_in_a_record_or_a_log(
    db, receiver, worker, eventually, caplog
):
    caplog.set_level("DEBUG")
    secrets = []

    async def tell(request):
        said = f"{secrets[0]} {secrets[0].partition('_')[2]} {request.query_string} \0 {'x' * 2000}"
        return web.Response(status=500, text=said)

    receiver.answers = {"/tell": tell}
    _, secret = await endpoint(db, receiver.url("/tell?token=very-s3cret%21"))
    secrets.append(secret)
    dead, _ = await endpoint(db, "http://127.0.0.1:9/?token=very-s3cret%21")
    await publish(db, "Acme")

    async def tried():
        return len(await attempts(db)) == 2

    await eventually(tried)
    kept = [one["response"] for one in await attempts(db) if one["response"]]
    assert len(kept) == 1
    assert kept[0].startswith("… … … \ufffd xxx")
    assert len(kept[0]) == 1000
    everything = json.dumps(
        [
            [str(dict(row)) for row in await rows(db, f"SELECT * FROM {table}")]
            for table in ("webhook_attempts", "webhook_deliveries", "events", "mail")
        ]
    )
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    for text in (everything, logged):
        assert secret not in text
        assert secret.partition("_")[2] not in text
    # An event shows the URL, which is the operator's to see; a record of an attempt does not.
    assert "s3cret" not in str([dict(row) for row in await attempts(db)])
    assert "s3cret" not in logged
    assert dead.id


async def test_a_stop_waits_for_an_answer_and_writes_it(db, receiver, eventually, monkeypatch):
    monkeypatch.setattr(sending, "_STOP_SECONDS", 60.0)
    await endpoint(db, receiver.url())
    await queue(db, "Acme")
    receiver.delay = 0.4
    async with Worker(db):
        await eventually(lambda: receiver.got)
    assert await _state(db, "SUCCEEDED")
