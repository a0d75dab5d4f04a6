"""Floods from one network: other callers are served, and the memory of the process is bounded."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from servers import LiveServer, serving

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import attacks

MEMORY_MB = 320
RECOVERY_SECONDS = 60


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


def during(name, server, *, connections=8, seconds=1):
    (process,) = serving(server.process.pid)
    options = {
        "port": server.port,
        "pid": process.pid,
        "connections": connections,
        "seconds": seconds,
        "afterwards": 0,
        "nice": 0,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    return attacks.measure(name, attacks.parser().parse_args(given))


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_another_caller_is_served(flooded, name):
    """A wait was several seconds once. The limit has room for a slow machine."""
    figures = during(name, flooded)
    for caller in figures.callers:
        assert not caller.failed
        assert caller.quantile(0.5) < 1
    assert figures.memory_at_peak - figures.memory_before < 150


def test_load_is_shed_at_the_limit_of_the_heap(flooded):
    """Without a limit, these answers, which nobody reads, took 410 MB."""
    figures = during("unread", flooded, connections=80, seconds=4)
    assert sum((caller.failed for caller in figures.callers), Counter())["503"]
    assert figures.memory_at_peak < (MEMORY_MB << 20) / 1e6
    assert flooded.process.poll() is None
    until = time.monotonic() + RECOVERY_SECONDS
    while any(caller.failed for caller in during("none", flooded, seconds=0.2).callers):
        assert time.monotonic() < until
