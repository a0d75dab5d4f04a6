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

from tenantry.endpoints.grpc_rest import absent

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
    """Run a script after the README's set-up, twice, as a reader may."""

    def run(script, cwd):
        done = after_set_up(own_server, script, cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        # The second run finds what the first one made.
        again = after_set_up(own_server, script, cwd)
        assert again.returncode == 0, again.stdout + again.stderr
        return again.stdout

    return run


def after_set_up(server, script, cwd):
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{SAMPLES['setup']}\n{script}"],
        cwd=cwd,
        env=os.environ | server.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


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


def test_the_set_up_finds_the_organization_that_it_has_made(shell, own_server, tmp_path):
    first = shell("echo $ORGANIZATION_ID", tmp_path)
    assert re.fullmatch(r"org_\d+\n", first)
    assert shell("echo $ORGANIZATION_ID", tmp_path) == first


def test_the_set_up_shows_what_is_wrong(own_server, tmp_path):
    wrong = f"export SCALEKIT_CLIENT_SECRET=wrong\n{SAMPLES['setup']}"
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{wrong}"],
        cwd=tmp_path,
        env=os.environ | own_server.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert "invalid_client" in done.stderr


def test_an_application_is_registered_for_sign_in(shell, own_server, tmp_path):
    script = f"{SAMPLES['register']}\necho $APP_CLIENT_ID $APP_CLIENT_SECRET"
    client_id, secret = shell(script, tmp_path).split()
    with httpx.Client(base_url=own_server.url, verify=own_server.trust) as http:
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": "http://localhost:8000/callback",
            "scope": "openid",
            "state": "a-state-of-mine",
        }
        answer = http.get("/oauth/authorize", params=asked)
    assert secret
    assert answer.status_code == 303
    assert "/login/" in answer.headers["location"]


@pytest.mark.one_of("python", "node", "go", "java")
@pytest.mark.parametrize("language", ["python", "node", "go", "java"])
def test_a_sample_shows_what_was_refused(language, own_server, tmp_path):
    command = program_of(language, tmp_path)
    done = after_set_up(own_server, f"export ORGANIZATION_ID=org_1\n{command}", tmp_path)
    assert done.returncode != 0
    assert "organization not found" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_each_sdk_is_installed_by_the_name_that_is_tested():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    packages = json.loads((CONFORMANCE / "node" / "package.json").read_text())["dependencies"]
    assert "@scalekit-sdk/node" in packages
    assert "npm install @scalekit-sdk/node" in readme
    assert "scalekit-sdk-python" in (ROOT / "pyproject.toml").read_text()
    assert "pip install scalekit-sdk-python" in readme
    (module,) = re.findall(r"go get (\S+)`", readme)
    assert f"{module} v" in (CONFORMANCE / "go" / "go.mod").read_text()
    (group, artifact) = re.findall(r"Maven: `(.+?):(.+?)`", readme)[0]
    pom = (CONFORMANCE / "java" / "pom.xml").read_text()
    assert f"<groupId>{group}</groupId>" in pom
    assert f"<artifactId>{artifact}</artifactId>" in pom


def test_it_is_short_and_its_pictures_are_small():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) < 300
    pictures = re.findall(r"^!\[(.+)\]\((docs/pictures/.+\.png)\)$", readme, re.MULTILINE)
    assert len(pictures) == 2
    for _, path in pictures:
        assert (ROOT / path).stat().st_size < 200_000
    assert readme.index("## Sign users in") < readme.index("## Update an organization")


def test_what_it_says_comes_next_is_not_served():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    absent_features = {call.feature for call in absent.calls()}
    assert absent_features.isdisjoint({"directories", "single sign-on"})
    assert "directories (SCIM 2.0, Google Workspace)" in readme


def test_python_prints_the_new_name(shell, tmp_path):
    assert shell(program_of("python", tmp_path), tmp_path) == "Acme Corp\n"


def test_node_prints_the_new_name(shell, tmp_path):
    assert shell(program_of("node", tmp_path), tmp_path) == "Acme Corp\n"


def test_go_prints_the_new_name(shell, tmp_path):
    assert shell(program_of("go", tmp_path), tmp_path) == "Acme Corp\n"


def test_java_prints_the_answer_with_the_new_name(shell, tmp_path):
    answer = json.loads(shell(program_of("java", tmp_path), tmp_path))
    assert (answer["display_name"], answer["metadata"]) == ("Acme Corp", {"industry": "technology"})


def test_java_is_run_as_the_page_says():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for command in (KEY_STORE, JAVA):
        assert f"`{command}`" in readme


KEY_STORE = (
    'keytool -importcert -noprompt -file "$TENANTRY_CA" -keystore trust.p12 -storepass changeit'
)
JAVA = (
    "java -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit "
    "Update.java"
)


def program_of(language, folder):
    """Write the sample into the folder, and return the command that runs it."""
    if language == "python":
        (folder / "sample.py").write_text(SAMPLES["python"], encoding="utf-8")
        return f"{sys.executable} -W ignore sample.py"
    if language == "node":
        needs("npm")
        if not (CONFORMANCE / "node" / "node_modules").is_dir():
            subprocess.run(["npm", "ci", "--silent"], cwd=CONFORMANCE / "node", check=True)
        (folder / "node_modules").symlink_to(CONFORMANCE / "node" / "node_modules")
        (folder / "sample.mjs").write_text(SAMPLES["node"], encoding="utf-8")
        return "node sample.mjs"
    if language == "java":
        needs("java")
        (folder / "Update.java").write_text(SAMPLES["java"], encoding="utf-8")
        return f"[ -f trust.p12 ] || {KEY_STORE}\n{JAVA}"
    needs("go")
    (folder / "main.go").write_text(SAMPLES["go"], encoding="utf-8")
    # Built first, without our certificates: the compiler may have to fetch modules.
    subprocess.run(
        ["go", "build", "-o", folder / "sample", folder / "main.go"],
        cwd=CONFORMANCE / "go",
        check=True,
    )
    return str(folder / "sample")


def needs(tool):
    if shutil.which(tool):
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{tool} is missing")
    pytest.skip(f"{tool} is missing")
