"""Webhook endpoints: made, read, changed, enabled, disabled and deleted, each with its event."""

from __future__ import annotations

import itertools

import pytest
from apis import moment, refused, unique
from sqlalchemy import bindparam, update

from tenantry.core import errors
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks import values
from tenantry.events.webhooks.model import webhook_deliveries, webhook_endpoints
from tenantry.settings import load

_e = webhook_endpoints.c
FAIL = Statement(
    update(webhook_endpoints)
    .where(_e.id == bindparam("p_id"))
    .values(
        failing_since=bindparam("p_since"),
        disabled_reason=bindparam("p_reason"),
        enabled=bindparam("p_enabled"),
    )
    .returning(_e.id)
)


def address():
    return f"https://hooks.example.com/{unique()}"


async def fail(database, endpoint_id, *, reason=None, enabled=True):
    """The worker's rows for an endpoint that takes nothing."""
    await database.fetch_all(
        FAIL, p_id=endpoint_id, p_since=1_700_000_000_000_000, p_reason=reason, p_enabled=enabled
    )


async def test_an_endpoint_is_made_and_read(api, endpoints, events):
    url = address()
    made = endpoints.noted(
        await api.webhooks.create_endpoint(
            endpoint={
                "url": url,
                "description": "Billing",
                "event_types": ["user.created", "organization.created"],
                "ordered": True,
            }
        )
    )
    shown = made["endpoint"]
    assert shown["url"] == url
    assert shown["description"] == "Billing"
    assert shown["event_types"] == ["organization.created", "user.created"]
    assert (shown["enabled"], shown["ordered"], shown["disabled_reason"]) == (True, True, "")
    assert shown["id"].startswith("whe_")
    assert not {"organization_id", "failing_since", "previous_secret_expire_time"} & shown.keys()
    assert moment(shown["create_time"]) == moment(shown["update_time"])
    assert made.etag == '"1"'
    read = await api.webhooks.get_endpoint(endpoint_id=shown["id"])
    assert read["endpoint"] == shown
    assert read.etag == '"1"'
    assert "secret" not in read
    (told,) = await events.new()
    assert (told["type"], told["object"]) == ("webhook_endpoint.created", "WebhookEndpoint")
    assert (told["organization_id"], told["before"]) == (None, None)
    assert told["after"]["id"] == shown["id"]


@pytest.mark.wires("rest")
async def test_creation_is_answered_by_201(endpoints):
    assert (await endpoints.answer()).headers["status"] == "201"


async def test_an_endpoint_may_begin_disabled_and_be_an_organizations(api, endpoints, make, events):
    organization = (await make.organization())["id"]
    await events.new()
    made = endpoints.noted(
        await api.webhooks.create_endpoint(
            endpoint={"url": address(), "organization_id": organization, "disabled": True}
        )
    )
    assert made["endpoint"]["organization_id"] == organization
    assert made["endpoint"]["enabled"] is False
    (told,) = await events.new()
    assert told["organization_id"] == organization


async def test_what_is_present_is_changed_and_nothing_else(api, endpoints, events):
    before = await endpoints.made(description="Old", event_types=["user.created"])
    key = {"endpoint_id": before["id"]}
    await events.new()
    changes = [
        {"url": address()},
        {"description": ""},
        {"event_types": ["role.deleted", "role.created"]},
        {"ordered": True},
        {"all_event_types": True},
        {"ordered": False, "description": "New"},
    ]
    expected = dict(before)
    for number, change in enumerate(changes, 2):
        answer = await api.webhooks.update_endpoint(**key, endpoint=change)
        if change.pop("all_event_types", False):
            change["event_types"] = []
        expected |= change | {"update_time": answer["endpoint"]["update_time"]}
        expected["event_types"] = sorted(expected["event_types"])
        assert answer["endpoint"] == expected
        assert answer.etag == f'"{number}"'
    assert (await api.webhooks.get_endpoint(**key))["endpoint"] == expected
    told = await events.new()
    assert [event["type"] for event in told] == ["webhook_endpoint.updated"] * len(changes)
    assert all(b["before"] == a["after"] for a, b in itertools.pairwise(told))


async def test_a_change_that_changes_nothing_is_none(api, endpoint, events):
    await events.new()
    answer = await api.webhooks.update_endpoint(
        endpoint_id=endpoint["id"], endpoint={"url": endpoint["url"], "ordered": False}
    )
    assert answer["endpoint"] == endpoint
    assert answer.etag == '"1"'
    assert await events.new() == []


async def test_another_address_has_not_failed_yet(api, endpoint, database):
    key = {"endpoint_id": endpoint["id"]}
    await fail(database, endpoint["id"])
    changed = await api.webhooks.update_endpoint(**key, endpoint={"description": "New"})
    assert moment(changed["endpoint"]["failing_since"]).year == 2023
    changed = await api.webhooks.update_endpoint(**key, endpoint={"url": address()})
    assert "failing_since" not in changed["endpoint"]


async def test_disabling_keeps_what_waits_and_enabling_forgives(api, endpoint, database, events):
    key = {"endpoint_id": endpoint["id"]}
    sent = (await api.webhooks.send_test_event(**key))["delivery"]
    await events.new()
    off = await api.webhooks.disable_endpoint(**key)
    assert off["endpoint"]["enabled"] is False
    assert off["endpoint"]["disabled_reason"] == ""
    assert (await api.webhooks.disable_endpoint(**key)).etag == off.etag == '"2"'
    kept = await api.webhooks.get_delivery(**key, delivery_id=sent["id"])
    assert kept["delivery"]["state"] == "PENDING"
    await fail(database, endpoint["id"], reason="failed for 5 days", enabled=False)
    read = (await api.webhooks.get_endpoint(**key))["endpoint"]
    assert read["disabled_reason"] == "failed for 5 days"
    on = await api.webhooks.enable_endpoint(**key)
    assert (on["endpoint"]["enabled"], on["endpoint"]["disabled_reason"]) == (True, "")
    assert "failing_since" not in on["endpoint"]
    assert (await api.webhooks.enable_endpoint(**key)).etag == on.etag == '"3"'
    kept = await api.webhooks.get_delivery(**key, delivery_id=sent["id"])
    assert kept["delivery"]["state"] == "PENDING"
    told = await events.new()
    assert [event["type"] for event in told] == [
        "webhook_endpoint.disabled",
        "webhook_endpoint.enabled",
    ]
    assert told[1]["before"]["disabled_reason"] == "failed for 5 days"


async def test_enabling_forgives_also_what_is_enabled(api, endpoint, database):
    await fail(database, endpoint["id"])
    on = await api.webhooks.enable_endpoint(endpoint_id=endpoint["id"])
    assert on["endpoint"]["enabled"] is True
    assert "failing_since" not in on["endpoint"]


async def test_what_is_deleted_is_gone_with_its_deliveries(api, endpoint, database, events):
    key = {"endpoint_id": endpoint["id"]}
    await api.webhooks.send_test_event(**key)
    await events.new()
    assert await api.webhooks.delete_endpoint(**key) == {}
    for call in (api.webhooks.get_endpoint(**key), api.webhooks.delete_endpoint(**key)):
        with refused("NOT_FOUND", says="^endpoint not found$"):
            await call
    left = Statement(
        webhook_deliveries.select().where(webhook_deliveries.c.endpoint_id == bindparam("p_id"))
    )
    assert list(await database.fetch_all(left, p_id=endpoint["id"])) == []
    (told,) = await events.new()
    assert (told["type"], told["after"]) == ("webhook_endpoint.deleted", None)
    assert told["before"]["id"] == endpoint["id"]


async def test_the_endpoints_of_an_organization_go_with_it(api, endpoints, make):
    organization = (await make.organization())["id"]
    made = await endpoints.made(organization_id=organization)
    await api.webhooks.send_test_event(endpoint_id=made["id"])
    await api.organizations.delete_organization(id=organization)
    with refused("NOT_FOUND"):
        await api.webhooks.get_endpoint(endpoint_id=made["id"])


async def test_an_endpoint_is_listed_by_page_and_by_organization(api, endpoints, make):
    organization, other = [(await make.organization())["id"] for _ in range(2)]
    made = [(await endpoints.made(organization_id=organization))["id"] for _ in range(5)]
    theirs = await endpoints.made(organization_id=other)
    narrow = {"organization_id": organization, "page_size": 2}
    found, token, tokens = [], "", []
    while True:
        page = await api.webhooks.list_endpoints(**narrow, page_token=token)
        assert page["total_size"] == 5
        found += [endpoint["id"] for endpoint in page["endpoints"]]
        tokens.append(page["prev_page_token"])
        token = page["next_page_token"]
        if not token:
            break
    assert found == made[::-1]
    assert tokens[0] == ""
    back = await api.webhooks.list_endpoints(**narrow, page_token=tokens[-1])
    assert [endpoint["id"] for endpoint in back["endpoints"]] == found[2:4]
    with refused("INVALID_ARGUMENT", "page_token"):
        await api.webhooks.list_endpoints(organization_id=other, page_size=2, page_token=tokens[-1])
    everything = await api.webhooks.list_endpoints(page_size=100)
    assert {theirs["id"], *made} <= {endpoint["id"] for endpoint in everything["endpoints"]}
    nothing = await api.webhooks.list_endpoints(organization_id="org_1234567890123456789")
    assert (nothing["endpoints"], nothing["total_size"]) == ([], 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "https://",
        "https:///path",
        "hooks.example.com",
        "/path",
        "https://user@hooks.example.com/",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com/#fragment",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://hooks.example.com/\r\nX: y",
        "https://hooks.example.com/" + "x" * 2048,
        "",
    ],
)
@pytest.mark.wires("rest", "grpc")
async def test_a_url_that_is_not_public_is_rejected(api, endpoint, url, events):
    await events.new()
    with refused("INVALID_ARGUMENT", "endpoint.url"):
        await api.webhooks.create_endpoint(endpoint={"url": url})
    with refused("INVALID_ARGUMENT", "endpoint.url"):
        await api.webhooks.update_endpoint(endpoint_id=endpoint["id"], endpoint={"url": url})
    assert await events.new() == []


@pytest.mark.parametrize(
    "url", ["http://localhost:8001/hook", "https://127.0.0.1/", "http://[::1]/"]
)
async def test_a_loopback_url_is_allowed_in_development(api, url):
    made = (await api.webhooks.create_endpoint(endpoint={"url": url}))["endpoint"]
    assert made["url"] == url
    await api.webhooks.delete_endpoint(endpoint_id=made["id"])


@pytest.mark.parametrize(
    "given",
    [
        {"TENANTRY_DEVELOPMENT": "false"},
        {"TENANTRY_PUBLIC_URL": "https://id.example.com"},
        {"TENANTRY_TRUSTED_PROXIES": "127.0.0.0/8"},
    ],
)
def test_a_loopback_url_is_rejected_in_production(given):
    known = load({"TENANTRY_CONFIG": "/dev/null", **given})
    with pytest.raises(errors.InvalidArgument, match="TENANTRY_OUTGOING_ALLOW") as problem:
        values.url("http://localhost:8001/hook", allow=known.webhook_allow)
    assert [each.field for each in problem.value.violations] == ["endpoint.url"]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"event_types": ["organization.created", "no.such"]}, "endpoint.event_types[1]"),
        ({"event_types": [""]}, "endpoint.event_types[0]"),
        ({"event_types": ["role.created", "role.created"]}, "endpoint.event_types"),
        ({"description": "x" * 1025}, "endpoint.description"),
        ({"organization_id": ""}, "endpoint.organization_id"),
        ({"organization_id": "x" * 33}, "endpoint.organization_id"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(api, endpoint, events, members, field):
    await events.new()
    with refused("INVALID_ARGUMENT", field):
        await api.webhooks.create_endpoint(endpoint={"url": address(), **members})
    if "organization_id" not in members:
        with refused("INVALID_ARGUMENT", field):
            await api.webhooks.update_endpoint(endpoint_id=endpoint["id"], endpoint=members)
    assert await events.new() == []


async def test_all_types_and_some_cannot_be_asked_for_together(api, endpoint):
    with refused("INVALID_ARGUMENT", "endpoint.all_event_types"):
        await api.webhooks.update_endpoint(
            endpoint_id=endpoint["id"],
            endpoint={"all_event_types": True, "event_types": ["role.created"]},
        )


async def test_an_organization_that_is_not_there_has_no_endpoint(api, events):
    await events.new()
    with refused("NOT_FOUND", says="^organization not found$"):
        await api.webhooks.create_endpoint(
            endpoint={"url": address(), "organization_id": "org_1234567890123456789"}
        )
    assert await events.new() == []
