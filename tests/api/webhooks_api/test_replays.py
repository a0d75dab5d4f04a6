"""Sending once more: one delivery, or the events of a time, by type and organization."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apis import refused, unique

from tenantry.events.event_log import sequencing


def now():
    return datetime.now(UTC)


@pytest.fixture
def sealed(database):
    """Puts events into the log, as a worker would."""

    async def seal():
        for _ in range(100):
            if await sequencing.sequence(database) > 0:
                return

    return seal


async def pending(api, endpoint):
    page = await api.webhooks.list_deliveries(endpoint_id=endpoint["id"], page_size=100)
    return page["deliveries"]


async def test_a_delivery_is_sent_once_more_as_the_same_event(api, endpoint):
    key = {"endpoint_id": endpoint["id"]}
    sent = await api.webhooks.send_test_event(**key)
    again = (await api.webhooks.replay_delivery(**key, delivery_id=sent["delivery"]["id"]))[
        "delivery"
    ]
    assert again["id"] != sent["delivery"]["id"]
    assert again["event_id"] == sent["delivery"]["event_id"]
    assert (again["state"], again["replay"], again["test"]) == ("PENDING", True, True)
    read = await api.webhooks.get_delivery(**key, delivery_id=again["id"])
    assert read["event_payload"] == sent["event_payload"]


@pytest.mark.wires("rest", "grpc", "connect")
async def test_the_events_of_a_time_are_sent_once_more(api, endpoint, make, sealed):
    """By type and organization, also those from before the endpoint was there."""
    key = {"endpoint_id": endpoint["id"]}
    start = now()
    mine, other = await make.organization("Mine"), await make.organization("Other")
    domain = await make.domain(mine["id"])
    await sealed()
    span = {"start_time": start.isoformat(), "end_time": now().isoformat()}
    narrow = {"organization_id": mine["id"]}
    assert await api.webhooks.replay_events(**key, **span, **narrow) == {"queued": 2}
    queued = await pending(api, endpoint)
    assert [d["event_type"] for d in queued] == [
        "organization.domain_created",
        "organization.created",
    ]
    assert all(d["replay"] and d["organization_id"] == mine["id"] for d in queued)
    read = await api.webhooks.get_delivery(**key, delivery_id=queued[0]["id"])
    assert read["event_payload"]["id"] == queued[0]["event_id"]
    assert read["event_payload"]["data"]["domain"] == domain["domain"]
    types = {"event_types": ["organization.created"]}
    answer = await api.webhooks.replay_events(**key, **span, **types)
    assert answer["queued"] == 2
    assert {d["organization_id"] for d in (await pending(api, endpoint))[:2]} == {
        mine["id"],
        other["id"],
    }
    # Ours are sent where they are named, and never else.
    for named, number in (([], 3), (["webhook_endpoint.created"], 0)):
        answer = await api.webhooks.replay_events(**key, **span, event_types=named)
        assert answer["queued"] == number
    earlier = {"start_time": "2020-01-01T00:00:00Z", "end_time": start.isoformat()}
    assert (await api.webhooks.replay_events(**key, **earlier, **narrow))["queued"] == 0


@pytest.mark.wires("rest")
async def test_a_replay_keeps_to_what_the_endpoint_gets(api, endpoints, make, sealed):
    start = now().isoformat()
    mine, other = await make.organization(), await make.organization()
    await make.domain(mine["id"])
    await sealed()
    bound = await endpoints.made(
        organization_id=mine["id"], event_types=["organization.domain_created"]
    )
    key = {"endpoint_id": bound["id"]}
    assert (await api.webhooks.replay_events(**key, start_time=start))["queued"] == 1
    named = {"event_types": ["organization.created", "organization.domain_created"]}
    assert (await api.webhooks.replay_events(**key, start_time=start, **named))["queued"] == 2
    assert {d["organization_id"] for d in await pending(api, bound)} == {mine["id"]}
    with refused("INVALID_ARGUMENT", "organization_id", says=mine["id"]):
        await api.webhooks.replay_events(**key, start_time=start, organization_id=other["id"])


@pytest.mark.wires("rest", "grpc")
async def test_a_replay_that_is_sent_again_with_its_key_is_made_once(api, endpoint, make, sealed):
    start = now().isoformat()
    organization = await make.organization()
    await sealed()
    keyed = api.sending(idempotency_key=unique("key")).webhooks
    for _ in range(2):
        answer = await keyed.replay_events(
            endpoint_id=endpoint["id"], start_time=start, organization_id=organization["id"]
        )
        assert answer["queued"] == 1
    (queued,) = await pending(api, endpoint)
    for _ in range(2):
        again = await api.sending(idempotency_key="k" + queued["id"]).webhooks.replay_delivery(
            endpoint_id=endpoint["id"], delivery_id=queued["id"]
        )
        assert again["delivery"]["event_id"] == queued["event_id"]
    assert len(await pending(api, endpoint)) == 2


async def test_what_cannot_be_replayed_is_refused_by_its_name(api, endpoint):
    key = {"endpoint_id": endpoint["id"]}
    later = (now() + timedelta(days=1)).isoformat()
    day = {"start_time": "2026-01-01T00:00:00Z"}
    for request, field in (
        ({}, "start_time"),
        ({"start_time": later}, "end_time"),
        ({**day, "end_time": "2025-12-31T00:00:00Z"}, "end_time"),
        ({**day, "event_types": ["role.created", "no.such"]}, "event_types[1]"),
        ({**day, "organization_id": ""}, "organization_id"),
    ):
        with refused("INVALID_ARGUMENT", field):
            await api.webhooks.replay_events(**key, **request)
    assert await pending(api, endpoint) == []
