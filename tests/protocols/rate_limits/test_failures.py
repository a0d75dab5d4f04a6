"""Wrong credentials: a sender of too many waits, and nobody else."""

from __future__ import annotations

import contextlib

import pytest

from tenantry.core import errors

ATTACKER, VICTIM = "203.0.113.1", "198.51.100.1"


async def failures(rates, address, times):
    """Send wrong credentials; return how many were looked at."""
    looked_at = 0
    for _ in range(times):
        with contextlib.suppress(errors.RateLimited):
            await rates.take_failure(address)
            looked_at += 1
    return looked_at


@pytest.fixture
def rates(rates_of):
    """The limits of a server whose operator has set none: 100 wrong ones in a minute."""
    return rates_of()


async def test_who_guesses_is_stopped(rates):
    assert await failures(rates, ATTACKER, 500) == 100
    with pytest.raises(errors.RateLimited) as refused:
        await rates.take_failure(ATTACKER)
    assert refused.value.headers["ratelimit-policy"] == '"failures";q=100;w=60'
    assert 1 <= int(refused.value.headers["retry-after"]) <= 60


async def test_nothing_is_taken_from_a_victim(rates):
    """Failures are counted by address; that of a client's id takes nothing from its owner."""
    await failures(rates, ATTACKER, 500)
    assert await failures(rates, VICTIM, 3) == 3
    for limited in (rates.take_client, rates.take_token):
        assert await limited("skc_of_the_victim") == {}
    assert await rates.take_address(ATTACKER) == {}  # a header without credentials goes on


async def test_the_addresses_of_one_network_guess_together(rates):
    guessed = 0
    for n in range(300):
        guessed += await failures(rates, f"2001:db8:0:1::{n:x}", 1)
    assert guessed == 100
    assert await failures(rates, "2001:db8:0:2::1", 1) == 1


async def test_mistakes_that_arrive_three_times_are_borne(rates):
    """Some SDKs repeat every call that fails twice at once."""
    for _ in range(33):
        assert await failures(rates, VICTIM, 3) == 3
