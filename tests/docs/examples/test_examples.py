"""The example APIs let in callers that may come in, and refuse others as RFC 6750 says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from doc_programs import management, need
from repository import ROOT
from servers import free_port
from turns import install_node_packages

from tenantry import settings
from tenantry.access.keys import service as keys
from tenantry.crypto import master_key
from tenantry.db.opening import open_database

EXAMPLES = ROOT / "examples"
AUDIENCE = "https://api.example.com"
READ, WRITE = "invoices:read", "invoices:write"
NO_CREDENTIALS = 'Bearer realm="invoices"'
INVALID = f'{NO_CREDENTIALS}, error="invalid_token"'
NO_SCOPE = f'{NO_CREDENTIALS}, error="insufficient_scope", scope="{WRITE}"'


def fastapi(port):
    return [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]


def express(port):
    need("node", "npm")
    install_node_packages(EXAMPLES / "express-api")
    return ["node", "app.js"]


@contextmanager
def started(command, own_server, log, **settings: str):
    name, port = command.__name__, free_port()
    settings |= {"PORT": str(port), "API_AUDIENCE": AUDIENCE}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(port),
            cwd=EXAMPLES / f"{name}-api",
            env=own_server.environment | own_server.env | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            until = time.monotonic() + 60
            while True:
                try:
                    http.get("/invoices")
                except httpx.TransportError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < until, log.read_text()
                    time.sleep(0.05)
                else:
                    break
            yield http
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def admin(own_server):
    with management(own_server) as client:
        yield client


EACH = {"params": [fastapi, express], "ids": ["fastapi", "express"]}


@pytest.fixture(scope="module", **EACH)
def example(request, own_server, tmp_path_factory):
    """One of the examples, running: a client of it."""
    log = tmp_path_factory.mktemp("example") / "log"
    with started(request.param, own_server, log) as http:
        yield http


class Customer:
    """An organization, and what its machines hold."""

    def __init__(self, admin: httpx.Client, name: str) -> None:
        self.admin = admin
        self.id = self.post("organizations", display_name=name)["id"]

    def post(self, path, **fields: object):
        return self.admin.post(f"/api/v1/{path}", json=fields).raise_for_status().json()

    def client(self, **fields: object):
        made = self.post(f"organizations/{self.id}/clients", name="Export", **fields)
        return made["client"]["client_id"], made["plain_secret"]

    def access_token(self, *scopes: str, audience=AUDIENCE, algorithm="RS256"):
        client_id, secret = self.client(scopes=[READ, WRITE], audience=[audience])
        if algorithm != "RS256":
            settings = {"access_token_signing_alg": algorithm}
            path = f"/api/v1/clients/{client_id}/settings"
            self.admin.patch(path, json=settings).raise_for_status()
        form = {"grant_type": "client_credentials", "scope": " ".join(scopes)}
        asked = time.monotonic()
        while True:
            # A process's memory of a client is up to a second old.
            answer = self.admin.post(
                "/oauth/token", data=form, auth=(client_id, secret), headers={"authorization": ""}
            )
            token = answer.raise_for_status().json()["access_token"]
            if jwt.get_unverified_header(token)["alg"] == algorithm:
                return token
            assert time.monotonic() - asked < 20

    def key(self, *scopes: str, **fields: object):
        claims = {"scope": " ".join(scopes)}
        made = self.post("tokens", organization_id=self.id, custom_claims=claims, **fields)
        return made["token"], made["token_id"]


@pytest.fixture(scope="module")
def acme(admin):
    return Customer(admin, "Acme")


def bearer(credentials):
    return {"Authorization": f"Bearer {credentials}"}


def x_api_key(credentials):
    return {"X-API-Key": credentials}


def assert_refused(answer, status, challenge):
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (status, challenge)


@pytest.mark.one_of("fastapi", "express")
def test_an_access_token_reads_and_writes_the_invoices_of_its_organization(example, admin):
    acme = Customer(admin, "Acme")
    headers = bearer(acme.access_token(READ, WRITE))
    assert example.post("/invoices", headers=headers, json={"amount": 12}).status_code == 201
    answer = example.get("/invoices", headers=headers)
    assert answer.json() == {"organization_id": acme.id, "amounts": [12]}


@pytest.mark.thorough
@pytest.mark.parametrize("header", [bearer, x_api_key])
def test_an_api_key_reads_and_writes_the_invoices_of_its_organization(example, admin, header):
    acme = Customer(admin, "Acme")
    headers = header(acme.key(READ, WRITE)[0])
    assert example.post("/invoices", headers=headers, json={"amount": 12}).status_code == 201
    answer = example.get("/invoices", headers=headers)
    assert answer.json() == {"organization_id": acme.id, "amounts": [12]}


def test_another_organization_sees_nothing_of_it(example, admin, acme):
    token = bearer(acme.access_token(READ, WRITE))
    assert example.post("/invoices", headers=token, json={"amount": 12}).status_code == 201
    other = Customer(admin, "Initech")
    for headers in (x_api_key(other.key(READ)[0]), bearer(other.access_token(READ))):
        answer = example.get("/invoices", headers=headers)
        assert answer.json() == {"organization_id": other.id, "amounts": []}


def test_who_says_nothing_is_asked_for_a_credential(example):
    assert_refused(example.get("/invoices"), 401, NO_CREDENTIALS)
    basic = {"Authorization": "Basic YTpi"}
    assert_refused(example.get("/invoices", headers=basic), 401, NO_CREDENTIALS)


def test_reading_does_not_allow_writing(example, acme):
    for headers in (bearer(acme.access_token(READ)), x_api_key(acme.key(READ)[0])):
        assert example.get("/invoices", headers=headers).status_code == 200
        answer = example.post("/invoices", headers=headers, json={"amount": 12})
        assert_refused(answer, 403, NO_SCOPE)
    without = x_api_key(acme.key("other")[0])
    assert example.get("/invoices", headers=without).status_code == 403


def test_a_token_for_another_api_is_refused(example, acme):
    token = acme.access_token(READ, audience="https://other.example.com")
    assert_refused(example.get("/invoices", headers=bearer(token)), 401, INVALID)


def test_a_management_token_is_refused(example, admin):
    headers = {"Authorization": admin.headers["authorization"]}
    assert_refused(example.get("/invoices", headers=headers), 401, INVALID)


def ends(example, headers, *, at):
    """Ask until a key is refused: each time that is asked after this one."""
    asked = time.time()
    while (answer := example.get("/invoices", headers=headers)).status_code == 200:
        assert asked < at
        asked = time.time()
    assert_refused(answer, 401, INVALID)


def test_an_invalidated_key_is_refused_within_a_second(example, acme):
    key, token_id = acme.key(READ)
    assert example.get("/invoices", headers=x_api_key(key)).status_code == 200
    acme.post("tokens:invalidate", token=token_id)
    ends(example, x_api_key(key), at=time.time() + 1)


@pytest.mark.thorough
def test_an_expired_key_is_refused(example, acme):
    expiry = datetime.now(UTC) + timedelta(seconds=3)
    key, _ = acme.key(READ, expiry=expiry.isoformat())
    ends(example, x_api_key(key), at=expiry.timestamp())
    assert datetime.now(UTC) >= expiry


async def test_a_forged_or_expired_access_token_is_refused(example, acme, own_server):
    token = acme.access_token(READ)
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    own = rsa.generate_private_key(65537, 2048)
    real = await signing_key(own_server, kid)
    now = int(time.time())
    past = {"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600}

    def signed(key, **changes: object):
        return jwt.encode(claims | changes, key, "RS256", headers={"kid": kid})

    assert example.get("/invoices", headers=bearer(signed(real))).status_code == 200
    for wrong in (
        signed(real, **past),
        signed(real, iss="https://tenantry.example.com"),
        signed(own),
        jwt.encode(claims, own, "RS256", headers={"kid": "snk_1"}),
        jwt.encode(claims, own, "RS256"),
        jwt.encode(claims, None, "none", headers={"kid": kid}),
        token[:-5],
    ):
        assert_refused(example.get("/invoices", headers=bearer(wrong)), 401, INVALID)


async def signing_key(own_server, kid):
    """The private key that the server signs with."""
    environment = own_server.environment.items()
    known = settings.load({k: v for k, v in environment if k.startswith("TENANTRY_")})
    async with open_database(known.database, master_key.load(known)) as database:
        (found,) = [key for key in await keys.load(database) if key.id == kid]
    return found.private_pem


def test_what_is_no_credential_at_all_is_refused(example, acme):
    key, token_id = acme.key(READ)
    for wrong in ("garbage", "a.b.c", "tnat_", "tnat_garbage", key[:-1], key + "x"):
        assert_refused(example.get("/invoices", headers=bearer(wrong)), 401, INVALID)
        assert_refused(example.get("/invoices", headers=x_api_key(wrong)), 401, INVALID)
    # Its id is in every list, and no credential.
    assert_refused(example.get("/invoices", headers=x_api_key(token_id)), 401, INVALID)
    assert_refused(example.get("/invoices", headers=bearer(token_id)), 401, INVALID)


def test_keys_that_came_later_are_read(example, acme):
    """The first client that signs by ES256 makes the server publish a key for it."""
    token = acme.access_token(READ, algorithm="ES256")
    answer = example.get("/invoices", headers=bearer(token))
    if "uvicorn" in answer.headers.get("server", ""):
        assert_refused(answer, 401, INVALID)  # the SDK for Python verifies RS256 only
        token = acme.access_token(READ)
        answer = example.get("/invoices", headers=bearer(token))
    assert answer.status_code == 200


@contextmanager
def paused(server):
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)


def test_one_that_waits_for_tenantry_keeps_nobody_else_waiting(example, acme, own_server):
    """Several ask for API keys while Tenantry does not answer; another one is answered at once."""
    key, _ = acme.key(READ)
    with ThreadPoolExecutor() as threads, paused(own_server):
        waiting = [
            threads.submit(example.get, "/invoices", headers=x_api_key(key)) for _ in range(3)
        ]
        time.sleep(0.3)
        assert_refused(example.get("/invoices"), 401, NO_CREDENTIALS)
        assert not any(answer.done() for answer in waiting)
    assert {answer.result().status_code for answer in waiting} == {200}


@pytest.mark.thorough
@pytest.mark.parametrize("command", EACH["params"], ids=EACH["ids"])
def test_a_customer_is_not_blamed_where_the_api_itself_is_refused(
    command, admin, acme, own_server, tmp_path
):
    own = acme.post("clients", name="Invoices API", client_type="WEB_APP")["client"]["id"]
    secret = acme.post(f"clients/{own}/secrets")["plain_secret"]
    credentials = {"SCALEKIT_CLIENT_ID": own, "SCALEKIT_CLIENT_SECRET": secret}
    headers = x_api_key(acme.key(READ)[0])
    with started(command, own_server, tmp_path / "log", **credentials) as example:
        assert example.get("/invoices", headers=headers).status_code == 200
        admin.delete(f"/api/v1/clients/{own}").raise_for_status()
        time.sleep(1)
        answer = example.get("/invoices", headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_the_requirements_are_what_is_tested():
    for line in (EXAMPLES / "fastapi-api" / "requirements.txt").read_text().splitlines():
        name, _, pinned = line.partition("==")
        assert version(name) == pinned, name
