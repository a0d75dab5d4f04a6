"""Attacks on a running server, and the latency of another caller during each of them.

``python bench/attacks.py`` starts a server with one process on SQLite and sends each attack in turn
over cleartext HTTP/2 (handshakes: TLS) from 127.0.0.2. Meanwhile it requests /livez, /readyz and,
with an access token, a list of organizations from 127.0.0.1. It prints the median, the 99th
percentile and the maximum of their latency, and the memory of the process before the attack, at
its peak and afterwards. The attacker shares the processors of this machine with the server: with
``--nice 19``, the default, the server is served first, as it is on a machine of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import os
import ssl
import struct
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from serving import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
    Attack = Callable[[Reader, Writer, argparse.Namespace], Awaitable[None]]

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _CONTINUATION = 0, 1, 3, 4, 6, 9
_END_STREAM, _END_HEADERS = 1, 4
_SPACING = 0.02  # between two requests of the caller


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _text(value: str) -> bytes:
    """A string of HPACK (RFC 7541 section 5.2), not encoded."""
    size, head = len(value), bytearray()
    if size < 127:
        return bytes([size]) + value.encode()
    head.append(127)
    size -= 127
    while size >= 128:
        head.append(size % 128 | 128)
        size //= 128
    return bytes([*head, size]) + value.encode()


def _whole(stream: int, block: bytes) -> bytes:
    """A request without a body whose headers take two frames."""
    first = _frame(_HEADERS, _END_STREAM, stream, block[:16000])
    return first + _frame(_CONTINUATION, _END_HEADERS, stream, block[16000:])


def _hello() -> bytes:
    """The first message of a TLS handshake."""
    sent = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


def _block(verb: str, path: str, more: Iterable[tuple[str, str]] = ()) -> bytes:
    pseudo = ((":method", verb), (":path", path), (":scheme", "http"), (":authority", "localhost"))
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in (*pseudo, *more))


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0)
_FORM = [("content-type", "application/x-www-form-urlencoded")]
_POST = _block("POST", "/oauth/token", _FORM)
_GET = _block("GET", "/.well-known/openid-configuration")
_MANY = [(f"x-{n:03}", "v" * 300) for n in range(90)]
_LARGE = _block("GET", "/livez", _MANY)
_LARGE_PAGE = _block("GET", "/.well-known/openid-configuration", _MANY)


async def _open_streams(reader: Reader, writer: Writer, given: argparse.Namespace) -> None:
    streams = range(1, 2 * given.streams, 2)
    begun = (_frame(_HEADERS, _END_HEADERS, stream, _POST) for stream in streams)
    writer.write(_PREFACE + b"".join(begun))
    await _swallow(reader)


async def _slow_bodies(reader: Reader, writer: Writer, given: argparse.Namespace) -> None:
    streams = range(1, 2 * min(given.streams, 100), 2)
    begun = (_frame(_HEADERS, _END_HEADERS, stream, _POST) for stream in streams)
    writer.write(_PREFACE + b"".join(begun))
    more = b"".join(_frame(_DATA, 0, stream, b"a") for stream in streams)
    await _send_on(reader, writer, lambda: more, pause=0.5)


async def _resets(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    cancel = struct.pack(">I", 8)

    def one(stream: int) -> bytes:
        begun = _frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _GET)
        return begun + _frame(_RST_STREAM, 0, stream, cancel)

    await _send_requests(reader, writer, 100, one)


async def _requests(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    ended = _END_HEADERS | _END_STREAM
    await _send_requests(reader, writer, 100, lambda n: _frame(_HEADERS, ended, n, _GET))


async def _large_headers(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    await _send_requests(reader, writer, 20, lambda stream: _whole(stream, _LARGE))


async def _continuations(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    more = b"\0" + _text("x-more") + _text("b" * 1000)
    writer.write(_PREFACE + _frame(_HEADERS, _END_STREAM, 1, _GET))
    await _send_on(reader, writer, lambda: _frame(_CONTINUATION, 0, 1, more) * 10)


async def _pings(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    writer.write(_PREFACE)
    await _send_on(reader, writer, lambda: _frame(_PING, 0, 0, b"x" * 8) * 200)


async def _settings(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    writer.write(_PREFACE)
    streams = struct.pack(">HI", 3, 100)
    await _send_on(reader, writer, lambda: _frame(_SETTINGS, 0, 0, streams) * 200)


def unread_requests() -> bytes:
    """Return requests whose responses have no window: the server keeps them until it gives up."""
    no_window = _frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    return _PREFACE + no_window + b"".join(_whole(n, _LARGE_PAGE) for n in range(1, 200, 2))


async def _unread(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    writer.write(unread_requests())
    await _swallow(reader)


async def _handshakes(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    """The server signs, and the client leaves."""
    writer.write(_HELLO)
    await reader.read(1)


async def _send_requests(
    reader: Reader, writer: Writer, at_once: int, one: Callable[[int], bytes]
) -> None:
    writer.write(_PREFACE)
    numbers = itertools.count(1, 2)
    await _send_on(reader, writer, lambda: b"".join(map(one, itertools.islice(numbers, at_once))))


async def _send_on(
    reader: Reader, writer: Writer, more: Callable[[], bytes], pause: float = 0.0
) -> None:
    """Send this again and again until the server closes the connection; read all answers."""
    closed = asyncio.ensure_future(_swallow(reader))
    try:
        while not (closed.done() or writer.is_closing()):
            writer.write(more())
            await writer.drain()
            await asyncio.sleep(pause)
    finally:
        closed.cancel()


async def _swallow(reader: Reader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(65536):
            pass


_HELLO = _hello()
ATTACKS: dict[str, Attack] = {
    "open-streams": _open_streams,
    "resets": _resets,
    "continuations": _continuations,
    "slow-bodies": _slow_bodies,
    "large-headers": _large_headers,
    "requests": _requests,
    "pings": _pings,
    "settings": _settings,
    "unread": _unread,
    "handshakes": _handshakes,
}
_NONE = "none"  # for comparison


async def _attack_by_one(attack: Attack, given: argparse.Namespace) -> None:
    """Attack over one connection, and again over the next one when it is closed."""
    while True:
        with contextlib.suppress(OSError):
            local = (given.attacker, 0)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", given.port, local_addr=local
            )
            try:
                await attack(reader, writer, given)
            finally:
                await _abort(writer)
        await asyncio.sleep(0.05 if attack is not _handshakes else 0)


async def _abort(writer: Writer) -> None:
    writer.transport.abort()  # without TIME_WAIT, or the ports would run out
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _attack(name: str, given: argparse.Namespace) -> None:
    async def all_of_them() -> None:
        async with asyncio.timeout(given.seconds):
            ones = (_attack_by_one(ATTACKS[name], given) for _ in range(given.connections))
            await asyncio.gather(*ones)

    os.nice(given.nice)
    with contextlib.suppress(OSError):
        # Linux compares sessions before processes (sched(7), autogroup).
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(given.nice))
    with contextlib.suppress(TimeoutError):
        asyncio.run(all_of_them())


class Caller:
    """Requests of another caller, of one kind, one after the other over one connection."""

    def __init__(self, path: str, given: argparse.Namespace) -> None:
        self.path = path
        self.times: list[float] = []
        self.failed: Counter[str] = Counter()
        self._port = given.port
        self._request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n"
        if given.token:
            self._request += f"authorization: Bearer {given.token}\r\n"

    async def ask(self) -> None:
        """Send requests until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as problem:
                self.failed[type(problem).__name__] += 1
                await asyncio.sleep(_SPACING)
                continue
            try:
                is_open = True
                while is_open:
                    is_open = await self._asked(reader, writer)
                    await asyncio.sleep(_SPACING)
            finally:
                await _abort(writer)

    async def _asked(self, reader: Reader, writer: Writer) -> bool:
        """Send one request; return whether the connection can take another."""
        began = time.perf_counter()
        try:
            writer.write(f"{self._request}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(size)
        except (OSError, EOFError, ValueError) as problem:
            self.failed[type(problem).__name__] += 1
            return False
        self.times.append(time.perf_counter() - began)
        if (status := head.split()[1]) != b"200":
            self.failed[status.decode()] += 1
        return b"connection: close" not in head

    def quantile(self, share: float) -> float:
        """Return the latency in seconds that this share of the requests did not exceed."""
        return sorted(self.times)[int((len(self.times) - 1) * share)]

    def shown(self) -> str:
        """Return the figures in one line."""
        if not self.times:
            return f"{self.path}: not answered once"
        median, slow, most = (self.quantile(share) * 1000 for share in (0.5, 0.99, 1))
        figures = f"p50 {median:.0f} ms, p99 {slow:.0f} ms, at most {most:.0f} ms"
        failed = f", {dict(self.failed)}" if self.failed else ""
        return f"{self.path}: {len(self.times)} requests, {figures}{failed}"


@dataclass(frozen=True)
class Figures:
    """Results of one attack; memory in MB, the processor time as a share of one processor."""

    callers: list[Caller]
    cpu: float
    memory_before: float
    memory_at_peak: float
    memory_after: float

    def __str__(self) -> str:
        """Return a line for each kind of request and one for the process."""
        lines = [one.shown() for one in self.callers]
        memory = f"{self.memory_at_peak:.0f} MB, {self.memory_after:.0f} MB afterwards"
        lines.append(f"processor {self.cpu:.0%}, memory {self.memory_before:.0f} MB, {memory}")
        return "\n".join(f"  {line}" for line in lines)


def _as_another_caller(given: argparse.Namespace) -> list[Caller]:
    paths = ["/livez", "/readyz", *(["/api/v1/organizations?page_size=1"] if given.token else [])]
    callers = [Caller(path, given) for path in paths]

    async def ask() -> None:
        async with asyncio.timeout(given.seconds), asyncio.TaskGroup() as group:
            for one in callers:
                group.create_task(one.ask())

    with contextlib.suppress(TimeoutError):
        asyncio.run(ask())
    return callers


def measure(name: str, given: argparse.Namespace) -> Figures:
    """Send one attack."""
    process = psutil.Process(given.pid)
    memory = [process.memory_info().rss]
    cpu = sum(process.cpu_times()[:2])
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            memory.append(process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    attacker = None
    if name != _NONE:
        attacker = multiprocessing.Process(target=_attack, args=(name, given))
        attacker.start()
    callers = _as_another_caller(given)
    cpu = sum(process.cpu_times()[:2]) - cpu
    if attacker is not None:
        attacker.join()
    time.sleep(given.afterwards)
    over.set()
    watching.join()
    before, peak, after = (size / 1e6 for size in (memory[0], max(memory), memory[-1]))
    return Figures(callers, cpu / given.seconds, before, peak, after)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [_NONE, *ATTACKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--port", type=int, help="of a running server, in place of a new one")
    parser.add_argument("--pid", type=int, help="the process of the running server")
    parser.add_argument("--token", default="", help="an access token of the running server")
    parser.add_argument("--attacker", default="127.0.0.2", help="the address to attack from")
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--afterwards", type=float, default=8, help="seconds between attacks")
    parser.add_argument("--nice", type=int, default=19, help="of the attacker's process")
    return parser


def main() -> None:
    """Send the attacks, one after the other."""
    options = parser()
    given = options.parse_args()
    if (given.port is None) != (given.pid is None):
        options.error("--port and --pid go together")
    with contextlib.ExitStack() as stack:
        if given.port is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = Server(folder, f"sqlite:///{folder}/tenantry.db", workers=1, tls=False)
            stack.callback(server.stop)
            server.start()
            server.seed(20)
            given.port, given.pid, given.token = server.port, server.pid, server.token()
        for name in given.only:
            print(f"{name} (nice {given.nice})\n{measure(name, given)}", flush=True)


if __name__ == "__main__":
    main()
