"""Limits on requests of providers, and on guesses of their tokens."""

from __future__ import annotations

import pytest
from providers import connected, says_error


@pytest.fixture(scope="module")
def limited_server(start_server):
    """A server that takes few requests."""
    return start_server("limited-scim", rate_limit_client="12/hour", rate_limit_failures="5/hour")


async def test_a_directory_and_guesses_are_limited_each_for_itself(limited_server):
    async with connected(limited_server, enabled=False) as provider:
        answers = [await provider("POST", "/Users", {"userName": "a"}) for _ in range(13)]
        assert [answer.status_code for answer in answers] == [403] * 12 + [429]
    async with connected(limited_server) as provider:
        answers = [await provider("GET", "/Users") for _ in range(13)]
        assert [answer.status_code for answer in answers] == [200] * 12 + [429]
        says_error(answers[-1], 429)
        assert int(answers[-1].headers["retry-after"]) > 0
        wrong = "Bearer " + "a" * 60
        guesses = [await provider("GET", "/Users", authorization=wrong) for _ in range(6)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429]
        says_error(guesses[-1], 429)
