"""PostgreSQL by asyncpg: a pool, one round trip for a change with its event."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import asyncpg

from tenantry.db.engine import (
    Database,
    DuplicateKey,
    Row,
    Session,
    Transaction,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tenantry.db.statements import Statement
    from tenantry.events import Event

_ACQUIRE_SECONDS = 5.0
_STATEMENT_SECONDS = 15.0
# The statement was rolled back by the server: saying "try again" is true.
_ROLLED_BACK = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)


async def _keep(_connection: Any) -> None:
    """Leave a returned connection as it is: single statements leave nothing to reset."""


class PostgreSQL(Database):
    """A pool of connections to one PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, url: str, pool_size: int) -> Self:
        """Open the pool.

        Raises:
            Unavailable: the server does not answer or refuses us.

        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=pool_size,
                reset=_keep,
                command_timeout=_STATEMENT_SECONDS,
                max_inactive_connection_lifetime=0,
                server_settings={"application_name": "tenantry", "jit": "off"},
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as problem:
            raise Unavailable(str(problem) or type(problem).__name__) from problem
        return cls(pool)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            connection = await self._pool.acquire(timeout=_ACQUIRE_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
            raise Unavailable(type(problem).__name__) from problem
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        sql, args = statement.bind("postgresql", params)
        async with self._connection() as connection:
            return await _fetch(connection, sql, args)

    async def apply(self, change: Statement, event: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        sql, args = change.bind_recorded({**params, **self.event_params(event)})
        async with self._connection() as connection:
            rows = await _fetch(connection, sql, args)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`."""
        async with self._connection() as connection, connection.transaction():
            yield _Transaction(self, connection)

    async def close(self) -> None:
        """Close all connections, those in use after a moment."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()


class _Transaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, database: PostgreSQL, connection: Any) -> None:
        super().__init__(database)
        self._connection = connection

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        sql, args = statement.bind("postgresql", params)
        return await _fetch(self._connection, sql, args)

    async def apply(self, change: Statement, event: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        sql, args = change.bind_recorded({**params, **self.event_params(event)})
        rows = await _fetch(self._connection, sql, args)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`: a savepoint, so that a duplicate inside undoes only that."""
        async with self._connection.transaction():
            yield self


async def _fetch(connection: Any, sql: str, args: list[Any]) -> Sequence[Row]:
    try:
        rows: Sequence[Row] = await connection.fetch(sql, *args)
    except asyncpg.UniqueViolationError as problem:
        raise DuplicateKey((problem.constraint_name or "").rpartition("__")[2]) from problem
    except _ROLLED_BACK as problem:
        raise Unavailable(type(problem).__name__) from problem
    return rows
