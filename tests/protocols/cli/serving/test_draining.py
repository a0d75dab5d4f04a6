"""A stop under load: each request that has reached the server gets an answer, on every protocol."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import hpack
import httpx
import pytest
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from servers import TENANTRY, LiveServer

SLOW_APP = Path(__file__).parent / "slow_app.py"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TARGET = "/?seconds=0.005"
# One after the other on each connection, and the connection kept as long as the server lets us.
CLIENTS = ["http1"] * 6 + ["http1-once"] * 2 + ["https1"] * 2 + ["https2"] * 4 + ["http2"] * 2


class Load:
    """Clients that ask again and again, and count what they lose."""

    def __init__(self, server) -> None:
        self._server = server
        self.answered = 0
        self.lost = []
        self.over = False
        self.asked_to_leave = set()

    async def has_answered(self, count):
        """Wait until there were so many answers."""
        while self.answered < count:  # noqa: ASYNC110 - counted by many
            await asyncio.sleep(0.01)

    async def client(self, kind):
        """Ask until it is over; a refused connection is no loss, for nothing was sent."""
        while not self.over:
            try:
                reader, writer = await self._connected(kind)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            except OSError as problem:
                self.lost.append((kind, "connecting", repr(problem)))
                continue
            ask = self._http2 if kind.endswith("2") else self._http1
            try:
                await ask(kind, reader, writer)
            except (OSError, EOFError) as problem:
                self.lost.append((kind, "asking", repr(problem)))
            finally:
                writer.close()
                # TLS ends with an answer of the server, which must be there before the loop ends.
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _connected(self, kind):
        secure = kind.startswith("https")
        trust = self._server.trust if secure else None
        if trust is not None:
            trust.set_alpn_protocols(["h2" if kind.endswith("2") else "http/1.1"])
        name = "localhost" if secure else None
        return await asyncio.open_connection(
            "127.0.0.1", self._server.port, ssl=trust, server_hostname=name
        )

    async def _http1(self, kind, reader, writer):
        while not self.over:
            writer.write(f"GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            self.answered += 1
            if b"connection: close" in head:
                self.asked_to_leave.add(kind)
                return
            if kind == "http1-once":
                return

    async def _http2(self, kind, reader, writer):
        """Frame by frame: the library that we have hears nothing any more behind a GOAWAY."""
        encoder = hpack.Encoder()
        headers = [(":method", "GET"), (":path", TARGET), (":authority", "localhost")]
        headers.append((":scheme", "https" if kind == "https2" else "http"))
        writer.write(PREFACE + SettingsFrame(0).serialize())
        stream, leave = 1, False
        while not self.over and not leave:
            flags = ["END_HEADERS", "END_STREAM"]
            asking = HeadersFrame(stream, encoder.encode(headers), flags=flags)
            writer.write(asking.serialize())
            ended = False
            while not ended:
                frame, length = Frame.parse_frame_header(memoryview(await reader.readexactly(9)))
                frame.parse_body(memoryview(await reader.readexactly(length)))
                if isinstance(frame, GoAwayFrame):
                    assert (frame.error_code, frame.last_stream_id >= stream) == (0, True)
                    self.asked_to_leave.add(kind)
                    leave = True
                elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                    writer.write(SettingsFrame(0, flags=["ACK"]).serialize())
                elif isinstance(frame, RstStreamFrame):
                    raise ConnectionResetError
                ended = frame.stream_id == stream and "END_STREAM" in frame.flags
            self.answered += 1
            stream += 2


async def stops(server, count, requests):
    """Stop and start it again so often while it is asked; return the load."""
    load = Load(server)
    async with asyncio.TaskGroup() as group:
        for kind in CLIENTS:
            group.create_task(load.client(kind))
        try:
            for turn in range(1, count + 1):
                await load.has_answered(requests * turn // count)
                assert await asyncio.to_thread(server.stop) == 0
                await asyncio.to_thread(server.start, sys.executable, SLOW_APP)
        finally:
            load.over = True
    return load


@pytest.fixture
def start(tmp_path):
    started = []

    def start(**settings: object):
        server = LiveServer(tmp_path, **settings)
        server.answers = lambda: _answers(server)
        started.append(server)
        return server.start(sys.executable, SLOW_APP)

    yield start
    for server in started:
        server.stop()


def _answers(server):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 60):
        return True
    return False


@pytest.mark.one_of("1", "2")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load_loses_no_request(start, workers):
    server = start(workers=workers, drain_seconds=2)
    load = asyncio.run(stops(server, 2, 1500))
    assert load.lost == []
    assert {"http1", "https1", "http2", "https2"} <= load.asked_to_leave


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 3])
def test_twenty_stops_under_load_lose_none_of_30000_requests(start, workers):
    server = start(workers=workers, drain_seconds=1)
    load = asyncio.run(stops(server, 20, 30_000))
    assert load.answered >= 30_000
    assert load.lost == []


@pytest.mark.thorough
@pytest.mark.one_of("1", "2")
@pytest.mark.parametrize("workers", [1, 2])
def test_one_that_is_asked_to_stop_answers_until_a_second_signal(start, workers):
    server = start(drain_seconds=300, workers=workers)
    url = f"http://127.0.0.1:{server.port}"
    server.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 60
    while not all(_asks_to_leave(url) for _ in range(20)):  # each worker
        assert time.monotonic() < until
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def _asks_to_leave(url):
    """Whether an answer on a new connection asks the client to close it."""
    answer = httpx.get(url)
    assert answer.status_code == 200
    return answer.headers.get("connection") == "close"


@pytest.mark.thorough
def test_it_answers_for_as_long_as_is_set(start):
    server = start(drain_seconds=2)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    assert time.monotonic() - began >= 2


@pytest.mark.thorough
def test_ctrl_c_does_not_wait_for_balancers(start):
    server = start(drain_seconds=300)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0


@pytest.mark.thorough
@pytest.mark.one_of("1", "2")
@pytest.mark.parametrize("workers", [1, 2])
def test_signals_by_which_others_rotate_logs_do_nothing(start, workers):
    server = start(workers=workers)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        server.process.send_signal(number)
        for worker in _workers_of(server.process.pid):
            os.kill(worker, number)
    for _ in range(20):  # of each worker
        assert httpx.get(f"http://127.0.0.1:{server.port}").status_code == 200
    assert server.stop() == 0  # else it was ended by a signal
    assert "restarting" not in server.log.read_text()


@pytest.mark.thorough
def test_those_signals_do_not_end_the_worker_either(tmp_path):
    server = LiveServer(tmp_path)
    assert server.run("migrate").returncode == 0
    worker = subprocess.Popen(
        [TENANTRY, "worker"],
        env=server.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "worker started" in worker.stderr.readline()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            worker.send_signal(number)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.communicate()


def _workers_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]
