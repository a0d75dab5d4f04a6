"""Batches: calls that wait for the same statement are sent and committed together.

Most of the cost of a change is its commit and its round trip. While a call of a statement is under
way, later calls of the same process wait. Then they are sent as one pipeline, which PostgreSQL runs
as one transaction (docs/decisions/0048-batches.md). A call without company is sent at once.

If a statement of a batch fails, the transaction is undone and each call runs alone, so an error
reaches only the call that caused it. If the outcome of a batch is unknown, so is that of each call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

from tenantry.core import errors
from tenantry.db.engine import DuplicateKey, ForeignKey, OutcomeUnknown, Unavailable, mark_changed
from tenantry.db.postgresql.pool import ACQUIRE_SECONDS, MOST_WAITING, note_wait
from tenantry.db.postgresql.statements import fetch_each

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Row
    from tenantry.db.postgresql.pool import Pool
    from tenantry.db.sql.statements import Statement

MOST = 16  # calls of a batch
MOST_UNDER_WAY = 4  # batches of a statement
STALLED_SECONDS = 0.01  # after which later calls no longer wait for a batch
# The transaction was undone, and each of its calls can run again.
_UNDONE = (
    *(DuplicateKey, ForeignKey, Unavailable, errors.Error),
    *(asyncpg.PostgresError, asyncpg.InterfaceError),
)


class _Run(Protocol):
    async def __call__(self, sql: str, args: list[Any], *, is_read: bool) -> Sequence[Row]: ...


class Batches:
    """The calls of one database that can be combined; ``run`` sends a call alone."""

    def __init__(self, pool: Pool, run: _Run) -> None:
        self._pool = pool
        self._run = run
        self._queues: dict[str, _Queue] = {}
        self._check: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # A batch of a distributed database would be committed in two phases.
        self.is_off = False

    async def run(
        self, statement: Statement, sql: str, args: list[Any], params: Mapping[str, Any]
    ) -> Sequence[Row]:
        """Return the rows of a call; ``sql`` and ``args`` are the bound statement.

        Raises:
            Failure: the call was not made, or its outcome is unknown.

        """
        if self.is_off:
            return await self._run(sql, args, is_read=statement.is_read)
        queue = self._queues.get(sql)
        if queue is None:
            queue = self._queues[sql] = _Queue(statement, sql)
        if not queue.under_way:
            queue.under_way = 1
            queue.alone = params
            try:
                return await self._run(sql, args, is_read=statement.is_read)
            finally:
                queue.under_way -= 1
                queue.alone = None
                if queue.waiting and not queue.under_way:
                    self._start(queue)
        call = queue.add(args, params)
        if self._check is None:
            self._check_later()
        rows = await call.rows
        note_wait(asyncio.get_running_loop().time() - call.since)
        if rows is None:
            return await self._run(sql, args, is_read=statement.is_read)
        if not statement.is_read:
            mark_changed()
        return rows

    def close(self) -> None:
        """Refuse the calls that wait, and cancel the batches under way."""
        if self._check is not None:
            self._check.cancel()
        for task in self._tasks:
            task.cancel()
        for queue in self._queues.values():
            queue.answer(queue.waiting, error=Unavailable("the database is closed"))
            queue.waiting.clear()

    def _start(self, queue: _Queue) -> None:
        queue.under_way += 1
        # Without the context of a request: its time limits are not those of the other calls.
        task = asyncio.get_running_loop().create_task(self._serve(queue), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, queue: _Queue) -> None:
        try:
            while calls := queue.take():
                try:
                    await self._send(queue, calls)
                except BaseException:  # the event loop ends
                    for call in calls:
                        call.rows.cancel()
                    raise
                queue.keys.difference_update([call.key for call in calls])
        finally:
            queue.under_way -= 1

    async def _send(self, queue: _Queue, calls: Sequence[_Call]) -> None:
        try:
            connection = await self._pool.acquire()
        except Unavailable as problem:
            queue.answer(calls, error=problem)
            return
        try:
            rows = None
            if connection.prepares:  # else it has no pipelines
                args = [call.args for call in calls]
                rows = await fetch_each(connection, queue.sql, args, undone=queue.is_read)
        except OutcomeUnknown as problem:
            queue.answer(calls, error=problem)
        except _UNDONE:
            queue.answer(calls)
        except Exception as problem:  # noqa: BLE001 - the calls raise it
            queue.answer(calls, error=problem)
        else:
            queue.answer(calls, rows)
        finally:
            self._pool.give_back(connection)

    def _check_later(self) -> None:
        self._check = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._overtake)

    def _overtake(self) -> None:
        """Start a further batch of each statement whose calls wait for a stalled one.

        Calls that have waited for too long are refused.
        """
        self._check = None
        now = asyncio.get_running_loop().time()
        for queue in self._queues.values():
            queue.refuse(now - ACQUIRE_SECONDS)
            if not queue.waiting:
                continue
            if queue.since <= now - STALLED_SECONDS and queue.under_way < MOST_UNDER_WAY:
                self._start(queue)
            if self._check is None:
                self._check_later()


class _Call:
    """A call that waits for a batch; its rows are None if it has to run alone."""

    __slots__ = ("args", "key", "order", "rows", "same", "since")

    def __init__(self, args: list[Any], key: object, order: Any) -> None:
        self.args = args
        self.key = key
        self.order = order
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        self.rows: asyncio.Future[Sequence[Row] | None] = loop.create_future()
        self.same: list[_Call] = []  # reads with the same arguments, which receive the same row


class _Queue:
    """The calls of one statement that wait, and how many batches of it are under way."""

    def __init__(self, statement: Statement, sql: str) -> None:
        assert statement.batch is not None
        self._batch = statement.batch
        self._skipping = statement.batch.skipping
        self.is_read = statement.is_read
        self.sql = sql
        self.waiting: deque[_Call] = deque()
        self.under_way = 0
        self.alone: Mapping[str, Any] | None = None  # the call that was sent at once
        self.keys: set[object] = set()  # of the batches under way
        self.since = 0.0  # when the waiting began, or a batch was sent

    def add(self, args: list[Any], params: Mapping[str, Any]) -> _Call:
        if len(self.waiting) >= MOST_WAITING:
            raise Unavailable("too many calls wait for a batch", errors.Busy)
        batch = self._batch
        if self._skipping is not None:
            self.sql, args = self._skipping.bind("postgresql", params)
        call = _Call(args, params[batch.key], params[batch.order or batch.key])
        if not self.waiting:
            self.since = call.since
        self.waiting.append(call)
        return call

    def take(self) -> list[_Call]:
        """Return the calls of the next batch, in the order in which they lock rows.

        Changes of one row are made in their order, each by its own batch.
        """
        taken: dict[object, _Call] = {}
        left: list[_Call] = []
        waiting = self.waiting
        alone = None if self.alone is None else self.alone[self._batch.key]
        while waiting and len(taken) < MOST:
            call = waiting.popleft()
            if call.rows.done():  # its caller is gone
                continue
            if not self.is_read and (call.key == alone or call.key in self.keys):
                left.append(call)
                continue
            first = taken.setdefault(call.key, call)
            if first is call:
                continue
            if self.is_read and first.args == call.args:
                first.same.append(call)
            else:
                left.append(call)
        waiting.extendleft(reversed(left))
        self.keys.update(taken)
        self.since = asyncio.get_running_loop().time()
        return sorted(taken.values(), key=lambda call: call.order)

    def refuse(self, since: float) -> None:
        """Refuse the calls that have waited since this time of the event loop."""
        late = []
        while self.waiting and self.waiting[0].since <= since:
            late.append(self.waiting.popleft())
        self.answer(late, error=Unavailable("no batch was sent in time", errors.Busy))

    def answer(
        self,
        calls: Sequence[_Call],
        rows: Sequence[Row] | None = None,
        error: Exception | None = None,
    ) -> None:
        """Give calls their rows, an error, or neither: then they run alone."""
        column = self._batch.column
        found = {} if rows is None else {row[column]: row for row in rows}
        # A statement that skips locked rows also returns no row for a locked one.
        none = None if rows is None or self._skipping is not None else ()
        for call in calls:
            row = found.get(call.key)
            for one in (call, *call.same):
                if one.rows.done():
                    continue
                if error is not None:
                    one.rows.set_exception(_copied(error))
                else:
                    one.rows.set_result(none if row is None else (row,))


def _copied(error: Exception) -> Exception:
    """Return an error for one of several calls, each of which adds its own traceback."""
    if isinstance(error, OutcomeUnknown):
        return OutcomeUnknown(error)
    if isinstance(error, Unavailable):
        return Unavailable(str(error), error.answer)
    return error
