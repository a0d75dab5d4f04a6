"""The guide to branding: its blocks run from top to bottom, and the pages then look so."""

from __future__ import annotations

import re
import subprocess

from doc_programs import forget, management, settings_for
from pictures_of_tests import png
from repository import ROOT
from servers import TENANTRY

from tenantry.endpoints.docs.reference.languages import CLIENT, samples
from tenantry.settings import PREFIX
from tenantry.tenants.branding.customization import MEMBERS
from tenantry.tenants.environment.effective import STORABLE

DOCS = ROOT / "docs"
GUIDE = DOCS / "guides" / "branding.md"
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_run(own_server, tmp_path):
    own = _FENCE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(own) == 4
    (tmp_path / "logo.png").write_bytes(png(40, 20))
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    with management(own_server) as api:
        made = api.post("/api/v1/organizations", json={"display_name": "Acme Corp"})
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join([samples(CLIENT)["sh"], *own])],
            cwd=tmp_path,
            env={
                **settings_for("sh", own_server),
                "PATH": f"{TENANTRY.parent}:{own_server.environment['PATH']}",
                "ORGANIZATION_ID": made.raise_for_status().json()["organization"]["id"],
                "CURL_HOME": str(tmp_path),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        look = api.get("/api/v1/portal_customizations").json()["customization_settings"]
        logo, sheet = api.get(look["logo_url"]), api.get("/login/style.css").text
        stored = [
            one["name"]
            for one in api.get("/api/v1/settings").json()["settings"]
            if one["source"] == "STORED"
        ]
        api.patch("/api/v1/settings", json={"reset": stored}).raise_for_status()
        forget(api)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith('["Acme Projects","STORED"]\n')
    assert logo.content == png(40, 20)
    assert "--brand:#0f766e" in sheet
    assert "background:linear-gradient(160deg, #f3efe6, #dbeafe)" in sheet


def test_the_table_has_every_member():
    rows = re.findall(r"^\| (`.*?) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([\w.]+)`", row)} == set(MEMBERS)


def test_the_page_of_settings_says_which_can_be_stored():
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    listed = page.partition("## Change settings through the API")[2]
    assert set(re.findall(rf"`{PREFIX}(\w+)`", listed)) == {name.upper() for name in STORABLE}
