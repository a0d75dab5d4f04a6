"""PostgreSQL by asyncpg: a pool, one round trip for a change with its event."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

import asyncpg

from tenantry import errors
from tenantry.db.engine import (
    Database,
    DuplicateKey,
    ForeignKey,
    Row,
    Session,
    Transaction,
    Unavailable,
    event_params,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from tenantry.db.statements import Statement
    from tenantry.events import Event

_CONNECT_SECONDS = 5.0
_MOST_WAITING = 1000
_STATEMENT_SECONDS = 15.0
_SERVER_SETTINGS = {
    "application_name": "tenantry",
    "jit": "off",
    # Statements are few and their plans do not hang on the arguments; PostgreSQL would plan
    # one with LIMIT anew each time, which is two thirds of a list's cost.
    "plan_cache_mode": "force_generic_plan",
}
# What is left is a loop over what is given, with a look into an index for each.
_EXPECT_GROWTH = "SELECT " + ", ".join(
    f"set_config('enable_{way}', 'off', true)" for way in ("seqscan", "hashjoin", "mergejoin")
)
_SERIALIZE = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
# One transaction of three statements: a lock that every change takes, and a commit that has to
# reach the disk. What holds the lock for longer holds up every change.
_PROBE = (
    "SELECT set_config('lock_timeout', '500ms', true);"
    "LOCK TABLE ONLY events IN ROW EXCLUSIVE MODE;"
    "UPDATE environment SET nodes = nodes"
)
_PROBE_SECONDS = 0.9
# The statement was rolled back by the server: saying "try again" is true.
_ROLLED_BACK = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)
# The connection is gone, or its time limit has passed.
_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)


class _Pool:
    """Connections that are lent out, the one last used first.

    Our own because asyncpg's takes 25 of the 40 microseconds of a read by key: it guards each
    loan by timers. Here a statement has a time limit, so whoever waits gets its turn.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._size = size
        self._open = 0
        self._idle: list[Any] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._closed = False

    async def acquire(self, *, first: bool = False) -> Any:
        """Return a connection, ``first`` before others who wait; the caller gives it back.

        Raises:
            Unavailable: the server does not answer, or too many wait already.

        """
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._open -= 1
            if self._open < self._size:
                return await self._connect()
            if len(self._waiting) >= _MOST_WAITING:
                raise Unavailable("too many calls wait for a connection")
            turn = asyncio.get_running_loop().create_future()
            (self._waiting.appendleft if first else self._waiting.append)(turn)
            try:
                connection = await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on(turn.result())
                elif turn in self._waiting:
                    self._waiting.remove(turn)
                raise
            if connection is not None:
                return connection

    def give_back(self, connection: Any) -> None:
        """Take a connection back; a closed one makes room for a new one."""
        if self._closed or connection.is_closed():
            self._open -= 1
            connection.terminate()
            connection = None
        self._pass_on(connection)

    async def close(self) -> None:
        """Close all that are idle; those in use close when they come back."""
        self._closed = True
        for connection in self._idle:
            await connection.close(timeout=2)
        self._open -= len(self._idle)
        self._idle.clear()

    async def _connect(self) -> Any:
        self._open += 1
        try:
            return await asyncpg.connect(
                self._url,
                timeout=_CONNECT_SECONDS,
                command_timeout=_STATEMENT_SECONDS,
                server_settings=_SERVER_SETTINGS,
            )
        except BaseException as problem:
            self._open -= 1
            self._pass_on(None)
            if isinstance(
                problem,
                OSError
                | TimeoutError
                | asyncpg.PostgresError
                | asyncpg.InterfaceError
                | ValueError,
            ):
                raise Unavailable(str(problem) or type(problem).__name__, errors.Away) from problem
            raise

    def _pass_on(self, connection: Any | None) -> None:
        """Hand a connection, or with None the room for a new one, to who waits the longest.

        From hand to hand, so that nobody who comes later gets it first.
        """
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)


class PostgreSQL(Database):
    """A pool of connections to one PostgreSQL."""

    def __init__(self, pool: _Pool) -> None:
        super().__init__()
        self._pool = pool

    @classmethod
    async def connect(cls, url: str, pool_size: int) -> Self:
        """Open the pool.

        Raises:
            Unavailable: the server does not answer or refuses us.

        """
        pool = _Pool(url, pool_size)
        pool.give_back(await pool.acquire())
        return cls(pool)

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        sql, args = statement.bind("postgresql", params)
        connection = await self._pool.acquire()
        try:
            return await _fetch(connection, sql, args, undone=statement.is_read)
        finally:
            self._pool.give_back(connection)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        sql, args = change.bind_recorded({**params, **event_params(*events)}, len(events))
        connection = await self._pool.acquire()
        try:
            rows = await _fetch(connection, sql, args, undone=False)
        finally:
            self._pool.give_back(connection)
        return rows[0] if rows else None

    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """See `Session.transaction`."""
        return self._begun()

    def snapshot(self) -> AbstractAsyncContextManager[Session]:
        """See `Database.snapshot`."""
        return self._begun(isolation="repeatable_read", readonly=True)

    @asynccontextmanager
    async def _begun(self, **how: Any) -> AsyncIterator[Session]:
        connection = await self._pool.acquire()
        try:
            transaction = connection.transaction(**how)
            try:
                await transaction.start()
            except _LOST as problem:
                raise Unavailable(str(problem)) from problem
            try:
                yield _Transaction(self, connection)
            except BaseException:
                with suppress(*_LOST):
                    await transaction.rollback()
                raise
            await transaction.commit()
        except (asyncio.CancelledError, TimeoutError):
            # Cut off before who knows which reply: the next to use the connection could find
            # itself within this transaction. The server undoes what is open when we hang up.
            connection.terminate()
            raise
        finally:
            self._pool.give_back(connection)

    async def probe(self) -> None:
        """See `Database.probe`: before whoever waits for a connection, for a second at most."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                connection = await self._pool.acquire(first=True)
                try:
                    await connection.execute(_PROBE)
                except BaseException:
                    connection.terminate()
                    raise
                finally:
                    self._pool.give_back(connection)
        except asyncpg.ReadOnlySQLTransactionError as problem:
            raise Unavailable("it is read-only", errors.ReadOnly) from problem
        except asyncpg.LockNotAvailableError as problem:
            raise Unavailable("its events are locked", errors.Locked) from problem
        except asyncpg.DiskFullError as problem:
            raise Unavailable("its disk is full", errors.DiskFull) from problem
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as problem:
            raise Unavailable(str(problem) or type(problem).__name__, errors.Away) from problem

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()


class _Transaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, database: PostgreSQL, connection: Any) -> None:
        super().__init__(database)
        self._connection = connection

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        sql, args = statement.bind("postgresql", params)
        return await _fetch(self._connection, sql, args, undone=True)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        sql, args = change.bind_recorded({**params, **event_params(*events)}, len(events))
        rows = await _fetch(self._connection, sql, args, undone=True)
        return rows[0] if rows else None

    async def serialize(self, word: str) -> None:
        """See `Session.serialize`."""
        await _fetch(self._connection, _SERIALIZE, [word], undone=True)

    async def expect_growth(self) -> None:
        """See `Session.expect_growth`."""
        await _fetch(self._connection, _EXPECT_GROWTH, [], undone=True)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`: a savepoint, so that a duplicate inside undoes only that."""
        async with self._connection.transaction():
            yield self


async def _fetch(connection: Any, sql: str, args: list[Any], *, undone: bool) -> Sequence[Row]:
    """Run a statement; if it is cut off, ``undone`` says that nothing remains of it."""
    try:
        rows: Sequence[Row] = await connection.fetch(sql, *args)
    except asyncpg.UniqueViolationError as problem:
        raise DuplicateKey((problem.constraint_name or "").rpartition("__")[2]) from problem
    except asyncpg.ForeignKeyViolationError as problem:
        raise ForeignKey(problem.constraint_name or "") from problem
    except _ROLLED_BACK as problem:
        raise Unavailable(type(problem).__name__) from problem
    except asyncpg.CharacterNotInRepertoireError:
        raise errors.InvalidArgument("a text may not hold a NUL") from None
    except _LOST as problem:
        timed_out = isinstance(problem, TimeoutError)
        if not timed_out and not connection.is_closed():
            raise  # it was used wrongly
        # Not even sent, or ended by the server, which says so.
        never = isinstance(problem, asyncpg.InterfaceError)
        ended = isinstance(problem.__cause__, asyncpg.OperatorInterventionError)
        if not (undone or never or ended):
            raise
        raise Unavailable(str(problem) or type(problem).__name__) from problem
    return rows
