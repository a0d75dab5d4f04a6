"""A limit's admissions, its headers, and how it recovers; in memory and in Redis alike."""

from __future__ import annotations

import asyncio
import re
import threading
import time

import pytest

from tenantry.core import errors
from tenantry.rate_limits import memory
from tenantry.rate_limits.memory import Memory
from tenantry.rate_limits.rates import Limit


async def taken(limit, key, times):
    """Take so many; return how many were admitted."""
    admitted = 0
    for _ in range(times):
        try:
            await limit.take(key)
        except errors.RateLimited:
            continue
        admitted += 1
    return admitted


async def test_as_many_as_the_quota_are_admitted_for_each_key(limit_of):
    limit = limit_of("client", "5/hour")
    for remaining in (4, 3, 2, 1, 0):
        headers = await limit.take("a")
        assert headers["ratelimit-policy"] == '"client";q=5;w=3600'
        said = re.fullmatch(r'"client";r=(\d+);t=(\d+)', headers["ratelimit"])
        assert int(said[1]) == remaining
        assert 0 < int(said[2]) <= 3600
    with pytest.raises(errors.RateLimited) as refused:
        await limit.take("a")
    wait = int(refused.value.headers["retry-after"])
    assert 1 <= wait <= 3600
    assert refused.value.headers["ratelimit"] == f'"client";r=0;t={wait}'
    assert str(wait) in refused.value.message
    assert await taken(limit, "b", 9) == 5
    # Another limit, and another rate, have counts of their own.
    assert await taken(limit_of("token", "5/hour"), "a", 9) == 5
    assert await taken(limit_of("client", "6/hour"), "a", 9) == 6


async def test_requests_at_once_are_not_more_than_the_quota(limit_of):
    limit = limit_of("client", "20/hour")
    admitted = await asyncio.gather(*(taken(limit, "a", 1) for _ in range(60)))
    assert sum(admitted) == 20


async def refusal(limit, key):
    """Take until one is refused; return in how many seconds it says to come again."""
    while True:
        try:
            await limit.take(key)
        except errors.RateLimited as problem:
            return int(problem.headers["retry-after"])


async def test_who_waits_as_told_is_admitted(limit_of):
    """Also a client that goes on trying: a refused request is not counted."""
    limit = limit_of("client", "3/second")
    for _ in range(2):
        for _ in range(5):
            seconds = await refusal(limit, "a")
        await asyncio.sleep(seconds + 0.05)  # a count in Redis is read in milliseconds
        assert await taken(limit, "a", 1) == 1
    assert await taken(limit, "b", 1) == 1


async def test_the_end_of_a_window_is_no_way_to_twice_the_quota_at_once(limit_of):
    """As it would be if windows did not slide: after 1.3 seconds there would be 80."""
    limit = limit_of("client", "40/second")
    began = time.monotonic()
    admitted = await taken(limit, "a", 1)
    await asyncio.sleep(0.8)
    while admitted < 40 or time.monotonic() < began + 1.3:
        admitted += await taken(limit, "a", 5)
        await asyncio.sleep(0.002)
    assert admitted <= 40 * (time.monotonic() - began) + 1


async def test_the_windows_follow_each_other(monkeypatch):
    """To the digit, with the clock in hand: 10/minute, in a window and the two after it."""
    now = 600.0
    monkeypatch.setattr(memory.time, "monotonic", lambda: now)
    limit = Limit("client", "10/minute", Memory())
    assert await taken(limit, "a", 1) == 1
    now = 630.0  # thirty seconds before its window ends
    assert await taken(limit, "a", 99) == 9
    with pytest.raises(errors.RateLimited) as refused:
        await limit.take("a")
    assert refused.value.headers["retry-after"] == "30"
    now = 660.0
    assert await taken(limit, "a", 99) == 0
    now = 660.1
    assert await taken(limit, "a", 99) == 1
    with pytest.raises(errors.RateLimited) as refused:
        await limit.take("a")
    assert refused.value.headers["retry-after"] == "6"
    now = 666.1
    assert await taken(limit, "a", 99) == 1
    now = 690.0  # half of the window before is out: 5 of its 10 count, and 2 of this one
    assert (await limit.take("a"))["ratelimit"] == '"client";r=2;t=30'
    assert await taken(limit, "a", 99) == 2
    now = 720.0 + 120
    assert (await limit.take("a"))["ratelimit"] == '"client";r=9;t=60'


async def test_memory_keeps_a_bounded_number_of_keys(monkeypatch):
    now = 600.0
    monkeypatch.setattr(memory.time, "monotonic", lambda: now)
    kept = Memory(most=100)
    limit = Limit("address", "2/second", kept)
    for n in range(1000):
        await limit.take(f"10.0.{n >> 8}.{n & 255}")
        assert await taken(limit, "busy", 9) == (2 if n == 0 else 0)
        assert len(kept) <= 100
    # A count that is over goes as others come.
    now = 610.0
    for n in range(60):
        await limit.take(f"new {n}")
    assert len(kept) == 60


async def test_all_threads_of_a_process_count_together(rates_of):
    """As event loops do: a server has one for TLS and one for cleartext."""
    admitted = []

    def loop():
        rates = rates_of(rate_limit_client="500/hour")

        async def work():
            for _ in range(400):
                try:
                    await rates.take_client("skc_1")
                except errors.RateLimited:
                    continue
                admitted.append(1)

        asyncio.run(work())

    threads = [threading.Thread(target=loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 500


async def test_what_is_not_set_is_not_limited(rates_of):
    rates = rates_of(rate_limit_failures="")
    for _ in range(200):
        assert await rates.take_client("skc_1") == {}
        assert await rates.take_address("203.0.113.1") == {}
        assert await rates.take_token("skc_1") == {}
        assert await rates.take_failure("203.0.113.1") == {}


async def test_an_unknown_address_is_not_limited(rates_of):
    rates = rates_of(rate_limit_address="1/hour", rate_limit_failures="1/hour")
    for _ in range(3):
        assert await rates.take_address("") == {}
        assert await rates.take_failure("") == {}


async def test_tokens_have_a_limit_of_their_own(rates_of):
    rates = rates_of(rate_limit_token="2/hour", rate_limit_client="1/hour")
    assert (await rates.take_client("skc_1"))["ratelimit"].startswith('"client";r=0;')
    assert (await rates.take_token("skc_1"))["ratelimit-policy"] == '"token";q=2;w=3600'
    assert (await rates.take_token("skc_1"))["ratelimit"].startswith('"token";r=0;')
    with pytest.raises(errors.RateLimited):
        await rates.take_token("skc_1")
    assert await rates.take_token("skc_2")
