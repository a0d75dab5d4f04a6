"""Lists read from a standby, none of which misses a change that was acknowledged before it.

For each the primary is asked how far its log has got, and the standby whether it has come so far;
where it does not get there in a moment, the list is read from the primary. No caller is
remembered, so it is the same for all processes. See docs/decisions/0035-replicas.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from tenantry.core import errors
from tenantry.db.engine import Failure, Row, Transaction, Unavailable
from tenantry.db.postgresql.connections import connecting
from tenantry.db.postgresql.database import PostgreSQL
from tenantry.db.postgresql.pool import Connection, Pool
from tenantry.db.postgresql.statements import fetch
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.db.postgresql.budget import Budget
    from tenantry.db.sql.statements import Statement

_log = logging.getLogger(__name__)

# All that was acknowledged is flushed. After a failover a standby can be further on in the log of
# the former primary, which is another timeline.
_POSITION = (
    "SELECT pg_current_wal_flush_lsn()::text AS place, "
    "('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int AS timeline"
)
_IS_THERE = (
    "SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' AND received_tli = $2 "
    "AND pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
)
_PAUSES = (0.001, 0.003, 0.006, 0.01)  # between two looks: the standby is mostly on its way
_REACH_SECONDS = 0.5  # for a connection, and for each look
_LIST_SECONDS = 3.0
# A standby that cannot be reached, or is behind, is not waited for by each list.
_AWAY_SECONDS, _BEHIND_SECONDS = 5.0, 0.5


class Replica:
    """The standbys of one URL, beside the primary of one event loop."""

    def __init__(self, primary: PostgreSQL, url: str, budget: Budget) -> None:
        self._primary = primary
        self._pool = Pool(connecting(url, replica=True), budget)
        self._positions = _Positions(primary)
        self._not_before = float("-inf")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session | None]:
        """Give a session on a standby that has every change acknowledged until now; else None.

        Raises:
            Unavailable: the primary cannot be asked.

        """
        connection = await self._caught_up()
        if connection is None:
            yield None
            return
        try:
            yield _Reading(self._primary, connection)
        except Failure as problem:
            self._pass_over(problem, _AWAY_SECONDS)
            raise
        except BaseException:
            connection.terminate()
            raise
        finally:
            self._pool.give_back(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def _caught_up(self) -> Connection | None:
        """Return a connection to a standby that has all of now."""
        if time.monotonic() < self._not_before:
            return None
        position = await self._positions.now()
        try:
            async with asyncio.timeout(_REACH_SECONDS):
                connection = await self._pool.acquire()
        except (Unavailable, TimeoutError) as problem:
            self._pass_over(problem, _AWAY_SECONDS)
            return None
        try:
            for pause in (*_PAUSES, 0):
                if await fetch(
                    connection, _IS_THERE, position, undone=True, seconds=_REACH_SECONDS
                ):
                    return connection
                await asyncio.sleep(pause)
        except (Failure, asyncpg.PostgresError) as problem:
            self._pass_over(problem, _AWAY_SECONDS)
        except BaseException:
            connection.terminate()
            self._pool.give_back(connection)
            raise
        else:
            self._not_before = time.monotonic() + _BEHIND_SECONDS
        self._pool.give_back(connection)
        return None

    def _pass_over(self, problem: BaseException, seconds: float) -> None:
        self._not_before = time.monotonic() + seconds
        fields = {"problem": str(problem) or type(problem).__name__}
        warn_rate_limited(
            _log,
            "standby unusable, lists are read from the primary",
            type(problem).__name__,
            fields,
        )


class _Positions:
    """How far the primary's log has got, asked once for all that want to know at the same time."""

    def __init__(self, primary: PostgreSQL) -> None:
        self._primary = primary
        self._asking: asyncio.Future[list[Any]] | None = None
        self._next: asyncio.Future[list[Any]] | None = None

    async def now(self) -> list[Any]:
        """Return a place that was not passed before this call, and its timeline."""
        # The answer that is on its way may be older than a change which the caller knows of.
        if self._next is None:
            self._next = asyncio.ensure_future(self._ask_after(self._asking))
        return await asyncio.shield(self._next)

    async def _ask_after(self, asking: asyncio.Future[list[Any]] | None) -> list[Any]:
        if asking is not None:
            await asyncio.wait({asking})
        self._asking, self._next = self._next, None
        (row,) = await self._primary.ask(_POSITION)
        return [row["place"], row["timeline"]]


class _Reading(Transaction):
    """Reads on one connection to a standby, each for itself."""

    def __init__(self, primary: PostgreSQL, connection: Connection) -> None:
        super().__init__(primary)
        self._connection = connection

    @property
    def database(self) -> PostgreSQL:
        assert isinstance(self._database, PostgreSQL)
        return self._database

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        sql, args = statement.bind("postgresql", params)
        return await fetch(self._connection, sql, args, undone=True, seconds=_LIST_SECONDS)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """See `Session.apply`: a standby takes none, and the list is read from the primary."""
        del change, events, params
        raise Unavailable("a list makes a change", errors.ReadOnly)

    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """See `Session.transaction`: there is nothing to undo."""
        return self._itself()

    @asynccontextmanager
    async def _itself(self) -> AsyncIterator[Session]:
        yield self
