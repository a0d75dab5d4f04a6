"""Connections of applications to other services: kept and listed, and no way to sign in."""

from __future__ import annotations

import json

import pytest
from apis import refused


@pytest.fixture
async def apps(api):
    """Make connections of applications, and delete them in the end."""
    made = []

    async def make(provider_key="HUBSPOT", type_="OAUTH", **more: object):
        answer = await api.connections.create_environment_connection(
            connection={"provider_key": provider_key, "type": type_, **more},
            flags={"is_app": True},
        )
        made.append(answer["connection"])
        return answer["connection"]

    yield make
    for one in made:
        await api.connections.delete_environment_connection(connection_id=one["id"])


async def changed(api, connection, **changes: object):
    answer = await api.connections.update_environment_connection(
        connection_id=connection["id"],
        connection={"provider_key": connection["provider_key"], **changes},
    )
    return answer["connection"]


async def got(api, connection):
    answer = await api.connections.get_environment_connection(connection_id=connection["id"])
    return answer["connection"]


async def listed(api, **asked: object):
    answer = await api.connections.list_app_connections(**asked)
    return [one["id"] for one in answer.get("connections", [])]


async def test_one_has_the_endpoints_of_the_catalogue_and_is_on_at_once(api, apps):
    made, other = await apps(), await apps()
    assert (made["enabled"], made["type"], made["provider_key"]) == (True, "OAUTH", "HUBSPOT")
    assert made["key_id"].startswith("hubspot-")
    assert made["key_id"] != other["key_id"]
    config = made["oauth_config"]
    assert config["authorize_uri"].startswith("https://app.hubspot.com/")
    assert config["token_uri"]
    assert config["user_info_uri"]
    assert made.get("test_connection_uri", "") == ""
    assert await got(api, made) == made


async def test_an_update_leaves_the_endpoints_alone(api, apps):
    made = await apps(key_id="our hubspot")
    credentials = {"client_id": "us", "client_secret": "a-secret-of-some-length"}
    after = await changed(api, made, oauth_config={**credentials, "scopes": ["crm.objects.read"]})
    assert (after["key_id"], after["status"]) == ("our hubspot", "COMPLETED")
    assert after["oauth_config"]["client_secret"] == "********ngth"
    assert after["oauth_config"]["scopes"] == ["crm.objects.read"]
    for name in ("authorize_uri", "token_uri", "user_info_uri"):
        assert after["oauth_config"][name] == made["oauth_config"][name]
    again = await changed(api, made, oauth_config={"client_id": "them"})
    assert again["oauth_config"]["client_secret"] == "********ngth"
    assert again["oauth_config"]["client_id"] == "them"


async def test_a_service_accounts_key_is_never_returned(api, apps):
    made = await apps("GOOGLEDWD", "GOOGLE_DWD", key_id="drive")
    assert (made["key_id"], made["enabled"]) == ("drive", True)
    scope = "https://www.googleapis.com/auth/drive.readonly"
    account = json.dumps({"type": "service_account", "private_key": "no\nkey"}, indent=2)
    after = await changed(
        api, made, google_dwd_config={"service_account_json": account, "scopes": [scope]}
    )
    config = after["google_dwd_config"]
    assert config["scopes"] == [scope]
    assert config["token_uri"] == "https://oauth2.googleapis.com/token"
    assert "service_account_json" not in config
    assert "service_account" not in json.dumps(await got(api, made))
    assert after["status"] == "COMPLETED"
    same = await changed(api, made, google_dwd_config={"service_account_json": account})
    assert same["update_time"] == after["update_time"]


async def test_the_list_goes_by_pages_by_provider_and_by_text(api, apps):
    first, second = await apps("NOTION"), await apps("NOTION")
    slack = await apps("SLACK", key_id="100%_of_chats")
    assert await listed(api, provider="NOTION") == [second["id"], first["id"]]
    assert await listed(api, query="%_OF_ch") == [slack["id"]]
    assert await listed(api, query="__of") == []
    page = await api.connections.list_app_connections(provider="NOTION", page_size=1)
    assert page["total_size"] == 2
    (row,) = page["connections"]
    assert row["id"] == second["id"]
    assert (row["type"], row["status"], row["enabled"]) == ("OAUTH", "DRAFT", True)
    assert (row["provider_key"], row["key_id"]) == ("NOTION", second["key_id"])
    token = page["next_page_token"]
    asked = {"provider": "NOTION", "page_size": 1, "page_token": token}
    assert await listed(api, **asked) == [first["id"]]
    with refused("INVALID_ARGUMENT"):
        await listed(api, provider="SLACK", page_token=token)
    assert await listed(api, provider="ZOOM") == []


async def test_nobody_signs_in_by_one(api, apps):
    made = await apps("GITHUB")
    await changed(api, made, oauth_config={"client_id": "us", "client_secret": "a-secret"})
    answer = await api.connections.list_connections(include="all")
    assert made["id"] not in {one["id"] for one in answer["connections"]}
    with refused("NOT_FOUND"):
        await api.connections.get_connection_test_result(
            connection_id=made["id"], test_request_id="test_1"
        )


async def test_one_is_switched_off_and_on(api, apps):
    made, at = await apps(), {}
    at["connection_id"] = made["id"]
    assert not (await api.connections.disable_environment_connection(**at)).get("enabled")
    assert not (await got(api, made)).get("enabled")
    assert (await api.connections.enable_environment_connection(**at))["enabled"]


async def test_one_that_is_deleted_is_gone(api):
    answer = await api.connections.create_environment_connection(
        connection={"provider_key": "ZOOM", "type": "OAUTH"}, flags={"is_app": True}
    )
    at = {"connection_id": answer["connection"]["id"]}
    await api.connections.delete_environment_connection(**at)
    for call in ("get", "delete", "enable"):
        with refused("NOT_FOUND"):
            await getattr(api.connections, f"{call}_environment_connection")(**at)


@pytest.mark.parametrize(
    ("connection", "field"),
    [
        ({"provider_key": "HUBSPOTS", "type": "OAUTH"}, "connection.provider_key"),
        ({"provider_key": "HUBSPOT", "type": "GOOGLE_DWD"}, "connection.provider_key"),
        ({"provider_key": "HUBSPOT", "type": "API_KEY"}, "connection.type"),
        ({"provider_key": "ZOOM", "type": "OAUTH", "key_id": "a\nb"}, "connection.key_id"),
    ],
)
async def test_none_is_made_that_the_catalogue_lacks(api, connection, field):
    with refused("INVALID_ARGUMENT", field):
        await api.connections.create_environment_connection(
            connection=connection, flags={"is_app": True}
        )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"provider_key": "ZOOM"}, "provider_key"),
        ({"type": "GOOGLE_DWD"}, "type"),
        ({"google_dwd_config": {"scopes": ["a"]}}, "google_dwd_config"),
        ({"oauth_config": {"token_uri": "http://hubspot.test"}}, "oauth_config.token_uri"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_by_its_name(api, apps, changes, field):
    made = await apps()
    with refused("INVALID_ARGUMENT", f"connection.{field}"):
        await changed(api, made, **changes)
