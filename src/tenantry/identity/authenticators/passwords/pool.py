"""Threads that hash: as many as leave one core to calls, with a bounded queue, served in turn.

A hash takes one core for some 70 ms, and releases the GIL meanwhile. All processes of a
server take turns on the same cores (`cores`), and the threads of calls go first. Those that wait
for a thread are served network by network, so that a flood from one of them costs the others the
wait for one hash. Where too many wait, the last of the longest line goes. A hash that waits longer
than its person would is refused: a pile of them would only keep the others waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from tenantry.core import errors
from tenantry.identity.authenticators.passwords.cores import Cores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

WAITING_FOR_EACH_THREAD = 50  # about four seconds
LONGEST_WAIT_SECONDS = 5.0
_RETRY_SECONDS = 2
HASH_BYTES = 46 << 20  # of memory that one hash takes
_SHARE_OF_MEMORY = 4  # the part of the memory for all hashes: the divisor
_NICENESS = 5  # a third of the weight of another thread, so that hashes go on beside calls


def most_threads(memory: int | None = None) -> int:
    """Return how many hashes a server with this many bytes of memory computes at the same time."""
    cores = max(1, (os.cpu_count() or 1) - 1)
    if memory is None:
        return cores
    return max(1, min(cores, memory // _SHARE_OF_MEMORY // HASH_BYTES))


class Pool:
    """Runs functions that take their time; to be used from one event loop.

    All with the same ``shared`` path, in whichever process, are as one: it is the beginning of
    the names of their locks.
    """

    def __init__(self, *, threads: int = 0, shared: Path | None = None) -> None:
        threads = threads or most_threads()
        self._cores = Cores(threads, shared)
        self._free = threads  # nobody waits while this is not 0
        self._most = threads * WAITING_FOR_EACH_THREAD
        self._waiting = 0
        # By network, the one whose turn is next at the beginning; no line is empty.
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._executor = ThreadPoolExecutor(threads, "passwords", _let_calls_go_first)

    async def run(self, function: Callable[..., T], *given: object, network: str) -> T:
        """Return the result of a function that somebody of this network asks for."""
        loop = asyncio.get_running_loop()
        await self._turn(network)
        work = self._executor.submit(self._on_a_core, function, *given)

        def end(_work: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._pass_on)

        # Not when the asker has gone away: the thread goes on for as long as it takes.
        work.add_done_callback(end)
        return await asyncio.wrap_future(work)

    def _on_a_core(self, function: Callable[..., T], *given: object) -> T:
        with self._cores.one():
            return function(*given)

    def close(self) -> None:
        """Begin nothing more."""
        for line in self._lines.values():
            for turn in line:
                turn.cancel()
        self._lines.clear()
        self._waiting = 0
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, network: str) -> None:
        """Wait for a free thread."""
        if self._free:
            self._free -= 1
            return
        if self._waiting >= self._most:
            self._make_room(network)
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(network, deque()).append(turn)
        self._waiting += 1
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await turn
        except BaseException as problem:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on()  # it came just when waiting ended
            else:
                self._leave(network, turn)
            if isinstance(problem, TimeoutError):
                raise _busy() from None
            raise

    def _pass_on(self) -> None:
        """Give a free thread to the next one in turn."""
        while self._lines:
            network, line = self._lines.popitem(last=False)
            turn = line.popleft()
            self._waiting -= 1
            if line:
                self._lines[network] = line  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _make_room(self, network: str) -> None:
        """Send the last of the longest line away."""
        longest = max(self._lines, key=lambda one: len(self._lines[one]))
        if len(self._lines[longest]) <= len(self._lines.get(network, ())) + 1:
            raise _busy()
        turn = self._lines[longest][-1]
        self._leave(longest, turn)
        if not turn.done():
            turn.set_exception(_busy())

    def _leave(self, network: str, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(network)
        if line is not None and turn in line:
            line.remove(turn)
            self._waiting -= 1
            if not line:
                del self._lines[network]


def _let_calls_go_first() -> None:
    if sys.platform == "linux":  # where each thread has its own niceness
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _busy() -> errors.Busy:
    return errors.Busy(seconds=_RETRY_SECONDS)
