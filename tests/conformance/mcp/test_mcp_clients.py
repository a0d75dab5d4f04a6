"""Official MCP SDKs as clients of the example servers, from 401 to revocation."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from apis import unique
from consenting_users import ConsentingUser
from hosted import deployment
from mcp_programs import EXAMPLES, McpProgram, mcp_server, python_of
from mcp_resources import Resources
from mcp_suite import node_of_suite
from servers import TENANTRY, free_port
from turns import install_node_packages
from wires import over_https

if TYPE_CHECKING:
    import httpx

HERE = Path(__file__).parent
READ, WRITE = "invoices:read", "invoices:write"

pytestmark = [pytest.mark.thorough, pytest.mark.process]


@pytest.fixture(scope="module")
async def place(own_server):
    """Start a deployment with the permissions that the examples need."""
    async with deployment(own_server) as place:
        for name in (READ, WRITE):
            await place.api.roles.create_permission(permission={"name": name, "description": name})
        yield place


def uvicorn(example, port):
    return [python_of(example), "-m", "uvicorn", "app:app", "--port", str(port)]


def express(example, _port):
    install_node_packages(EXAMPLES / example)
    return ["node", "app.js"]


# The command that starts an example, whether it asks clients for further scopes, and its newest
# version of the protocol.
SERVERS = {
    "mcp-server-python": (uvicorn, True, "2026-07-28"),
    "mcp-server-express": (express, True, "2025-11-25"),
    "mcp-server-fastmcp": (uvicorn, False, "2026-07-28"),
}


@dataclass(frozen=True)
class Invoices:
    """A running example server and its resource."""

    http: httpx.AsyncClient
    url: str
    resource: Any
    steps_up: bool
    version: str  # of the protocol


@pytest.fixture(scope="module", params=SERVERS)
async def invoices(request, place, tmp_path_factory):
    """Start an example server."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    url = f"{base_url}/mcp"
    command, steps_up, version = SERVERS[request.param]
    resource = await Resources(place.api, place.database)(
        name=unique("Acme invoices"), resource_uri=url, scopes=[READ, WRITE], enable_cimd=True
    )
    settings = {"RESOURCE_ID": resource.id, "RESOURCE_URL": url, "BASE_URL": base_url}
    server = place.server
    async with mcp_server(
        *command(request.param, port),
        url=url,
        cwd=EXAMPLES / request.param,
        env=server.environment | server.env | settings,
        log=tmp_path_factory.mktemp("mcp") / "server.log",
    ) as http:
        yield Invoices(http, url, resource, steps_up, version)


def python_client(mode):
    return [python_of("mcp-server-python"), HERE / "clients" / "python_sdk.py", mode]


def typescript_client(library):
    return [node_of_suite(), HERE / "clients" / "typescript_sdk.mjs", library]


CLIENTS = {
    "python-auto": (lambda: python_client("auto"), "2026-07-28"),
    "python-legacy": (lambda: python_client("legacy"), "2025-11-25"),
    "typescript-1": (lambda: typescript_client("sdk"), "2025-11-25"),
    "typescript-2": (lambda: typescript_client("client"), "2026-07-28"),
}


@asynccontextmanager
async def connected(name, place, invoices, log):
    """Connect a client for a new user, and check the protocol version that it negotiates."""
    command, version = CLIENTS[name]
    callback = f"http://127.0.0.1:{free_port()}/callback"
    async with over_https(place.server) as http:
        user = await ConsentingUser.of(place, http)
        async with McpProgram.started(
            *command(), invoices.url, callback, user=user, env=place.server.env, log=log
        ) as client:
            assert (await client.connected())["version"] == min(version, invoices.version)
            yield client, user


async def revoke_consents(place, invoices, user):
    """Revoke what the user has granted, as an operator."""
    listed = await place.api.clients.list_resource_user_consents(
        resource_id=invoices.resource.id, search=user.session.user_id
    )
    assert listed["consents"]
    for one in listed["consents"]:
        await place.api.clients.revoke_user_consent(
            client_id=one["client_id"], consent_id=one["id"]
        )


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_from_401_to_revocation(name, place, invoices, tmp_path):
    async with connected(name, place, invoices, tmp_path / "client.log") as (client, user):
        # The client requests the scopes that the server names.
        (first,) = client.requests
        needed = {READ} if invoices.steps_up else {READ, WRITE}
        assert set(first["scope"].split()) - {"offline_access"} == needed
        assert first["resource"] == invoices.url
        assert len(user.pages) == 1
        made = await client.call("list_invoices")
        assert made["tokens"]["refresh_token"]

        # A refresh needs no user.
        await client.do("expire")
        refreshed = await client.call("list_invoices")
        assert refreshed["tokens"]["access_token"] != made["tokens"]["access_token"]
        assert refreshed["tokens"]["refresh_token"] != made["tokens"]["refresh_token"]
        assert len(client.requests) == 1

        # Step-up: the user consents to a further scope, and the client keeps the first one.
        await client.call("create_invoice", amount=12)
        assert {READ, WRITE} <= set(client.requests[-1]["scope"].split())
        asked = 2 if invoices.steps_up else 1
        assert len(user.pages) == asked
        listed = await client.call("list_invoices")
        assert "12" in listed["text"]
        assert len(client.requests) == asked

        # After the consent is revoked, the refresh fails and the client starts a new authorization.
        await revoke_consents(place, invoices, user)
        await client.do("expire")
        await client.call("list_invoices")
        assert len(client.requests) == asked + 1
        assert len(user.pages) == asked + 1


@pytest.mark.parametrize("example", SERVERS)
async def test_the_readme_of_an_example_creates_its_resource(place, example):
    readme = (EXAMPLES / example / "README.md").read_text(encoding="utf-8")
    script = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[0]
    script = script.replace('eval "$(.venv/bin/tenantry env)"\n', "set -e\n")
    assert script.startswith("set -e")
    path = f"{TENANTRY.parent}:{os.environ['PATH']}"
    env = os.environ | place.server.environment | place.server.env | {"PATH": path}
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = await place.api.clients.list_resources(resource_type="MCP_SERVER")
    (made,) = [one for one in listed["resources"] if one["name"] == "Acme invoices"]
    assert [one["name"] for one in made["scopes"]] == [READ, WRITE]
    assert made["resource_uri"] in readme
    await place.api.clients.delete_resource(resource_id=made["id"])
