"""The server's own MCP endpoint: with official SDKs as clients, and by the conformance suite."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from apis import access_token, unique
from authorizing_operators import OperatorsBrowser
from bearer_proxy import bearer_proxy
from mcp_programs import McpProgram, python_of
from mcp_suite import SUITE, node_of_suite
from servers import free_port
from wires import over_https

HERE = Path(__file__).parent

pytestmark = [pytest.mark.thorough, pytest.mark.process]


@pytest.fixture(scope="module")
def node():
    return node_of_suite()


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
async def connected(name, server, log):
    """Connect a client for a new operator."""
    command, version = CLIENTS[name]
    callback = f"http://127.0.0.1:{free_port()}/callback"
    async with over_https(server) as http:
        operator = await OperatorsBrowser.of(server, http)
        async with McpProgram.started(
            *command(), f"{server.url}/mcp", callback, user=operator, env=server.env, log=log
        ) as client:
            assert (await client.connected())["version"] == version
            yield client, operator


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_from_401_to_revocation(name, own_server, tmp_path):
    display_name = unique("Acme")
    async with connected(name, own_server, tmp_path / "client.log") as (client, operator):
        (first,) = client.requests
        assert first["scope"].split() == ["tenantry:read"]
        assert first["resource"] == f"{own_server.url}/mcp"
        made = await client.call("list_organization")

        # A refresh needs no operator.
        await client.do("expire")
        refreshed = await client.call("list_organization")
        assert refreshed["tokens"]["refresh_token"] != made["tokens"]["refresh_token"]
        assert len(client.requests) == 1

        # Step-up: the operator allows changes.
        organization = {"display_name": display_name}
        await client.call("create_organization", organization=organization)
        assert set(client.requests[1]["scope"].split()) == {"tenantry:read", "tenantry:write"}
        found = await client.call("list_organization")
        assert display_name in found["text"]
        assert len(client.requests) == 2

        # After the revocation the client starts a new authorization.
        await operator.revoke_apps()
        await client.do("expire")
        await client.call("list_organization")
        assert len(client.requests) == 3


async def test_a_client_shows_the_form_that_confirms_a_deletion(own_server, tmp_path):
    async with connected("typescript-2", own_server, tmp_path / "client.log") as (client, _):
        organization = {"display_name": unique("Acme")}
        made = await client.call("create_organization", organization=organization)
        organization_id = json.loads(made["text"])["organization"]["id"]
        await client.call("delete_organization", id=organization_id)
        found = await client.do("call", tool="get_organization", arguments={"id": organization_id})
        assert found["failed"]
        assert "NOT_FOUND" in found["text"]


# Scenarios that need tools, resources or prompts of the suite's reference server, or capabilities
# that this server does not declare.
_FIXTURES = {
    *("tools-call-simple-text", "tools-call-image", "tools-call-audio", "tools-call-error"),
    *("tools-call-embedded-resource", "tools-call-mixed-content", "tools-call-with-progress"),
    *("resources-list", "resources-read-text", "resources-read-binary"),
    *("resources-templates-read", "prompts-list", "prompts-get-simple", "prompts-get-with-args"),
    *("prompts-get-embedded-resource", "prompts-get-with-image", "completion-complete"),
    "json-schema-2020-12",
}
EXPECTED = {
    "2025-11-25": _FIXTURES
    | {
        *("logging-set-level", "tools-call-with-logging", "tools-call-sampling"),
        *("tools-call-elicitation", "elicitation-sep1034-defaults", "elicitation-sep1330-enums"),
        *("resources-subscribe", "resources-unsubscribe"),
    },
    "2026-07-28": _FIXTURES
    | {
        # Four of its checks call tools of the reference server.
        *("server-stateless", "caching"),
        *(
            f"input-required-result-{name}"
            for name in (
                *("basic-elicitation", "basic-sampling", "basic-list-roots", "request-state"),
                *("multiple-input-requests", "multi-round", "non-tool-request", "result-type"),
                *("tampered-state", "capability-check"),
            )
        ),
        "http-custom-header-server-validation",
    },
}
PASSED = {
    "2025-11-25": {"server-initialize", "ping", "tools-list", "dns-rebinding-protection"},
    "2026-07-28": {"tools-list", "dns-rebinding-protection", "http-header-validation"},
}


@pytest.mark.parametrize("version", EXPECTED)
async def test_the_conformance_suite_fails_for_missing_fixtures_only(node, own_server, version):
    async with over_https(own_server) as http:
        token = await access_token(http, own_server.client_id, own_server.client_secret)
    with bearer_proxy(own_server.url, own_server.trust, token) as url:
        process = await asyncio.create_subprocess_exec(
            *(node, SUITE, "server", "--url", f"{url}/mcp", "--requirements", version),
            env=os.environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
    summary = {
        name: mark == "✓" for mark, name in re.findall(r"^(✓|✗) ([\w-]+):", output, re.MULTILINE)
    }
    failed = {name for name, passed in summary.items() if not passed}
    assert {name for name in failed if not name.startswith("tasks-")} == EXPECTED[version], output
    assert {name for name, passed in summary.items() if passed} >= PASSED[version]


class McpRemote:
    """The bridge mcp-remote, which makes the server a local one; it speaks JSON lines."""

    def __init__(self, process) -> None:
        self._process = process

    async def url(self) -> str:
        """The URL that it asks the user to open."""
        async with asyncio.timeout(60):
            async for line in self._process.stderr:
                if found := re.search(rb"https://\S+/authorize\?\S+", line):
                    return found[0].decode()
        raise AssertionError("mcp-remote asked for no authorization")

    async def send(self, method, **params: Any):
        message = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        async with asyncio.timeout(60):
            return json.loads(await self._process.stdout.readline())


async def reached(loopback, url):
    """Open the callback, once the program listens: it prints the URL before that."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await loopback.get(url)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


async def test_mcp_remote_connects_a_local_client(node, own_server, tmp_path):
    script = SUITE.parents[3] / "mcp-remote" / "dist" / "proxy.js"
    env = os.environ | own_server.env | {"MCP_REMOTE_CONFIG_DIR": str(tmp_path), "BROWSER": "true"}
    process = await asyncio.create_subprocess_exec(
        *(node, script, f"{own_server.url}/mcp", str(free_port())),
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        remote = McpRemote(process)
        async with over_https(own_server) as http, httpx.AsyncClient() as loopback:
            operator = await OperatorsBrowser.of(own_server, http)
            found = await operator.authorize(await remote.url())
            await reached(loopback, found.url)
        about = {"name": "local", "version": "1"}
        begun = await remote.send(
            "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=about
        )
        assert begun["result"]["serverInfo"]["name"] == "tenantry"
        called = await remote.send("tools/call", name="list_organization", arguments={})
        assert called["result"]["isError"] is False
    finally:
        process.kill()
        await process.wait()
