"""`tenantry resource`."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import refused, unique

pytestmark = pytest.mark.wires("rest")


@pytest.fixture
def resource(server):
    """Runs a subcommand and returns what it prints as JSON."""

    async def run(*arguments: str):
        done = await asyncio.to_thread(server.run, "resource", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


async def test_a_resource_and_its_clients_are_managed(api, server, resource):
    scope = unique("s").replace("-", ":")
    await api.roles.create_permission(permission={"name": scope, "description": "Read"})
    url = f"https://{unique()}.example.com/mcp"
    made = await resource("create", "Acme MCP server", "--url", url, "--scope", scope, "--cimd")
    assert made["issuer"] == f"{server.url}/resources/{made['resource_id']}"
    assert (made["resource_uri"], made["scopes"]) == (url, [scope])
    assert made["metadata_documents"] is True
    id_ = made["resource_id"]
    assert await resource("show", id_) == made
    assert made in await resource("list")
    client = await resource("create-client", id_, "Agent", "--redirect-uri", f"{url}/callback")
    (listed,) = await resource("clients", id_)
    assert listed["client_id"] == client["client_id"]
    assert listed["registration"] == "API"
    assert len(client["client_secret"]) > 30
    assert await resource("consents", id_) == []
    await resource("delete-client", id_, client["client_id"], "--yes")
    assert await resource("clients", id_) == []
    await resource("delete", id_, "--yes")
    with refused("NOT_FOUND"):
        await api.clients.get_resource(resource_id=id_)


async def test_unknown_scopes_are_refused(server):
    done = await asyncio.to_thread(server.run, "resource", "create", "Acme", "--scope", "none:such")
    assert done.returncode == 1
    assert "resource.scopes[0]" in done.stderr
