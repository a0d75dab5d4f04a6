"""Where requests are counted: in memory, and in Redis."""

from __future__ import annotations

import os
from collections import defaultdict

import pytest
import redis_server
from redis_server import PATIENT_SECONDS, RedisServer

from tenantry.rate_limits import rates
from tenantry.rate_limits import redis as redis_counts
from tenantry.rate_limits.memory import Memory
from tenantry.rate_limits.rates import Limit
from tenantry.rate_limits.redis import Redis
from tenantry.settings import load


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """A running Redis server."""
    if redis_server.PROGRAM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is not installed")
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
async def connect():
    """Open connections to Redis by their URL, and close them after the test."""
    opened = []

    def open_one(url: str) -> Redis:
        opened.append(Redis(url))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


@pytest.fixture(params=["memory", "redis"])
def limit_of(request, connect, monkeypatch):
    """Create limits on empty counts, in memory or in Redis."""
    memories, shared = defaultdict(Memory), None
    if request.param == "redis":
        for name in ("_WAIT_SECONDS", "_ANSWER_SECONDS"):
            monkeypatch.setattr(redis_counts, name, PATIENT_SECONDS)
        server = request.getfixturevalue("redis")
        server.ask(b"FLUSHALL")
        shared = connect(server.url)
    return lambda name, rate: Limit(name, rate, memories[name], shared)


@pytest.fixture
def rates_of(monkeypatch):
    """Return the limits of a process that has just started, by its settings."""
    monkeypatch.setattr(rates, "_memories", {})

    def start(**settings: str):
        return rates.Rates.of(load({f"TENANTRY_{k.upper()}": v for k, v in settings.items()}))

    return start
