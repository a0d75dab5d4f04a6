"""A service manager hears when the server is ready, reloads and stops; probes ask how it is."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import TENANTRY, LiveServer

from tenantry import server
from tenantry.server import envoy, notices
from tenantry.server.certificates.authority import Authority


@contextmanager
def manager(path):
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listening.bind(str(path))
        listening.settimeout(30)
        yield listening


def heard(listening):
    """The next message, and the process that it is of."""
    text, ancillary, _, _ = listening.recvmsg(4096, socket.CMSG_SPACE(12))
    ((_, _, credentials),) = ancillary
    return text.decode(), int.from_bytes(credentials[:4], sys.byteorder)


@pytest.mark.thorough
@pytest.mark.one_of("1", "2")
@pytest.mark.parametrize("workers", [1, 2])
def test_it_hears_of_each_step_from_the_main_process(tmp_path, workers, monkeypatch):
    with manager(tmp_path / "notify") as listening:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        server = LiveServer(tmp_path, workers=workers)
        process = subprocess.Popen(
            [TENANTRY, "serve"], env=server.environment, stdout=subprocess.DEVNULL
        )
        try:
            assert heard(listening) == ("READY=1", process.pid)
            assert server.listens()
            before = time.monotonic_ns() // 1000
            process.send_signal(signal.SIGHUP)
            text, pid = heard(listening)
            first, _, clock = text.partition("\nMONOTONIC_USEC=")
            assert (first, pid) == ("RELOADING=1", process.pid)
            assert before <= int(clock) <= time.monotonic_ns() // 1000
            assert heard(listening) == ("READY=1", process.pid)
        finally:
            process.terminate()
            assert process.wait(60) == 0
        said = []
        while select.select([listening], [], [], 0)[0]:
            said.append(heard(listening))
        assert said == [("STOPPING=1", process.pid)]


@pytest.mark.one_of("1", "2")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_watched_server_says_that_it_answers(tmp_path, workers, monkeypatch):
    with manager(tmp_path / "notify") as listening:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        server = LiveServer(tmp_path, workers=workers).start()
        try:
            assert heard(listening)[0] == "READY=1"
            for _ in range(3):
                assert heard(listening) == ("WATCHDOG=1", server.process.pid)
        finally:
            server.stop()


@pytest.mark.thorough
def test_a_worker_says_it_too(tmp_path, monkeypatch):
    server = LiveServer(tmp_path)
    assert server.run("migrate").returncode == 0
    with manager(tmp_path / "notify") as listening:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        worker = subprocess.Popen(
            [TENANTRY, "worker"], env=server.environment, stderr=subprocess.DEVNULL
        )
        try:
            assert heard(listening) == ("READY=1", worker.pid)
        finally:
            worker.terminate()
            assert worker.wait(60) == 0
        assert heard(listening) == ("STOPPING=1", worker.pid)


def test_only_the_process_that_is_meant_is_watched(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    assert notices.watched_seconds() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert notices.watched_seconds() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert notices.watched_seconds() is None


def test_an_abstract_socket_is_told_too(monkeypatch):
    name = f"tenantry-{os.getpid()}"
    with manager(f"\0{name}") as listening:
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notices.ready()
        assert heard(listening) == ("READY=1", os.getpid())


@pytest.mark.thorough
@pytest.mark.one_of("1", "2")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_takes_up_a_certificate_at_once(tmp_path, workers):
    def lay_down(name):
        authority = Authority.create(_folder(tmp_path / name))
        issued = authority.issue(["localhost"])
        (tmp_path / "chain.pem").write_bytes(issued.chain)
        (tmp_path / "key.pem").write_bytes(issued.key)

    lay_down("one")
    server = LiveServer(
        tmp_path,
        workers=workers,
        tls_cert=tmp_path / "chain.pem",
        tls_key=tmp_path / "key.pem",
    )
    server.ca = tmp_path / "one" / "ca.pem"
    server.start()
    try:
        assert _shown(server) == _first(tmp_path / "chain.pem")
        lay_down("two")
        until = time.monotonic() + 30  # without the signal it is a minute
        server.process.send_signal(signal.SIGHUP)
        while any(_shown(server) != _first(tmp_path / "chain.pem") for _ in range(8)):
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        server.stop()


def _folder(path):
    path.mkdir()
    return path


def _shown(server):
    return ssl.get_server_certificate(("127.0.0.1", server.port))


def _first(path):
    head, mark, _ = path.read_text().partition("-----END CERTIFICATE-----\n")
    return head + mark


@pytest.mark.thorough
@pytest.mark.one_of("true", "false")
@pytest.mark.parametrize("cleartext", ["true", "false"])
def test_a_probe_asks_the_server(tmp_path, cleartext):
    server = LiveServer(tmp_path, cleartext=cleartext)
    away = server.run("health")
    assert (away.returncode, away.stdout) == (1, "")
    assert away.stderr == f"tenantry: 127.0.0.1:{server.port}/livez: Connection refused\n"
    server.start()
    try:
        alive, ready = server.run("health"), server.run("health", "--ready")
        assert (alive.returncode, alive.stdout) == (0, '{"status":"alive"}\n')
        assert (ready.returncode, ready.stdout) == (0, '{"status":"ready"}\n')
    finally:
        server.stop()


@pytest.mark.thorough
def test_a_probe_of_a_server_that_drains_fails(tmp_path):
    server = LiveServer(tmp_path, drain_seconds=300).start()
    try:
        server.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 60
        while (done := server.run("health", "--ready")).returncode == 0:
            assert time.monotonic() < until
        assert "DRAINING" in done.stderr
        assert server.run("health").returncode == 0
    finally:
        server.process.send_signal(signal.SIGINT)
        server.process.wait(60)


def test_a_probe_of_something_else_fails(tmp_path):
    server = LiveServer(tmp_path)
    with socket.create_server(("127.0.0.1", server.port)) as other:
        probe = subprocess.Popen(
            [TENANTRY, "health"], env=server.environment, stderr=subprocess.PIPE, text=True
        )
        connection, _ = other.accept()
        connection.recv(1000)
        connection.sendall(b"220 mail ready\r\n")
        connection.close()
        _, said = probe.communicate(timeout=60)
    assert probe.returncode == 1
    assert "does not speak HTTP" in said


def test_a_start_without_watches_says_which_number_to_raise(monkeypatch):
    assert server.check_watches(1) is None
    most = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    with pytest.raises(envoy.StartError, match=r"raise fs\.inotify\.max_user_instances"):
        server.check_watches(most)


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare (util-linux)")
@pytest.mark.one_of("1", "2")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_process_of_a_container_buries_orphans(tmp_path, workers):
    if subprocess.run(["unshare", "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("no namespace of processes may be made here")
    server = LiveServer(tmp_path, workers=workers)
    server.start("unshare", "--pid", "--fork", "--kill-child", TENANTRY, "serve")
    try:
        first = _children(server.process.pid)[0]
        workers_of_it = set(_children(first))
        assert len(workers_of_it) == (workers if workers > 1 else 0)
        # Its parent ends first, as that of what somebody left behind in the container.
        orphan = ["nsenter", "--pid", f"--target={first}", "sh", "-c", "sleep 0.3 & exit"]
        subprocess.run(orphan, check=True)
        assert set(_children(first)) > workers_of_it
        until = time.monotonic() + 60
        while set(_children(first)) != workers_of_it:
            assert time.monotonic() < until
            time.sleep(0.05)
        os.kill(first, signal.SIGTERM)
        assert server.process.wait(60) == 0
    finally:
        server.stop()


def _children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
