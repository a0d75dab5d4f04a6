"""`tenantry webhook`: the same as the API, from the command line."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import unique
from standardwebhooks import Webhook

from tenantry.events.event_log import sequencing

pytestmark = pytest.mark.wires("rest")


async def run(server, *arguments: str):
    return await asyncio.to_thread(server.run, "webhook", *arguments)


async def printed(server, *arguments: str):
    done = await run(server, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
async def key(server, api):
    """An endpoint that the command line made; its id."""
    made = await printed(server, "create", f"https://hooks.example.com/{unique()}")
    yield made["endpoint"]["id"]
    await run(server, "delete", made["endpoint"]["id"], "--yes")


async def test_an_endpoint_is_made_listed_shown_and_deleted(api, make, server, events):
    organization = (await make.organization())["id"]
    url = f"https://hooks.example.com/{unique()}"
    await events.new()
    done = await run(
        server,
        *("create", url, "-e", "role.created", "-e", "user.created", "-o", organization),
        *("--description", "Billing", "--ordered"),
    )
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert Webhook(lines["secret"])
    assert "not shown again" in done.stderr
    read = (await api.webhooks.get_endpoint(endpoint_id=lines["endpoint"]))["endpoint"]
    assert read["event_types"] == ["role.created", "user.created"]
    assert (read["organization_id"], read["url"], read["ordered"]) == (organization, url, True)
    (listed,) = await printed(server, "list", "-o", organization)
    assert listed == await printed(server, "show", lines["endpoint"])
    assert (listed["id"], listed["description"]) == (lines["endpoint"], "Billing")
    table = (await run(server, "list")).stdout
    assert lines["endpoint"] in table
    assert organization in table
    assert "Billing" in (await run(server, "show", lines["endpoint"])).stdout
    assert (await run(server, "delete", lines["endpoint"], "--yes")).returncode == 0
    assert await printed(server, "list", "-o", organization) == []
    told = await events.new()
    assert [event["type"] for event in told] == [
        "webhook_endpoint.created",
        "webhook_endpoint.deleted",
    ]
    assert lines["secret"] not in json.dumps([told, listed, table])


@pytest.mark.thorough
async def test_an_endpoint_is_changed_disabled_enabled_and_gets_a_new_secret(api, server, key):
    changed = await printed(server, "update", key, "--description", "New", "-e", "role.created")
    assert (changed["description"], changed["event_types"]) == ("New", ["role.created"])
    changed = await printed(server, "update", key, "--all-event-types", "--ordered")
    assert (changed["event_types"], changed["ordered"]) == ([], True)
    assert (await printed(server, "update", key, "--unordered"))["ordered"] is False
    assert (await printed(server, "disable", key))["enabled"] is False
    assert (await run(server, "test", key)).returncode == 1
    assert (await printed(server, "enable", key))["enabled"] is True
    rotated = await printed(server, "rotate-secret", key)
    assert Webhook(rotated["secret"])
    read = (await api.webhooks.get_endpoint(endpoint_id=key))["endpoint"]
    assert read["previous_secret_expire_time"]
    assert read["description"] == "New"


@pytest.mark.thorough
async def test_examples_are_sent_listed_and_sent_once_more(api, server, key):
    sent = await printed(server, "test", key, "role.created")
    delivery = sent["delivery"]
    assert sent["event_payload"]["id"] == delivery["event_id"]
    again = await printed(server, "replay", key, delivery["id"])
    assert again["event_id"] == delivery["event_id"]
    await run(server, "test", key)
    listed = await printed(server, "deliveries", key)
    assert [one["id"] for one in listed[1:]] == [again["id"], delivery["id"]]
    assert len(await printed(server, "deliveries", key, "-n", "2")) == 2
    narrow = ("--state", "pending", "-e", "role.created", "--since", delivery["create_time"])
    assert len(await printed(server, "deliveries", key, *narrow)) == 2
    assert await printed(server, "deliveries", key, "--until", "2020-01-01") == []
    assert await printed(server, "attempts", key, delivery["id"]) == []
    table = (await run(server, "deliveries", key)).stdout
    assert delivery["id"] in table
    assert "PENDING" in table
    shown = (await api.webhooks.list_deliveries(endpoint_id=key))["deliveries"]
    assert [one["id"] for one in shown] == [one["id"] for one in listed]


async def test_the_events_of_a_time_are_sent_once_more(make, server, key, database):
    organization = await make.organization()
    while not await sequencing.sequence(database):
        pass
    narrow = ("--since", organization["create_time"], "-o", organization["id"])
    answer = await printed(server, "replay", key, *narrow, "-e", "organization.created")
    assert answer == {"queued": 1}
    (queued,) = await printed(server, "deliveries", key)
    assert (queued["replay"], queued["organization_id"]) == (True, organization["id"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create", "http://hooks.example.com/"), "endpoint.url: must start with https://"),
        (("create", "https://h.example.com/", "-e", "no.such"), "endpoint.event_types[0]"),
        (("show", "whe_1"), "endpoint not found"),
        (("delete", "whe_1", "--yes"), "endpoint not found"),
        (("update", "whe_1", "-e", "role.created", "--all-event-types"), "together"),
        (("deliveries", "whe_1"), "endpoint not found"),
        (("deliveries", "whe_1", "--state", "GONE"), "--state must be PENDING"),
        (("deliveries", "whe_1", "--since", "noon"), "--since must be a time"),
        (("attempts", "whe_1", "dlv_1"), "endpoint not found"),
        (("replay", "whe_1"), "specify a delivery, or a period with --since"),
        (("replay", "whe_1", "dlv_1", "--since", "2026-01-01"), "cannot be combined with filters"),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_line(server, api, arguments, says):
    done = await run(server, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
