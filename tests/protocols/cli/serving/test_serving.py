"""One port, every protocol; a client that misbehaves is cut off alone; a stop loses nothing."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import warnings
from pathlib import Path
from urllib.parse import quote

import h2.config
import h2.connection
import h2.events
import httpx
import psutil
import pytest
from http2 import Connection
from servers import TENANTRY, LiveServer

from tenantry.server import certificates
from tenantry.server.envoy import PATH_PATTERN
from tenantry.server.overload import RELEASE_SECONDS
from tenantry.settings import load


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """A server whose answers take as long as they are asked to."""
    server = LiveServer(tmp_path_factory.mktemp("slow"))
    yield server.start(sys.executable, Path(__file__).parent / "slow_app.py")
    server.stop()


def address(server, *, tls):
    return f"{'https' if tls else 'http'}://localhost:{server.port}"


def raw(server, sent, *, tls=False):
    """Send bytes on a connection of their own; return the answer, or b"" if it is just closed."""
    with socket.create_connection(("127.0.0.1", server.port), 60) as plain:
        wrapped = server.trust.wrap_socket(plain, server_hostname="localhost") if tls else plain
        with wrapped as connection, contextlib.suppress(ConnectionResetError):
            connection.sendall(sent)
            received = b""
            while not _is_whole(received) and (piece := connection.recv(65536)):
                received += piece
            return received
    return b""


def _is_whole(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"^content-length: (\d+)\r?$", head, re.MULTILINE)
    return length is not None and len(body) >= int(length[1])


def body_of(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_every_protocol_is_answered_on_one_port(live_server, tls, version):
    h2 = version == "HTTP/2"
    with httpx.Client(http1=not h2, http2=h2, verify=live_server.trust) as client:
        answer = client.get(f"{address(live_server, tls=tls)}/healthz")
    assert (answer.status_code, answer.http_version) == (200, version)
    assert "server" not in answer.headers


def test_an_upgrade_to_cleartext_http2_is_not_needed(live_server):
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    sent = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n"
    with socket.create_connection(("127.0.0.1", live_server.port), 60) as connection:
        connection.sendall(sent)
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_old_tls_is_refused(live_server):
    trust = live_server.trust
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trust.minimum_version = trust.maximum_version = ssl.TLSVersion.TLSv1_1
    trust.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", live_server.port), 60) as plain,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        trust.wrap_socket(plain, server_hostname="localhost")


def test_an_idle_connection_may_ping(live_server):
    """gRPC clients ping without a call open, to keep the connection through NAT."""
    trust = live_server.trust
    trust.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", live_server.port), 60) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        http2.initiate_connection()
        answered = 0
        for number in range(50):
            http2.ping(number.to_bytes(8))
            connection.sendall(http2.data_to_send())
            while answered <= number:
                events = http2.receive_data(connection.recv(65536))
                assert not any(isinstance(e, h2.events.ConnectionTerminated) for e in events)
                answered += sum(isinstance(e, h2.events.PingAckReceived) for e in events)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nLong: " + b"x" * 40_000, 431, 8),
        (b"GET / HTTP/1.1\r\nHost: x" + b"\r\nMany: x" * 150, 431, 8),
        (b"GET /a b HTTP/1.1\r\nHost: x", 400, 3),
        (b"GET / HTTP/1.1", 400, 3),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", 400, 3),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: unknown", 501, 12),
    ],
)
def test_what_is_no_request_is_refused_in_our_shape(live_server, tls, head, status, code):
    answer = raw(live_server, head + b"\r\n\r\n", tls=tls)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/json" in answer
    assert b"x-request-id: req_" in answer
    assert b"envoy" not in answer.lower()
    assert body_of(answer).keys() == {"code", "message", "details"}
    assert body_of(answer)["code"] == code


def test_an_application_that_raises_is_answered_in_our_shape(slow):
    answer = httpx.get(f"{address(slow, tls=False)}/?broken=1")
    assert answer.status_code == 500
    assert answer.json() == {"code": 13, "message": "internal error", "details": []}


def test_memory_that_nothing_uses_any_more_goes_back_to_the_system(slow):
    mib = 46  # as a password takes that is hashed
    answer = httpx.get(f"{address(slow, tls=False)}/?mib={mib}")
    most = int(answer.headers["resident"]) - (mib - 6 << 20)
    until = time.monotonic() + 20 * RELEASE_SECONDS
    while psutil.Process(slow.process.pid).memory_info().rss > most:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_envoy_answers_grpc_with_a_status(slow):
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":authority": "localhost",
        ":path": "/",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    with Connection(slow.port) as connection:
        stream = connection.send(list(headers.items()), b"x", end=False)  # and no more comes
        connection.wait(stream)
    assert stream.headers[":status"] == "200"
    assert stream.trailers["grpc-status"] != "0"
    assert "{" not in stream.trailers["grpc-message"]


@pytest.mark.parametrize(
    "path",
    [
        *("//oauth/token", "/a/../b", "/a/./b", "/a%2Fb", "/a//b/", "/a%5cb", "/a;b=c:d(e)'f'"),
        *("/%c3%a4", "/%E2%82%AC", "/%F0%9F%90%98", "/%00", "/a?b=%e4"),
    ],
)
def test_a_path_arrives_as_it_was_sent(slow, path):
    sent = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(slow, sent.encode()).rpartition(b" ")[2].decode() == path.partition("?")[0]


@pytest.mark.parametrize(
    "path",
    [
        *(b"/%e4", b"/%ff", b"/%c0%af", b"/%ed%a0%80", b"/%f5%80%80%80", b"/%e2%82", b"/a%80b"),
        *(b"/\xe4", b"/%", b"/%zz"),
    ],
)
def test_a_path_that_is_not_utf8_is_refused(slow, path):
    answer = raw(slow, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert body_of(answer)["code"] == 3


def test_the_pattern_of_a_path_is_what_utf8_is():
    allowed = re.compile(PATH_PATTERN)
    for code in [*range(0x500), *range(0x700, 0x10FFFF, 97), 0xD7FF, 0xE000, 0x10FFFF]:
        if not 0xD800 <= code <= 0xDFFF:
            assert allowed.fullmatch("/" + quote(chr(code))), hex(code)
    for code in (*range(0xD800, 0xE000, 7), 0x110000):  # by the scheme of UTF-8, but not in it
        encoded = (
            (0xE0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63)
            if code < 0x10000
            else (0xF4, 0x90, 0x80, 0x80)
        )
        assert not allowed.fullmatch("/" + "".join(f"%{byte:02x}" for byte in encoded))


def test_what_a_client_says_of_its_address_is_not_believed(slow):
    headers = {"x-forwarded-for": "203.0.113.9", "x-envoy-external-address": "203.0.113.9"}
    answer = httpx.get(address(slow, tls=False), headers=headers)
    assert answer.text.split()[1] == "127.0.0.1"


def test_a_stuck_client_is_cut_off_and_nobody_else(slow):
    stuck = {
        "sends nothing": b"",
        "never ends its headers": b"GET / HTTP/1.1\r\nHost: x\r\n",
        "never ends its body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    }
    with concurrent.futures.ThreadPoolExecutor() as threads:
        cut = {name: threads.submit(raw, slow, sent) for name, sent in stuck.items()}
        tls = threads.submit(raw, slow, b"\x16\x03\x01\x02\x00")  # the start of a TLS handshake
        others = httpx.Client(verify=slow.trust)
        while not all(f.done() for f in [*cut.values(), tls]):
            assert others.get(slow.url).status_code == 200
        others.close()
    assert cut["sends nothing"].result() == tls.result() == b""
    for name in ("never ends its headers", "never ends its body"):
        answer = cut[name].result()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert body_of(answer)["code"] == 4


def test_a_body_that_nobody_reads_is_not_taken_in(slow):
    """A client that sends more than is wanted waits for us; it does not fill our memory."""
    with socket.create_connection(("127.0.0.1", slow.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        connection.settimeout(0.5)
        head = (
            b"POST /?unread=1&seconds=60 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
        )
        connection.sendall(head)
        taken = 0
        with contextlib.suppress(TimeoutError):
            while taken < 100_000_000:
                taken += connection.send(b"x" * 65536)
    assert taken < 20_000_000


@pytest.mark.thorough
@pytest.mark.parametrize("public_url", ["https://localhost", "http://localhost"])
def test_cleartext_can_be_switched_off(tmp_path, public_url):
    server = LiveServer(tmp_path, cleartext="false", public_url=public_url).start()
    try:
        assert raw(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        assert server.answers()
    finally:
        server.stop()


def test_a_port_in_use_is_named(live_server, tmp_path):
    done = live_server.run("serve", TENANTRY_DATA_DIR=str(tmp_path / "other"))
    assert done.returncode == 2
    assert done.stderr == (
        f"tenantry: TENANTRY_LISTEN: 127.0.0.1:{live_server.port} is in use by another program; "
        "stop it, or choose another port, which is that of TENANTRY_PUBLIC_URL as well\n"
    )


@pytest.mark.thorough
def test_a_second_start_names_the_server_that_runs_already(tmp_path):
    server = LiveServer(tmp_path).start()
    try:
        done = server.run("serve")
        assert done.returncode == 2
        assert done.stderr == (
            f"tenantry: TENANTRY_LISTEN: 127.0.0.1:{server.port} is where the server of "
            f"{server.data_dir} runs already, as process {server.process.pid}: stop that one to "
            "start it anew\n"
        )
        assert server.answers()
    finally:
        server.stop()


def test_a_folder_that_cannot_be_made_is_named_whole(tmp_path):
    (tmp_path / "file").touch()
    done = LiveServer(tmp_path).run("serve", TENANTRY_DATA_DIR="file/data")
    assert done.returncode == 2
    assert done.stderr == (
        f"tenantry: TENANTRY_DATA_DIR: {tmp_path}/file/data cannot be used: Not a directory\n"
    )


def test_an_address_of_another_machine_is_named(live_server):
    done = live_server.run("serve", TENANTRY_LISTEN="192.0.2.1:8443")
    assert done.returncode == 2
    assert "192.0.2.1:8443 is not an address of this machine" in done.stderr


def test_a_python_without_a_shared_library_is_named(tmp_path):
    script = (
        "import find_libpython, sys\n"
        "from tenantry.server import envoy\n"
        "envoy._library_of_this_process = lambda: None\n"
        "find_libpython.candidate_paths = lambda: []\n"
        "from tenantry.cli import main\n"
        "sys.argv = ['tenantry', 'serve']\n"
        "main()\n"
    )
    server = LiveServer(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no shared libpython3." in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.thorough
def test_a_database_that_does_not_answer_is_named(tmp_path):
    server = LiveServer(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    done = server.run("serve")
    assert done.returncode == 2
    assert done.stderr.startswith("tenantry: the database cannot be reached")
    assert done.stderr.count("\n") == 1


def test_the_first_start_says_where_and_who_and_what_next(tmp_path):
    server = LiveServer(tmp_path).start()
    try:
        until = time.monotonic() + 60
        while "Run next" not in (said := server.log.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        assert f"URL           {server.url}\n" in said
        assert f"Client ID     {server.client_id}\n" in said
        command = f"TENANTRY_DATA_DIR={server.data_dir} {TENANTRY}"
        assert f'Run next      eval "$({command} env)"\n' in said
        assert server.client_secret not in said
    finally:
        server.stop()


@pytest.mark.thorough
def test_files_where_it_is_started_do_not_get_in(tmp_path):
    (tmp_path / "structlog.py").write_text("raise SystemExit")
    (tmp_path / "tenantry").mkdir()
    (tmp_path / "tenantry" / "__init__.py").write_text("raise SystemExit")
    server = LiveServer(tmp_path).start()
    assert server.stop() == 0


@contextlib.contextmanager
def in_flight(server, gate):
    """A request that the application has begun to answer, and answers once `gate` exists."""
    with concurrent.futures.ThreadPoolExecutor() as threads, httpx.Client() as client:
        url = address(server, tls=False)
        assert client.get(url).status_code == 200  # the connection is open
        answer = threads.submit(client.get, url, params={"gate": str(gate)})
        wait_for(gate.with_suffix(".begun").exists)
        yield answer


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_what_is_in_flight(tmp_path, stop):
    server = LiveServer(tmp_path).start(sys.executable, Path(__file__).parent / "slow_app.py")
    with in_flight(server, tmp_path / "gate") as asked:
        server.process.send_signal(stop)
        wait_for(lambda: not server.listens())
        (tmp_path / "gate").touch()
        answer = asked.result()
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert server.process.wait(60) == 0


@pytest.mark.thorough
def test_a_second_signal_does_not_wait(tmp_path):
    server = LiveServer(tmp_path).start(sys.executable, Path(__file__).parent / "slow_app.py")
    with in_flight(server, tmp_path / "gate") as asked:
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not server.listens())
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        with pytest.raises(httpx.TransportError):
            asked.result()


def test_a_restart_keeps_everything(tmp_path):
    server = LiveServer(tmp_path).start()
    kept = (server.ca.read_bytes(), server.run("client", "list", "--json").stdout)
    published = httpx.get(f"{server.url}/keys", verify=server.trust).json()
    assert server.stop() == 0
    server.start()
    try:
        assert (server.ca.read_bytes(), server.run("client", "list", "--json").stdout) == kept
        assert httpx.get(f"{server.url}/keys", verify=server.trust).json() == published
    finally:
        server.stop()


def test_a_new_certificate_is_shown_without_a_restart(tmp_path, monkeypatch):
    """Housekeeping, once a minute."""
    from tenantry.server import housekeeping

    own = certificates.ensure(load({"TENANTRY_DATA_DIR": str(tmp_path / "own")}))
    server = LiveServer(tmp_path, tls_cert=own.chain, tls_key=own.key)
    server.ca = own.ca
    server.start()
    try:
        shown = housekeeping._Shown(load(server.environment))
        before = ssl.get_server_certificate(("127.0.0.1", server.port))
        (own.ca.parent / "server.json").unlink()
        certificates.ensure(load({"TENANTRY_DATA_DIR": str(tmp_path / "own")}))
        assert ssl.get_server_certificate(("127.0.0.1", server.port)) == before
        shown.refresh()
        until = time.monotonic() + 60
        while ssl.get_server_certificate(("127.0.0.1", server.port)) == before:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert server.answers()
    finally:
        server.stop()
