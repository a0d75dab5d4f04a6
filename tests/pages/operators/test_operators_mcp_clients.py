"""Operators connect MCP clients: registration, consent, tokens, and the end of access."""

from __future__ import annotations

import json

import pytest
from authorizing_operators import CALLBACK, Connection, answered
from mcp_agents import McpAgent
from operators_with_passkeys import Operator

pytestmark = pytest.mark.process

READ, BOTH = "tenantry:read", "tenantry:read tenantry:write"


@pytest.fixture
def plain(server):
    """A program without cookies."""
    one = Operator(server)
    yield one.http
    one.http.close()


@pytest.fixture
def connection(plain):
    return Connection.registered(plain)


def test_the_metadata_is_found_from_the_challenge(plain, server):
    challenge = plain.post("/mcp", json={}).headers["www-authenticate"]
    place = challenge.partition('resource_metadata="')[2].partition('"')[0]
    (issuer,) = plain.get(place).json()["authorization_servers"]
    assert issuer == f"{server.url}/console"
    places = (
        "/.well-known/oauth-authorization-server/console",
        "/.well-known/openid-configuration/console",
        "/console/.well-known/openid-configuration",
    )
    documents = [plain.get(path, headers={"origin": "https://x.example"}) for path in places]
    assert len({document.text for document in documents}) == 1
    assert documents[0].headers["access-control-allow-origin"] == "https://x.example"
    metadata = documents[0].json()
    assert metadata["issuer"] == issuer
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["token_endpoint_auth_methods_supported"] == ["none"]


async def test_a_client_reads_for_an_operator(operator_of, connection, http, server):
    operator = operator_of()
    answer = connection.decide(operator)
    assert answer["state"] == "xyz"
    assert answer["iss"] == f"{server.url}/console"
    response = connection.redeem(answer["code"], resource=f"{server.url}/mcp")
    tokens = response.json()
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", READ)
    assert response.headers["cache-control"] == "no-store"
    agent = McpAgent(http, tokens["access_token"])
    tools = await agent.tools()
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools.values())
    found = await agent.call("list_organization", {})
    assert not found["isError"]


async def test_a_change_needs_the_scope_and_is_recorded_with_both_names(
    operator_of, connection, http, rest, server
):
    operator = operator_of()
    arguments = {"organization": {"display_name": "Acme"}}
    agent = McpAgent(http, connection.tokens(operator)["access_token"])
    asked = {"name": "create_organization", "arguments": arguments}
    refused = await agent.send("tools/call", asked)
    assert refused.status_code == 403
    assert refused.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", '
        f'resource_metadata="{server.url}/.well-known/oauth-protected-resource/mcp", '
        f'scope="{BOTH}"'
    )
    tokens = connection.tokens(operator, write=True)
    assert tokens["scope"] == BOTH
    made = await McpAgent(http, tokens["access_token"]).call("create_organization", arguments)
    organization_id = made["structuredContent"]["organization"]["id"]
    found = await rest.event_records.search_events(organization_id=organization_id)
    (event,) = found["events"]
    assert (event["actor_type"], event["actor_id"]) == ("operator", operator.id)
    assert event["actor_client"] == "Agent"


async def test_a_reader_cannot_allow_changes(operator_of, connection, http):
    reader = operator_of("READER")
    assert 'name="write"' not in reader.get(connection.path(scope=BOTH)).text
    tokens = connection.tokens(reader, write=True)
    assert tokens["scope"] == READ
    agent = McpAgent(http, tokens["access_token"])
    result = await agent.call("create_organization", {"organization": {"display_name": "A"}})
    problem = json.loads(result["content"][0]["text"])
    assert problem["details"][0]["error_code"] == "PERMISSION_DENIED"


async def test_another_role_counts_for_tokens_of_before(operator_of, connection, http, rest):
    operator = operator_of("OPERATOR")
    agent = McpAgent(http, connection.tokens(operator, write=True)["access_token"])
    assert "create_organization" in await agent.tools()
    await rest.operators.update_operator(operator_id=operator.id, operator={"role": "READER"})
    assert "create_organization" not in await agent.tools()


@pytest.mark.parametrize("path", ["/api/v1/organizations", "/userinfo"])
async def test_the_token_is_for_the_mcp_server_only(operator_of, connection, http, path):
    token = connection.tokens(operator_of(), write=True)["access_token"]
    response = await http.get(path, headers={"authorization": f"Bearer {token}"})
    assert response.status_code == 401


async def test_denied_access(operator_of, connection):
    answer = connection.decide(operator_of(), decision="deny")
    assert (answer["error"], answer["state"]) == ("access_denied", "xyz")


def test_a_code_is_used_once(operator_of, connection):
    operator = operator_of()
    code = connection.decide(operator)["code"]
    tokens = connection.redeem(code).json()
    again = connection.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    # Somebody else may have the code: its tokens are revoked.
    assert connection.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:9999/callback"}, "invalid_grant"),
        ({"client_id": "https://other.example/client.json"}, "invalid_grant"),
        ({"code": "x" * 43}, "invalid_grant"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_token_request_that_does_not_match(operator_of, connection, changes, error):
    code = connection.decide(operator_of())["code"]
    response = connection.redeem(**({"code": code} | changes))
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_a_refresh_token_is_rotated(operator_of, connection):
    first = connection.tokens(operator_of())["refresh_token"]
    second = connection.refresh(first).json()["refresh_token"]
    assert second != first
    # Two windows, or a lost answer: the same successor for some seconds.
    assert connection.refresh(first).json()["refresh_token"] == second
    third = connection.refresh(second).json()["refresh_token"]
    reused = connection.refresh(first)
    assert reused.json()["error"] == "invalid_grant"
    assert connection.refresh(third).json()["error"] == "invalid_grant"


def test_a_refresh_token_is_for_its_client(operator_of, connection, plain):
    token = connection.tokens(operator_of())["refresh_token"]
    other = Connection.registered(plain, client_name="Other")
    assert other.refresh(token).json()["error"] == "invalid_grant"
    assert connection.refresh(token).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
    ],
)
def test_an_invalid_request_is_answered_at_the_redirect_uri(
    operator_of, connection, changes, error
):
    answer = answered(operator_of().get(connection.path(**changes)), CALLBACK)
    assert (answer["error"], answer["state"]) == (error, "xyz")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "mcpc_forged"},
        {"client_id": "https://127.0.0.1/client.json"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1:8123/other"},
        {"redirect_uri": None},
        {"state": "x" * 501},
    ],
)
def test_a_request_without_a_valid_redirect_uri_gets_a_page(operator_of, connection, changes):
    page = operator_of().get(connection.path(**changes))
    assert page.status_code == 400
    assert "This app cannot be connected" in page.text


def test_a_parameter_is_given_once(operator_of, connection):
    page = operator_of().get(f"{connection.path()}&redirect_uri=https://evil.example/callback")
    assert page.status_code == 400


def test_a_loopback_client_may_use_any_port(operator_of, plain):
    connection = Connection.registered(plain)
    connection.redirect_uri = "http://127.0.0.1:55555/callback"
    assert connection.tokens(operator_of())


def test_a_changed_client_id_is_not_accepted(operator_of, connection):
    changed = connection.client_id[:-1] + ("A" if connection.client_id[-1] != "A" else "B")
    assert operator_of().get(connection.path(client_id=changed)).status_code == 400


def test_a_stranger_signs_in_first(stranger, connection):
    page = stranger.get(connection.path())
    assert page.status_code == 401
    assert "Sign in to the console" in page.text
    assert 'name="next" value="/console/authorize?' in page.text


def test_the_decision_must_come_from_the_page(operator_of, connection):
    operator = operator_of()
    answer = operator.http.post(
        connection.path(),
        data={"decision": "allow"},
        headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        (
            {"redirect_uris": [f"https://a.example/{'x' * 900}{n}" for n in range(3)]},
            "invalid_client_metadata",
        ),
        ([], "invalid_client_metadata"),
    ],
)
def test_a_registration_that_is_refused(plain, body, error):
    answer = plain.post("/console/register", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_client_that_asks_for_a_secret_gets_none(plain):
    body = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post"}
    answer = plain.post("/console/register", json=body).json()
    assert answer["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in answer


async def test_an_operator_revokes_an_app(operator_of, connection, http):
    operator = operator_of()
    tokens = connection.tokens(operator)
    page = operator.get("/console/me").text
    assert "Agent" in page
    path = page.partition('action="/console/me/apps/')[2].partition('"')[0]
    assert operator.post(f"/console/me/apps/{path}").status_code == 303
    response = await McpAgent(http, tokens["access_token"]).send("tools/list")
    assert response.status_code == 401
    assert connection.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_an_operator_cannot_revoke_an_app_of_another(operator_of, connection):
    operator, other = operator_of(), operator_of()
    connection.tokens(operator)
    page = operator.get("/console/me").text
    path = page.partition('action="/console/me/apps/')[2].partition('"')[0]
    assert other.post(f"/console/me/apps/{path}").status_code == 404
    assert "Agent" in operator.get("/console/me").text


async def test_a_client_revokes_its_tokens(operator_of, connection, http, plain):
    tokens = connection.tokens(operator_of())
    form = {"token": tokens["refresh_token"], "client_id": connection.client_id}
    assert plain.post("/console/revoke", data={**form, "client_id": "x"}).status_code == 200
    assert (await McpAgent(http, tokens["access_token"]).send("ping")).status_code == 404
    assert plain.post("/console/revoke", data=form).status_code == 200
    response = await McpAgent(http, tokens["access_token"]).send("tools/list")
    assert response.status_code == 401


async def test_access_ends_with_all_sessions_and_with_the_operator(
    operator_of, connection, http, rest
):
    operator = operator_of("OPERATOR")
    agent = McpAgent(http, connection.tokens(operator)["access_token"])
    assert await agent.tools()
    await rest.operators.revoke_operator_sessions(operator_id=operator.id)
    assert (await agent.send("tools/list")).status_code == 401
    other = operator_of("OPERATOR")
    agent = McpAgent(http, connection.tokens(other)["access_token"])
    assert await agent.tools()
    await rest.operators.delete_operator(operator_id=other.id)
    assert (await agent.send("tools/list")).status_code == 401
