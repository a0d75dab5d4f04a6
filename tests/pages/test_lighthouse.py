"""Lighthouse on the main pages: every category that it scores."""

from __future__ import annotations

import asyncio
import json
import os
import shutil

import page_servers
import pytest
from browsers import chromium
from repository import ROOT
from servers import free_port
from turns import install_node_packages

LIGHTHOUSE = ROOT / "tests" / "pages" / "lighthouse"
MAIN = (
    # portal-scim leads on to this one, and a redirect loses the cookie that is given by a header.
    *("sign-in-first", "portal-overview", "portal-sso", "portal-scim-id", "ui-users"),
    *("console-overview", "console-organizations", "console-organizations-id"),
)
OPEN = (
    *("/docs", "/docs/api/UpdateOrganization", "/docs/guides/sign-people-in"),
    *("/docs/guides/quickstart", "/docs/examples/quickstart-fastapi"),
)
LEAST = 95


@pytest.mark.thorough
@pytest.mark.timeout(900)
async def test_main_pages_are_quick_and_for_everybody(start_server):
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    await asyncio.to_thread(install_node_packages, LIGHTHOUSE)
    server, port = start_server("lighthouse", **page_servers.SETTINGS), free_port()
    async with (
        page_servers.furnished(server) as page_server,
        chromium(server, port=port),
    ):
        pages = [
            {
                "url": f"{page_server.url}{listed_page.path}",
                "cookie": "; ".join(
                    f"{name}={value}" for name, value in listed_page.cookies.items()
                ),
            }
            for listed_page in page_server.of(*MAIN)
        ]
        pages += [{"url": f"{page_server.url}{path}", "cookie": ""} for path in OPEN]
        process = await asyncio.create_subprocess_exec(
            "node",
            "measure.mjs",
            cwd=LIGHTHOUSE,
            env=os.environ | {"PAGES": json.dumps(pages), "PORT": str(port)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    found = [json.loads(line) for line in printed.splitlines()]
    assert len(found) == len(MAIN) + len(OPEN)
    assert not [one for one in found if min(one["scores"].values()) < LEAST]
