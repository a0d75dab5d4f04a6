"""Waiting for what another process or a task does."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
def eventually():
    """Wait until something holds, for twenty seconds at most."""

    async def wait(holds):
        until = asyncio.get_running_loop().time() + 20
        while not await holds():
            assert asyncio.get_running_loop().time() < until, "it never held"
            await asyncio.sleep(0.02)

    return wait
