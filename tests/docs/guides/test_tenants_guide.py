"""The guide to tenants: its blocks run from top to bottom, for a person with a second factor."""

from __future__ import annotations

import re
import subprocess

import pyotp
from doc_programs import forget, management, settings_for
from repository import ROOT
from servers import TENANTRY

from tenantry.endpoints.docs.reference.languages import CLIENT, samples

GUIDE = ROOT / "docs" / "guides" / "look-after-tenants.md"
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_run(own_server):
    own = _FENCE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(own) == 3
    with management(own_server) as api:

        def post(path, body):
            return api.post(f"/api/v1{path}", json=body).raise_for_status().json()

        made = post("/organizations", {"display_name": "Acme Corp"})["organization"]
        user = post(f"/organizations/{made['id']}/users", {"email": "ada@example.com"})["user"]
        registered = post("/totp/registration", {"user_id": user["id"]})["totp_registration"]
        code = pyotp.parse_uri(registered["qr_code_uri"]).now()
        post(f"/totp/{registered['id']}/enable", {"code": code})
        settings = {k: v for k, v in own_server.environment.items() if k.startswith("TENANTRY_")}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join([samples(CLIENT)["sh"], *own])],
            env={
                **settings,
                **settings_for("sh", own_server),
                "PATH": f"{TENANTRY.parent}:{own_server.environment['PATH']}",
                "USER_ID": user["id"],
            },
            capture_output=True,
            text=True,
            check=False,
        )
        left = api.get(f"/api/v1/users/{user['id']}/second-factor").json()["second_factor"]
        forget(api)
    assert done.returncode == 0, done.stderr
    assert '"organizations"' in done.stdout
    assert "[]" in done.stdout
    assert "true" in done.stdout.splitlines()
    assert not left["enabled"]
