"""The MCP server at `/mcp`, as management clients use it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from apis import access_token, unique
from mcp_agents import McpAgent

from tenantry.access.clients import service as clients
from tenantry.call import Call
from tenantry.core.caller import SYSTEM

FORMS = {"elicitation": {}}


@pytest.fixture
def agent(http, token):
    """A client that cannot show forms, with all scopes."""
    return McpAgent(http, token)


@pytest.fixture
def agent_with_forms(http, token):
    return McpAgent(http, token, **FORMS)


def text(result):
    (content,) = result["content"]
    return content["text"]


def members(result):
    assert not result["isError"], result
    assert json.loads(text(result)) == result["structuredContent"]
    return result["structuredContent"]


def error(result):
    """The error of the API that a result is."""
    assert result["isError"], result
    return json.loads(text(result))


async def test_a_request_without_a_token_learns_where_to_authorize(http, server):
    response = await http.post("/mcp", json={})
    assert response.status_code == 401
    metadata = f"{server.url}/.well-known/oauth-protected-resource/mcp"
    assert response.headers["www-authenticate"] == (
        f'Bearer resource_metadata="{metadata}", scope="tenantry:read"'
    )
    document = (await http.get(metadata)).json()
    assert document["resource"] == f"{server.url}/mcp"
    assert document["scopes_supported"] == ["tenantry:read", "tenantry:write"]


async def test_an_invalid_token_is_refused(http):
    response = await McpAgent(http, "wrong").send("tools/list")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token", ')


async def test_tokens_of_organizations_are_refused(http, make):
    client_id, secret = await make.client()
    agent = McpAgent(http, await access_token(http, client_id, secret))
    response = await agent.send("tools/list")
    assert response.status_code == 403


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_other_verbs_are_not_allowed(http, method):
    response = await http.request(method, "/mcp")
    assert response.status_code == 405


async def test_foreign_origins_are_refused(http, agent):
    response = await agent.send("tools/list", origin="https://evil.example")
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


async def test_discovery(agent):
    result = await agent.result("server/discover")
    assert result["supportedVersions"][0] == "2026-07-28"
    assert result["resultType"] == "complete"
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "tenantry"


async def test_the_handshake_of_earlier_revisions(http, token):
    headers = {"authorization": f"Bearer {token}"}

    async def send(method, **params: Any):
        body = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
        return await http.post("/mcp", json=body, headers=headers)

    begun = (await send("initialize", protocolVersion="2025-06-18", capabilities={})).json()
    assert begun["result"]["protocolVersion"] == "2025-06-18"
    headers["mcp-protocol-version"] = "2025-06-18"
    told = await http.post(
        "/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers
    )
    assert (told.status_code, told.content) == (202, b"")
    assert (await send("ping")).json() == {"jsonrpc": "2.0", "id": "ping", "result": {}}
    assert (await send("tools/list")).json()["result"]["tools"]
    unknown = await send("resources/list")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (200, -32601)


async def test_an_unknown_method_of_a_stateless_client_is_404(agent):
    response = await agent.send("ping")
    assert (response.status_code, response.json()["error"]["code"]) == (404, -32601)


async def test_an_unknown_tool(agent):
    response = await agent.send("tools/call", {"name": "create_client_secret", "arguments": {}})
    assert response.status_code == 400
    assert response.json()["error"] == {"code": -32602, "message": "unknown tool"}


async def test_an_organization_is_created_read_changed_and_found(agent, rest):
    external_id = unique()
    organization = {"display_name": "Acme", "external_id": external_id}
    made = members(await agent.call("create_organization", {"organization": organization}))
    id_ = made["organization"]["id"]
    changed = await agent.call(
        "update_organization", {"id": id_, "organization": {"metadata": {"plan": "gold"}}}
    )
    assert members(changed)["organization"]["metadata"] == {"plan": "gold"}
    read = members(await agent.call("get_organization", {"id": id_}))
    assert read == await rest.organizations.get_organization(id=id_)


async def test_an_error_of_the_api_is_a_result_that_names_the_field(agent):
    wrong = {"id": "org_1", "organization": {"display_nam": "Acme"}}
    problem = error(await agent.call("update_organization", wrong))
    detail = problem["details"][0]
    assert detail["error_code"] == "INVALID_ARGUMENT"
    violation = detail["validation_error_info"]["field_violations"][0]
    assert violation["field"] == "organization.display_nam"
    missing = error(await agent.call("get_organization", {"id": "org_1"}))
    assert missing["details"][0]["error_code"] == "NOT_FOUND"


async def test_a_dry_run_changes_nothing(agent, rest, make):
    made = await make.organization()
    arguments = {"id": made["id"], "organization": {"display_name": "Other"}, "dry_run": True}
    result = members(await agent.call("update_organization", arguments))
    assert result["dry_run"] is True
    assert result["response"]["organization"]["display_name"] == "Other"
    found = await rest.organizations.get_organization(id=made["id"])
    assert found["organization"] == made


async def test_a_dry_run_reports_errors(agent):
    arguments = {"organization": {"display_name": ""}, "dry_run": True}
    assert error(await agent.call("create_organization", arguments))["code"] == 3


async def test_a_deletion_is_confirmed_by_a_code(agent, rest, make):
    made = await make.organization()
    asked = await agent.call("delete_organization", {"id": made["id"]})
    assert not asked["isError"]
    assert (await rest.organizations.get_organization(id=made["id"]))["organization"] == made
    code = text(asked).rpartition('"confirmation": "')[2].partition('"')[0]
    other = await make.organization()
    refused = await agent.call("delete_organization", {"id": other["id"], "confirmation": code})
    assert "confirmation" in error(refused)["message"]
    done = await agent.call("delete_organization", {"id": made["id"], "confirmation": code})
    assert members(done) == {}


async def test_a_deletion_is_confirmed_by_a_form(agent_with_forms, rest, make):
    made = await make.organization()
    asked = await agent_with_forms.call("delete_organization", {"id": made["id"]})
    assert asked["resultType"] == "input_required"
    form = asked["inputRequests"]["confirmation"]["params"]
    assert form["mode"] == "form"
    assert made["id"] in form["message"]

    async def answer(**answer: Any):
        return await agent_with_forms.call(
            "delete_organization",
            {"id": made["id"]},
            requestState=asked["requestState"],
            inputResponses={"confirmation": answer},
        )

    for declined in (
        {"action": "decline"},
        {"action": "accept", "content": {"confirm": False}},
        {"action": "accept"},
    ):
        result = await answer(**declined)
        assert result["isError"]
        assert "declined" in text(result)
    assert (await rest.organizations.get_organization(id=made["id"]))["organization"] == made
    assert members(await answer(action="accept", content={"confirm": True})) == {}


async def test_a_deletion_that_would_fail_is_not_asked_for(agent_with_forms):
    result = await agent_with_forms.call("delete_organization", {"id": "org_1"})
    assert error(result)["details"][0]["error_code"] == "NOT_FOUND"


async def test_a_client_sees_and_calls_the_tools_of_its_scopes(http, database):
    call = Call(SYSTEM, database, "req_1")
    client, secret = await clients.create(call, name="Narrow", scopes=["organizations:read"])
    narrow = await access_token(http, client.id, secret)
    agent = McpAgent(http, narrow)
    tools = await agent.tools("all")
    assert "list_organization" in tools
    assert not {"create_organization", "list_users"} & set(tools)
    refused = await agent.call("create_organization", {"organization": {"display_name": "A"}})
    assert error(refused)["details"][0]["error_code"] == "PERMISSION_DENIED"


async def test_toolsets(agent):
    assert "list_directories" not in await agent.tools()
    assert set(await agent.tools("directories")) >= {"list_directories", "get_directory"}
    response = await agent.send("tools/list", path="/mcp?toolsets=x")
    assert response.json()["error"]["code"] == -32602


async def test_a_change_is_recorded_with_the_caller(agent, rest, server):
    arguments = {"organization": {"display_name": "Acme"}}
    made = members(await agent.call("create_organization", arguments))["organization"]
    found = await rest.event_records.search_events(organization_id=made["id"], page_size=5)
    (event,) = found["events"]
    assert (event["actor_type"], event["actor_id"]) == ("management_client", server.client_id)
