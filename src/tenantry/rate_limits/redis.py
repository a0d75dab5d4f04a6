"""Counting in Redis, for all processes, by the scripts of the library `limits`."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from itertools import chain
from typing import Any, ClassVar

from tenantry.rate_limits.counts import Count

_Arguments = tuple[str | int, ...]  # keys and arguments of the script
_Request = tuple[_Arguments, asyncio.Future[Any]]

_WAIT_SECONDS = 0.03  # a request waits for Redis, then is decided by this process's own count
# Turns of the event loop after that, in which an answer that has arrived is read: a busy process
# is not a slow Redis.
_TURNS = 10
_ANSWER_SECONDS = 1.0  # without an answer, Redis counts as unavailable
_PAUSE_SECONDS = 1.0  # until an unavailable Redis is asked again
_QUEUE_MAX = 10_000  # requests that wait for their turn to be counted
_LOG_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Redis:
    """Counts in Redis, for all processes.

    The requests of one turn of the event loop are sent in one message, one message at a time.
    While Redis is slow, requests do not wait for it, but it still counts them. While it is
    unavailable, it is asked again once a second.
    """

    _logged_at: ClassVar[float] = -math.inf  # by any instance in this process

    def __init__(self, url: str) -> None:
        from limits.aio.storage.redis.bridge import RedisBridge
        from redis.asyncio import Redis as Connection
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self._connection = Connection.from_url(
            url,
            driver_info=None,  # it takes one more round trip
            retry=Retry(NoBackoff(), 1),  # the connection may have been closed since
        )
        # The library acquires and reads the count in two steps; this script does both in one.
        acquire = RedisBridge.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode()
        self._take = self._connection.register_script(
            f"local function acquire()\n{acquire}\nend\n"
            "local acquired = acquire() and 1 or 0\n"
            "return {redis.call('get', KEYS[1]), redis.call('get', KEYS[2]),"
            " redis.call('pttl', KEYS[2]), acquired}"
        )
        self._queue: list[_Request] = []
        self._sender: asyncio.Task[None] | None = None
        self._slow = False
        self._retry_at = -math.inf

    async def take(self, key: str, quota: int, seconds: int) -> Count | None:
        """Count one more, unless that is over the quota; None if Redis unavailable in time."""
        if time.monotonic() < self._retry_at or len(self._queue) >= _QUEUE_MAX:
            return None
        answer = asyncio.get_running_loop().create_future()
        # The library's names of the keys: the previous window, and the current one.
        keys = f"tenantry:{{{key}}}/-1", f"tenantry:{{{key}}}"
        self._queue.append(((*keys, quota, seconds, 1), answer))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_queue())
        elif self._slow:
            return None
        found = await answer
        if found is None:
            return None
        previous, current, expires_in, acquired = found
        # A key is kept for two windows, in milliseconds.
        left = max(int(expires_in or 0) / 1000 - seconds, 0.0)
        return Count(int(previous or 0), int(current or 0), left, bool(acquired))

    async def close(self) -> None:
        """Close the connection."""
        if self._sender is not None:
            await self._sender
        await self._connection.aclose()

    async def _send_queue(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            batch, self._queue = self._queue, []
            timer = loop.call_later(_WAIT_SECONDS, self._mark_slow, loop, batch, _TURNS)
            answers: list[Any]
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    answers = await self._send([arguments for arguments, _ in batch])
            except Exception as problem:  # noqa: BLE001 - counting fails over, requests do not fail
                self._pause(problem)
                batch, self._queue = batch + self._queue, []
                answers = [None] * len(batch)
            finally:
                timer.cancel()
                self._slow = False
            for (_, answer), found in zip(batch, answers, strict=True):
                _resolve(answer, found)

    def _mark_slow(
        self, loop: asyncio.AbstractEventLoop, batch: list[_Request], turns: int
    ) -> None:
        """Let the requests of a batch, and those after it, go on without waiting for Redis."""
        if all(answer.done() for _, answer in batch):
            return
        if turns:
            loop.call_soon(self._mark_slow, loop, batch, turns - 1)
            return
        self._slow = True
        for _, answer in chain(batch, self._queue):
            _resolve(answer, None)

    async def _send(self, all_arguments: list[_Arguments]) -> list[Any]:
        from redis.exceptions import NoScriptError

        answers = await self._execute(all_arguments)
        if isinstance(answers[0], NoScriptError):  # Redis was restarted
            await self._connection.script_load(self._take.script)
            answers = await self._execute(all_arguments)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _execute(self, all_arguments: list[_Arguments]) -> list[Any]:
        async with self._connection.pipeline(transaction=False) as pipeline:
            for arguments in all_arguments:
                pipeline.evalsha(self._take.sha, 2, *arguments)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers

    def _pause(self, problem: Exception) -> None:
        now = time.monotonic()
        self._retry_at = now + _PAUSE_SECONDS
        if now - Redis._logged_at >= _LOG_SECONDS:
            Redis._logged_at = now
            fields = {"error": type(problem).__name__}  # its text may contain the password
            _log.warning(
                "Redis unavailable: each process enforces rate limits with its own counters",
                extra={"fields": fields},
            )


def _resolve(answer: asyncio.Future[Any], found: Any) -> None:
    if not answer.done():  # its request was cancelled, or has gone on without it
        answer.set_result(found)
