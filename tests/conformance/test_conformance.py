"""Clients that others wrote, as their users run them, against a running server.

The official SDKs have a program per service, OAuth libraries one each. A program prints what it saw
step by step; steps.json says which SDK or library has to show which step.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from apis import unique
from doc_programs import management
from signed_in_people import Person
from software_authenticator import Authenticator
from turns import install_node_packages

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database

HERE = Path(__file__).parent
STEPS = json.loads((HERE / "steps.json").read_text())
READING_MAIL = {"passwordless"}
OF_A_PERSON = {"sessions", "passkeys"}
SDKS = sorted({sdk for steps in STEPS.values() for step in steps for sdk in step["sdks"]})
ONE_LANGUAGE = pytest.mark.one_of(*SDKS)
RUNS = [
    # The updates of an organization run in each language.
    pytest.param(sdk, program, marks=[] if program == "organizations" else ONE_LANGUAGE)
    for program, steps in STEPS.items()
    for sdk in dict.fromkeys(sdk for step in steps for sdk in step["sdks"])
]


def missing(reason: str) -> NoReturn:
    """A developer may lack it, CI may not."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool):
            missing(f"{tool} is not installed")


def run(*command: str | Path, cwd: Path = HERE, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | env,
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
    )


def build(*command: str, cwd: Path) -> None:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def install(folder: Path) -> None:
    need("node", "npm")
    install_node_packages(folder)


@pytest.fixture(scope="session")
def python_client():
    return lambda program: [sys.executable, HERE / "python" / f"{program}.py"]


@pytest.fixture(scope="session")
def authlib_client():
    return lambda _oauth: [sys.executable, HERE / "python" / "oauth.py"]


@pytest.fixture(scope="session")
def node_client():
    install(HERE / "node")
    return lambda program: ["node", HERE / "node" / f"{program}.mjs"]


@pytest.fixture(scope="session")
def openid_client():
    install(HERE / "oauth")
    return lambda _oauth: ["node", HERE / "oauth" / "openid_client.mjs"]


@pytest.fixture(scope="session")
def oauth4webapi_client():
    install(HERE / "oauth")
    return lambda _oauth: ["node", HERE / "oauth" / "oauth4webapi.mjs"]


@pytest.fixture(scope="session")
def go_client():
    need("go")
    build("go", "build", "-o", "go-client", ".", cwd=HERE / "go")
    return lambda program: [HERE / "go" / "go-client", program]


@pytest.fixture(scope="module")
def java_client(own_server, tmp_path_factory):
    need("java", "keytool", "mvn")
    folder = HERE / "java"
    compiled = run("mvn", "-q", "-B", "process-classes", cwd=folder)
    if re.search(r"find artifact com\.scalekit:|com\.scalekit:\S+ was not found", compiled.stdout):
        pytest.skip("this machine's Maven repository does not serve the Java SDK")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    if not own_server.url_443:
        missing("the Java SDK speaks to port 443 only, and the server does not listen there")
    trust, password = tmp_path_factory.mktemp("java") / "trust.p12", "changeit"
    build(
        *("keytool", "-importcert", "-noprompt", "-alias", "tenantry"),
        *("-file", str(own_server.ca), "-keystore", str(trust)),
        *("-storetype", "PKCS12", "-storepass", password),
        cwd=folder,
    )
    return lambda program: [
        "java",
        f"-Djavax.net.ssl.trustStore={trust}",
        f"-Djavax.net.ssl.trustStorePassword={password}",
        *("-cp", f"{folder}/target/classes:{(folder / 'target' / 'classpath').read_text()}"),
        program.title(),
    ]


@pytest.fixture(scope="module")
def mailing_server(start_server):
    """A running server that shows the mail which it would send."""
    return start_server("mailing", background="true", development="true")


def signed_in(server) -> dict[str, str]:
    """A person with three sessions and two passkeys, as a program is told of them."""
    with management(server) as api:
        organization = api.post("/api/v1/organizations", json={"display_name": "Acme"}).json()
        made = api.post(
            f"/api/v1/organizations/{organization['organization']['id']}/users",
            params={"send_invitation_email": "false"},
            json={"email": f"{unique('person')}@example.com"},
        )

    async def sign_in() -> dict[str, str]:
        environment = server.environment.items()
        known = settings.load({k: v for k, v in environment if k.startswith("TENANTRY_")})
        async with open_database(known.database, master_key.load(known), pool_size=2) as database:
            person = Person(server, database, made.json()["user"])
            sessions = [await person.sign_in() for _ in range(3)]
            passkeys = [await person.add_passkey(Authenticator(server.url)) for _ in range(2)]
        return {
            "PERSON_ID": person.id,
            "PERSON_SESSIONS": ",".join(sessions),
            "PERSON_PASSKEYS": ",".join(passkey.id for passkey in passkeys),
        }

    return asyncio.run(sign_in())


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("sdk", "program"), RUNS)
def test_every_step_is_shown(sdk, program, request):
    kind = "mailing_server" if program in READING_MAIL else "own_server"
    server = request.getfixturevalue(kind)
    command = request.getfixturevalue(f"{sdk}_client")
    person = signed_in(server) if program in OF_A_PERSON else {}
    done = run(
        *command(program),
        **server.env
        | person
        | {
            "SCALEKIT_ENVIRONMENT_URL": server.url_443 if sdk == "java" else server.url,
            "SCALEKIT_CLIENT_ID": server.client_id,
            "SCALEKIT_CLIENT_SECRET": server.client_secret,
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["ok"] for line in shown)
    expected = [step["step"] for step in STEPS[program] if sdk in step["sdks"]]
    assert sorted(line["step"] for line in shown) == sorted(expected)
