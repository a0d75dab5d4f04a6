"""PostgreSQL by asyncpg: one round trip for a change with its event, and the answer to its loss."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import asyncpg

from tenantry.core import errors
from tenantry.db.engine import (
    Database,
    Row,
    Session,
    Transaction,
    Unavailable,
    event_params,
    mark_changed,
)
from tenantry.db.postgresql import pgbouncer
from tenantry.db.postgresql.batches import Batches
from tenantry.db.postgresql.budget import Budget
from tenantry.db.postgresql.connections import check_session_mode, connecting, session
from tenantry.db.postgresql.pool import Connection, Pool
from tenantry.db.postgresql.refusals import ANSWERED, answer_to
from tenantry.db.postgresql.statements import LOST, ConnectionLost, command, fetch, roll_back
from tenantry.settings.servers import to_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from tenantry.core.event import Event
    from tenantry.db.postgresql.cluster import Cluster
    from tenantry.db.sql.statements import Statement

_log = logging.getLogger(__name__)

# The rest is a loop over the given values, with a look into an index for each.
_EXPECT_GROWTH = "SELECT " + ", ".join(
    f"set_config('enable_{way}', 'off', true)" for way in ("seqscan", "hashjoin", "mergejoin")
)
_HAS_CITUS = "SELECT to_regclass('pg_dist_partition') IS NOT NULL"
_SERIALIZE = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
# One transaction of three statements: a lock that every change takes, and a commit that has to
# reach the disk. A longer hold of the lock holds up every change.
_PROBE = (
    "SELECT set_config('lock_timeout', '500ms', true);"
    "LOCK TABLE ONLY events IN ROW EXCLUSIVE MODE;"
    "UPDATE environment SET nodes = nodes"
)
# A change of one row fits into what its file has already. When it was full, the file is grown.
_GROW = (
    "CREATE TEMPORARY TABLE probe_of_room ON COMMIT DROP AS "
    "SELECT repeat(md5(n::text), 50) AS filling FROM generate_series(1, 500) n"
)
_PROBE_SECONDS = 0.9
_FOLLOW_SECONDS = 1.0


class PostgreSQL(Database):
    """A pool of connections to one PostgreSQL."""

    sees_before = True

    def __init__(
        self, pool: Pool, probes: Pool, watching: asyncio.Task[None] | None = None
    ) -> None:
        super().__init__()
        self._pool = pool
        # Its own connection: a pool whose connections all wait is no lost database.
        self._probes = probes
        self._watching = watching
        self._was_full = False
        self._batches = Batches(pool, self._run)

    @classmethod
    async def connect(cls, url: str, budget: Budget) -> Self:
        """Open the pool.

        Raises:
            Unavailable: the server does not answer or refuses us.

        """
        connect = connecting(url)
        pool, probes = Pool(connect, budget), Pool(connect, Budget(1))
        first = await pool.acquire()
        try:
            if connect.cluster.mode == pgbouncer.SESSION:
                await check_session_mode(connect, first)
            has_citus = await fetch(first, _HAS_CITUS, [], undone=True)
        finally:
            pool.give_back(first)
        watching = None
        if connect.cluster.has_several:
            watching = asyncio.create_task(_follow(connect.cluster, pool, probes))
        database = cls(pool, probes, watching)
        database._batches.is_off = bool(has_citus[0][0])
        return database

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        if statement.is_read:
            self.reads += 1
        else:
            self.changes += 1
        sql, args = statement.bind("postgresql", params)
        if statement.batch is None:
            return await self._run(sql, args, is_read=statement.is_read)
        return await self._batches.run(statement, sql, args, params)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        self.changes += 1
        params |= event_params(*events)
        sql, args = change.bind_recorded(params, len(events))
        if change.batch is None:
            rows = await self._run(sql, args, is_read=False)
        else:
            rows = await self._batches.run(change, sql, args, params)
        return rows[0] if rows else None

    async def ask(self, sql: str) -> Sequence[Row]:
        """Run a question to the server itself.

        Raises:
            Failure: it was not answered.

        """
        return await self._run(sql, [], is_read=True)

    async def _run(self, sql: str, args: list[Any], *, is_read: bool) -> Sequence[Row]:
        """Run a statement by itself."""
        rows = await self._sent(sql, args, is_read=is_read)
        if not is_read:
            mark_changed()
        return rows

    async def _sent(self, sql: str, args: list[Any], *, is_read: bool) -> Sequence[Row]:
        """Run a statement, once more where the connection was lost and that does no harm."""
        self.check_version()
        connection = await self._pool.acquire()
        try:
            return await fetch(connection, sql, args, undone=is_read)
        except Unavailable as problem:
            self._note(problem)
            if not (isinstance(problem, ConnectionLost) and (is_read or problem.unsent)):
                raise
        finally:
            self._pool.give_back(connection)
        connection = await self._pool.acquire_new()
        try:
            return await fetch(connection, sql, args, undone=is_read)
        finally:
            self._pool.give_back(connection)

    def _note(self, problem: Unavailable) -> None:
        if problem.answer is errors.DiskFull:
            self._was_full = True

    def transaction(self) -> AbstractAsyncContextManager[Session]:
        return self._begun()

    def snapshot(self) -> AbstractAsyncContextManager[Session]:
        return self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    @asynccontextmanager
    async def _begun(self, begin: str = "BEGIN") -> AsyncIterator[Session]:
        connection = await self._begin(begin)
        try:
            session = _Transaction(self, connection)
            try:
                yield session
            except BaseException:
                await roll_back(connection, "ROLLBACK")
                raise
            await command(connection, "COMMIT", undone=False)
            if session.changed:
                mark_changed()
        except (asyncio.CancelledError, TimeoutError):
            # Cut off before an unknown reply: the next to use the connection could find
            # itself within this transaction. The server undoes an open transaction when we hang up.
            connection.terminate()
            raise
        except Unavailable as problem:
            self._note(problem)
            raise
        finally:
            self._pool.give_back(connection)

    async def _begin(self, begin: str) -> Connection:
        """Return a connection with a transaction on it: on another one if the first was dead."""
        self.check_version()
        self.transactions += 1
        connection = await self._pool.acquire()
        try:
            await command(connection, begin, undone=True)
        except ConnectionLost:
            self._pool.give_back(connection)
        except BaseException:
            connection.terminate()
            self._pool.give_back(connection)
            raise
        else:
            return connection
        connection = await self._pool.acquire_new()
        try:
            await command(connection, begin, undone=True)
        except BaseException:
            connection.terminate()
            self._pool.give_back(connection)
            raise
        return connection

    async def probe(self, *, growing: bool = False) -> None:
        """See `Database.probe`: for a second at most, on its own connection."""
        self.check_version()
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                pool, connection = await self._connection_to_probe()
                try:
                    await connection.execute(_PROBE)
                    if growing or self._was_full:
                        await connection.execute(_GROW)
                        self._was_full = False
                except ANSWERED:
                    raise
                except BaseException:
                    connection.terminate()
                    raise
                finally:
                    pool.give_back(connection)
        except (asyncpg.PostgresError, *LOST, asyncpg.InternalClientError) as problem:
            text = str(problem) or type(problem).__name__
            raise Unavailable(text, answer_to(problem)) from problem

    async def _connection_to_probe(self) -> tuple[Pool, Connection]:
        """Return one reserved for it; one of all where the server has no room for another."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS / 2):
                return self._probes, await self._probes.acquire()
        except (TimeoutError, Unavailable):
            return self._pool, await self._pool.acquire()

    async def close(self) -> None:
        """Close all connections."""
        if self._watching is not None:
            self._watching.cancel()
        if self.replica is not None:
            await self.replica.close()
        self._batches.close()
        await self._pool.close()
        await self._probes.close()


async def _follow(cluster: Cluster, *pools: Pool) -> None:
    """Drop a primary once another server of the cluster has taken its place.

    One that hangs, or was cut off, does not say so itself, and would be waited for.
    """
    try:
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            server = await cluster.has_moved(session())
            if server is not None:
                for pool in pools:
                    pool.leave_all_but(server)
                fields = {"server": to_text(server)}
                _log.warning("database primary changed", extra={"fields": fields})
    finally:
        cluster.close()


class _Transaction(Transaction):
    """A transaction on one connection."""

    sees_before = True

    def __init__(self, database: PostgreSQL, connection: Connection) -> None:
        super().__init__(database)
        self._connection = connection

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        if statement.is_read:
            self._database.reads += 1
        else:
            self._database.changes += 1
            self.changed = True
        sql, args = statement.bind("postgresql", params)
        return await fetch(self._connection, sql, args, undone=True)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        self._database.changes += 1
        self.changed = True
        sql, args = change.bind_recorded({**params, **event_params(*events)}, len(events))
        rows = await fetch(self._connection, sql, args, undone=True)
        return rows[0] if rows else None

    async def serialize(self, word: str) -> None:
        await fetch(self._connection, _SERIALIZE, [word], undone=True)

    async def alone(self, word: str) -> bool:
        rows = await fetch(self._connection, _ALONE, [word], undone=True)
        return bool(rows[0][0])

    async def expect_growth(self) -> None:
        await fetch(self._connection, _EXPECT_GROWTH, [], undone=True)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`: a savepoint, so that a duplicate inside undoes only that."""
        await command(self._connection, "SAVEPOINT nested", undone=True)
        try:
            yield self
        except BaseException:
            # The name is that of all: released, it means the one around this again.
            await roll_back(self._connection, "ROLLBACK TO nested; RELEASE nested")
            raise
        await command(self._connection, "RELEASE nested", undone=True)
