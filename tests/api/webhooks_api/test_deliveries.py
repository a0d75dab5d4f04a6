"""Deliveries and their attempts as they are listed and read, and examples that are sent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from apis import moment, refused, unique
from sqlalchemy import insert

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.model import webhook_attempts, webhook_deliveries

_NOBODY = "dlv_1234567890123456789"
_COLUMNS = named(webhook_deliveries)
_DELIVERIES = Statement(
    insert(webhook_deliveries).from_select(
        [column.name for column in _COLUMNS], rows_of("given", _COLUMNS)
    )
)
_ATTEMPT = Statement(insert(webhook_attempts))
_MINUTE = 60 * 1_000_000
START = 1_700_000_000_000_000  # microseconds: some time in 2023


def written(microseconds):
    """A time as a request has it."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat()


@pytest.fixture
def deliver(database, endpoint):
    """Writes deliveries as the worker does, a minute apart; returns their ids, oldest first."""

    async def write(number, *, first=START, **members: object):
        rows = []
        for index in range(number):
            at = first + index * _MINUTE
            row = {
                "id": f"dlv_{int(ids.at('', at)) + index + 1}",
                "endpoint_id": endpoint["id"],
                "event_id": database.new_id(ids.EVENT),
                "event_type": "organization.created",
                "organization_id": None,
                "position": 1,
                "state": "PENDING",
                "attempts": 0,
                "due_time": at,
                "last_status": None,
                "body": None,
                "replay": False,
                "create_time": at,
                "end_time": None,
            }
            ended = {"due_time": None, "end_time": at + 1} if "state" in members else {}
            rows.append({**row, **ended, **members})
        await database.fetch_all(_DELIVERIES, given=spelled(_COLUMNS, rows))
        return [row["id"] for row in rows]

    return write


async def listed(api, endpoint, **narrow: str):
    page = await api.webhooks.list_deliveries(endpoint_id=endpoint["id"], page_size=100, **narrow)
    return [delivery["id"] for delivery in page["deliveries"]]


async def test_an_example_is_queued_as_its_own_event(api, endpoint, events):
    await events.new()
    key = {"endpoint_id": endpoint["id"]}
    sent = await api.webhooks.send_test_event(**key, event_type="organization.domain_created")
    delivery, payload = sent["delivery"], sent["event_payload"]
    assert delivery["state"] == "PENDING"
    assert (delivery["test"], delivery["replay"], delivery["attempts"]) == (True, False, 0)
    assert delivery["endpoint_id"] == endpoint["id"]
    assert delivery["event_type"] == payload["type"] == "organization.domain_created"
    assert delivery["event_id"] == payload["id"]
    assert delivery["next_attempt_time"] == delivery["create_time"]
    assert moment(payload["occurred_at"]) == moment(delivery["create_time"])
    assert payload["object"] == "Organization"
    read = await api.webhooks.get_delivery(**key, delivery_id=delivery["id"])
    assert (read["delivery"], read["event_payload"]) == (delivery, payload)
    page = await api.webhooks.list_deliveries(**key)
    assert page["deliveries"] == [delivery]
    attempts = await api.webhooks.list_attempts(**key, delivery_id=delivery["id"])
    assert attempts["attempts"] == []
    assert await events.new() == []


@pytest.mark.wires("rest", "grpc")
async def test_an_example_speaks_of_the_endpoints_organization(api, endpoints, make):
    organization = (await make.organization())["id"]
    endpoint = await endpoints.made(organization_id=organization, event_types=["role.created"])
    sent = await api.webhooks.send_test_event(endpoint_id=endpoint["id"])
    assert sent["delivery"]["event_type"] == "organization.created"
    assert sent["delivery"]["organization_id"] == organization
    assert sent["event_payload"]["organization_id"] == organization
    assert sent["event_payload"]["data"]["id"] == organization


async def test_nothing_is_sent_to_a_disabled_endpoint(api, endpoint):
    key = {"endpoint_id": endpoint["id"]}
    sent = (await api.webhooks.send_test_event(**key))["delivery"]
    await api.webhooks.disable_endpoint(**key)
    for call in (
        api.webhooks.send_test_event(**key),
        api.webhooks.replay_delivery(**key, delivery_id=sent["id"]),
        api.webhooks.replay_events(**key, start_time="2026-01-01T00:00:00Z"),
    ):
        with refused("INVALID_ARGUMENT", says="endpoint is disabled: enable it first"):
            await call
    page = await api.webhooks.list_deliveries(**key)
    assert page["deliveries"] == [sent]


@pytest.mark.parametrize("event_type", ["no.such", "client.created", "x" * 101])
async def test_there_are_examples_of_published_types_only(api, endpoint, event_type):
    with refused("INVALID_ARGUMENT", "event_type"):
        await api.webhooks.send_test_event(endpoint_id=endpoint["id"], event_type=event_type)


async def test_an_example_that_is_asked_for_again_with_its_key_is_sent_once(api, endpoint):
    keyed = api.sending(idempotency_key=unique("key")).webhooks
    first = await keyed.send_test_event(endpoint_id=endpoint["id"])
    again = await keyed.send_test_event(endpoint_id=endpoint["id"])
    assert again == first
    assert await listed(api, endpoint) == [first["delivery"]["id"]]


async def test_deliveries_are_listed_by_page_newest_first(api, endpoint, endpoints, deliver):
    made = await deliver(7)
    other = await endpoints.made()
    await api.webhooks.send_test_event(endpoint_id=other["id"])
    key = {"endpoint_id": endpoint["id"], "page_size": 3}
    pages = [await api.webhooks.list_deliveries(**key)]
    while token := pages[-1]["next_page_token"]:
        pages.append(await api.webhooks.list_deliveries(**key, page_token=token))
    shown = [[delivery["id"] for delivery in page["deliveries"]] for page in pages]
    assert shown == [made[:3:-1], made[3:0:-1], made[:1]]
    assert pages[0]["prev_page_token"] == ""
    back = await api.webhooks.list_deliveries(**key, page_token=pages[2]["prev_page_token"])
    assert back["deliveries"] == pages[1]["deliveries"]
    token = pages[0]["next_page_token"]
    for odd in ({"endpoint_id": other["id"]}, {"state": "FAILED"}, {"page_token": token + "x"}):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.webhooks.list_deliveries(**{**key, "page_token": token, **odd})


async def test_every_filter_narrows_the_list(api, endpoint, deliver, make):
    organization = (await make.organization())["id"]
    pending = await deliver(2)
    done = await deliver(2, first=START + 10 * _MINUTE, state="SUCCEEDED", last_status=200)
    failed = await deliver(2, first=START + 20 * _MINUTE, state="FAILED", attempts=8)
    theirs = await deliver(
        2, first=START + 40 * _MINUTE, organization_id=organization, event_type="role.created"
    )
    every = [*pending, *done, *failed, *theirs][::-1]
    assert await listed(api, endpoint) == every
    assert await listed(api, endpoint, state="PENDING") == [*theirs[::-1], *pending[::-1]]
    assert await listed(api, endpoint, state="SUCCEEDED") == done[::-1]
    assert await listed(api, endpoint, state="FAILED") == failed[::-1]
    assert await listed(api, endpoint, event_type="role.created") == theirs[::-1]
    assert await listed(api, endpoint, organization_id=organization) == theirs[::-1]
    assert await listed(api, endpoint, organization_id="org_1234567890123456789") == []
    first, last = START + 10 * _MINUTE, START + 21 * _MINUTE
    span = {"start_time": written(first), "end_time": written(last)}
    assert await listed(api, endpoint, **span) == [*failed[::-1], *done[::-1]]
    assert await listed(api, endpoint, **span, state="FAILED") == failed[::-1]
    span = {"start_time": written(first + 1), "end_time": written(last - 1)}
    assert await listed(api, endpoint, **span) == [failed[0], done[1]]
    forever = {"start_time": "0001-01-01T00:00:00Z", "end_time": "9999-12-31T23:59:59Z"}
    assert await listed(api, endpoint, **forever) == every


async def test_what_is_no_filter_is_refused_by_its_name(api, endpoint):
    key = {"endpoint_id": endpoint["id"]}
    for narrow, field in (
        ({"event_type": "no.such"}, "event_type"),
        ({"page_token": "x"}, "page_token"),
        ({"page_size": 101}, "page_size"),
        ({"organization_id": "x" * 33}, "organization_id"),
        (
            {"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"},
            "end_time",
        ),
    ):
        with refused("INVALID_ARGUMENT", field):
            await api.webhooks.list_deliveries(**key, **narrow)


@pytest.mark.wires("rest", "grpc")
async def test_a_delivery_shows_what_came_of_it(api, endpoint, deliver, database):
    key = {"endpoint_id": endpoint["id"]}
    (failed,) = await deliver(1, state="FAILED", attempts=103, last_status=500)
    for number in range(1, 104):
        answered = number != 103
        row = {
            "delivery_id": failed,
            "number": number,
            "attempt_time": START + number,
            "duration": 1_234_567,
            "status_code": 500 if answered else None,
            "problem": "the answer is 500" if answered else "no answer within 10 s",
            "response": "Oops" if answered else None,
        }
        await database.fetch_all(_ATTEMPT, **row)
    read = await api.webhooks.get_delivery(**key, delivery_id=failed)
    assert read["delivery"]["state"] == "FAILED"
    assert (read["delivery"]["attempts"], read["delivery"]["last_status"]) == (103, 500)
    assert "next_attempt_time" not in read["delivery"]
    assert moment(read["delivery"]["end_time"]) > moment(read["delivery"]["create_time"])
    assert "event_payload" not in read  # its event was never there
    answer = await api.webhooks.list_attempts(**key, delivery_id=failed)
    shown = answer["attempts"]
    assert [attempt["number"] for attempt in shown] == list(range(4, 104))
    assert shown[0]["duration"] == "1.234567s"
    assert (shown[0]["status_code"], shown[0]["response"]) == (500, "Oops")
    assert (shown[-1]["status_code"], shown[-1]["response"]) == (0, "")
    assert shown[-1]["problem"] == "no answer within 10 s"


async def test_a_delivery_is_not_reached_through_another_endpoint(api, endpoint, endpoints):
    sent = (await api.webhooks.send_test_event(endpoint_id=endpoint["id"]))["delivery"]
    other = await endpoints.made()
    for rpc in ("get_delivery", "list_attempts", "replay_delivery"):
        with refused("NOT_FOUND", says="^delivery not found$"):
            await getattr(api.webhooks, rpc)(endpoint_id=other["id"], delivery_id=sent["id"])
        with refused("NOT_FOUND", says="^delivery not found$"):
            await getattr(api.webhooks, rpc)(endpoint_id=endpoint["id"], delivery_id=_NOBODY)


@pytest.mark.wires("rest", "grpc")
async def test_enabling_sends_at_once_what_waits_and_leaves_what_is_under_way(
    api, endpoint, deliver
):
    at = now()
    (waits,) = await deliver(1, first=at, due_time=at + 3600 * 1_000_000, attempts=5)
    (sending,) = await deliver(1, first=at + 1000, due_time=at + 20 * 1_000_000, attempts=1)
    (ended,) = await deliver(1, first=at + 2000, state="FAILED")
    await api.webhooks.disable_endpoint(endpoint_id=endpoint["id"])
    await api.webhooks.enable_endpoint(endpoint_id=endpoint["id"])
    page = await api.webhooks.list_deliveries(endpoint_id=endpoint["id"])
    shown = {delivery["id"]: delivery for delivery in page["deliveries"]}
    assert at <= moment(shown[waits]["next_attempt_time"]).timestamp() * 1_000_000 <= now()
    assert moment(shown[sending]["next_attempt_time"]) == datetime.fromtimestamp(
        (at + 20 * 1_000_000) / 1_000_000, UTC
    )
    assert "next_attempt_time" not in shown[ended]
    assert (shown[waits]["state"], shown[waits]["attempts"]) == ("PENDING", 5)
