"""The samples of the README do what it says, in a shell that `tenantry env` prepared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent
CONFORMANCE = ROOT / "tests" / "conformance"
SAMPLES = dict(
    re.findall(
        r"<!-- sample: (\w+) -->\n```\w+\n(.*?)```",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
)


@pytest.fixture(scope="module")
def shell(own_server):
    """Run a script after the README's set-up, with an organization of its own."""

    def run(script, cwd):
        whole = f"set -euo pipefail\n{SAMPLES['setup']}\n{script}"
        done = subprocess.run(
            ["bash", "-c", whole],
            cwd=cwd,
            env=os.environ | own_server.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(autouse=True)
def the_external_id_is_free(own_server):
    """Each sample gives its organization the same external id, as other tests may have done."""
    with httpx.Client(base_url=own_server.url, verify=own_server.trust) as http:
        credentials = {
            "grant_type": "client_credentials",
            "client_id": own_server.client_id,
            "client_secret": own_server.client_secret,
        }
        token = http.post("/oauth/token", data=credentials).json()["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        taken = http.get("/api/v1/organizations:external/my_unique_id")
        if taken.status_code == 200:
            http.delete(f"/api/v1/organizations/{taken.json()['id']}").raise_for_status()


def test_curl_answers_what_the_page_shows(shell, tmp_path):
    answer = json.loads(shell(SAMPLES["curl"], tmp_path))
    shown = {"create_time", "display_name", "external_id", "id", "metadata"}
    assert shown | {"region_code", "update_time"} <= answer.keys()
    assert answer["display_name"] == "Acme Corp"
    assert answer["external_id"] == "my_unique_id"
    assert answer["metadata"] == {"industry": "technology"}
    assert answer["region_code"] == "US"
    assert answer["organization"] == {k: v for k, v in answer.items() if k != "organization"}


def test_python_prints_the_new_name(shell, tmp_path):
    (tmp_path / "sample.py").write_text(SAMPLES["python"], encoding="utf-8")
    assert shell(f"{sys.executable} -W ignore sample.py", tmp_path) == "Acme Corp\n"


def test_node_prints_the_new_name(shell, tmp_path):
    needs("npm")
    if not (CONFORMANCE / "node" / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--silent"], cwd=CONFORMANCE / "node", check=True)
    (tmp_path / "node_modules").symlink_to(CONFORMANCE / "node" / "node_modules")
    (tmp_path / "sample.mjs").write_text(SAMPLES["node"], encoding="utf-8")
    assert shell("node sample.mjs", tmp_path) == "Acme Corp\n"


def test_go_prints_the_new_name(shell, tmp_path):
    needs("go")
    (tmp_path / "main.go").write_text(SAMPLES["go"], encoding="utf-8")
    built = tmp_path / "sample"
    # Built first, without our certificates: the compiler may have to fetch modules.
    subprocess.run(
        ["go", "build", "-o", built, tmp_path / "main.go"], cwd=CONFORMANCE / "go", check=True
    )
    assert shell(str(built), tmp_path) == "Acme Corp\n"


def needs(tool):
    if shutil.which(tool):
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{tool} is missing")
    pytest.skip(f"{tool} is missing")
