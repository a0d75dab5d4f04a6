"""Connections of the environment: social ones, and the ways to sign in that are always there."""

from __future__ import annotations

import pytest
from apis import refused


@pytest.fixture
async def github(api):
    answer = await api.connections.create_environment_connection(
        connection={"provider": "GITHUB", "type": "OAUTH"}
    )
    made = answer["connection"]
    yield made
    await api.connections.delete_environment_connection(connection_id=made["id"])


async def listed(api, **filters: object):
    answer = await api.connections.list_connections(**filters)
    return {one["id"]: one for one in answer.get("connections", [])}


async def test_a_social_one_needs_its_credentials(api, server, github):
    assert github["status"] == "DRAFT"
    assert "organization_id" not in github
    callback = f"{server.url}/sso/v1/oauth/{github['id']}/callback"
    assert github["oauth_config"]["redirect_uri"] == callback
    with refused("INVALID_ARGUMENT"):
        await api.connections.enable_environment_connection(connection_id=github["id"])
    answer = await api.connections.update_environment_connection(
        connection_id=github["id"],
        connection={
            "provider": "GITHUB",
            "oauth_config": {
                "client_id": "us",
                "client_secret": "a-secret-of-some-length",
                "scopes": ["user:email"],
                "extensions": {"extra_authorize_params": {"allow_signup": "false"}},
            },
        },
    )
    after = answer["connection"]
    assert (after["status"], after["oauth_config"]["scopes"]) == ("COMPLETED", ["user:email"])
    assert after["oauth_config"]["client_secret"] == "********ngth"
    extensions = after["oauth_config"]["extensions"]
    assert extensions == {"extra_authorize_params": {"allow_signup": "false"}}
    await api.connections.enable_environment_connection(connection_id=github["id"])
    assert github["id"] in await listed(api)
    await api.connections.disable_environment_connection(connection_id=github["id"])
    assert github["id"] not in await listed(api)


async def test_any_other_provider_needs_its_endpoints(api):
    answer = await api.connections.create_environment_connection(
        connection={"provider": "CUSTOM", "type": "OAUTH", "provider_key": "GITEA"}
    )
    made = answer["connection"]
    with refused(
        "INVALID_ARGUMENT",
        *(
            f"connection.oauth_config.{name}"
            for name in ("authorize_uri", "client_id", "client_secret", "token_uri")
        ),
        "connection.oauth_config.user_info_uri",
    ):
        await api.connections.enable_environment_connection(connection_id=made["id"])
    await api.connections.delete_environment_connection(connection_id=made["id"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scopes": ["two words"]}, "scopes"),
        (
            {"extensions": {"extra_authorize_params": {"redirect_uri": "https://x.example"}}},
            "extensions.extra_authorize_params",
        ),
        ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
    ],
)
async def test_a_value_that_cannot_be_is_refused_by_its_name(api, github, changes, field):
    with refused("INVALID_ARGUMENT", f"connection.oauth_config.{field}"):
        await api.connections.update_environment_connection(
            connection_id=github["id"],
            connection={"provider": "GITHUB", "oauth_config": changes},
        )


async def test_the_ways_to_sign_in_are_connections_of_the_deployments_settings(api, server):
    found = {one["type"]: one for one in (await listed(api, include="all")).values()}
    assert {"PASSWORDLESS", "PASSWORD", "WEBAUTHN"} <= found.keys()
    assert found["PASSWORDLESS"]["enabled"] is True
    answer = await api.connections.get_environment_connection(
        connection_id=found["PASSWORDLESS"]["id"]
    )
    assert answer["connection"]["passwordless_config"]["type"] == "LINK_OTP"
    answer = await api.connections.get_environment_connection(connection_id=found["WEBAUTHN"]["id"])
    assert answer["connection"]["webauthn_config"]["rp"]["origins"] == [server.url]
    for call in ("enable", "disable", "delete"):
        with refused("INVALID_ARGUMENT"):
            await getattr(api.connections, f"{call}_environment_connection")(
                connection_id=found["PASSWORDLESS"]["id"]
            )
    with refused("INVALID_ARGUMENT"):
        await api.connections.update_environment_connection(
            connection_id=found["PASSWORDLESS"]["id"], connection={"provider": "CUSTOM"}
        )


@pytest.mark.parametrize("type_", ["OIDC", "SAML", "PASSWORDLESS", "BASIC"])
async def test_no_others_are_made(api, type_):
    with refused("INVALID_ARGUMENT", "connection.type"):
        await api.connections.create_environment_connection(
            connection={"provider": "CUSTOM", "type": type_}
        )


async def test_one_of_an_organization_is_none_of_the_environment(api, connections):
    made = await connections.make()
    with refused("NOT_FOUND"):
        await api.connections.get_environment_connection(connection_id=made["id"])
    with refused("NOT_FOUND"):
        await api.connections.delete_environment_connection(connection_id=made["id"])


async def test_the_result_of_a_test_is_only_there_where_there_is_one(api, connections):
    made = await connections.make()
    with refused("NOT_FOUND"):
        await api.connections.get_connection_test_result(
            connection_id=made["id"], test_request_id="test_1"
        )
