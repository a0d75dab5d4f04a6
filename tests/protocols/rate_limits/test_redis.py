"""Counting in Redis: all processes together; each by itself while Redis is slow or unavailable."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import time
from contextlib import ExitStack

import httpx
import pytest
from redis_server import PATIENT_SECONDS, RedisServer, SlowLink
from servers import LiveServer, free_port

from tenantry.core import errors
from tenantry.rate_limits import redis
from tenantry.rate_limits.memory import Memory
from tenantry.rate_limits.rates import Limit
from tenantry.rate_limits.redis import Redis


@pytest.fixture
def own_redis(redis, tmp_path):
    """A Redis server that the test may stop."""
    assert redis
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def log_lines(monkeypatch, caplog):
    """The log lines about Redis, which is asked again without a pause, and given up never."""
    monkeypatch.setattr(Redis, "_logged_at", float("-inf"))
    monkeypatch.setattr(redis, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(redis, "_ANSWER_SECONDS", PATIENT_SECONDS)

    def lines():
        return [r for r in caplog.records if "Redis" in r.getMessage()]

    return lines


async def admitted(limit, times, key="a"):
    """Make so many requests one after the other; return how many were admitted.

    None of them waits for a Redis that does not answer: it would wait much longer.
    """
    count = 0
    async with asyncio.timeout(PATIENT_SECONDS / 10):
        for _ in range(times):
            with contextlib.suppress(errors.RateLimited):
                await limit.take(key)
                count += 1
    return count


async def test_the_limit_holds_without_redis(connect, log_lines):
    shared = connect(f"redis://:hunter2@127.0.0.1:{free_port()}")
    assert await admitted(Limit("failures", "24/hour", Memory(), shared), 120) == 24
    (line,) = log_lines()
    assert "hunter2" not in str(vars(line))


async def test_the_limit_holds_while_redis_hangs(own_redis, connect, log_lines, monkeypatch):
    limit = Limit("failures", "24/hour", Memory(), connect(own_redis.url))
    await limit.take("a")
    own_redis.hang()
    assert await admitted(limit, 120) == 23
    async with asyncio.timeout(PATIENT_SECONDS / 10):
        takes = [limit.take(f"{n}") for n in range(200)]
        answers = await asyncio.gather(*takes, return_exceptions=True)
    assert not [one for one in answers if isinstance(one, Exception)]
    own_redis.go_on()
    monkeypatch.setattr(redis, "_WAIT_SECONDS", PATIENT_SECONDS)
    with pytest.raises(errors.RateLimited):
        await limit.take("a")
    assert len(log_lines()) <= 1


async def test_the_limit_holds_while_redis_is_slow_and_counts_all_the_same(
    own_redis, connect, log_lines, monkeypatch
):
    """It answers later than a request waits: that is slow, and no outage."""
    async with SlowLink(own_redis.port) as link:
        shared = connect(f"redis://127.0.0.1:{link.port}")
        assert await admitted(Limit("failures", "24/hour", Memory(), shared), 120) == 24
        link.open.set()
        await shared.close()  # after the answers to all that was sent
        # Another process, which has counted nothing itself.
        monkeypatch.setattr(redis, "_WAIT_SECONDS", PATIENT_SECONDS)
        with pytest.raises(errors.RateLimited):
            await Limit("failures", "24/hour", Memory(), connect(own_redis.url)).take("a")
    assert not log_lines()


async def test_a_network_that_swallows_everything_delays_nobody(connect, log_lines):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        shared = connect(f"redis://127.0.0.1:{deaf.getsockname()[1]}")
        assert await admitted(Limit("client", "24/hour", Memory(), shared), 40) == 24


async def test_a_restarted_redis_counts_again(own_redis, connect, log_lines, monkeypatch):
    monkeypatch.setattr(redis, "_WAIT_SECONDS", PATIENT_SECONDS)
    limit = Limit("client", "1/hour", Memory(), connect(own_redis.url))
    await limit.take("a")
    own_redis.stop()
    assert await admitted(limit, 5) == 0
    own_redis.start()
    assert (await limit.take("a"))["ratelimit"].startswith('"client";r=0;')  # it was empty
    with pytest.raises(errors.RateLimited):
        await limit.take("a")
    assert len(log_lines()) == 1


async def test_a_connection_that_was_closed_meanwhile_is_no_outage(
    own_redis, connect, log_lines, monkeypatch
):
    monkeypatch.setattr(redis, "_WAIT_SECONDS", PATIENT_SECONDS)
    shared = connect(own_redis.url)
    await Limit("client", "2/hour", Memory(), shared).take("a")
    own_redis.ask(b"CLIENT KILL TYPE normal SKIPME yes")
    again = await Limit("client", "2/hour", Memory(), shared).take("a")
    assert again["ratelimit"].startswith('"client";r=0;')
    assert not log_lines()


async def test_redis_forgets_by_itself(redis, connect):
    redis.ask(b"FLUSHALL")
    shared = connect(redis.url)
    for name, rate in {"client": "5/second", "address": "5/minute"}.items():
        await Limit(name, rate, Memory(), shared).take("a")
    await shared.close()

    def lifetime(key):
        """How many milliseconds a key is kept; -1: for ever, -2: it is gone already."""
        said = redis.ask(f'EVAL "return redis.call([[pttl]], [[tenantry:{{{key}}}]])" 0'.encode())
        return int(said[1:])

    assert lifetime("client/5/second/a") in {-2, *range(1, 2001)}
    assert lifetime("address/5/minute/a") in range(1, 120_001)
    until = time.monotonic() + 60
    while redis.ask(b"DBSIZE") != b":1\r\n":
        assert time.monotonic() < until
    assert lifetime("address/5/minute/a") > 0


@pytest.fixture
def processes(redis, tmp_path):
    """Two servers on one database that count in Redis."""
    redis.ask(b"FLUSHALL")
    shared = {
        "data_dir": tmp_path / "data",
        "rate_limit_storage": redis.url,
        "rate_limit_address": "40/day",
        "background": "false",
    }
    started = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        started.append(LiveServer(folder, **shared).start())
    yield started
    for server in started:
        server.stop()


@pytest.mark.thorough
def test_two_processes_count_together(processes):
    """And each of them by all of its event loops: over TLS and in cleartext."""
    urls = [f"{scheme}://localhost:{p.port}" for p in processes for scheme in ("https", "http")]
    with ExitStack() as opened, concurrent.futures.ThreadPoolExecutor() as threads:
        clients = [
            opened.enter_context(httpx.Client(base_url=url, verify=processes[0].trust))
            for url in urls
        ]
        asked = [threads.submit(client.get, "/keys") for _ in range(25) for client in clients]
        answers = [one.result() for one in asked]
    # Without the header are those that went through because a busy machine answered too late.
    counted = [answer for answer in answers if "ratelimit" in answer.headers]
    assert len(counted) >= 50
    admitted = [answer for answer in counted if answer.status_code == 200]
    left = [int(a.headers["ratelimit"].split("r=")[1].split(";")[0]) for a in admitted]
    assert len(set(left)) == len(left)
    assert len(left) + len(answers) - len(counted) >= 40
    assert max(left) < 40
    assert len({answer.url.port for answer in admitted}) == 2
    assert {answer.status_code for answer in counted} == {200, 429}
