"""A wire between two processes, which can be slow, be cut, fall silent, or forget one end."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

_CHUNK = 65536
_LINGER_NOT = struct.pack("ii", 1, 0)  # closed at once, by a reset


@dataclass(eq=False)
class _Line:
    """One connection: the end that came to us, and the one that we opened."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    forgotten: bool = False


class Wire:
    """Takes TCP connections at a port and leads each to an address, or to a socket's path."""

    def __init__(self, to: tuple[str, int] | str) -> None:
        self.port = 0
        self._to = to
        self._server: asyncio.Server | None = None
        self._delay = 0.0
        self._flows = asyncio.Event()
        self._flows.set()
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._lines)

    @asynccontextmanager
    async def cut(self) -> AsyncIterator[None]:
        """Reset all connections, and refuse new ones meanwhile."""
        self._close()
        self.reset()
        try:
            yield
        finally:
            await self._listen()

    @asynccontextmanager
    async def slow(self, seconds: float) -> AsyncIterator[None]:
        """Deliver all that is sent meanwhile so much later, in each direction."""
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @asynccontextmanager
    async def silent(self) -> AsyncIterator[None]:
        """Take connections, and deliver nothing before the end."""
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    def reset(self) -> None:
        """Reset all connections, at both ends."""
        for line in self._lines:
            _reset(line.near)
            _reset(line.far)

    def forget(self) -> None:
        """Reset the far end of all connections, of which the near end never hears.

        So does a firewall between the two that loses its table. New connections are led on.
        """
        for line in self._lines:
            line.forgotten = True
            _reset(line.far)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    def _close(self) -> None:
        assert self._server is not None
        self._server.close()

    def _take(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._lead(reader, near))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _lead(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            if isinstance(self._to, str):
                far_reader, far = await asyncio.open_unix_connection(self._to)
            else:
                far_reader, far = await asyncio.open_connection(*self._to)
        except OSError:
            _reset(near)
            return
        line = _Line(near, far)
        self._lines.add(line)
        try:
            await asyncio.gather(self._pump(line, reader, far), self._pump(line, far_reader, near))
        finally:
            self._lines.discard(line)
            for end in (near, far):
                end.close()

    async def _pump(
        self, line: _Line, reader: asyncio.StreamReader, to: asyncio.StreamWriter
    ) -> None:
        """Lead on all bytes from one end, and its end; nothing of a line that is forgotten."""
        try:
            while data := await reader.read(_CHUNK):
                await self._flows.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                if not line.forgotten:
                    to.write(data)
                    await to.drain()
            if not line.forgotten:
                to.write_eof()
        except OSError:
            if not line.forgotten:
                _reset(line.near)
                _reset(line.far)


def _reset(end: asyncio.StreamWriter) -> None:
    held: socket.socket | None = end.get_extra_info("socket")
    with suppress(OSError):
        if held is not None and held.family != socket.AF_UNIX:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    end.transport.abort()
