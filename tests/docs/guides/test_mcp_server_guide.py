"""The guide to the MCP server: its blocks run from top to bottom, and its table is complete."""

from __future__ import annotations

import json
import re
import subprocess

from doc_programs import forget, management, settings_for
from repository import ROOT

from tenantry.endpoints.docs.reference.languages import CLIENT, samples
from tenantry.endpoints.mcp.tools import DEFAULT, TOOLSETS

GUIDE = ROOT / "docs" / "guides" / "mcp-server.md"
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TOOLSET = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)


def test_the_blocks_run(own_server, tmp_path):
    own = _FENCE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(own) == 2
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join([samples(CLIENT)["sh"], *own])],
        cwd=tmp_path,
        env={**settings_for("sh", own_server), "PATH": own_server.environment["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names, _, result = done.stdout.partition("{")
    assert {"list_organization", "create_organization"} <= set(names.split())
    shown = json.loads("{" + result)
    assert shown["dry_run"] is True
    with management(own_server) as api:
        missing = api.get(f"/api/v1/organizations/{shown['response']['organization']['id']}")
        forget(api)
    assert missing.status_code == 404


def test_the_table_lists_all_toolsets():
    text = GUIDE.read_text(encoding="utf-8")
    assert _TOOLSET.findall(text) == [*TOOLSETS]
    listed = " ".join(
        text.split("By default, the server lists the toolsets ")[1].split(". ")[0].split()
    )
    assert re.findall(r"`(\w+)`", listed) == [*DEFAULT]
