"""Floods from one network: other callers are served, and the memory of the process is bounded."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from contextlib import ExitStack, closing, suppress

import pytest
from repository import ROOT
from servers import LiveServer, serving

sys.path.insert(0, str(ROOT / "bench"))

import attacks

MEMORY_MB = 320
SECONDS = 120


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    server = LiveServer(
        tmp_path_factory.mktemp("flooded"),
        background="false",
        request_log="false",
        memory_mb=str(MEMORY_MB),
    )
    yield server.start()
    server.stop()


def during(name, server):
    (process,) = serving(server.process.pid)
    options = {
        "port": server.port,
        "pid": process.pid,
        "connections": 5,
        "seconds": 1,
        "afterwards": 0,
        "nice": 0,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    return attacks.measure(name, attacks.parser().parse_args(given))


@pytest.mark.thorough  # the figures themselves are the point
@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_another_caller_is_served(flooded, name):
    """A wait was several seconds once. The limit has room for a slow machine."""
    figures = during(name, flooded)
    for caller in figures.callers:
        assert not caller.failed
        assert caller.quantile(0.5) < 1
    assert figures.memory_at_peak - figures.memory_before < 150


def test_load_is_shed_at_the_limit_of_the_heap(flooded):
    """Each connection holds 8 MB of answers that it does not read."""
    (process,) = serving(flooded.process.pid)
    until = time.monotonic() + SECONDS
    with ExitStack() as held:
        while health(flooded) == 200:
            assert time.monotonic() < until
            one = held.enter_context(socket.create_connection(("127.0.0.1", flooded.port), 60))
            with suppress(OSError):  # it is closed in the middle once the heap is full
                one.sendall(attacks.unread_requests())
        assert process.memory_info().rss < MEMORY_MB << 20
    while health(flooded) != 200:
        assert time.monotonic() < until
    assert flooded.process.poll() is None


def health(server):
    """Return the status of the server; None if it does not take the connection."""
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        with closing(connection):
            connection.request("GET", "/livez")
            return connection.getresponse().status
    return None
