"""Counting in Redis, for all processes, by the scripts of the library `limits`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING, Any, ClassVar

from tenantry.rate_limits.counts import Count

if TYPE_CHECKING:
    from collections.abc import Awaitable

# If Redis hangs, a request waits so long at most twice: a machine may be busy for a moment.
_ANSWER_SECONDS = 0.03
_MISSED = 2  # answers in a row, after which it is not asked for a while
# Of the event loop, in which an answer that has come is read: it is not Redis that is late then.
_TURNS = 10
_PAUSE_SECONDS = 1.0  # until one that did not answer is asked again
_TOLD_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Redis:
    """Counts in Redis, for all processes.

    The questions of one turn of the event loop go there in one message, and there is one
    under way at a time. While Redis does not answer, requests go through uncounted, and it is
    asked again once a second.
    """

    _told_at: ClassVar[float] = -math.inf  # of all in this process

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
        # The library takes one and says how it stands in two steps; this is both in one.
        acquire = RedisBridge.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode()
        self._take = self._connection.register_script(
            f"local function acquire()\n{acquire}\nend\n"
            "local acquired = acquire() and 1 or 0\n"
            "return {redis.call('get', KEYS[1]), redis.call('get', KEYS[2]),"
            " redis.call('pttl', KEYS[2]), acquired}"
        )
        # Keys and arguments of the script, and the future of its result.
        self._waiting: list[tuple[tuple[str | int, ...], asyncio.Future[Any]]] = []
        self._talk: asyncio.Task[None] | None = None
        self._missed = 0
        self._again_at = -math.inf

    async def take(self, key: str, quota: int, seconds: int) -> Count | None:
        """Count one more, unless that is over the quota."""
        if time.monotonic() < self._again_at:
            return None
        answer = asyncio.get_running_loop().create_future()
        # The keys as the library has them: of the last window, and of this one.
        keys = f"tenantry:{{{key}}}/-1", f"tenantry:{{{key}}}"
        self._waiting.append(((*keys, quota, seconds, 1), answer))
        if self._talk is None or self._talk.done():
            self._talk = asyncio.create_task(self._ask_all())
        found = await answer
        if found is None:
            return None
        previous, current, expires_in, acquired = found
        # A key is kept for two windows, in milliseconds.
        left = max(int(expires_in or 0) / 1000 - seconds, 0.0)
        return Count(int(previous or 0), int(current or 0), left, bool(acquired))

    async def aclose(self) -> None:
        """Close the connection."""
        if self._talk is not None:
            await self._talk
        await self._connection.aclose()

    async def _ask_all(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            try:
                answers = await _in_time(self._send([given for given, _ in asked]))
            except Exception as problem:  # noqa: BLE001 - whatever it is, requests go through
                self._missed += 1
                if self._missed >= _MISSED:
                    self._give_up(problem)
                asked, self._waiting = asked + self._waiting, []
                answers = [None] * len(asked)
            else:
                self._missed = 0
            for (_, waiting), answer in zip(asked, answers, strict=True):
                if not waiting.done():  # its request was given up
                    waiting.set_result(answer)

    async def _send(self, all_given: list[tuple[str | int, ...]]) -> list[Any]:
        from redis.exceptions import NoScriptError

        answers = await self._execute(all_given)
        if isinstance(answers[0], NoScriptError):  # it was started anew
            await self._connection.script_load(self._take.script)
            answers = await self._execute(all_given)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _execute(self, all_given: list[tuple[str | int, ...]]) -> list[Any]:
        async with self._connection.pipeline(transaction=False) as pipeline:
            for given in all_given:
                pipeline.evalsha(self._take.sha, 2, *given)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers

    def _give_up(self, problem: Exception) -> None:
        now = time.monotonic()
        self._again_at = now + _PAUSE_SECONDS
        if now - Redis._told_at >= _TOLD_SECONDS:
            Redis._told_at = now
            fields = {"error": type(problem).__name__}  # its text may hold the password
            _log.warning(
                "Redis does not answer: requests go through unlimited", extra={"fields": fields}
            )


async def _in_time(answer: Awaitable[Any]) -> Any:
    """Wait for what Redis answers.

    Raises:
        TimeoutError: it has not come.

    """
    loop = asyncio.get_running_loop()

    def end(turns: int) -> None:
        if turns:
            loop.call_soon(end, turns - 1)
        else:
            with contextlib.suppress(RuntimeError):  # it came in the last turns
                limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(_ANSWER_SECONDS, end, _TURNS)
        try:
            return await answer
        finally:
            timer.cancel()
