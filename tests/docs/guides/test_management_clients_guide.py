"""The guide to management clients: its blocks run from top to bottom, and its table is complete."""

from __future__ import annotations

import json
import re
import subprocess

from doc_programs import forget, management, settings_for
from repository import ROOT
from servers import TENANTRY

from tenantry.access.clients.management_scopes import SCOPES
from tenantry.endpoints.docs.reference.languages import CLIENT, samples

GUIDE = ROOT / "docs" / "guides" / "management-clients.md"
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SCOPE = re.compile(r"^\| `([a-z_]+:[a-z]+)` \|", re.MULTILINE)


def test_the_blocks_run(own_server, tmp_path):
    own = _FENCE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(own) == 4
    settings = {k: v for k, v in own_server.environment.items() if k.startswith("TENANTRY_")}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join([samples(CLIENT)["sh"], *own])],
        cwd=tmp_path,
        env={
            **settings,
            **settings_for("sh", own_server),
            "PATH": f"{TENANTRY.parent}:{own_server.environment['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"users"' in done.stdout
    client_id = json.loads((tmp_path / "billing.json").read_text(encoding="utf-8"))["client_id"]
    with management(own_server) as api:
        left = api.get(f"/api/v1/clients/{client_id}/settings").json()["settings"]
        forget(api)
    assert left["management_scopes"] == ["users:read"]


def test_the_table_lists_all_scopes():
    assert _SCOPE.findall(GUIDE.read_text(encoding="utf-8")) == [*SCOPES]
