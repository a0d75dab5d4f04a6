"""Receivers of webhooks: they count deliveries, and cost as little as can be."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT_SECONDS = 120.0


class Receiver(asyncio.Protocol):
    """As little of a receiver as can be: it answers 200, or nothing below ``/hang``."""

    def __init__(self, of: Receivers) -> None:
        self._of = of
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        while True:
            head, found, rest = received.partition(b"\r\n\r\n")
            if not found:
                break
            lines = head.split(b"\r\n")
            named = dict(line.split(b": ", 1) for line in lines[1:])
            headers = {name.lower(): value for name, value in named.items()}
            length = int(headers[b"content-length"])
            if len(rest) < length:
                break
            received = rest[length:]
            if b"/hang" not in lines[0]:
                self._of.note()
                self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        self._received = received


class Receivers:
    """The server of all receivers: how many deliveries came, and when the last one did."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Receiver(self), "127.0.0.1", 0, backlog=4096
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    def note(self) -> None:
        """Count a delivery."""
        self.count += 1
        self.last = time.perf_counter()

    async def until(self, count: int) -> None:
        """Wait for so many deliveries in all."""
        end = time.perf_counter() + _WAIT_SECONDS
        while self.count < count:
            if time.perf_counter() > end:
                raise SystemExit(f"bench: {self.count} deliveries of {count} came")
            await asyncio.sleep(0.001)


@contextmanager
def taking() -> Iterator[int]:
    """Run receivers in a thread; yield their port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    receivers = Receivers()
    try:
        asyncio.run_coroutine_threadsafe(receivers.__aenter__(), loop).result()
        yield receivers.port
        asyncio.run_coroutine_threadsafe(receivers.__aexit__(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
