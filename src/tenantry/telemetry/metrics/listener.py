"""The listener of `/metrics`: on its own address and thread, in each process.

The processes of a machine that are given one address share it, and whichever the system chooses
answers for all of them. So one that dies takes nothing with it, and one that drains still answers.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import platform
import resource
import socket
import threading
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from tenantry import __version__
from tenantry.telemetry.log import warn_rate_limited
from tenantry.telemetry.metrics import exposition, files, kinds, table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from tenantry.settings import Settings
    from tenantry.telemetry.metrics.kinds import Labels, Metric

    # The word of the database: read on the application's event loop, and remembered there.
    Figures = Callable[[], Awaitable[Iterable[tuple[Metric, Labels, float]]]]

WRITE_SECONDS = 1.0
# A body is made once in that time, however many ask.
FRESH_SECONDS = 1.0
MOST_CONNECTIONS = 16
HEADER_BYTES = 8 << 10
REQUEST_SECONDS = 5.0  # until the head of a request is there
ANSWER_SECONDS = 10.0  # until its answer is taken
FIGURES_SECONDS = 3.0  # that the database has
_PATH = b"/metrics"

_log = logging.getLogger(__name__)


@asynccontextmanager
async def listening(settings: Settings, figures: Figures) -> AsyncIterator[None]:
    """Count, and answer meanwhile; without an address do neither.

    Where the address or the data folder cannot be used, the log says so, and all else goes on.
    """
    try:
        listener = Listener(settings, figures, asyncio.get_running_loop())
    except OSError as problem:
        fields = {"address": settings.metrics_listen, "problem": str(problem)}
        _log.error("failed to serve metrics", extra={"fields": fields})
        yield
        return
    thread = threading.Thread(target=listener.run, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.stop()
        await asyncio.to_thread(thread.join, ANSWER_SECONDS)


class Listener:
    """Writes the figures of this process once a second, and answers for all.

    Raises:
        OSError: the address cannot be listened on, or the data folder cannot be written.

    """

    def __init__(
        self, settings: Settings, figures: Figures, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._address = settings.metrics_listen
        self._token = settings.metrics_token.encode()
        self._folder = files.folder_of(settings)
        self._figures = figures
        self._application = loop
        self._process = _Process(settings.database.partition(":")[0])
        self._socket = _listening(settings.metrics_listen)
        self._sheet = kinds.begin()
        try:
            self._writer = files.Writer(self._folder, self._sheet)
        except OSError:
            self._socket.close()
            raise
        kinds.watch(self._process)
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._connections = 0
        self._rendering = asyncio.Lock()
        self._bodies: dict[str, tuple[float, bytes]] = {}  # by content type, with their time

    def run(self) -> None:
        """Serve until told to stop."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """Have it stop, from any thread."""
        with suppress(RuntimeError):  # it has stopped
            self._loop.call_soon_threadsafe(self._stopped.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._connected, sock=self._socket, limit=HEADER_BYTES, backlog=MOST_CONNECTIONS
        )
        try:
            while not self._stopped.is_set():
                self._write()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), WRITE_SECONDS)
        finally:
            server.close()
            self._write()
            self._writer.close()

    def _write(self) -> None:
        """Write the figures of this process; where that fails, the earlier ones stand."""
        self._sheet.measure()
        try:
            self._writer.write()
        except OSError as problem:
            warn_rate_limited(_log, "failed to write metrics", "metrics", {"problem": str(problem)})

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= MOST_CONNECTIONS:
                answer = await self._answered(reader)
                async with asyncio.timeout(ANSWER_SECONDS):
                    writer.write(answer)
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # it is cut off
        except Exception:  # noqa: BLE001 - of one request, and no concern of the others
            _log.exception("metrics request failed")
        finally:
            self._connections -= 1
            writer.transport.abort()

    async def _answered(self, reader: asyncio.StreamReader) -> bytes:
        """Return the answer to a request, whose connection is for that one alone."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(431)
        line, *fields = head.split(b"\r\n")
        verb, _, rest = line.partition(b" ")
        target, _, version = rest.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            return _response(400)
        if target.partition(b"?")[0] != _PATH:
            return _response(404)
        if verb not in {b"GET", b"HEAD"}:
            return _response(405, allow="GET, HEAD")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (field.partition(b":") for field in fields)
        }
        if self._token and not _bears(headers.get(b"authorization", b""), self._token):
            return _response(401, www_authenticate="Bearer")
        kind = exposition.negotiated(headers.get(b"accept", b"").decode("latin-1"))
        body = await self._body(kind)
        answer = _response(200, body, content_type=kind, cache_control="no-store", vary="accept")
        return answer.removesuffix(body) if verb == b"HEAD" else answer

    async def _body(self, kind: str) -> bytes:
        async with self._rendering:
            made, body = self._bodies.get(kind, (float("-inf"), b""))
            if time.monotonic() - made >= FRESH_SECONDS:
                known = list(await self._known())
                self._write()
                totals, alive = files.read(self._folder)
                totals[table.PROCESSES] = {(): [float(alive)]}
                totals[table.BUILD] = {self._process.build: [1.0]}
                for metric, labels, value in known:
                    totals.setdefault(metric, {})[labels] = [value]
                body = exposition.rendered(totals, kind)
                self._bodies[kind] = time.monotonic(), body
            return body

    async def _known(self) -> Iterable[tuple[Metric, Labels, float]]:
        """Return what the database says; where the application is stuck, that it says nothing."""
        try:
            asked = asyncio.run_coroutine_threadsafe(self._asked(), self._application)
            async with asyncio.timeout(FIGURES_SECONDS):
                return await asyncio.wrap_future(asked)
        except (TimeoutError, RuntimeError):
            return [(table.DATABASE_UP, (), 0.0)]

    async def _asked(self) -> Iterable[tuple[Metric, Labels, float]]:
        return await self._figures()


class _Process:
    """Memory and processor time of this process."""

    def __init__(self, database: str) -> None:
        self.build = (__version__, platform.python_version(), database)
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._cpu = 0.0

    def measure(self) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu = usage.ru_utime + usage.ru_stime
        table.PROCESS_CPU.add(by=cpu - self._cpu)
        self._cpu = cpu
        with suppress(OSError), open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - each second
            table.PROCESS_MEMORY.add(by=float(int(file.read().split()[1]) * self._page))


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # Further processes of this user listen beside us, and nobody else can.
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind((host, int(port)))
        bound.listen(MOST_CONNECTIONS)  # one that comes before the thread runs waits
    except OSError:
        bound.close()
        raise
    return bound


def _bears(authorization: bytes, token: bytes) -> bool:
    """Whether a header has the token (RFC 6750 section 2.1)."""
    scheme, _, given = authorization.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token)


_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
}


def _response(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return an answer of HTTP/1.1; in header names `_` stands for `-`."""
    if not body:
        body = f"{_REASONS[status]}\n".encode()
    headers = {"content_type": "text/plain", "connection": "close"} | headers
    headers["content_length"] = str(len(body))
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
