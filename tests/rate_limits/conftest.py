"""Where requests are counted: in memory, and in Redis."""

from __future__ import annotations

import os

import pytest
import redis_server
from redis_server import RedisServer

from tenantry.rate_limits import rates
from tenantry.rate_limits.memory import Memory
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


@pytest.fixture(params=["memory", "redis"])
async def counts(request):
    """Counts that nobody has counted in."""
    if request.param == "memory":
        yield Memory()
        return
    server = request.getfixturevalue("redis")
    server.ask(b"FLUSHALL")
    shared = Redis(server.url)
    yield shared
    await shared.aclose()


@pytest.fixture
def rates_of(monkeypatch):
    """Return the limits of a process that has just started, by its settings."""
    monkeypatch.setattr(rates, "_memories", {})

    def start(**settings: str):
        return rates.Rates.of(load({f"TENANTRY_{k.upper()}": v for k, v in settings.items()}))

    return start
