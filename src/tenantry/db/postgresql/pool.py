"""Connections to PostgreSQL that are lent out, within one budget for the whole process.

Our own pool because asyncpg's takes 25 of the 40 microseconds of a read by key: it guards each
loan by timers. Here one timer looks after all that wait, for a connection or for an answer.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from tenantry.core import errors
from tenantry.db.engine import Unavailable
from tenantry.db.postgresql.refusals import answer_to
from tenantry.telemetry.metrics import kinds
from tenantry.telemetry.metrics import table as metrics
from tenantry.telemetry.request_context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tenantry.db.postgresql.budget import Budget
    from tenantry.settings.servers import Server

    Connect = Callable[[float], Awaitable["Connection"]]

ACQUIRE_SECONDS = 3.0  # in which a call has a connection, or is refused
LOCK_SECONDS = 2.0  # for which a statement waits for a lock, of a call that has not waited before
_LEAST_LOCK_SECONDS = 0.25
_NOTICED_SECONDS = 0.1  # a wait that counts towards the time limit of a call
MOST_WAITING = 1000
_REFUSED_SECONDS = 1.0  # before a further connection is tried again, while there are others
_IDLE_SECONDS = 10.0  # after which others of the process may have unused room
_LEAST_SECONDS = 0.1  # for connecting, however late it is
_LOOK_SECONDS = 0.1  # between two looks at all that wait
_ALL_IN_USE = "all connections are in use"
_PREPARED = 200  # statements of a connection that are kept

# asyncpg's word for no time limit: we look after that ourselves.
_NO_LIMIT = asyncpg.protocol.NO_TIMEOUT
_OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)

_NOT_CONNECTED = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError)


class Connection(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """One connection, which knows whether it can be lent, and since when it waits for an answer."""

    prepares = True  # else each statement is sent whole
    is_late = False  # it was ended because the server did not answer
    until = float("inf")  # monotonic time at which waiting for the answer ends
    server: Server | None = None  # of several that the URL names
    lock_seconds = LOCK_SECONDS  # its lock_timeout

    def __init__(self, protocol: Any, transport: Any, *args: Any) -> None:
        super().__init__(protocol, transport, *args)
        self._socket = select.poll()
        self._socket.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._prepared: dict[str, Any] = {}

    def is_well(self) -> bool:
        """Whether it is open, and the server has sent nothing: to an idle one it says farewell."""
        return not (self.is_closed() or self._socket.poll(0))

    async def rows(self, sql: str, args: list[Any], seconds: float) -> Any:
        """Run a statement, prepared if it may be, and return its rows.

        ``seconds`` is how long the server may take. A statement is run as
        `asyncpg.PreparedStatement.fetch` does it, without its eight calls on the way.
        """
        if not self.prepares:
            return await self.fetch(sql, *args)
        statement = self._prepared.get(sql) or await self._prepared_statement(sql)
        self.until = time.monotonic() + seconds
        try:
            # Of no portal, all rows, and nothing but the rows.
            return await self._protocol.bind_execute(
                *(statement._state, args, "", 0, False, _NO_LIMIT)  # noqa: SLF001 - it is pinned
            )
        except _OUTDATED as problem:  # a migration beside us
            self._prepared.clear()
            if isinstance(problem, asyncpg.OutdatedSchemaCacheError):
                await self.reload_schema_state()
            if self.is_in_transaction():
                raise
            return await self.fetch(sql, *args)
        finally:
            self.until = float("inf")

    async def rows_of_each(self, sql: str, args: Sequence[list[Any]], seconds: float) -> Any:
        """Run a prepared statement with each of these arguments as one pipeline.

        Outside of a transaction, PostgreSQL commits all of them together. Return the rows of all.
        """
        statement = self._prepared.get(sql) or await self._prepared_statement(sql)
        self.until = time.monotonic() + seconds
        try:
            return await self._protocol.bind_execute_many(
                *(statement._state, args, "", _NO_LIMIT, True)  # noqa: SLF001 - it is pinned
            )
        except _OUTDATED as problem:
            self._prepared.clear()
            if isinstance(problem, asyncpg.OutdatedSchemaCacheError):
                await self.reload_schema_state()
            raise
        finally:
            self.until = float("inf")

    async def _prepared_statement(self, sql: str) -> Any:
        if len(self._prepared) >= _PREPARED:
            del self._prepared[next(iter(self._prepared))]
        statement = self._prepared[sql] = await self.prepare(sql)
        return statement

    async def command(self, sql: str, seconds: float) -> None:
        """Run a statement without arguments and rows, such as BEGIN.

        ``seconds`` is how long the server may take.
        """
        self._check_open()
        await self._protocol.query(sql, seconds)


class Pool:
    """The connections of one event loop, the one last used lent first."""

    def __init__(self, connect: Connect, budget: Budget) -> None:
        self._connect = connect
        self._budget = budget
        self._open = 0
        self._connected: set[Connection] = set()
        self._idle: list[Connection] = []
        self._least_idle = 0  # since the last time that we let idle ones go
        self._waiting: deque[_Turn] = deque()
        self._looking: asyncio.TimerHandle | None = None
        self._refused_until = float("-inf")
        self._trimming: asyncio.TimerHandle | None = None
        self._closed = False
        budget.join(self)
        kinds.watch(self)

    async def acquire(self) -> Connection:
        """Return a connection; the caller gives it back.

        All waits of a request for connections and locks together take about three seconds at most.

        Raises:
            Unavailable: there is none in that time, or too many calls wait already.

        """
        connection = self._lend() or await self._get()
        request_context = CURRENT.get()
        waited = request_context.waited if request_context is not None else 0.0
        if waited or connection.lock_seconds != LOCK_SECONDS:
            await self._limit_lock_wait(connection, waited)
        return connection

    async def _limit_lock_wait(self, connection: Connection, waited: float) -> None:
        left = min(LOCK_SECONDS, ACQUIRE_SECONDS - waited)
        # In steps, so that few calls find another value than theirs.
        seconds = max(_LEAST_LOCK_SECONDS, left - left % _LEAST_LOCK_SECONDS)
        # Without prepared statements it is another session each time: PgBouncer's transaction mode.
        if seconds == connection.lock_seconds or not connection.prepares:
            return
        try:
            await connection.command(f"SET lock_timeout = {seconds * 1000:.0f}", seconds)
        except BaseException as problem:
            connection.terminate()
            self.give_back(connection)
            if isinstance(problem, _NOT_CONNECTED):
                text = str(problem) or type(problem).__name__
                raise Unavailable(text, answer_to(problem)) from problem
            raise
        connection.lock_seconds = seconds

    async def acquire_new(self) -> Connection:
        """Return a connection that was made just now, where there is room for one.

        Where one has turned out to be dead, the other idle ones most likely are.
        """
        if self._idle:
            self._end(self._idle.pop(0))
        return await self._get(idle=False)

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; a closed one makes room for a new one."""
        if self._closed or connection.is_closed():
            self._end(connection)
            self._pass_on(None)
        else:
            self._pass_on(connection)

    def leave_all_but(self, server: Server) -> None:
        """End all connections to other servers, also those in use: nothing good comes of them."""
        for connection in [one for one in self._idle if one.server != server]:
            self._idle.remove(connection)
            self._end(connection)
        for connection in self._connected:
            if connection.server != server:
                connection.terminate()

    def measure(self) -> None:
        idle = len(self._idle)
        metrics.DATABASE_CONNECTIONS.add("idle", by=idle)
        metrics.DATABASE_CONNECTIONS.add("used", by=max(0, len(self._connected) - idle))
        metrics.DATABASE_WAITING.add(by=len(self._waiting))

    async def close(self) -> None:
        """Close all that are idle; those in use close when they come back."""
        self._closed = True
        if self._trimming is not None:
            self._trimming.cancel()
        if self._looking is not None:
            self._looking.cancel()
        idle = [*self._idle]
        self._idle.clear()
        self._open -= len(idle)
        self._connected.difference_update(idle)
        self._budget.leave(self)
        await asyncio.gather(*(_close(connection) for connection in idle))

    def _lend(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            self._least_idle = min(self._least_idle, len(self._idle))
            if connection.is_well():
                self._look_soon()
                return connection
            self._end(connection)
        return None

    async def _get(self, *, idle: bool = True) -> Connection:
        loop = asyncio.get_running_loop()
        request_context = CURRENT.get()
        waited = request_context.waited if request_context is not None else 0.0
        until = loop.time() + max(_LEAST_SECONDS, ACQUIRE_SECONDS - waited)
        refusal: Unavailable | None = None
        while True:
            connection = self._lend() if idle else None
            if connection is not None:
                return connection
            idle = True
            if self._may_open():
                try:
                    return await self._make(until - loop.time())
                except Unavailable as problem:
                    if not self._open or until <= loop.time():
                        raise
                    refusal = problem
                    self._refused_until = loop.time() + _REFUSED_SECONDS
                    continue
            connection = await self._wait(until, refusal)
            if connection is not None:
                return connection

    def _may_open(self) -> bool:
        now = asyncio.get_running_loop().time()
        # Where one more was refused, those that are open go on, and are enough.
        if self._open and now < self._refused_until:
            return False
        return self._budget.take(self)

    async def _make(self, seconds: float) -> Connection:
        """Connect; the budget has room for it already."""
        self._open += 1
        try:
            connection = await self._connect(max(seconds, _LEAST_SECONDS))
        except BaseException as problem:
            self._open -= 1
            self._budget.give(self)
            self._pass_on(None)
            if isinstance(problem, _NOT_CONNECTED):
                text = str(problem) or type(problem).__name__
                raise Unavailable(text, answer_to(problem)) from problem
            raise
        self._connected.add(connection)
        return connection

    async def _wait(self, until: float, refusal: Unavailable | None) -> Connection | None:
        """Return a connection that somebody gives back; None for room for a new one."""
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable("too many calls wait for a connection", errors.Busy)
        loop = asyncio.get_running_loop()
        turn = _Turn(loop.create_future(), until, refusal)
        self._waiting.append(turn)
        self._look_soon()
        given, since = turn.given, loop.time()
        try:
            return await given
        except BaseException:
            if given.done() and not given.cancelled() and given.exception() is None:
                connection = given.result()
                if connection is None:
                    self._pass_on(None)
                else:
                    self.give_back(connection)  # which ends it if the pool was closed meanwhile
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        finally:
            waited = loop.time() - since
            metrics.DATABASE_WAIT_SECONDS.observe(waited)
            note_wait(waited)

    def _pass_on(self, connection: Connection | None) -> None:
        """Hand a connection, or the room for a new one (None), to the one that waits the longest.

        From hand to hand, so that no later one gets it first.
        """
        while self._waiting:
            given = self._waiting.popleft().given
            if not given.done():
                given.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)
            if self._trimming is None:
                self._trim()

    def _look_soon(self) -> None:
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Refuse those that have waited too long, and end connections whose answer is late."""
        now, late = asyncio.get_running_loop().time(), time.monotonic()
        for turn in self._waiting:
            if turn.until <= now and not turn.given.done():
                turn.refuse()
        for connection in self._connected:
            if connection.until <= late:
                connection.is_late = True
                connection.terminate()
        self._looking = None
        if self._waiting or len(self._idle) < len(self._connected):
            self._look_soon()

    def _end(self, connection: Connection) -> None:
        connection.terminate()
        self._connected.discard(connection)
        self._open -= 1
        self._budget.give(self)

    def _trim(self) -> None:
        """Let connections go that were idle all the time, if others of the process want them."""
        for connection in self._idle[: min(self._least_idle, self._budget.surplus(self))]:
            self._idle.remove(connection)
            self._end(connection)
        self._least_idle = len(self._idle)
        self._trimming = None
        if self._idle:
            loop = asyncio.get_running_loop()
            self._trimming = loop.call_later(_IDLE_SECONDS, self._trim)


@dataclass(slots=True, eq=False)
class _Turn:
    """One that waits, until a time of the loop, for a connection or for room for one."""

    given: asyncio.Future[Connection | None]
    until: float
    refusal: Unavailable | None  # None: there is no more to say than that none is free

    def refuse(self) -> None:
        problem = self.refusal or Unavailable(_ALL_IN_USE, errors.Busy)
        self.given.set_exception(Unavailable(str(problem), problem.answer))


def note_wait(seconds: float) -> None:
    """Count a noticeable wait towards the time limit of the request."""
    if seconds >= _NOTICED_SECONDS and (request_context := CURRENT.get()) is not None:
        request_context.waited += seconds


async def _close(connection: Connection) -> None:
    """Close a connection; terminate it if its server is gone or does not answer."""
    try:
        await connection.close(timeout=2)
    except _NOT_CONNECTED:
        connection.terminate()
