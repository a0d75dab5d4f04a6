"""Clients of an organization's machines, on every wire."""

from __future__ import annotations

from typing import Any

import pytest
from apis import Api, moment, refused, unique


@pytest.fixture
async def organization(make):
    return (await make.organization())["id"]


async def created(api: Api, organization: str, **members: Any):
    answer = await api.clients.create_organization_client(
        organization_id=organization, client={"name": "Machine", **members}
    )
    return answer["client"]


async def test_a_client_comes_back_as_it_was_made(api, organization):
    members = {
        "name": "Billing",
        "description": "Reads invoices",
        "scopes": ["invoices:read", "a", "b/c?d"],
        "audience": ["https://api.example.com", "other"],
        "custom_claims": [{"key": "tier", "value": "gold"}, {"key": "a", "value": ""}],
        "expiry": "600",
    }
    answer = await api.clients.create_organization_client(
        organization_id=organization, client=members
    )
    client = answer["client"]
    assert client["client_id"].startswith("m2morg_")
    assert client["client_id"].removeprefix("m2morg_").isdecimal()
    assert {name: client[name] for name in members} == members
    assert client["organization_id"] == organization
    assert len(answer["plain_secret"]) >= 43
    (secret,) = client["secrets"]
    assert secret["id"].startswith("sec_")
    assert secret["secret_suffix"] == answer["plain_secret"][-4:]
    assert secret["status"] == "ACTIVE"
    assert secret.keys().isdisjoint({"plain_secret", "expire_time", "last_used_time"})
    read = await api.clients.get_organization_client(
        organization_id=organization, client_id=client["client_id"]
    )
    assert read["client"] == client
    assert read.etag == answer.etag == '"1"'
    assert answer["plain_secret"] not in str(read)


async def test_a_name_is_enough(api, organization):
    client = await created(api, organization)
    assert client["name"] == "Machine"
    assert client["expiry"] == "3600"
    for name in ("scopes", "audience", "custom_claims", "redirect_uris"):
        assert client[name] == []
    assert (client["description"], client["is_dcr"], client["is_cimd"]) == ("", False, False)


async def test_an_update_keeps_what_is_empty(api, organization):
    before = await created(
        api,
        organization,
        description="Old",
        scopes=["a", "b"],
        audience=["x"],
        custom_claims=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        expiry=900,
    )
    key = {"organization_id": organization, "client_id": before["client_id"]}
    for nothing in (
        {},
        {"name": "", "description": "", "scopes": [], "audience": [], "expiry": 0},
    ):
        same = await api.clients.update_organization_client(**key, client=nothing)
        assert same["client"] == before
        assert same.etag == '"1"'
    changed = await api.clients.update_organization_client(
        **key, client={"name": "New", "custom_claims": [{"key": "c", "value": "3"}]}
    )
    after = changed["client"]
    assert after["name"] == "New"
    assert after["custom_claims"] == [{"key": "c", "value": "3"}]
    assert changed.etag == '"2"'
    assert moment(after["update_time"]) > moment(before["update_time"])
    unchanged = before.keys() - {"name", "custom_claims", "update_time"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    after = await api.clients.update_organization_client(
        **key,
        client={"description": "D", "scopes": ["c"], "audience": ["y", "z"], "expiry": 86400},
    )
    for name, value in {
        "description": "D",
        "scopes": ["c"],
        "audience": ["y", "z"],
        "expiry": "86400",
    }.items():
        assert after["client"][name] == value
    assert (await api.clients.get_organization_client(**key))["client"] == after["client"]


async def test_a_deleted_client_is_gone(api, organization):
    client = await created(api, organization)
    key = {"organization_id": organization, "client_id": client["client_id"]}
    assert await api.clients.delete_organization_client(**key) == {}
    for call in (api.clients.get_organization_client, api.clients.delete_organization_client):
        with refused("NOT_FOUND", says="not found"):
            await call(**key)
    listed = await api.clients.list_organization_clients(organization_id=organization)
    assert (listed["clients"], listed["total_size"]) == ([], 0)


async def test_a_new_organization_has_none(api, organization):
    listed = await api.clients.list_organization_clients(organization_id=organization)
    assert listed == {
        "clients": [],
        "total_size": 0,
        "next_page_token": "",
        "prev_page_token": "",
    }


@pytest.mark.wires("rest", "grpc")
async def test_pages_go_from_the_newest_to_the_oldest_and_back(api, organization, make):
    other = (await make.organization())["id"]
    await created(api, other)
    made = [(await created(api, organization, name=f"M{n}"))["client_id"] for n in range(5)]
    newest_first = made[::-1]

    async def page(token="", size=2):
        answer = await api.clients.list_organization_clients(
            organization_id=organization, page_size=size, page_token=token
        )
        assert answer["total_size"] == 5
        return [c["client_id"] for c in answer["clients"]], answer

    first, answer = await page()
    assert answer["prev_page_token"] == ""
    second, answer = await page(answer["next_page_token"])
    third, last = await page(answer["next_page_token"])
    assert [*first, *second, *third] == newest_first
    assert last["next_page_token"] == ""
    assert (await page(last["prev_page_token"]))[0] == second
    assert (await page(size=0))[0] == newest_first
    assert (await page(size=4_000_000))[0] == newest_first
    listed = (await page(size=1))[1]["clients"][0]
    read = await api.clients.get_organization_client(
        organization_id=organization, client_id=listed["client_id"]
    )
    assert read["client"] == listed
    for listing, token in (
        (organization, "x"),
        (organization, answer["next_page_token"][:-2] + "AA"),
        (other, answer["next_page_token"]),
    ):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.clients.list_organization_clients(
                organization_id=listing, page_size=2, page_token=token
            )


@pytest.mark.wires("rest")
@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"name": ""}, "client.name"),
        ({"name": "  \t"}, "client.name"),
        ({"name": "x" * 129}, "client.name"),
        ({"description": "x" * 513}, "client.description"),
        ({"scopes": ["a b"]}, "client.scopes[0]"),
        ({"scopes": ["ok", 'a"']}, "client.scopes[1]"),
        ({"scopes": ["a\\b"]}, "client.scopes[0]"),
        ({"scopes": ["ä"]}, "client.scopes[0]"),
        ({"scopes": [""]}, "client.scopes[0]"),
        ({"scopes": ["x" * 101]}, "client.scopes[0]"),
        ({"scopes": [f"s{n}" for n in range(101)]}, "client.scopes"),
        ({"audience": [""]}, "client.audience[0]"),
        ({"audience": ["a", "x" * 257]}, "client.audience[1]"),
        ({"audience": ["a\nb"]}, "client.audience[0]"),
        ({"audience": [f"a{n}" for n in range(21)]}, "client.audience"),
        ({"custom_claims": [{"key": "", "value": "x"}]}, "client.custom_claims[0].key"),
        ({"custom_claims": [{"key": "x" * 129}]}, "client.custom_claims[0].key"),
        ({"custom_claims": [{"key": "k"}, {"key": "k"}]}, "client.custom_claims[1].key"),
        (
            {"custom_claims": [{"key": "k", "value": "x" * 1025}]},
            "client.custom_claims[0].value",
        ),
        ({"custom_claims": [{"key": f"k{n}"} for n in range(21)]}, "client.custom_claims"),
        ({"expiry": 299}, "client.expiry"),
        ({"expiry": 86401}, "client.expiry"),
        ({"expiry": -1}, "client.expiry"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(api, organization, members, field, events):
    client = await created(api, organization)
    await events.new()
    with refused("INVALID_ARGUMENT", field):
        await created(api, organization, **members)
    if members != {"name": ""}:
        with refused("INVALID_ARGUMENT", field):
            await api.clients.update_organization_client(
                organization_id=organization, client_id=client["client_id"], client=members
            )
    assert await events.new() == []


@pytest.mark.wires("rest")
async def test_what_is_given_twice_counts_once(api, organization):
    client = await created(
        api, organization, scopes=["b", "a", "b"], audience=["x", "x", "y"], name="x" * 128
    )
    assert (client["scopes"], client["audience"]) == (["b", "a"], ["x", "y"])


@pytest.mark.wires("rest")
async def test_its_events_tell_who_what_and_of_which_organization(
    api, organization, events, server
):
    await events.new()
    client = await created(api, organization, scopes=["a"])
    key = {"organization_id": organization, "client_id": client["client_id"]}
    await api.clients.update_organization_client(**key, client={"scopes": ["b"]})
    await api.clients.delete_organization_client(**key)
    made, changed, gone = await events.new()
    assert [e["type"] for e in (made, changed, gone)] == [
        *("client.created", "client.updated", "client.deleted")
    ]
    for event in (made, changed, gone):
        assert event["object"] == "Client"
        assert event["organization_id"] == organization
        assert event["actor"] == {"type": "management_client", "id": server.client_id}
    assert (made["before"], gone["after"]) == (None, None)
    assert made["after"] == changed["before"]
    assert changed["after"] == gone["before"]
    assert made["after"]["client_id"] == client["client_id"]
    assert (changed["before"]["scopes"], changed["after"]["scopes"]) == (["a"], ["b"])


@pytest.mark.wires("rest")
async def test_clients_end_with_their_organization(api, organization, make):
    client = await created(api, organization)
    await api.organizations.delete_organization(id=organization)
    with refused("NOT_FOUND"):
        await api.clients.get_organization_client(
            organization_id=organization, client_id=client["client_id"]
        )
    with refused("NOT_FOUND"):
        await api.client_settings.get_client_settings(client_id=client["client_id"])


@pytest.mark.wires("rest")
async def test_an_idempotent_creation_shows_its_secret_again_and_makes_one_client(
    api, organization
):
    once = api.sending(idempotency_key=unique())
    first, second = [
        await once.clients.create_organization_client(
            organization_id=organization, client={"name": "Machine"}
        )
        for _ in range(2)
    ]
    assert first == second
    listed = await api.clients.list_organization_clients(organization_id=organization)
    assert listed["total_size"] == 1
