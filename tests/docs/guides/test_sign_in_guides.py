"""The guides about signing in do what they say, and show what the examples are."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest
from doc_programs import CONFORMANCE, RUNNERS, forget, management, need, settings_for
from repository import ROOT
from servers import TENANTRY, free_port
from test_guides import GUIDES, JANE, blocks, fits, script
from turns import install_node_packages

from tenantry import settings
from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.model import PASSWORDLESS
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds

SIGN_IN, PASSKEYS = "sign-people-in", "passkeys-and-second-factors"
SINGLE_SIGN_ON = "single-sign-on"
FRAMEWORKS = ("django", "flask", "nextjs")
INTERCEPTORS, SESSIONS = "interceptors", "sessions-and-sign-out"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def api(sending_server):
    with management(sending_server) as client:
        yield client


@pytest.fixture
def variables(api, sending_server):
    """The state after "Model your tenants": an organization and Jane in it, signed in."""

    def create(path, **fields: object):
        made = api.post(f"/api/v1/{path}", json=fields).raise_for_status().json()
        return (made.get("user") or made.get("domain") or made)["id"]

    forget(api)
    acme = create("organizations", display_name="Acme Corp", external_id="acme_in_our_app")
    users = f"organizations/{acme}/users?send_invitation_email=false"
    jane = create(users, email=JANE, external_id="jane_in_our_app")
    create(f"organizations/{acme}/domains", domain="acme.com")
    asyncio.run(sign_in(sending_server, acme, jane))
    environment = sending_server.environment
    yield {
        **{name: value for name, value in environment.items() if name.startswith("TENANTRY_")},
        "PATH": f"{TENANTRY.parent}:{environment['PATH']}",
        **settings_for("sh", sending_server),
        "ORGANIZATION_ID": acme,
        "USER_ID": jane,
    }
    forget(api)
    for interceptor in api.get("/api/v1/interceptors").json()["interceptors"]:
        api.delete(f"/api/v1/interceptors/{interceptor['id']}").raise_for_status()


async def sign_in(server, organization_id, user_id):
    named = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(named)
    async with open_database(known.database, master_key.load(known), pool_size=1) as database:
        call = Call(SYSTEM, database, "test", origin=Origin("192.0.2.7", FIREFOX))
        await sessions.begin(
            call,
            user_id=user_id,
            organization_id=organization_id,
            client_id=None,
            amr=[(await connections.of_environment(database))[PASSWORDLESS].id],
            bounds=Bounds(480, None),
            custom_claims={},
        )


def shell(guide, variables, folder):
    """Run the shell blocks; what they answer is what the guide shows."""
    source, answers = script(guide)
    done = RUNNERS["sh"](folder, source, variables)
    outputs = {path.name: path.read_text() for path in folder.glob("*.out")}
    assert done.returncode == 0, (done.stderr, outputs)
    assert answers
    for name, shown in answers.items():
        answer = json.loads(outputs[name])
        assert fits(shown, answer), (shown, answer)


@pytest.mark.parametrize("guide", [SIGN_IN, SESSIONS, PASSKEYS, SINGLE_SIGN_ON, *FRAMEWORKS])
def test_what_curl_answers_is_what_the_guide_shows(guide, variables, tmp_path):
    shell(guide, variables, tmp_path)


def python(folder, code):
    (folder / "app.py").write_text(code)
    return lambda port: [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]


def js(folder, code):
    need("node", "npm")
    home = ROOT / "examples" / "quickstart-express"
    install_node_packages(home)
    (folder / "node_modules").symlink_to(home / "node_modules")
    (folder / "app.mjs").write_text(code)
    return lambda _port: ["node", "app.mjs"]


def go(folder, code):
    need("go")
    (folder / "main.go").write_text(code)
    for name in ("go.mod", "go.sum"):
        (folder / name).write_text((CONFORMANCE / "go" / name).read_text())
    done = subprocess.run(
        ["go", "build", "-o", "interceptor", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return lambda _port: [str(folder / "interceptor")]


@contextmanager
def running(command, port, folder, variables):
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            command(port),
            cwd=folder,
            env=os.environ | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while not is_up(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait(60)


def is_up(port):
    try:
        httpx.get(f"http://127.0.0.1:{port}/", verify=False)  # in the clear: reads no roots
    except httpx.TransportError:
        return False
    return True


@pytest.mark.one_of("python", "js", "go")
@pytest.mark.parametrize("language", [python, js, go])
def test_an_interceptor_answers_as_the_guide_shows(language, api, variables, tmp_path):
    """The guide makes it with one secret; the receiver has the one that the command line made."""
    (code,) = [code for of, code in blocks(INTERCEPTORS) if of == language.__name__]
    port = free_port()
    variables["INTERCEPTOR_URL"] = f"http://127.0.0.1:{port}/interceptors"
    receiver = tmp_path / "receiver"
    receiver.mkdir()
    command = language(receiver, code)
    source, answers = script(INTERCEPTORS)
    # The receiver starts between the second and the third step, as it does for a reader.
    made, rest = source.split("\n{ curl", 1)
    name = "".join(f"{value}\n" for value in (made, "echo $ACCESS_TOKEN > token"))
    done = RUNNERS["sh"](tmp_path, name, variables)
    assert done.returncode == 0, done.stderr
    secret = json.loads((tmp_path / "secret.json").read_text())
    key = secret["interceptor"]["id"]
    variables |= {"INTERCEPTOR_SECRET": secret["secret"], "PORT": str(port)}
    variables |= {"INTERCEPTOR_ID": key}
    with running(command, port, receiver, variables):
        variables["ACCESS_TOKEN"] = (tmp_path / "token").read_text().strip()
        done = RUNNERS["sh"](tmp_path, "set -euo pipefail\n{ curl" + rest, variables)
        assert done.returncode == 0, done.stderr
        outputs = {path.name: path.read_text() for path in tmp_path.glob("*.out")}
        for file, shown in answers.items():
            answer = json.loads(outputs[file])
            assert fits(shown, answer), (shown, answer)
        path = f"/api/v1/interceptors/{key}/test"
        jane = {"interceptor_context": {"user_email": "jane@acme.com"}, "data": {}}
        answer = api.post(path, json=jane).raise_for_status().json()
        assert answer["interceptor_response"]["response"] == {"claims": {"plan": "gold"}}
        forged = httpx.post(variables["INTERCEPTOR_URL"], json=jane)
        assert forged.status_code == 400


@pytest.mark.parametrize("guide", [SIGN_IN, SESSIONS, *FRAMEWORKS])
def test_the_programs_are_those_of_the_examples(guide):
    text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
    parts = re.findall(r"^```\w+ (examples/\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(parts) > 2
    for path, code in parts:
        assert code in (ROOT / path).read_text(encoding="utf-8"), path


def test_whatever_registers_an_application_says_where_its_sign_in_begins():
    root = ROOT
    pages = [*(root / "docs").rglob("*.md"), *(root / "examples").rglob("README.md")]
    registering = [page for page in pages if '"post_login_uris": [' in page.read_text()]
    assert len(registering) >= 4
    for page in registering:
        assert '"initiate_login_uri": ' in page.read_text(), page
