"""Applications and signed-in people."""

from __future__ import annotations

import asyncio
import time

import pytest
from signins import SignIns


@pytest.fixture
def signins(database, http, rest, make):
    """Makes applications and sessions, issues codes, and asks for tokens."""
    return SignIns(database, http, rest, make)


@pytest.fixture
def eventually():
    """Ask again and again until the answer has this status; within so many seconds."""

    async def ask(again, status, *, seconds):
        until = time.monotonic() + seconds
        while (await again()).status_code != status:
            assert time.monotonic() < until, f"no {status} within {seconds} s"
            await asyncio.sleep(0.05)

    return ask
