"""A Redis server for tests, and a network link that holds its replies back."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from servers import free_port

if TYPE_CHECKING:
    from pathlib import Path

PATIENT_SECONDS = 600.0  # longer than a busy machine takes for an answer of Redis
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
        until = time.monotonic() + 60
        while self.ask(b"PING") != b"+PONG\r\n":
            assert self._process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)

    def ask(self, command: bytes) -> bytes:
        """Send one command; return the reply that comes at once, b"" where nobody listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
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
        self._process.wait(60)


class SlowLink:
    """Forwards connections to a local port; replies wait for `open`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.open = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    if sink is writer:
                        await self.open.wait()
                    sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
