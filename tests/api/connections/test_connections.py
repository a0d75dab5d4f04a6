"""Connections of organizations: made, read, listed."""

from __future__ import annotations

import pytest
from apis import refused, unique


@pytest.fixture
async def organization(make):
    return await make.organization()


@pytest.fixture
def connect(api, organization):
    """Makes connections."""

    async def make(provider="OKTA", type_="OIDC", organization_id="", **more: object):
        answer = await api.connections.create_connection(
            organization_id=organization_id or organization["id"],
            connection={"provider": provider, "type": type_, **more},
        )
        return answer["connection"]

    return make


async def test_a_new_connection_is_a_draft(api, connect, organization):
    made = await connect("OKTA", "OIDC", provider_key="")
    assert made["id"].startswith("conn_")
    assert (made["provider"], made["type"]) == ("OKTA", "OIDC")
    assert made["organization_id"] == organization["id"]
    assert (made["status"], made.get("enabled", False)) == ("DRAFT", False)
    found = await api.connections.get_connection(organization_id=organization["id"], id=made["id"])
    assert found["connection"] == made
    assert found.etag == '"1"'


async def test_it_says_its_addresses(server, connect):
    made = await connect("OKTA", "OIDC")
    base, oidc = f"{server.url}/sso/v1/oidc/{made['id']}", made["oidc_config"]
    assert made["test_connection_uri"] == f"{base}/test"
    assert oidc["redirect_uri"] == f"{base}/callback"
    assert oidc["post_logout_redirect_uri"] == f"{base}/logout/callback"
    assert oidc["backchannel_logout_redirect_uri"] == f"{base}/backchannel-logout"
    assert oidc["scopes"] == ["openid", "profile", "email"]
    made = await connect("MICROSOFT_AD", "SAML")
    base, saml = f"{server.url}/sso/v1/saml/{made['id']}", made["saml_config"]
    assert made["test_connection_uri"] == f"{base}/test"
    assert saml["sp_entity_id"] == base
    assert saml["sp_assertion_url"] == f"{base}/callback"
    assert saml["sp_metadata_url"] == f"{base}/metadata"
    assert saml["sp_slo_url"] == f"{base}/slo"


async def test_one_of_the_simulator_is_complete(connect):
    made = await connect("IDP_SIMULATOR", provider_key="anything")
    assert (made["status"], made["provider_key"]) == ("COMPLETED", "anything")


async def test_a_provider_is_named_by_its_key_alone(connect):
    made = await connect("CONNECTION_PROVIDER_UNSPECIFIED", provider_key="KEYCLOAK")
    assert (made["provider"], made["provider_key"]) == ("CUSTOM", "KEYCLOAK")


@pytest.mark.parametrize("type_", ["OAUTH", "PASSWORDLESS", "WEBAUTHN", "INVALID", "PASSWORD"])
async def test_other_types_are_refused(connect, type_):
    with refused("INVALID_ARGUMENT"):
        await connect(type_=type_)


async def test_a_provider_is_needed(connect):
    with refused("INVALID_ARGUMENT"):
        await connect("CONNECTION_PROVIDER_UNSPECIFIED")


async def test_an_organization_has_50_at_most(connect):
    for _ in range(50):
        await connect()
    with refused("INVALID_ARGUMENT", says="50 connections"):
        await connect()


async def test_a_list_leaves_out_those_that_serve_nobody(api, connect, organization):
    made = await connect()
    of = {"organization_id": organization["id"]}
    assert (await api.connections.list_connections(**of)).get("connections", []) == []
    (listed,) = (await api.connections.list_connections(**of, include="all"))["connections"]
    assert (listed["id"], listed["status"]) == (made["id"], "DRAFT")
    assert (listed["organization_id"], listed["organization_name"]) == (organization["id"], "Acme")


async def test_those_of_a_domain_are_those_of_its_owner(api, make, connect, organization):
    made = await connect()
    name = f"{unique()}.com"
    await make.domain(organization["id"], domain=name)
    await make.domain((await make.organization())["id"], domain=f"sub.{name}")

    async def found(domain):
        answer = await api.connections.list_connections(domain=domain, include="all")
        return answer.get("connections", [])

    (listed,) = await found(name.upper())
    assert (listed["id"], listed["domains"]) == (made["id"], [name])
    assert await found(f"sub.{name}") == []
    assert await found(f"x.{name}") == []
    assert await found("a" * 255) == []


async def test_a_domain_that_may_only_join_leads_nowhere(api, make, connect, organization):
    await connect()
    name = f"{unique()}.com"
    await make.domain(organization["id"], domain=name, domain_type="ALLOWED_EMAIL_DOMAIN")
    assert not (await api.connections.list_connections(domain=name, include="all")).get(
        "connections"
    )


async def test_an_organization_that_is_deleted_takes_its_connections(api, connect, organization):
    made = await connect()
    await api.organizations.delete_organization(id=organization["id"])
    with refused("NOT_FOUND"):
        await api.connections.get_connection(organization_id=organization["id"], id=made["id"])


async def test_making_one_is_an_event(connect, organization, events):
    await events.new()
    made = await connect()
    (event,) = [e for e in await events.new() if e["type"] == "organization.sso_created"]
    assert event["organization_id"] == organization["id"]
    assert event["after"] == {
        "id": made["id"],
        "organization_id": organization["id"],
        "connection_type": "OIDC",
        "provider": "OKTA",
        "enabled": False,
        "status": "DRAFT",
    }
