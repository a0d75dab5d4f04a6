"""The samples of the README do what it says, in a shell that `tenantry env` prepared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import httpx
import pytest
from repository import ROOT
from servers import TENANTRY

from tenantry.endpoints.grpc_rest import absent

CONFORMANCE = ROOT / "tests" / "conformance"
README = (ROOT / "README.md").read_text(encoding="utf-8")
# The name of a sample stands behind its language; the SDKs' samples are named by theirs.
SAMPLES = {
    name or language: code
    for language, name, code in re.findall(
        r"^```(\w+)(?: (\w+))?\n(.*?)^```", README, re.MULTILINE | re.DOTALL
    )
}


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
    settings = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    path = {"PATH": f"{TENANTRY.parent}:{server.environment['PATH']}"}
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{SAMPLES['setup']}\n{script}"],
        cwd=cwd,
        env=os.environ | settings | path | server.env,
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


def test_curl_updates_the_organization(shell, tmp_path):
    answer = json.loads(shell(SAMPLES["update"], tmp_path))
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
    show = "cat quickstart-fastapi/.env && rm -r quickstart-fastapi"
    printed = shell(f"{SAMPLES['register']}\n{show}", tmp_path)
    client_id, secret = re.findall(r"^SCALEKIT_CLIENT_(?:ID|SECRET)=(.+)$", printed, re.MULTILINE)
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
def test_a_sample_shows_why_a_call_failed(language, own_server, tmp_path):
    command = program_of(language, tmp_path)
    done = after_set_up(own_server, f"export ORGANIZATION_ID=org_1\n{command}", tmp_path)
    assert "organization not found" in done.stdout + done.stderr


def test_each_sdk_is_installed_by_the_name_that_is_tested():
    packages = json.loads((CONFORMANCE / "node" / "package.json").read_text())["dependencies"]
    assert "@scalekit-sdk/node" in packages
    assert "npm install @scalekit-sdk/node" in README
    assert "scalekit-sdk-python" in (ROOT / "pyproject.toml").read_text()
    assert "pip install scalekit-sdk-python" in README
    (module,) = re.findall(r"go get (\S+?)</code>", README)
    assert f"{module} v" in (CONFORMANCE / "go" / "go.mod").read_text()
    ((group, artifact),) = re.findall(r"Maven <code>(.+?):(.+?)</code>", README)
    pom = (CONFORMANCE / "java" / "pom.xml").read_text()
    assert f"<groupId>{group}</groupId>" in pom
    assert f"<artifactId>{artifact}</artifactId>" in pom


def test_it_shows_both_commands_of_a_fresh_machine():
    assert all(f"\n```sh\nmake {target}\n```\n" in README for target in ("serve", "test"))


def test_it_is_short_and_its_picture_is_small():
    assert len(README.splitlines()) <= 150
    (picture,) = re.findall(r"^!\[.+\]\((docs/pictures/.+\.png)\)$", README, re.MULTILINE)
    assert (ROOT / picture).stat().st_size < 200_000
    headings = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert headings[:3] == [
        "Start the server",
        "Make your first API call",
        "Sign in your first user",
    ]


def test_the_quickstart_is_started_as_its_own_readme_says():
    own = (ROOT / "examples/quickstart-fastapi/README.md").read_text(encoding="utf-8")
    assert f"\n{SAMPLES['register']}{SAMPLES['run']}```\n" in own


def test_features_that_are_absent_are_not_listed():
    absent_features = {call.feature for call in absent.calls()}
    assert absent_features.isdisjoint({"directories", "single sign-on"})
    assert "directories (SCIM 2.0, Google Workspace)" in README


def test_python_prints_the_new_name(shell, tmp_path):
    assert shell(program_of("python", tmp_path), tmp_path) == "Acme Corp\n"


def test_node_prints_the_new_name(shell, tmp_path):
    assert shell(program_of("node", tmp_path), tmp_path) == "Acme Corp\n"


def test_go_prints_the_new_name(shell, tmp_path):
    assert shell(program_of("go", tmp_path), tmp_path) == "Acme Corp\n"


def test_java_prints_the_answer_with_the_new_name(shell, tmp_path):
    answer = json.loads(shell(program_of("java", tmp_path), tmp_path))
    assert (answer["display_name"], answer["metadata"]) == ("Acme Corp", {"industry": "technology"})


# The rest of the programs whose samples are a part of `main`.
GO = """package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"google.golang.org/protobuf/proto"
)

func main() {
	ctx := context.Background()
%s}
"""
JAVA = """import java.net.URI;
import java.net.http.*;

class Update {
    public static void main(String[] arguments) throws Exception {
%s
    }
}
"""
KEY_STORE = (
    'keytool -importcert -noprompt -file "$TENANTRY_CA" -keystore trust.p12 -storepass changeit'
)
RUN_JAVA = (
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
        (folder / "sample.mjs").write_text(SAMPLES["js"], encoding="utf-8")
        return "node sample.mjs"
    if language == "java":
        needs("java")
        (folder / "Update.java").write_text(JAVA % SAMPLES["java"], encoding="utf-8")
        return f"[ -f trust.p12 ] || {KEY_STORE}\n{RUN_JAVA}"
    needs("go")
    call, shown = SAMPLES["go"].rstrip().rsplit("\n", 1)
    checked = f"{call}\n\tif err != nil {{\n\t\tlog.Fatal(err)\n\t}}\n{shown}\n"
    (folder / "main.go").write_text(GO % checked, encoding="utf-8")
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
