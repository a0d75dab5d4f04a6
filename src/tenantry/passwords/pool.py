"""Threads that hash: so many that calls keep a core, and only so many waiting.

A hash takes one core for some 70 ms, and lets go of the interpreter meanwhile. What waits longer
than its person would is refused at once: a pile of it would only keep the others waiting.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from tenantry import errors

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

WAITING_FOR_EACH_THREAD = 50  # about four seconds


class Pool:
    """Runs functions that take their time."""

    def __init__(self, *, threads: int = 0) -> None:
        threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._most = threads * (1 + WAITING_FOR_EACH_THREAD)
        self._under_way = 0
        self._executor = ThreadPoolExecutor(threads, "passwords")

    async def run(self, function: Callable[..., T], *given: object) -> T:
        """Return what a function returns.

        Raises:
            errors.Busy: too many are waiting.

        """
        if self._under_way >= self._most:
            raise errors.Busy
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._executor, function, *given
            )
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """Begin nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)
