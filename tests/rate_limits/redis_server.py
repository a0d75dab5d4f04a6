"""A Redis server of the tests' own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from servers import free_port

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """It listens on a port of its own, keeps nothing, and can be stopped for a while."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [
                *(PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            ],
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + 20
        while self.ask(b"PING") != b"+PONG\r\n":
            assert self._process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)

    def ask(self, command: bytes) -> bytes:
        """Send one command; return the reply that comes at once, b"" where nobody listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(command + b"\r\n")
                return connection.recv(65536)
        except OSError:
            return b""

    def hang(self) -> None:
        """Take connections, and never answer."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        self.go_on()
        self._process.terminate()
        self._process.wait(10)
