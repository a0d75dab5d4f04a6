"""The conformance suite of the Model Context Protocol, against the issuer of a resource."""

from __future__ import annotations

import asyncio
import json
import os

import httpx
import pytest
from consenting_users import ConsentingUser
from hosted import deployment
from mcp_resources import Resources, registration
from mcp_suite import SUITE, node_of_suite
from servers import free_port
from wires import over_https


@pytest.fixture(scope="module")
def node():
    return node_of_suite()


class Suite:
    """A run of the command line of the suite."""

    def __init__(self, process, lines: list[str]) -> None:
        self.process = process
        self.lines = lines

    async def authorization_url(self) -> str:
        """The URL that it asks the person to open."""
        async for line in self._output():
            if line.startswith("https://"):
                return line
        raise AssertionError("\n".join(self.lines))

    async def end(self) -> int:
        async for _ in self._output():
            pass
        return await self.process.wait()

    async def _output(self):
        while line := await asyncio.wait_for(self.process.stdout.readline(), 60):
            self.lines.append(line.decode().rstrip())
            yield self.lines[-1]


@pytest.mark.thorough
@pytest.mark.process
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_a_resource_passes_all_checks_for_authorization_servers(
    node, own_server, tmp_path, version
):
    async with (
        deployment(own_server) as place,
        over_https(own_server) as http,
        httpx.AsyncClient() as loopback,
    ):
        resources = Resources(place.api, place.database)
        resource = await resources(scopes=[await resources.permission()], enable_cimd=True)
        issuer, port = f"{own_server.url}/resources/{resource.id}", free_port()
        callback = f"http://127.0.0.1:{port}/callback"
        made = await http.post(f"{issuer}/register", json=registration(redirect_uris=[callback]))
        process = await asyncio.create_subprocess_exec(
            *(node, SUITE, "authorization", "--url", issuer, "--spec-version", version),
            *("--client-id", made.json()["client_id"], "--resource", resource.resource_uri),
            *("--port", str(port), "--output-dir", tmp_path),
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(own_server.ca)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            suite = Suite(process, [])
            user = await ConsentingUser.of(place, http)
            answer = await user.authorize(await suite.authorization_url())
            assert answer.redirect_uri == callback
            await loopback.get(answer.url)
            assert await suite.end() == 0, "\n".join(suite.lines)
        finally:
            if process.returncode is None:
                process.kill()
    found = [
        check for path in tmp_path.rglob("checks.json") for check in json.loads(path.read_text())
    ]
    assert {check["id"]: check["status"] for check in found} == {
        "authorization-server-metadata": "SUCCESS",
        "authorization-server-metadata-cimd": "SUCCESS",
        "authorization-code-grant": "SUCCESS",
    }
