"""Master keys in services: against the real OpenBao, and against moto in the place of AWS."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from datetime import UTC, datetime

import pytest
from key_service_programs import program
from servers import free_port

from tenantry.access.data_keys import masters
from tenantry.crypto.key_services import aws
from tenantry.crypto.master_key import MasterKeyError, of_text
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.db.opening import open_database

TOKEN = "root-of-the-tests"


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:
        return False


def started(command, url, environment=None):
    running = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not answers(url):
        assert running.poll() is None, f"{command[0]} has ended"
        assert time.monotonic() < until, f"{command[0]} does not answer"
        time.sleep(0.05)
    return running


def asked(url, body, method="POST"):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"x-vault-token": TOKEN}, method=method
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"{}")


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    """The address of an OpenBao with two keys, `tenantry` and `another`."""
    port, home = free_port(), tmp_path_factory.mktemp("bao")
    url = f"http://127.0.0.1:{port}"
    command = [
        program("bao"),
        "server",
        "-dev",
        f"-dev-root-token-id={TOKEN}",
        "-dev-no-store-token",
    ]
    running = started(
        [*command, f"-dev-listen-address=127.0.0.1:{port}"],
        f"{url}/v1/sys/health",
        {"HOME": str(home)},
    )
    asked(f"{url}/v1/sys/mounts/transit", {"type": "transit"})
    for name in ("tenantry", "another"):
        asked(f"{url}/v1/transit/keys/{name}", {})
    yield url
    running.terminate()
    running.wait(60)


@pytest.fixture
def transit(bao, monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    return lambda name: of_text(f"{bao.replace('http', 'vault-transit')}/{name}?tls=no")


@pytest.mark.thorough
def test_the_transit_engine_gives_back_what_it_has_wrapped(transit, bao):
    key = transit("tenantry")
    wrapped = key.wrap(b"k" * 32)
    assert wrapped.startswith(b"vault:v1:")
    asked(f"{bao}/v1/transit/keys/tenantry/rotate", {})
    assert key.unwrap(wrapped) == b"k" * 32
    assert key.wrap(b"k" * 32).startswith(b"vault:v2:")
    assert key.provider == "VAULT"
    assert key.reference.endswith("/transit/tenantry")


@pytest.mark.thorough
def test_another_key_of_it_opens_nothing(transit):
    wrapped = transit("tenantry").wrap(b"k" * 32)
    for other, given in (("another", wrapped), ("tenantry", wrapped[:-8]), ("tenantry", b"x")):
        with pytest.raises(WrongKey):
            transit(other).unwrap(given)


@pytest.mark.thorough
def test_what_the_engine_refuses_is_said_without_the_token(transit, monkeypatch):
    with pytest.raises(MasterKeyError, match="answers 400") as problem:
        transit("missing").unwrap(b"vault:v1:aaaa")
    assert not problem.value.may_pass
    monkeypatch.setenv("VAULT_TOKEN", "wrong-token")
    with pytest.raises(MasterKeyError, match="answers 403") as problem:
        transit("tenantry").wrap(b"k" * 32)
    assert "wrong-token" not in str(problem.value)
    monkeypatch.delenv("VAULT_TOKEN")
    with pytest.raises(MasterKeyError, match="no token: set VAULT_TOKEN"):
        transit("tenantry").wrap(b"k" * 32)


@pytest.mark.thorough
async def test_a_database_goes_over_to_the_engine(transit, db, database_url, call):
    await masters.rotate(call, transit("tenantry"))
    await masters.destroy(call, 1)
    sealed = db.vault.encrypt(b"x", Binding("test"))
    async with open_database(database_url, transit("tenantry")) as other:
        assert other.vault.decrypt(sealed, Binding("test")) == b"x"


def test_an_engine_that_is_away_may_come_back(monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    key = of_text(f"vault-transit://127.0.0.1:{free_port()}/k?tls=no")
    with pytest.raises(MasterKeyError, match="the transit engine cannot be reached") as problem:
        key.wrap(b"k" * 32)
    assert problem.value.may_pass


@pytest.fixture(scope="module")
def moto():
    """The address of a moto server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    running = started(command, f"{url}/moto-api/")
    yield url
    running.terminate()
    running.wait(60)


@pytest.fixture
def kms(moto, monkeypatch):
    """Keys there: by a name a URL, made when it is first asked for."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    def made():
        headers = {"content-type": "application/x-amz-json-1.1"}
        headers |= {"x-amz-target": "TrentService.CreateKey"}
        by, at = aws.credentials("eu-central-1"), datetime.now(UTC)
        signed = aws.sign(f"{moto}/", headers, b"{}", by=by, region="eu-central-1", at=at)
        request = urllib.request.Request(f"{moto}/", b"{}", signed)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.loads(answer.read())["KeyMetadata"]["KeyId"]
        return of_text(f"aws-kms://{found}?region=eu-central-1&endpoint={moto}")

    return made


@pytest.mark.thorough
def test_kms_gives_back_what_it_has_wrapped_and_another_key_does_not(kms):
    key, other = kms(), kms()
    wrapped = key.wrap(b"k" * 32)
    assert b"k" * 32 not in wrapped
    assert key.unwrap(wrapped) == b"k" * 32
    for one, given in ((other, wrapped), (key, wrapped[:20])):
        with pytest.raises((WrongKey, MasterKeyError)):
            one.unwrap(given)
    assert key.provider == "AWS"


@pytest.mark.thorough
async def test_a_database_goes_over_to_kms(kms, db, database_url, call):
    key = kms()
    await masters.rotate(call, key)
    await masters.destroy(call, 1)
    sealed = db.vault.encrypt(b"x", Binding("test"))
    async with open_database(database_url, key) as other:
        assert other.vault.decrypt(sealed, Binding("test")) == b"x"


def test_a_request_is_signed_as_amazon_says():
    """The example of "Signature Version 4 signing examples" in its suite: post-vanilla."""
    signed = aws.sign(
        "https://example.amazonaws.com/",
        {},
        b"",
        by=aws.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        region="us-east-1",
        at=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
        service="service",
    )
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


def test_credentials_of_a_container_come_with_its_token(tmp_path, monkeypatch):
    """As ECS and the pod identities of EKS give them."""
    import http.server
    import threading

    asked_with = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked_with.append(self.headers["authorization"])
            self.send_response(200)
            self.end_headers()
            given = {"AccessKeyId": "AKID", "SecretAccessKey": "secret", "Token": "session"}
            self.wfile.write(json.dumps(given).encode())

        def log_message(self, format, *args: object):  # noqa: A002 - as the library names it
            assert args, format

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("of-the-pod\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    where = f"http://127.0.0.1:{server.server_port}/v1/credentials"
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", where)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    found = aws.credentials("eu-central-1")
    server.shutdown()
    server.server_close()
    assert found == aws.Credentials("AKID", "secret", "session")
    assert asked_with == ["of-the-pod"]
    assert "secret" not in repr(found).replace("secret=", "")
