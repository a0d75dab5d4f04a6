"""Secrets of webhook endpoints: shown once, kept encrypted, and two in force during a rotation."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
from datetime import timedelta

import pytest
from apis import moment, unique
from sqlalchemy import bindparam, select
from standardwebhooks import Webhook

from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.schema import replies
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.model import webhook_endpoints

ROW = Statement(select(webhook_endpoints).where(webhook_endpoints.c.id == bindparam("p_id")))
REPLIES = Statement(select(replies))
DAY = timedelta(hours=24)


async def kept(database, endpoint_id):
    """The row of an endpoint, and its secrets in clear."""
    row = await database.fetch_one(ROW, p_id=endpoint_id)
    opened = [
        row[name]
        and database.vault.decrypt(row[name], binding(webhook_endpoints.c[name], row)).decode()
        for name in ("secret_sealed", "previous_secret_sealed")
    ]
    return dict(row), opened


def is_in(secret, text):
    """Whether the text holds the secret, its base64 or the bytes of it."""
    data = secret.removeprefix("whsec_")
    return any(one in text for one in (secret, data, base64.b64decode(data).hex()))


async def test_a_secret_is_of_the_kind_that_the_sdks_read(api, endpoints):
    """They split it at underscores and read the part behind the first as standard base64."""
    seen = set()
    for _ in range(20):
        made = endpoints.noted(
            await api.webhooks.create_endpoint(endpoint={"url": "https://hooks.example.com/"})
        )
        prefix, data = made["secret"].split("_")
        assert prefix == "whsec"
        assert len(base64.b64decode(data, validate=True)) == 32
        signed = Webhook(made["secret"]).sign("msg", moment(made["endpoint"]["create_time"]), "{}")
        assert signed.startswith("v1,")
        seen.add(made["secret"])
    assert len(seen) == 20


async def test_a_secret_is_in_no_answer_but_the_one_that_makes_it(api, endpoints, database, events):
    """Nor in an event, nor in the clear in the database, after any call."""
    await events.new()
    keyed = api.sending(idempotency_key=unique("key"))
    made = endpoints.noted(
        await keyed.webhooks.create_endpoint(endpoint={"url": "https://hooks.example.com/"})
    )
    key = {"endpoint_id": made["endpoint"]["id"]}
    rotated = await api.sending(idempotency_key=unique("key")).webhooks.rotate_endpoint_secret(
        **key
    )
    secrets = [made["secret"], rotated["secret"]]
    row, opened = await kept(database, made["endpoint"]["id"])
    assert opened == secrets[::-1]
    webhooks = api.webhooks
    answers = [
        await webhooks.get_endpoint(**key),
        await webhooks.list_endpoints(page_size=100),
        await webhooks.update_endpoint(**key, endpoint={"description": "New"}),
        await webhooks.send_test_event(**key),
        await webhooks.list_deliveries(**key),
        await webhooks.disable_endpoint(**key),
        await webhooks.enable_endpoint(**key),
    ]
    told = await events.new()
    assert len(told) == 5
    replied = [bytes(one["response"] or b"") for one in await database.fetch_all(REPLIES)]
    for secret in secrets:
        for text in (json.dumps([dict(a) for a in answers]), json.dumps(told), json.dumps(row)):
            assert not is_in(secret, text)
        assert not any(secret.encode() in one for one in replied)
    assert "sealed" not in json.dumps(told)


@pytest.mark.wires("rest")
@pytest.mark.process
async def test_a_secret_is_in_no_log(api, endpoints, server):
    made = await endpoints.answer()
    key = {"endpoint_id": made["endpoint"]["id"]}
    rotated = await api.webhooks.rotate_endpoint_secret(**key)
    await api.webhooks.send_test_event(**key)
    log = server.log.read_text(errors="replace")
    assert not any(is_in(one["secret"], log) for one in (made, rotated))


async def test_a_rotation_keeps_the_previous_secret_for_a_day(api, endpoints, database, events):
    made = await endpoints.answer()
    key = {"endpoint_id": made["endpoint"]["id"]}
    await events.new()
    before = time.time()
    rotated = await api.webhooks.rotate_endpoint_secret(**key)
    until = moment(rotated["endpoint"]["previous_secret_expire_time"])
    assert before <= (until - DAY).timestamp() <= time.time()
    assert rotated["secret"] != made["secret"]
    assert rotated.etag == '"2"'
    row, opened = await kept(database, made["endpoint"]["id"])
    assert opened == [rotated["secret"], made["secret"]]
    assert row["previous_secret_expire_time"] == round(until.timestamp() * 1_000_000)
    (told,) = await events.new()
    assert told["type"] == "webhook_endpoint.secret_rotated"


@pytest.mark.wires("rest", "grpc")
async def test_rotations_at_once_follow_one_another(api, endpoints, database, events):
    """The last two secrets are in force, and each was handed to its caller."""
    made = await endpoints.answer()
    key = {"endpoint_id": made["endpoint"]["id"]}
    await events.new()
    answers = await asyncio.gather(*(api.webhooks.rotate_endpoint_secret(**key) for _ in range(6)))
    answers.sort(key=lambda answer: int(answer.etag.strip('"')))
    assert [answer.etag for answer in answers] == [f'"{n}"' for n in range(2, 8)]
    assert len({answer["secret"] for answer in answers}) == 6
    _, opened = await kept(database, made["endpoint"]["id"])
    assert opened == [answers[-1]["secret"], answers[-2]["secret"]]
    told = await events.new()
    assert [event["type"] for event in told] == ["webhook_endpoint.secret_rotated"] * 6
    assert all(b["before"] == a["after"] for a, b in itertools.pairwise(told))


@pytest.mark.wires("rest", "connect")
async def test_a_rotation_that_is_sent_again_is_made_once(api, endpoints, database):
    made = await endpoints.answer()
    keyed = api.sending(idempotency_key=unique("key")).webhooks
    key = {"endpoint_id": made["endpoint"]["id"]}
    first = await keyed.rotate_endpoint_secret(**key)
    assert await keyed.rotate_endpoint_secret(**key) == first
    _, opened = await kept(database, made["endpoint"]["id"])
    assert opened == [first["secret"], made["secret"]]
