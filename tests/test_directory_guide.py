"""The guide of directories does what it says."""

from __future__ import annotations

import json

import pytest
from doc_programs import RUNNERS, forget, management, settings_for
from servers import TENANTRY
from test_guides import fits, script

pytestmark = pytest.mark.one_database


def test_what_curl_answers_is_what_the_guide_shows(own_server, tmp_path):
    with management(own_server) as api:
        forget(api)
        made = {"display_name": "Acme Corp", "external_id": "acme_in_our_app"}
        acme = api.post("/api/v1/organizations", json=made).raise_for_status().json()
        source, answers = script("directories")
        variables = settings_for("sh", own_server) | {"ORGANIZATION_ID": acme["id"]}
        variables["PATH"] = f"{TENANTRY.parent}:{own_server.environment['PATH']}"
        done = RUNNERS["sh"](tmp_path, source, variables)
        outputs = {path.name: path.read_text() for path in tmp_path.glob("*.out")}
        assert done.returncode == 0, (done.stderr, outputs)
        assert len(answers) > 8
        for name, shown in answers.items():
            answer = json.loads(outputs[name])
            assert fits(shown, answer), (shown, answer)
        page = api.get(f"/api/v1/organizations/{acme['id']}/users").raise_for_status().json()
        (kim,) = page["users"]
        assert kim["memberships"][0]["membership_status"] == "INACTIVE"
        forget(api)
