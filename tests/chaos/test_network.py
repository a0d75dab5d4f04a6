"""The wire of chaos does to connections what it says."""

from __future__ import annotations

import asyncio
import time

import pytest
from network import Wire


@pytest.fixture
async def echo():
    """The port of a server that sends back what it is sent."""

    async def answer(reader, writer):
        try:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def wire(echo):
    async with Wire(("127.0.0.1", echo)) as made:
        yield made


@pytest.fixture
async def connect(wire):
    opened = []

    async def connect():
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        opened.append(writer)
        return reader, writer

    yield connect
    for writer in opened:
        writer.close()


async def says(ends, text=b"hello"):
    reader, writer = ends
    writer.write(text)
    return await reader.readexactly(len(text))


async def test_leads_on_both_ways_and_to_the_end(wire, connect):
    ends = await connect()
    assert await says(ends) == b"hello"
    assert wire.open == 1
    ends[1].write_eof()
    assert await ends[0].read() == b""
    await asyncio.wait_for(_until(lambda: wire.open == 0), 60)


async def test_a_cut_resets_and_refuses(wire, connect):
    ends = await connect()
    await says(ends)
    async with wire.cut():
        with pytest.raises(ConnectionResetError):
            await ends[0].readexactly(1)
        with pytest.raises(ConnectionRefusedError):
            await connect()
    assert await says(await connect()) == b"hello"


async def test_a_slow_wire_delivers_later(wire, connect):
    ends = await connect()
    await says(ends)
    async with wire.slow(0.1):
        began = time.monotonic()
        await says(ends)
        assert time.monotonic() - began >= 0.2


async def test_a_silent_wire_delivers_at_its_end(wire, connect):
    ends = await connect()
    await says(ends)
    async with wire.silent():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(says(ends), 0.1)
        late = await connect()
        late[1].write(b"late")
    assert await ends[0].readexactly(5) == b"hello"
    assert await late[0].readexactly(4) == b"late"


async def test_a_forgotten_connection_never_answers_and_a_new_one_does(wire, connect):
    ends = await connect()
    await says(ends)
    wire.forget()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(says(ends), 0.1)
    assert await says(await connect()) == b"hello"


async def _until(holds):
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
