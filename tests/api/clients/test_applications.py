"""Applications, the clients of the environment, on every wire."""

from __future__ import annotations

from typing import Any

import pytest
from apis import Api, refused, unique

NOBODY = "skc_1234567890123456789"
FULL = {
    "name": "Shop",
    "post_login_uris": ["https://shop.example.com/callback", "http://localhost:3000/"],
    "post_logout_redirect_uris": ["https://shop.example.com/bye", "https://*.example.com/bye"],
    "back_channel_logout_uris": ["https://shop.example.com/logout"],
    "initiate_login_uri": "https://{{org_slug}}.shop.example.com/login?from=mail",
    "access_token_expiry": "60",
    "scopes": ["z", "a"],
    "custom_claims": [{"key": "z", "value": "1"}, {"key": "a", "value": "2"}],
    "disallow_scalekit_api_access": True,
    "grant_types": ["refresh_token", "authorization_code"],
    "enforce_pkce": True,
}


async def created(api: Api, client_type: str = "WEB_APP", **members: Any):
    answer = await api.clients.create_client(
        client={"name": "App", "client_type": client_type, **members}
    )
    return answer["client"]


async def test_an_application_comes_back_as_it_was_made(api):
    answer = await api.clients.create_client(client={**FULL, "client_type": "WEB_APP"})
    client = answer["client"]
    assert client["id"].startswith("skc_")
    assert client["keyId"] == client["id"]
    assert {name: client[name] for name in FULL} == FULL
    assert client["client_type"] == "WEB_APP"
    assert client["secrets"] == []  # a web application gets its secrets later
    read = await api.clients.get_client(client_id=client["id"])
    assert read["client"] == client
    assert read.etag == answer.etag == '"1"'


async def test_what_a_new_application_has_when_nothing_is_said(api):
    web = await created(api)
    assert web["enforce_pkce"] is False
    assert web["disallow_scalekit_api_access"] is False
    assert "access_token_expiry" not in web
    assert "ip_allowlist" not in web
    assert web["initiate_login_uri"] == ""
    for name in ("post_login_uris", "post_logout_redirect_uris", "back_channel_logout_uris"):
        assert web[name] == []
    for type_ in ("SPA", "NTV"):
        for said in ({}, {"enforce_pkce": False}, {"enforce_pkce": True}):
            assert (await created(api, type_, **said))["enforce_pkce"] is True


@pytest.mark.wires("rest", "grpc")
async def test_uris_are_unique_within_one_client_only(api):
    uri = f"https://{unique()}.example.com/callback"
    for _ in range(2):
        assert (await created(api, post_login_uris=[uri]))["post_login_uris"] == [uri]
    with refused("INVALID_ARGUMENT", "client.post_login_uris"):
        await created(api, post_login_uris=[uri, uri])


async def test_an_update_without_a_mask_keeps_what_is_empty(api):
    before = await created(api, **FULL)
    for nothing in (
        {},
        {"name": "", "scopes": [], "access_token_expiry": 0, "initiate_login_uri": ""},
    ):
        same = await api.clients.update_client(client_id=before["id"], client=nothing)
        assert same["client"] == before
        assert same.etag == '"1"'
    changed = await api.clients.update_client(
        client_id=before["id"],
        client={
            "name": "New",
            "post_login_uris": ["https://new.example.com/"],
            "disallow_scalekit_api_access": False,
            "enforce_pkce": False,
        },
    )
    after = changed["client"]
    assert (after["name"], after["post_login_uris"]) == ("New", ["https://new.example.com/"])
    assert (after["disallow_scalekit_api_access"], after["enforce_pkce"]) == (False, False)
    assert changed.etag == '"2"'
    kept = FULL.keys() - {
        *("name", "post_login_uris", "disallow_scalekit_api_access", "enforce_pkce")
    }
    assert {name: after[name] for name in kept} == {name: FULL[name] for name in kept}
    assert (await api.clients.get_client(client_id=before["id"]))["client"] == after


def masked(api: Api, *names: str) -> str:
    """A mask as JSON spells it, in camelCase; a query may name the members as they are."""
    rest = api.wire.__class__.__name__ == "Rest"
    return ",".join(names if rest else map(camel_of, names))


def camel_of(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


async def test_a_mask_says_what_changes_and_clears_what_is_empty(api):
    before = await created(api, **FULL)
    answer = await api.clients.update_client(
        client_id=before["id"],
        client={"name": "New", "scopes": ["left", "alone"]},
        mask=masked(
            api,
            *("name", "post_login_uris", "access_token_expiry", "initiate_login_uri"),
            *("custom_claims", "disallow_scalekit_api_access", "enforce_pkce"),
        ),
    )
    after = answer["client"]
    assert after["name"] == "New"
    assert (after["post_login_uris"], after["custom_claims"]) == ([], [])
    assert "access_token_expiry" not in after
    assert after["initiate_login_uri"] == ""
    assert (after["disallow_scalekit_api_access"], after["enforce_pkce"]) == (False, False)
    for name in ("scopes", "post_logout_redirect_uris", "back_channel_logout_uris", "grant_types"):
        assert after[name] == FULL[name]
    with refused("INVALID_ARGUMENT", "client.name"):
        await api.clients.update_client(client_id=before["id"], client={}, mask="name")


@pytest.mark.wires("rest", "grpc")
async def test_a_mask_names_what_can_change_only(api):
    client = await created(api)
    for name in ("id", "client_type", "create_time", "secrets", "organization_id", "bogus"):
        with refused("INVALID_ARGUMENT", "mask"):
            await api.clients.update_client(
                client_id=client["id"], client={"name": "New"}, mask=masked(api, "name", name)
            )
    assert (await api.clients.get_client(client_id=client["id"]))["client"] == client


@pytest.mark.wires("rest", "grpc")
async def test_pkce_cannot_be_switched_off_where_there_is_no_secret(api):
    client = await created(api, "SPA")
    for mask in ({}, {"mask": masked(api, "enforce_pkce")}):
        after = await api.clients.update_client(
            client_id=client["id"], client={"enforce_pkce": False}, **mask
        )
        assert after["client"]["enforce_pkce"] is True


async def test_an_allow_list_is_normalised(api):
    given = [
        {"value": "203.0.113.7/24"},
        {"value": "198.51.100.1", "type": "IPV4"},
        {"value": "2001:DB8::1/32", "type": "IPV6"},
        {"value": "::ffff:192.0.2.0/120"},
        {"value": "203.0.113.0/24"},
    ]
    client = await created(api, ip_allowlist={"opted_in": True, "cidrs": given})
    assert client["ip_allowlist"] == {
        "opted_in": True,
        "cidrs": [
            {"value": "203.0.113.0/24", "type": "IPV4"},
            {"value": "198.51.100.1/32", "type": "IPV4"},
            {"value": "2001:db8::/32", "type": "IPV6"},
            {"value": "192.0.2.0/24", "type": "IPV4"},
        ],
    }
    off = await api.clients.update_client(
        client_id=client["id"], client={"ip_allowlist": {"opted_in": False}}
    )
    assert "ip_allowlist" not in off["client"]


@pytest.mark.wires("rest")
@pytest.mark.parametrize(
    ("type_", "members", "field"),
    [
        ("ENV", {}, "client.client_type"),
        ("M2M", {}, "client.client_type"),
        ("web_app", {}, "client.client_type"),
        ("WEB_APP", {"name": " "}, "client.name"),
        ("WEB_APP", {"name": "x" * 129}, "client.name"),
        ("WEB_APP", {"scopes": ["a b"]}, "client.scopes[0]"),
        ("WEB_APP", {"access_token_expiry": 59}, "client.access_token_expiry"),
        ("WEB_APP", {"access_token_expiry": 86_401}, "client.access_token_expiry"),
        ("WEB_APP", {"access_token_expiry": -1}, "client.access_token_expiry"),
        ("WEB_APP", {"grant_types": ["password"]}, "client.grant_types[0]"),
        ("SPA", {"grant_types": ["client_credentials"]}, "client.grant_types[0]"),
        ("WEB_APP", {"custom_claims": [{"key": "k"}] * 2}, "client.custom_claims[1].key"),
        ("WEB_APP", {"post_login_uris": ["ftp://x.example"]}, "client.post_login_uris[0]"),
        ("WEB_APP", {"post_login_uris": ["myapp://x"]}, "client.post_login_uris[0]"),
        (
            "WEB_APP",
            {"post_login_uris": [f"https://a.example/{n}" for n in range(6)]},
            "client.post_login_uris",
        ),
        (
            "WEB_APP",
            {"post_logout_redirect_uris": [f"https://a.example/{n}" for n in range(21)]},
            "client.post_logout_redirect_uris",
        ),
        (
            "WEB_APP",
            {"back_channel_logout_uris": [f"https://a.example/{n}" for n in range(6)]},
            "client.back_channel_logout_uris",
        ),
        (
            "WEB_APP",
            {"back_channel_logout_uris": ["https://a.example/#x"]},
            "client.back_channel_logout_uris[0]",
        ),
        (
            "SPA",
            {"back_channel_logout_uris": ["https://a.example/"]},
            "client.back_channel_logout_uris",
        ),
        ("WEB_APP", {"initiate_login_uri": "login"}, "client.initiate_login_uri"),
        ("WEB_APP", {"ip_allowlist": {"opted_in": True}}, "client.ip_allowlist.cidrs"),
        (
            "WEB_APP",
            {"ip_allowlist": {"cidrs": [{"value": "10.0.0.0/33"}]}},
            "client.ip_allowlist.cidrs[0].value",
        ),
        (
            "WEB_APP",
            {"ip_allowlist": {"cidrs": [{"value": "fe80::1%eth0"}]}},
            "client.ip_allowlist.cidrs[0].value",
        ),
        (
            "WEB_APP",
            {"ip_allowlist": {"cidrs": [{"value": "10.0.0.0/8", "type": "IPV6"}]}},
            "client.ip_allowlist.cidrs[0].type",
        ),
        (
            "WEB_APP",
            {"ip_allowlist": {"cidrs": [{"value": f"10.0.{n}.0/24"} for n in range(101)]}},
            "client.ip_allowlist.cidrs",
        ),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(api, type_, members, field, events):
    client = None if field == "client.client_type" else await created(api, type_)
    await events.new()
    with refused("INVALID_ARGUMENT", field):
        await created(api, type_, **members)
    if client:
        with refused("INVALID_ARGUMENT", field):
            await api.clients.update_client(client_id=client["id"], client=members)
    assert await events.new() == []


@pytest.mark.wires("rest")
async def test_a_native_app_may_have_a_scheme_of_its_own(api):
    uris = ["com.example.app:/callback", "myapp://callback", "http://127.0.0.1/cb"]
    client = await created(api, "NTV", post_login_uris=uris)
    assert client["post_login_uris"] == uris


async def test_types_are_listed_as_they_are_asked_for(api, server):
    made = {type_: (await created(api, type_))["id"] for type_ in ("WEB_APP", "SPA", "NTV")}

    async def listed(*types: str, size: int = 3):
        request = {"filter": {"client_type": [*types]}} if types else {}
        answer = await api.clients.list_client(**request, page_size=size)
        return [c["id"] for c in answer["clients"]], answer

    assert server.client_id in (await listed(size=30))[0]
    for type_, client_id in made.items():
        ids, answer = await listed(type_)
        assert ids[0] == client_id
        assert {c["client_type"] for c in answer["clients"]} == {type_}
    ids, answer = await listed("ALL")
    assert ids == [made["NTV"], made["SPA"], made["WEB_APP"]]
    total = answer["total_size"]
    ids, _ = await listed("SPA", "NTV")
    assert ids[:2] == [made["NTV"], made["SPA"]]
    # Of an organization's clients there are none here.
    assert total == sum(
        [(await listed(type_))[1]["total_size"] for type_ in ("ENV", "WEB_APP", "SPA", "NTV")]
    )


@pytest.mark.wires("rest", "grpc")
async def test_pages_go_from_the_newest_to_the_oldest_and_back(api):
    made = [(await created(api, "SPA", name=f"S{n}"))["id"] for n in range(5)]
    narrow = {"filter": {"client_type": ["SPA"]}, "page_size": 2}
    pages, token = [], ""
    for _ in range(2):
        answer = await api.clients.list_client(**narrow, page_token=token)
        pages += [c["id"] for c in answer["clients"]]
        token = answer["next_page_token"]
    assert pages == made[:0:-1]
    back = await api.clients.list_client(**narrow, page_token=answer["prev_page_token"])
    assert [c["id"] for c in back["clients"]] == pages[:2]
    for request in (
        {**narrow, "filter": {"client_type": ["NTV"]}, "page_token": token},
        {**narrow, "page_token": "x"},
    ):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.clients.list_client(**request)
    with refused("INVALID_ARGUMENT", "page_size"):
        await api.clients.list_client(page_size=31)
    with refused("INVALID_ARGUMENT", "filter.client_type[1]"):
        await api.clients.list_client(filter={"client_type": ["SPA", "M2M"]})


async def test_a_deleted_application_is_gone(api):
    client = await created(api)
    assert await api.clients.delete_client(client_id=client["id"]) == {}
    for call in (api.clients.get_client, api.clients.delete_client):
        with refused("NOT_FOUND", says="client not found"):
            await call(client_id=client["id"])


@pytest.mark.wires("rest", "grpc")
async def test_a_management_client_is_changed_but_neither_locked_out_nor_deleted(api, server):
    key = {"client_id": server.client_id}
    before = (await api.clients.get_client(**key))["client"]
    assert before["client_type"] == "ENV"
    assert len(before["secrets"]) >= 1
    name = unique()
    assert (await api.clients.update_client(**key, client={"name": name}))["client"]["name"] == name
    with refused("INVALID_ARGUMENT", "client.disallow_scalekit_api_access"):
        await api.clients.update_client(**key, client={"disallow_scalekit_api_access": True})
    with refused("INVALID_ARGUMENT", says="tenantry client delete"):
        await api.clients.delete_client(**key)


@pytest.mark.wires("rest")
async def test_an_organizations_client_is_none_of_the_environment(api, make):
    client_id, _ = await make.client()
    for call in (
        api.clients.get_client(client_id=client_id),
        api.clients.update_client(client_id=client_id, client={"name": "x"}),
        api.clients.delete_client(client_id=client_id),
        api.clients.create_client_secret(client_id=client_id),
        api.clients.get_client(client_id="anything"),
        api.clients.get_client(client_id=NOBODY),
    ):
        with refused("NOT_FOUND", says="client not found"):
            await call


@pytest.mark.wires("rest")
async def test_its_events_are_of_the_environment(api, events):
    await events.new()
    client = await created(api, post_login_uris=["https://a.example.com/"])
    await api.clients.update_client(client_id=client["id"], client={"name": "New"})
    await api.clients.delete_client(client_id=client["id"])
    told = await events.new()
    assert [e["type"] for e in told] == ["client.created", "client.updated", "client.deleted"]
    assert {e["organization_id"] for e in told} == {None}
    assert told[0]["after"]["post_login_uris"] == ["https://a.example.com/"]
    assert told[0]["after"] == told[1]["before"]
    assert told[1]["after"] == told[2]["before"]


# Where people are sent, of the first management client.


@pytest.fixture
async def first(rest, server):
    """The management client of the server, which is the oldest; left as it was."""
    key = {"client_id": server.client_id}
    before = (await rest.clients.get_client(**key))["client"]
    yield before
    await rest.clients.update_client(
        **key,
        client={name: before[name] for name in ("post_login_uris", "initiate_login_uri")},
        mask="post_login_uris,initiate_login_uri",
    )


async def test_redirect_uris_of_the_environment_are_those_of_its_first_client(api, first, events):
    uri, other = (f"https://{unique()}.example.com/cb" for _ in range(2))
    await events.new()
    answer = await api.clients.add_environment_redirect_uri(redirect_uri=uri)
    assert answer["client_id"] == first["id"]
    assert answer["redirect_uris"] == [*first["post_login_uris"], uri]
    again = await api.clients.add_environment_redirect_uri(redirect_uri=uri)
    assert again["redirect_uris"] == answer["redirect_uris"]
    await api.clients.add_environment_redirect_uri(redirect_uri=other)
    login = f"https://{unique()}.example.com/login"
    answer = await api.clients.set_environment_initiate_login_uri(initiate_login_uri=login)
    assert answer["initiate_login_uri"] == login
    answer = await api.clients.remove_environment_redirect_uri(redirect_uri=uri)
    assert answer["redirect_uris"] == [*first["post_login_uris"], other]
    with refused("NOT_FOUND", says="redirect_uri not found"):
        await api.clients.remove_environment_redirect_uri(redirect_uri=uri)
    assert [e["type"] for e in await events.new()] == ["client.updated"] * 4
    read = (await api.clients.get_client(client_id=first["id"]))["client"]
    assert read["post_login_uris"] == answer["redirect_uris"]
    assert read["initiate_login_uri"] == login


@pytest.mark.wires("rest")
async def test_a_redirect_uri_of_the_environment_keeps_the_rules(api, first):
    for uri in ("https://a.example.com/?x=1", "https://*.com/", "app://x", "x" * 2048):
        with refused("INVALID_ARGUMENT", "redirect_uri"):
            await api.clients.add_environment_redirect_uri(redirect_uri=uri)
        with refused("INVALID_ARGUMENT", "initiate_login_uri"):
            await api.clients.set_environment_initiate_login_uri(
                initiate_login_uri=uri.replace("?x=1", "#x")
            )
    for number in range(5 - len(first["post_login_uris"])):
        await api.clients.add_environment_redirect_uri(redirect_uri=f"https://a.example/{number}")
    with refused("INVALID_ARGUMENT", "redirect_uri", says="at most 5"):
        await api.clients.add_environment_redirect_uri(redirect_uri="https://a.example/more")
