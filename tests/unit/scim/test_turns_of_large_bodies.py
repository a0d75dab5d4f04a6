"""Large bodies wait for each other, are given up when they are slow, and hold the loop briefly."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from tenantry.core import errors
from tenantry.endpoints.grpc_rest.bodies import Pieces
from tenantry.endpoints.scim import exchanges
from tenantry.endpoints.scim.exchanges import Bodies
from tenantry.endpoints.scim.server import Bearers, ScimServer
from tenantry.net.http import MAX_BODY, Request
from tenantry.rate_limits.rates import Rates

SECONDS = 0.5  # ten times what a request may hold the loop
MEMBERS = b",".join(b'{"value":"diruser_1%018d"}' % n for n in range(100_000))
GROUP = b'{"displayName":"a","members":[' + MEMBERS + b"]}"


def exchange(pieces, *, directory="dir_1", path="Groups", verb="POST"):
    """A request whose body comes in these pieces; one that is a number is a pause of so long."""
    request = Request(verb, "/", "", {}, b"", "req_1", params={"path*": path})
    left = list(pieces)

    async def receive():
        await asyncio.sleep(left.pop(0) if isinstance(left[0], float) else 0)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    request.pieces = Pieces(request, receive)
    return SimpleNamespace(request=request, directory=SimpleNamespace(id=directory), parsed=None)


def large(directory="dir_1"):
    pieces = [GROUP[start : start + 65_536] for start in range(0, len(GROUP), 65_536)]
    return exchange(pieces, directory=directory)


async def holding(all_, x, begun, end):
    async with all_.read(x):
        await begun.put(x.directory.id)
        await end.wait()


async def test_two_are_processed_at_once_and_one_of_a_directory():
    all_, begun, end = Bodies(), asyncio.Queue(), asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for directory in ("dir_1", "dir_1", "dir_2", "dir_3"):
            group.create_task(holding(all_, large(directory), begun, end))
        assert {await begun.get(), await begun.get()} == {"dir_1", "dir_2"}
        small = exchange([b"{}"])
        async with all_.read(small):
            assert small.request.body == b"{}"
        assert begun.empty()
        end.set()
        assert {await begun.get(), await begun.get()} == {"dir_1", "dir_3"}


async def test_one_that_waits_for_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(exchanges, "WAIT_SECONDS", 0.05)
    all_, begun, end = Bodies(), asyncio.Queue(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(holding(all_, large(), begun, end))
        await begun.get()
        with pytest.raises(errors.Busy) as raised:
            async with all_.read(large()):
                pass
        assert raised.value.status == 503
        assert int(raised.value.headers["retry-after"]) > 0
        async with all_.read(large("dir_2")):
            end.set()


async def test_a_large_body_that_is_slow_is_given_up(monkeypatch):
    monkeypatch.setattr(exchanges, "LARGE_SECONDS", 0.2)
    all_ = Bodies()
    for pieces in (
        [GROUP[: MAX_BODY + 1], 1.0, b"]}"],
        [GROUP[: MAX_BODY + 1], *[0.01, b" "] * 99],
    ):
        with pytest.raises(errors.RequestTimeout):
            async with all_.read(exchange([*pieces, b""])):
                pass
    async with all_.read(large()):
        pass


async def test_a_body_that_is_slow_to_become_large_is_given_up(monkeypatch):
    monkeypatch.setattr(exchanges, "SECONDS", 0.1)
    with pytest.raises(errors.RequestTimeout):
        async with Bodies().read(exchange([b"{", 1.0, b"}"])):
            pass


async def test_a_declared_length_is_believed_before_the_first_megabyte(monkeypatch):
    monkeypatch.setattr(exchanges, "WAIT_SECONDS", 0.05)
    all_, begun, end = Bodies(), asyncio.Queue(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(holding(all_, large(), begun, end))
        await begun.get()
        x = large()
        x.request.headers = {"content-length": str(len(GROUP))}
        with pytest.raises(errors.Busy):
            async with all_.read(x):
                pass
        assert x.request.context.received == 65_536
        end.set()


async def test_the_loop_is_held_for_a_moment_at_most():
    longest = 0.0

    async def others():
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    beside = asyncio.create_task(others())
    patch = b'{"Operations":[{"op":"add","value":[' + MEMBERS + b'],"path":"members"}]}'
    for sent, verb in ((GROUP, "POST"), (patch, "PATCH")):
        async with Bodies().read(exchange([sent], verb=verb)):
            pass
    beside.cancel()
    assert 0 < longest < SECONDS


async def test_no_byte_is_read_for_a_caller_without_a_valid_token(database):
    asgi_client = ScimServer(
        database,
        Rates({}),
        bearers=Bearers(database),
        uses=None,
        log=None,
        public_url="https://tenantry.example",
        is_modular=False,
    )
    for headers in ({}, {"authorization": "Bearer " + "a" * 60}):
        request = Request("POST", "/", "", headers, b"", "req_1", params={"directory_id": "dir_1"})
        request.pieces = object()  # nothing can be done with it
        with pytest.raises(errors.Unauthenticated):
            await asgi_client(request)
