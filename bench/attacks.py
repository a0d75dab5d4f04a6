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
_AFTERWARDS = 8.0  # until the memory is looked at again


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
    writer.write(_PREFACE)
    for number in range(given.streams):
        writer.write(_frame(_HEADERS, _END_HEADERS, 1 + 2 * number, _POST))
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


async def _unread(reader: Reader, writer: Writer, _: argparse.Namespace) -> None:
    """The window of each answer is zero: the server keeps the answers until it gives up."""
    no_window = _frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    writer.write(_PREFACE + no_window)
    for number in range(100):
        writer.write(_whole(1 + 2 * number, _LARGE_PAGE))
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
        while not closed.done():
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
                writer.transport.abort()  # no TIME_WAIT: ports would run out
        await asyncio.sleep(0.05 if attack is not _handshakes else 0)


def _attack(name: str, given: argparse.Namespace) -> None:
    async def all_of_them() -> None:
        async with asyncio.timeout(given.seconds):
            ones = (_attack_by_one(ATTACKS[name], given) for _ in range(given.connections))
            await asyncio.gather(*ones)

    os.nice(given.nice)
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
        writer = None
        while True:
            began = time.perf_counter()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(f"{self._request}\r\n".encode())
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(size)
                if head.split()[1] != b"200":
                    self.failed[head.split()[1].decode()] += 1
            except (OSError, EOFError, ValueError) as problem:
                self.failed[type(problem).__name__] += 1
                writer = None
            self.times.append(time.perf_counter() - began)
            await asyncio.sleep(_SPACING)

    def shown(self) -> str:
        """Return the figures in one line."""
        times = sorted(self.times)
        if not times:
            return f"{self.path}: not answered once"
        median, slow, most = (times[int((len(times) - 1) * share)] for share in (0.5, 0.99, 1))
        figures = f"p50 {median * 1e3:.0f} ms, p99 {slow * 1e3:.0f} ms, at most {most * 1e3:.0f} ms"
        failed = f", {dict(self.failed)}" if self.failed else ""
        return f"{self.path}: {len(times)} requests, {figures}{failed}"


def _as_another_caller(given: argparse.Namespace) -> None:
    paths = ["/livez", "/readyz", *(["/api/v1/organizations?page_size=1"] if given.token else [])]
    callers = [Caller(path, given) for path in paths]

    async def ask() -> None:
        async with asyncio.timeout(given.seconds), asyncio.TaskGroup() as group:
            for one in callers:
                group.create_task(one.ask())

    with contextlib.suppress(TimeoutError):
        asyncio.run(ask())
    for one in callers:
        print(f"  {one.shown()}", flush=True)


def _measure(name: str, given: argparse.Namespace) -> None:
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
    print(f"{name} (nice {given.nice})", flush=True)
    _as_another_caller(given)
    cpu = sum(process.cpu_times()[:2]) - cpu
    if attacker is not None:
        attacker.join()
    time.sleep(_AFTERWARDS)
    over.set()
    watching.join()
    before, peak, after = (size / 1e6 for size in (memory[0], max(memory), memory[-1]))
    print(f"  processor {cpu / given.seconds:.0%}, memory {before:.0f} MB", end=", ")
    print(f"{peak:.0f} MB, {after:.0f} MB afterwards", flush=True)


def main() -> None:
    """Send the attacks, one after the other."""
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
    parser.add_argument("--nice", type=int, default=19, help="of the attacker's process")
    given = parser.parse_args()
    if (given.port is None) != (given.pid is None):
        parser.error("--port and --pid go together")
    with contextlib.ExitStack() as stack:
        if given.port is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = Server(folder, f"sqlite:///{folder}/tenantry.db", workers=1, tls=False)
            stack.callback(server.stop)
            server.start()
            server.seed(20)
            given.port, given.pid, given.token = server.port, server.pid, server.token()
        for name in given.only:
            _measure(name, given)


if __name__ == "__main__":
    main()
