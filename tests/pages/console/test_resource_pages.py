"""Pages of resources: their settings, their clients, and the consents of users."""

from __future__ import annotations

import html

import pytest
from apis import unique
from operators_at_work import OPERATOR, enter

from tenantry.access.clients import resource_clients
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.consents import service as consents
from tenantry.identity.operators.model import READER


@pytest.fixture
async def browser(http, database):
    """An operator with the role that changes things."""
    return await enter(http, database, OPERATOR)


@pytest.fixture
async def scope(api):
    """A permission, which can be a scope."""
    name = unique("p").replace("-", ":")
    await api.roles.create_permission(permission={"name": name, "description": "Read all of it"})
    return name


@pytest.fixture
async def path(browser):
    """The page of a new resource."""
    url = f"https://{unique()}.example.com/mcp"
    return await browser.lands(
        "/console/resources/create", name="Acme MCP", resource_uri=url, resource_type="MCP_SERVER"
    )


async def resource_at(api, path):
    found = await api.clients.get_resource(resource_id=path.rpartition("/")[2])
    return found["resource"]


async def test_a_resource_is_listed_and_changed(browser, api, server, path, scope):
    id_ = path.rpartition("/")[2]
    assert "Acme MCP" in await browser.get("/console/resources")
    assert "Acme MCP" not in await browser.get("/console/resources?type=SERVER")
    page = html.unescape(await browser.get(path))
    assert f"{server.url}/resources/{id_}" in page
    assert f"{server.url}/.well-known/oauth-protected-resource/resources/{id_}" in page
    page = await browser.send(
        f"{path}/update",
        **{
            "name": "Invoices",
            "description": "",
            "resource_uri": "",
            "logo_uri": "",
            f"scopes-{scope}": "true",
            "enable_cimd": "true",
            "resource_scope_selection_allowed": "true",
            "access_token_expiry": "600",
            "refresh_token_expiry": "",
        },
    )
    assert "Changes saved." in page
    kept = await resource_at(api, path)
    assert (kept["name"], kept["resource_uri"]) == ("Invoices", "")
    assert [one["name"] for one in kept["scopes"] if one["enabled"]] == [scope]
    assert (kept["enable_cimd"], kept["disable_dynamic_client_registration"]) == (True, True)
    assert kept["resource_scope_selection_allowed"]
    assert (kept["access_token_expiry"], kept["refresh_token_expiry"]) == ("600", "2592000")
    page = await browser.send(f"{path}/update", name="", resource_uri="x", logo_uri="")
    assert 'id="name-problem"' in page
    assert 'value="x"' in page
    assert (await resource_at(api, path))["name"] == "Invoices"
    await browser.send(f"{path}/delete")
    assert "Invoices" not in await browser.get("/console/resources")


async def test_a_client_is_created_and_consents_are_revoked(browser, api, make, database, path):
    id_ = path.rpartition("/")[2]
    shown = await browser.post(
        f"{path}/clients/create", client_name="Agent", redirect_uris="https://agent.example/cb"
    )
    page = shown.text
    (client,) = (await api.clients.list_resource_clients(resource_id=id_))["clients"]
    assert client["client_id"] in page
    assert client["redirect_uris"] == ["https://agent.example/cb"]
    user = await make.user((await make.organization())["id"], external_id=unique("ada"))
    found, resource = await resource_clients.get(database, id_, client["client_id"])
    consent = await consents.grant(
        Call(SYSTEM, database, "test"),
        found,
        resource,
        user_id=user["id"],
        organization_id=user["memberships"][0]["organization_id"],
        scopes=["openid"],
    )
    assert user["external_id"] in await browser.get(path)
    assert user["external_id"] in await browser.get(f"{path}?user={user['email']}")
    assert user["external_id"] not in await browser.get(f"{path}?user=nobody@example.com")
    await browser.send(f"{path}/clients/{client['client_id']}/consents/{consent.id}/revoke")
    listed = await api.clients.list_resource_user_consents(resource_id=id_)
    assert listed["consents"] == []
    await browser.send(f"{path}/clients/{client['client_id']}/delete")
    assert (await api.clients.list_resource_clients(resource_id=id_))["clients"] == []
    page = await browser.send(f"{path}/clients/create", client_name="", redirect_uris="x")
    assert 'id="client_name-problem"' in page or 'id="redirect_uris-problem"' in page


async def test_a_reader_sees_no_form(http, database, path):
    reader = await enter(http, database, READER)
    page = await reader.get(path)
    assert "Acme MCP" in page
    assert 'method="post"' not in page.partition("<main")[2]
