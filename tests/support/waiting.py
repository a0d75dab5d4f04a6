"""How tests wait: until a condition holds, and as long as a busy machine may take for it."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SECONDS = 60.0  # a wait ends when its condition holds: this is for what never happens


def give_clients_time() -> None:
    """Let clients of httpx wait as long; their default is five seconds."""
    default = httpx._config.DEFAULT_TIMEOUT_CONFIG
    default.connect = default.read = default.write = default.pool = SECONDS


async def eventually(holds: Callable[[], object]) -> None:
    """Wait until a condition holds: a plain one, or one that is awaited.

    The pauses grow: each look may be a request, which takes the processor from what it waits for.
    """
    until = time.monotonic() + SECONDS
    pause = 0.01
    while not (await found if inspect.isawaitable(found := holds()) else found):
        assert time.monotonic() < until, "it never held"
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)


async def ends_within_a_second(holds: Callable[[], Awaitable[object]]) -> None:
    """Ask again and again until a condition no longer holds, or an error is raised.

    Fails if it still holds for a request that was sent a second after the call of this function,
    however long the answers take.
    """
    since = asked = time.monotonic()
    while await holds():
        assert asked < since + 1, "it still holds after a second"
        asked = time.monotonic()
