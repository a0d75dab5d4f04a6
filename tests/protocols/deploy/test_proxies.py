"""The configurations of nginx and HAProxy in deploy/proxies, run in front of a server."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from http2 import Connection, framed
from repository import ROOT
from servers import LiveServer, free_port

PROXIES = ROOT / "deploy" / "proxies"
SECONDS = 60.0


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    """A server that trusts a proxy on this machine."""
    server = LiveServer(
        tmp_path_factory.mktemp("behind"), trusted_proxies="127.0.0.0/8", background="false"
    )
    yield server.fork()
    server.stop()


def until_it_answers(port, process):
    until = time.monotonic() + SECONDS
    while True:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        try:
            with socket.create_connection(("127.0.0.1", port), 5):
                return
        except OSError:
            time.sleep(0.05)


@contextlib.contextmanager
def running(program, *arguments: str, port):
    if shutil.which(program) is None and not Path(f"/usr/sbin/{program}").exists():
        pytest.skip(f"{program} is not installed")
    path = shutil.which(program) or f"/usr/sbin/{program}"
    with subprocess.Popen([path, *arguments], stderr=subprocess.PIPE, text=True) as process:
        try:
            until_it_answers(port, process)
            yield
        finally:
            process.terminate()


@pytest.fixture
def nginx(behind, tmp_path):
    port = free_port()
    text = (PROXIES / "nginx.conf").read_text()
    text = text.replace("127.0.0.1:8443", f"127.0.0.1:{behind.port}")
    # One port for both protocols needs TLS, which says the protocol.
    text = text.replace("listen 127.0.0.1:8080 http2;", f"listen 127.0.0.1:{port};")
    text = text.replace("worker_processes auto;", "worker_processes 1; daemon off;")
    path = tmp_path / "nginx.conf"
    path.write_text(f"pid {tmp_path}/pid; error_log stderr;\n{text}")
    with running("nginx", "-p", str(tmp_path), "-c", str(path), port=port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def haproxy(behind, tmp_path):
    ports = free_port(), free_port(), free_port()
    text = (PROXIES / "haproxy.cfg").read_text()
    for old, new in zip(("8080", "8081", "8443"), (*ports[:2], behind.port), strict=True):
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    text = text.replace("127.0.0.1:8444", f"127.0.0.1:{ports[2]}")  # a server that is away
    path = tmp_path / "haproxy.cfg"
    path.write_text(text)
    with running("haproxy", "-f", str(path), "-db", port=ports[1]):
        yield ports


def until_it_is_ready(url):
    until = time.monotonic() + SECONDS
    while (status := httpx.get(f"{url}/readyz").status_code) != 200:
        assert time.monotonic() < until, status
        time.sleep(0.05)


def token(server, url):
    form = {
        "grant_type": "client_credentials",
        "client_id": server.client_id,
        "client_secret": server.client_secret,
    }
    return httpx.post(f"{url}/oauth/token", data=form).raise_for_status().json()["access_token"]


def test_nginx_hands_on_http(behind, nginx):
    until_it_is_ready(nginx)
    bearer = {"authorization": f"Bearer {token(behind, nginx)}"}
    answer = httpx.get(f"{nginx}/api/v1/organizations", headers=bearer)
    assert answer.status_code == 200
    assert httpx.get(f"{nginx}/").status_code < 400


def test_haproxy_hands_on_http_and_grpc_and_leaves_out_a_server_that_is_away(behind, haproxy):
    grpc, http, _ = haproxy
    url = f"http://127.0.0.1:{http}"
    until_it_is_ready(url)
    access = token(behind, url)
    for _ in range(20):
        answer = httpx.get(
            f"{url}/api/v1/organizations", headers={"authorization": f"Bearer {access}"}
        )
        assert answer.status_code == 200
    service = "/scalekit.v1.organizations.OrganizationService/ListOrganization"
    head = [
        (":method", "POST"),
        (":path", service),
        (":scheme", "http"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", f"Bearer {access}"),
    ]
    with Connection(grpc) as connection:
        call = connection.send(head, framed(b"\x08\x01"))
        connection.wait(call)
        assert call.trailers["grpc-status"] == "0"


def test_the_checks_of_haproxy_are_http_1_0():
    """As long as that is so, the server has to answer them (test_anonymous_load.py)."""
    text = (PROXIES / "haproxy.cfg").read_text()
    assert re.search(r"^    option httpchk GET /readyz$", text, re.MULTILINE)
