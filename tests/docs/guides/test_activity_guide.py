"""The guide to activity: its blocks run from top to bottom."""

from __future__ import annotations

import re
import subprocess

from doc_programs import forget, management, settings_for
from repository import ROOT
from servers import TENANTRY

from tenantry.endpoints.docs.reference.languages import CLIENT, samples

GUIDE = ROOT / "docs" / "guides" / "look-into-activity.md"
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_run(own_server):
    own = _FENCE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(own) == 3
    with management(own_server) as api:
        made = api.post("/api/v1/organizations", json={"display_name": "Acme Corp"})
        settings = {k: v for k, v in own_server.environment.items() if k.startswith("TENANTRY_")}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join([samples(CLIENT)["sh"], *own])],
            env={
                **settings,
                **settings_for("sh", own_server),
                "PATH": f"{TENANTRY.parent}:{own_server.environment['PATH']}",
                "ORGANIZATION_ID": made.raise_for_status().json()["organization"]["id"],
            },
            capture_output=True,
            text=True,
            check=False,
        )
        forget(api)
    assert done.returncode == 0, done.stderr
    assert '"organization.created"' in done.stdout
    assert '"finished": true' in done.stdout
    assert '"ready": true' in done.stdout
