"""The one writer of a SQLite file in this process: changes in groups, transactions in turn.

The cost of a commit is the wait for the disk. So all changes that wait are made in one transaction
and answered after its commit: their statements on the thread of the event loop, the commit on the
writing thread. While it waits for the disk, the next ones gather; one alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tenantry.core import errors
from tenantry.db.engine import Unavailable
from tenantry.db.sqlite.connections import Brief, Length, execute, kind_of, meaning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from tenantry.db.sqlite.connections import Rounds

T = TypeVar("T")

# For other writers of this process, and then for those of others.
TURN_SECONDS = 3.0
BUSY_SECONDS = 3.0
_POLL_SECONDS = 0.001  # while another process writes
# A group ends with this number of changes, and takes no further one after so long.
MOST = 128
_GROUP_SECONDS = 0.005

# Savepoints of one name nest: each of these means the last one.
SAVE, UNDO, RELEASE = "SAVEPOINT inner", "ROLLBACK TO inner", "RELEASE inner"


class Change:
    """Statements that are made all or none; without a row of the first one, no further one.

    Its answer is the first row of the first one, or all of its rows.
    """

    def __init__(
        self, statements: Sequence[tuple[str, Sequence[Any]]], *, all_rows: bool = False
    ) -> None:
        self._first, *self._further = statements
        self._all_rows = all_rows
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = loop.create_future()
        self.since = loop.time()
        self.result: Any = None
        self.refusal: Exception | None = None
        self.is_begun = False

    def make(self, connection: sqlite3.Connection) -> None:
        """Run the statements, and keep the result."""
        self.refusal, self.is_begun = None, False
        cursor = execute(connection, *self._first)
        self.is_begun = True
        if self._all_rows:
            self.result = cursor.fetchall()
            return
        self.result = cursor.fetchone()
        if self.result is not None:
            for statement in self._further:
                execute(connection, *statement)


class _Turn:
    """A wait for being the only writer, and its end."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = loop.create_future()
        self.since = loop.time()
        self.over: asyncio.Future[None] = loop.create_future()


class Writer:
    """Takes changes and turns in the order in which they came.

    ``connection`` belongs to the writing thread while that has work, and else to the event loop.
    """

    def __init__(
        self,
        path: str,
        connection: sqlite3.Connection,
        thread: ThreadPoolExecutor,
        rounds: Rounds,
    ) -> None:
        self._path = path
        self._connection = connection
        self._brief = Brief(connection, rounds)
        self._thread = thread
        self._at_work = 0  # what the thread has not finished
        self._waiting: deque[Change | _Turn] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many changes and turns wait."""
        return len(self._waiting)

    async def make(self, change: Change, *, first: bool = False) -> Any:
        """Make a change with those that wait, ``first`` of them if so said; return its result.

        One that is no longer waited for is left out, unless it is under way.
        """
        return await self._enter(change, first=first)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Be the only writer of this process."""
        turn = _Turn()
        try:
            await self._enter(turn)
            yield
        finally:
            if not turn.over.done():  # else the event loop ends
                turn.over.set_result(None)

    async def begin(self) -> None:
        """Begin a transaction, once no other process is in one; the caller has the turn."""
        try:
            await self._begin()
        except sqlite3.Error as problem:
            raise meaning(problem, self._path) from problem

    async def _begin(self) -> None:
        if self._at_work:  # on what nobody waits for any more
            await self._hand_over(lambda _: None)
        loop = asyncio.get_running_loop()
        until = None
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as problem:
                until = until or loop.time() + BUSY_SECONDS
                if kind_of(problem) != sqlite3.SQLITE_BUSY or loop.time() >= until:
                    raise
            else:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def commit(self) -> None:
        """Commit the transaction; the caller has the turn."""
        try:
            await self._hand_over(_commit)
        except sqlite3.Error as problem:
            raise meaning(problem, self._path, committing=True) from problem

    async def roll_back(self) -> None:
        """Undo the transaction, unless it is undone; the caller has the turn."""
        await self.run(_roll_back)

    async def run(self, work: Callable[[sqlite3.Connection], T], length: Length = Length.LONG) -> T:
        """Run this, on the writing thread if it takes long; the caller has the turn."""
        try:
            if length is not Length.LONG and not self._at_work:
                try:
                    return await self._brief.run(work, length)
                except sqlite3.OperationalError as problem:
                    if kind_of(problem) != sqlite3.SQLITE_INTERRUPT:
                        raise
            return await self._hand_over(work)
        except sqlite3.Error as problem:
            found = meaning(problem, self._path)
            if found is problem:
                raise
            raise found from problem

    def close(self) -> None:
        """Refuse all that waits, finish the work of the thread, close the connection."""
        if self._sweep is not None:
            self._sweep.cancel()
        self._refuse(self._waiting, Unavailable("the database is closed"))
        self._waiting.clear()
        self._thread.submit(self._connection.close)
        self._thread.shutdown(wait=True)

    def _enter(self, one: Change | _Turn, *, first: bool = False) -> asyncio.Future[Any]:
        if first:
            self._waiting.appendleft(one)
        else:
            self._waiting.append(one)
        if self._serving is None:
            self._serving = asyncio.get_running_loop().create_task(self._serve())
        elif self._sweep is None:
            self._sweep_after(TURN_SECONDS)
        return one.answer

    async def _serve(self) -> None:
        try:
            while self._waiting:
                if isinstance(self._waiting[0], Change):
                    await self._make_group()
                    continue
                turn = self._waiting.popleft()
                assert isinstance(turn, _Turn)
                if not turn.answer.done():
                    turn.answer.set_result(None)
                    await turn.over
        finally:
            self._serving = None

    async def _make_group(self) -> None:
        group: list[Change] = []
        self._take_into(group)
        if not group:
            return
        is_committing = False
        try:
            await self._begin()
            self._take_into(group)
            try:
                self._make(group)
            except Exception:  # noqa: BLE001 - each finds its own again
                await self._make_each(group)
            is_committing = True
            await self._hand_over(_commit_all)
        except Exception as problem:  # noqa: BLE001 - those who wait are told
            await self._hand_over(_roll_back)
            for change in group:
                self._refuse([change], meaning(problem, self._path, committing=is_committing))
        else:
            for change in group:
                if change.refusal is not None:
                    self._refuse([change], meaning(change.refusal, self._path))
                elif not change.answer.done():
                    change.answer.set_result(change.result)
        finally:
            for change in group:
                change.answer.cancel()  # only where the event loop ends

    def _take_into(self, group: list[Change]) -> None:
        """Take the changes that wait before the next turn."""
        while self._waiting and len(group) < MOST:
            if not isinstance(first := self._waiting[0], Change):
                break
            self._waiting.popleft()
            if not first.answer.done():
                group.append(first)

    def _make(self, group: list[Change]) -> None:
        """Make changes on this thread; put those back for which there is no time.

        One that is refused by its first statement has changed nothing, and the others go on.

        Raises:
            Exception: anything else happened, and all must be undone.

        """
        until = time.perf_counter() + _GROUP_SECONDS
        try:
            for number, change in enumerate(group):
                if time.perf_counter() > until:
                    self._waiting.extendleft(reversed(group[number:]))
                    del group[number:]
                    break
                self._brief.limit()
                try:
                    change.make(self._connection)
                except sqlite3.IntegrityError as problem:
                    if change.is_begun:
                        raise
                    change.refusal = problem
        finally:
            self._brief.unlimit()

    async def _make_each(self, group: list[Change]) -> None:
        """Make the changes anew, each undone by itself, without a time limit."""
        await self._hand_over(_roll_back)
        await self._begin()
        await self._hand_over(partial(_make_each, group))

    def _refuse(self, those: Iterable[Change | _Turn], why: Exception) -> None:
        for one in those:
            if not one.answer.done():
                one.answer.set_exception(why)

    def _sweep_after(self, seconds: float) -> None:
        self._sweep = asyncio.get_running_loop().call_later(seconds, self._refuse_late)

    def _refuse_late(self) -> None:
        self._sweep = None
        late = asyncio.get_running_loop().time() - TURN_SECONDS
        while self._waiting and (first := self._waiting[0]).since <= late:
            self._waiting.popleft()
            self._refuse([first], Unavailable("another change takes long", errors.Busy))
        if self._waiting:
            self._sweep_after(max(self._waiting[0].since - late, 0.001))

    def _hand_over(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Have the thread do this after what it has to do, whether or not anybody waits for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._thread.submit(self._work, work, loop, answer)
        self._at_work += 1
        return answer

    def _work(
        self,
        work: Callable[[sqlite3.Connection], T],
        loop: asyncio.AbstractEventLoop,
        answer: asyncio.Future[T],
    ) -> None:
        try:
            done = partial(_answer, answer, work(self._connection))
        except BaseException as problem:  # noqa: BLE001 - it is raised where it is waited for
            done = partial(_answer, answer, problem=problem)
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(self._finish, done)

    def _finish(self, done: Callable[[], None]) -> None:
        self._at_work -= 1
        done()


def _answer(
    answer: asyncio.Future[Any], result: Any = None, problem: BaseException | None = None
) -> None:
    if answer.done():  # it was cancelled
        return
    if problem is None:
        answer.set_result(result)
    else:
        answer.set_exception(problem)


def _commit(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise


def _commit_all(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        raise Unavailable("SQLite has undone the transaction")
    _commit(connection)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # as after a failure of the disk; it is undone
            connection.execute("ROLLBACK")


def _make_each(group: list[Change], connection: sqlite3.Connection) -> None:
    for change in group:
        connection.execute(SAVE)
        try:
            change.make(connection)
        except Exception as problem:
            if not connection.in_transaction:  # SQLite has undone all of it
                raise
            change.refusal = problem
            connection.execute(UNDO)
        connection.execute(RELEASE)
