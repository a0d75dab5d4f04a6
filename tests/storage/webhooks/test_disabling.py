"""An endpoint that nothing arrives at any more is disabled, and somebody is told."""

from __future__ import annotations

import asyncio

import pytest
from webhook_receivers import (
    Worker,
    attempts,
    configured,
    deliveries,
    endpoint,
    hasten,
    publish,
    rows,
)

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.db.sql.schema import from_json
from tenantry.events.email import service as mail
from tenantry.events.email.delivery import Delivery
from tenantry.events.webhooks import service
from tenantry.events.webhooks.deliveries import disabling

DAY = 24 * 3600 * 1_000_000
ALERT = "ops@example.com"


async def get(db):
    [row] = await rows(db, "SELECT * FROM webhook_endpoints")
    return row


async def disabled_events(db):
    return await rows(db, "SELECT * FROM events WHERE type = 'webhook_endpoint.disabled'")


async def test_the_first_failure_is_noted_and_a_success_clears_it(db, receiver, eventually):
    before = now()
    receiver.answers = {"/hook": [500, 500, 200]}
    made, _ = await endpoint(db, receiver.url())
    async with Worker(db):
        await publish(db, "Acme")

        async def failing():
            return (await get(db))["failing_since"] is not None

        await eventually(failing)
        since = (await get(db))["failing_since"]
        assert before <= since <= now()

        await hasten(db)

        async def tried_twice():
            return len(await attempts(db)) == 2

        await eventually(tried_twice)
        await asyncio.sleep(0.1)
        assert (await get(db))["failing_since"] == since

        await hasten(db)

        async def works():
            return (await get(db))["failing_since"] is None

        await eventually(works)
    assert (await get(db))["revision"] == made.revision


async def test_five_days_of_failure_disable_it_with_an_event_and_a_mail(db, receiver, eventually):
    receiver.answers = {"/hook": 500}
    made, secret = await endpoint(db, receiver.url("/hook?token=s3cret-token"))
    since = now() - 5 * DAY - 1
    await rows(db, "UPDATE webhook_endpoints SET failing_since = :since", since=since)
    async with Worker(db, alert_mail=f"Operations <{ALERT}>"):
        await publish(db, "Acme")

        async def disabled():
            return not (await get(db))["enabled"]

        await eventually(disabled)
        # Queued deliveries wait, and nothing new is queued.
        await hasten(db)
        await publish(db, "later")
        await asyncio.sleep(0.3)
    assert len(receiver.got) == 1
    [waiting] = await deliveries(db)
    assert waiting["state"] == "PENDING"
    row = await get(db)
    assert row["revision"] == made.revision + 1
    assert row["disabled_reason"] == "Every attempt has failed for 5 days."
    assert row["failing_since"] == since

    [event] = await disabled_events(db)
    assert event["object"] == "WebhookEndpoint"
    assert from_json(event["actor"]) == SYSTEM.actor
    before, after = from_json(event["before"]), from_json(event["after"])
    assert (before["enabled"], after["enabled"]) == (True, False)
    assert after["disabled_reason"] == row["disabled_reason"]
    assert after["id"] == made.id
    assert secret not in str(dict(event))

    [queued] = await mail.newest(db, limit=10)
    assert queued.recipient == ALERT

    async def variables(_db, queued):
        return disabling.email_variables(queued, configured())

    delivery = Delivery(configured(), {disabling.TEMPLATE: variables})
    assert await delivery.run(db) == 0.0
    sent, content = await mail.find(db, queued.id)
    assert sent.state == "KEPT"
    assert content.subject.startswith("Webhook endpoint disabled: http://127.0.0.1:")
    for text in (content.text, content.html):
        assert f"http://127.0.0.1:{receiver.port}/hook" in text
        assert "Every attempt has failed for 5 days." in text
        assert "The first failed attempt was on" in text
        assert made.id in text
        assert "s3cret" not in text
        assert f"/console/webhooks/{made.id}" in text

    # Enabled again, it starts with a clean record, and what waited goes out.
    receiver.answers = {}
    await service.enable(Call(SYSTEM, db, request_id="test"), made.id)
    async with Worker(db):
        await eventually(lambda: len(receiver.got) == 2)
    row = await get(db)
    assert (row["failing_since"], row["disabled_reason"], bool(row["enabled"])) == (
        None,
        None,
        True,
    )


@pytest.mark.parametrize(
    ("days", "since_days"), [(5, 4.99), (0, 1000)], ids=["not yet", "never by setting"]
)
async def test_less_than_that_does_not_disable_it(db, receiver, eventually, days, since_days):
    receiver.answers = {"/hook": 500}
    await endpoint(db, receiver.url())
    since = now() - int(since_days * DAY)
    await rows(db, "UPDATE webhook_endpoints SET failing_since = :since", since=since)
    async with Worker(db, webhook_disable_days=days):
        await publish(db, "Acme")

        async def tried():
            return len(await attempts(db)) == 1

        await eventually(tried)
        await asyncio.sleep(0.1)
    assert (await get(db))["enabled"]
    assert await disabled_events(db) == []
    assert await mail.newest(db, limit=1) == []


async def test_410_disables_it_at_once(db, receiver, eventually):
    receiver.answers = {"/hook": 410}
    await endpoint(db, receiver.url())
    async with Worker(db, alert_mail=ALERT):
        await publish(db, "Acme")

        async def disabled():
            return not (await get(db))["enabled"]

        await eventually(disabled)
        await asyncio.sleep(0.3)
    assert (await get(db))["disabled_reason"] == "The endpoint answered 410 Gone."
    assert len(await disabled_events(db)) == 1
    assert len(await mail.newest(db, limit=10)) == 1


async def test_410_of_an_address_that_it_no_longer_has_does_not(db, receiver, eventually):
    receiver.answers = {"/old": 410}
    made, _ = await endpoint(db, receiver.url("/old"))
    receiver.go.clear()
    async with Worker(db):
        await publish(db, "Acme")
        await eventually(lambda: receiver.got)
        await service.change(
            Call(SYSTEM, db, request_id="test"),
            made.id,
            {"url": receiver.url("/new")},
            allow=("127.0.0.0/8",),
        )
        receiver.go.set()

        async def tried():
            return len(await attempts(db)) == 1

        await eventually(tried)
        await asyncio.sleep(0.1)
        assert (await get(db))["enabled"]
        await hasten(db)
        await eventually(lambda: receiver.at("/new"))


async def test_nobody_is_told_where_nobody_is_set(db, receiver):
    made, _ = await endpoint(db, receiver.url())
    assert await disabling.disable_unwanted(db, made, alert_mail="")
    assert await mail.newest(db, limit=1) == []
    assert len(await disabled_events(db)) == 1


async def test_two_workers_disable_it_once(db, other, receiver):
    made, _ = await endpoint(db, receiver.url())
    done = await asyncio.gather(
        *(disabling.disable_unwanted(one, made, alert_mail=ALERT) for one in (db, other, db))
    )
    assert sorted(done) == [False, False, True]
    assert len(await disabled_events(db)) == 1
    assert len(await mail.newest(db, limit=10)) == 1


async def test_disabling_event_and_mail_are_there_together_or_not_at_all(db, receiver, monkeypatch):
    made, _ = await endpoint(db, receiver.url())

    async def fail(_db, **_):  # noqa: ANN003
        raise ValueError

    monkeypatch.setattr(mail, "queue", fail)
    with pytest.raises(ValueError):
        await disabling.disable_unwanted(db, made, alert_mail=ALERT)
    assert (await get(db))["enabled"]
    assert await disabled_events(db) == []
