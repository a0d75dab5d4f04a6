"""Connections to PostgreSQL that are lent out, within one budget for the whole process.

Our own pool because asyncpg's takes 25 of the 40 microseconds of a read by key: it guards each
loan by timers. Here a statement has a time limit, so each that waits gets its turn, and a timer
runs for those alone that have to wait.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncpg

from tenantry import errors
from tenantry.db.engine import Unavailable
from tenantry.db.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.db.budget import Budget

    Connect = Callable[[float], Awaitable["Connection"]]

ACQUIRE_SECONDS = 3.0  # from asking for a connection to having one, or an answer
MOST_WAITING = 1000
_REFUSED_SECONDS = 1.0  # before a further connection is tried again, while there are others
_IDLE_SECONDS = 10.0  # after which others of the process may have unused room
_LEAST_SECONDS = 0.1  # for connecting, however late it is

_NOT_CONNECTED = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError)


class Connection(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """One connection, which knows whether it can be lent."""

    def __init__(self, protocol: Any, transport: Any, *args: Any) -> None:
        super().__init__(protocol, transport, *args)
        self._socket = select.poll()
        self._socket.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def is_well(self) -> bool:
        """Whether it is open, and the server has sent nothing: to an idle one it says farewell."""
        return not (self.is_closed() or self._socket.poll(0))


class Pool:
    """The connections of one event loop, the one last used lent first."""

    def __init__(self, connect: Connect, budget: Budget) -> None:
        self._connect = connect
        self._budget = budget
        self._open = 0
        self._idle: list[Connection] = []
        self._least_idle = 0  # since the last time that we let idle ones go
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._refused_until = float("-inf")
        self._trimming: asyncio.TimerHandle | None = None
        self._closed = False
        budget.join(self)

    async def acquire(self, *, first: bool = False) -> Connection:
        """Return a connection, ``first`` before others who wait; the caller gives it back.

        Raises:
            Unavailable: there is none within three seconds, or too many wait already.

        """
        connection = self._lend()
        return connection or await self._get(first=first)

    async def acquire_new(self) -> Connection:
        """Return a connection that was made just now, where there is room for one.

        Where one has turned out to be dead, the other idle ones most likely are.

        Raises:
            Unavailable: see `acquire`.

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

    async def close(self) -> None:
        """Close all that are idle; those in use close when they come back."""
        self._closed = True
        if self._trimming is not None:
            self._trimming.cancel()
        for connection in self._idle:
            await connection.close(timeout=2)
        self._open -= len(self._idle)
        self._idle.clear()
        self._budget.leave(self)

    def _lend(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            self._least_idle = min(self._least_idle, len(self._idle))
            if connection.is_well():
                return connection
            self._end(connection)
        return None

    async def _get(self, *, first: bool = False, idle: bool = True) -> Connection:
        loop = asyncio.get_running_loop()
        until = loop.time() + ACQUIRE_SECONDS
        refusal = Unavailable("all connections are in use", errors.Busy)
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
            connection = await self._wait(until - loop.time(), refusal, first=first)
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
            return await self._connect(max(seconds, _LEAST_SECONDS))
        except BaseException as problem:
            self._open -= 1
            self._budget.give(self)
            self._pass_on(None)
            if isinstance(problem, _NOT_CONNECTED):
                text = str(problem) or type(problem).__name__
                raise Unavailable(text, answer_to(problem)) from problem
            raise

    async def _wait(
        self, seconds: float, refusal: Unavailable, *, first: bool
    ) -> Connection | None:
        """Return a connection that somebody gives back; None for room for a new one."""
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable("too many calls wait for a connection", errors.Busy)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Connection | None] = loop.create_future()
        (self._waiting.appendleft if first else self._waiting.append)(turn)
        over = loop.call_later(max(seconds, 0), _refuse, turn, refusal)
        try:
            return await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        finally:
            over.cancel()

    def _pass_on(self, connection: Connection | None) -> None:
        """Hand a connection, or the room for a new one (None), to the one that waits the longest.

        From hand to hand, so that no later one gets it first.
        """
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)
            if self._trimming is None:
                self._trim()

    def _end(self, connection: Connection) -> None:
        connection.terminate()
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


def _refuse(turn: asyncio.Future[Any], refusal: Unavailable) -> None:
    if not turn.done():
        turn.set_exception(Unavailable(str(refusal), refusal.answer))
