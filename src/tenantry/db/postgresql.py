"""PostgreSQL by asyncpg: one round trip for a change with its event, and the answer to its loss."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import asyncpg

from tenantry.core import errors
from tenantry.db import fence, pgbouncer, unique_keys
from tenantry.db.budget import Budget
from tenantry.db.cluster import Cluster
from tenantry.db.engine import (
    Database,
    DuplicateKey,
    ForeignKey,
    OutcomeUnknown,
    Row,
    Session,
    Transaction,
    Unavailable,
    event_params,
    mark_changed,
)
from tenantry.db.pool import LOCK_SECONDS, Connection, Pool
from tenantry.db.refusals import ANSWERED, answer_to
from tenantry.settings.servers import shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from tenantry.core.event import Event
    from tenantry.db.statements import Statement

_log = logging.getLogger(__name__)

_STATEMENT_SECONDS = 15.0
# The server gives up first, and says that nothing was changed; this is for one that hangs.
_ANSWER_SECONDS = _STATEMENT_SECONDS + 2
_SESSION = {
    "jit": "off",
    # Statements are few and their plans do not hang on the arguments; PostgreSQL would plan
    # one with LIMIT anew each time, which is two thirds of a list's cost.
    "plan_cache_mode": "force_generic_plan",
    # Such a plan is kept, also those by which foreign keys are checked: one that was made while a
    # table was small would read all of it for each new row, until somebody counted its rows again.
    "enable_seqscan": "off",
    "statement_timeout": f"{_STATEMENT_SECONDS:.0f}s",
    # Less than others wait for a connection: one that waits for a lock gives its own back in time.
    "lock_timeout": f"{LOCK_SECONDS:.0f}s",
    # A process that stands still within a transaction holds up others for so long at most.
    "idle_in_transaction_session_timeout": "60s",
    # A machine that loses its power leaves connections that count up to max_connections: PostgreSQL
    # asks each that is silent, and gives it up after a minute; by default after two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
# The rest is a loop over the given values, with a look into an index for each.
_EXPECT_GROWTH = "SELECT " + ", ".join(
    f"set_config('enable_{way}', 'off', true)" for way in ("seqscan", "hashjoin", "mergejoin")
)
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
# The connection is gone, or its time limit has passed.
_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)


class _Lost(Unavailable):
    """The connection was lost; ``unsent`` says that the server has not seen the statement."""

    def __init__(self, problem: BaseException, *, unsent: bool) -> None:
        super().__init__(str(problem) or type(problem).__name__, errors.Away)
        self.unsent = unsent


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
                await _check_session_mode(connect, first)
        finally:
            pool.give_back(first)
        if not connect.cluster.has_several:
            return cls(pool, probes)
        return cls(pool, probes, asyncio.create_task(_follow(connect.cluster, pool, probes)))

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        if statement.is_read:
            self.reads += 1
        else:
            self.changes += 1
        sql, args = statement.bind("postgresql", params)
        return await self._run(sql, args, is_read=statement.is_read)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        self.changes += 1
        sql, args = change.bind_recorded({**params, **event_params(*events)}, len(events))
        rows = await self._run(sql, args, is_read=False)
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
            if not (isinstance(problem, _Lost) and (is_read or problem.unsent)):
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
        """See `Session.transaction`."""
        return self._begun()

    def snapshot(self) -> AbstractAsyncContextManager[Session]:
        """See `Database.snapshot`."""
        return self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    @asynccontextmanager
    async def _begun(self, begin: str = "BEGIN") -> AsyncIterator[Session]:
        connection = await self._begin(begin)
        try:
            session = _Transaction(self, connection)
            try:
                yield session
            except BaseException:
                await _roll_back(connection, "ROLLBACK")
                raise
            await _command(connection, "COMMIT", undone=False)
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
            await _command(connection, begin, undone=True)
        except _Lost:
            self._pool.give_back(connection)
        except BaseException:
            connection.terminate()
            self._pool.give_back(connection)
            raise
        else:
            return connection
        connection = await self._pool.acquire_new()
        try:
            await _command(connection, begin, undone=True)
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
        except (asyncpg.PostgresError, *_LOST, asyncpg.InternalClientError) as problem:
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
        await self._pool.close()
        await self._probes.close()


class connecting:  # noqa: N801 - a function that keeps its servers
    """Connects to the servers of a URL, for a pool.

    Raises:
        Unavailable: the URL names no servers.

    """

    def __init__(self, url: str, *, replica: bool = False) -> None:
        try:
            self.cluster = Cluster(url, replica=replica)
        except ValueError as problem:
            raise Unavailable(str(problem), errors.Away) from None

    async def __call__(self, seconds: float) -> Connection:
        """Connect within a number of seconds."""
        made: Connection = await self.cluster.connect(
            session(),
            connection_class=Connection,
            timeout=seconds,
            command_timeout=_ANSWER_SECONDS,
        )
        made.prepares = self.cluster.mode != pgbouncer.TRANSACTION
        return made


async def _check_session_mode(connect: connecting, first: Connection) -> None:
    try:
        wrong = await pgbouncer.is_in_transaction_mode(first, connect)
    except (asyncpg.PostgresError, *_LOST) as problem:
        text = str(problem) or type(problem).__name__
        raise Unavailable(text, answer_to(problem)) from problem
    if wrong:
        raise Unavailable(pgbouncer.ADVICE_TRANSACTION, errors.Away)


def session() -> dict[str, str]:
    """Return the settings of each Tenantry session."""
    return {"application_name": fence.application_name(), **_SESSION}


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
                fields = {"server": shown(server)}
                _log.warning("the database has another primary", extra={"fields": fields})
    finally:
        cluster.close()


class _Transaction(Transaction):
    """A transaction on one connection."""

    sees_before = True

    def __init__(self, database: PostgreSQL, connection: Connection) -> None:
        super().__init__(database)
        self._connection = connection

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        if statement.is_read:
            self._database.reads += 1
        else:
            self._database.changes += 1
            self.changed = True
        sql, args = statement.bind("postgresql", params)
        return await fetch(self._connection, sql, args, undone=True)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        self._database.changes += 1
        self.changed = True
        sql, args = change.bind_recorded({**params, **event_params(*events)}, len(events))
        rows = await fetch(self._connection, sql, args, undone=True)
        return rows[0] if rows else None

    async def serialize(self, word: str) -> None:
        """See `Session.serialize`."""
        await fetch(self._connection, _SERIALIZE, [word], undone=True)

    async def alone(self, word: str) -> bool:
        """See `Session.alone`."""
        rows = await fetch(self._connection, _ALONE, [word], undone=True)
        return bool(rows[0][0])

    async def expect_growth(self) -> None:
        """See `Session.expect_growth`."""
        await fetch(self._connection, _EXPECT_GROWTH, [], undone=True)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`: a savepoint, so that a duplicate inside undoes only that."""
        await _command(self._connection, "SAVEPOINT nested", undone=True)
        try:
            yield self
        except BaseException:
            # The name is that of all: released, it means the one around this again.
            await _roll_back(self._connection, "ROLLBACK TO nested; RELEASE nested")
            raise
        await _command(self._connection, "RELEASE nested", undone=True)


async def fetch(
    connection: Connection,
    sql: str,
    args: list[Any],
    *,
    undone: bool,
    seconds: float | None = None,
) -> Sequence[Row]:
    """Run a statement; if it is cut off, ``undone`` says that nothing remains of it.

    Raises:
        Failure: it was not done, or nobody knows.
        DuplicateKey, ForeignKey: see `Session.apply`.

    """
    try:
        rows: Sequence[Row] = await connection.rows(
            sql, args, _ANSWER_SECONDS if seconds is None else seconds
        )
    except Exception as problem:
        meant = _meant(problem, connection, undone=undone)
        if meant is problem:
            raise
        raise meant from problem
    return rows


async def _command(connection: Connection, sql: str, *, undone: bool) -> None:
    """Begin, mark or end a transaction; ``undone`` as for `fetch`."""
    try:
        await connection.command(sql, _ANSWER_SECONDS)
    except Exception as problem:
        meant = _meant(problem, connection, undone=undone)
        if meant is problem:
            raise
        raise meant from problem


async def _roll_back(connection: Connection, sql: str) -> None:
    try:
        await connection.command(sql, _ANSWER_SECONDS)
    except (asyncpg.PostgresError, *_LOST, asyncpg.InternalClientError):
        connection.terminate()  # the server undoes an open transaction when we hang up


def _meant(problem: Exception, connection: Connection, *, undone: bool) -> Exception:
    """Return what an error of the driver means to the domain packages; an unknown one is returned
    as it is.

    A connection that was lost is ended here, so that it is lent to nobody else.
    """
    match problem:
        case asyncpg.UniqueViolationError():
            return DuplicateKey(unique_keys.field_of(problem.constraint_name or ""))
        case asyncpg.ForeignKeyViolationError():
            return ForeignKey(problem.constraint_name or "")
        case asyncpg.CharacterNotInRepertoireError() | asyncpg.UntranslatableCharacterError():
            return errors.InvalidArgument("a text may not hold a NUL")
    if isinstance(problem, ANSWERED):
        return Unavailable(str(problem), answer_to(problem))
    if isinstance(problem, pgbouncer.MIXED_UP):
        return Unavailable(f"{problem} ({pgbouncer.ADVICE_TRANSACTION})", errors.Away)
    return _lost(problem, connection, undone=undone)


def _lost(problem: Exception, connection: Connection, *, undone: bool) -> Exception:
    # The driver refused to send it: the connection is closed, or has read the server's farewell.
    closed = connection.is_closed()
    unsent = closed and isinstance(problem, asyncpg.InterfaceError)
    if type(problem) is asyncpg.InternalClientError:
        unsent = "cannot switch to state" in str(problem)
    late = connection.is_late or isinstance(problem, TimeoutError)
    if not (unsent or late or (closed and isinstance(problem, _LOST))):
        return problem  # it was used wrongly
    connection.terminate()
    if late:
        return Unavailable("no answer in time", errors.Away) if undone else OutcomeUnknown(problem)
    # The last word of a server that ends a connection in order is that nothing was changed.
    ended = isinstance(problem.__cause__, asyncpg.AdminShutdownError)
    if undone or unsent or ended:
        return _Lost(problem, unsent=unsent)
    return OutcomeUnknown(problem)
