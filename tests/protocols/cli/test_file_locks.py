"""A server keeps its locks on the database's file, by which SQLite knows that it is in use."""

from __future__ import annotations

import fcntl
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from tenantry.server import draining

TRY = """
import fcntl, sys
with open(sys.argv[1], "r+") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(1)
"""


def is_locked(path):
    return subprocess.run([sys.executable, "-c", TRY, path], check=False).returncode == 1


def test_looking_for_listening_sockets_ends_no_lock(tmp_path):
    path = tmp_path / "file"
    with path.open("w") as file, socket.create_server(("127.0.0.1", 0)) as listening:
        fcntl.lockf(file, fcntl.LOCK_EX)
        (found,) = draining._listeners(listening.getsockname()[1])
        with found:
            assert found.getsockname() == listening.getsockname()
        assert is_locked(path)
    assert not is_locked(path)


@pytest.mark.parametrize("moment", ["ready", "leaving"])
def test_a_command_leaves_a_running_server_its_log(start_server, moment):
    """The last process that closes a database deletes the log, where writes are kept first."""
    server = start_server(f"locks-{moment}", drain_seconds="300")
    log = server.data_dir / "tenantry.db-wal"
    if moment == "leaving":
        server.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 60
        while httpx.get(f"{server.url}/readyz", verify=server.trust).is_success:
            assert time.monotonic() < until
    before = log.stat().st_ino
    assert server.run("client", "create").returncode == 0
    assert log.stat().st_ino == before
