"""SQLite by the standard library: one thread that writes, a few that read (WAL).

A change with its event is one trip to the writing thread: begin, change, event, commit.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tenantry import errors, ids
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
)
from tenantry.db.search import folded
from tenantry.db.statements import RECORD
from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from tenantry.db.statements import Statement
    from tenantry.event import Event

T = TypeVar("T")

_READERS = 3
# After each of these, its transaction can only be rolled back
# (https://www.sqlite.org/rescode.html).
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: errors.Locked,
    sqlite3.SQLITE_LOCKED: errors.Locked,
    sqlite3.SQLITE_READONLY: errors.ReadOnly,
    sqlite3.SQLITE_FULL: errors.DiskFull,
    sqlite3.SQLITE_CANTOPEN: errors.Away,
    sqlite3.SQLITE_PERM: errors.Away,
    sqlite3.SQLITE_IOERR: errors.Away,
    sqlite3.SQLITE_CORRUPT: errors.Damaged,
    sqlite3.SQLITE_NOTADB: errors.Damaged,
}
# For other writers of this process, and then for those of others.
_TURN_SECONDS = 3.0
_BUSY_SECONDS = 3.0


_LEAST_ROOM = 4 << 20  # bytes


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError as problem:
        # Only the next one to open the file will see the part that the disk has.
        if problem.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR:
            raise OutcomeUnknown(problem) from problem
        raise


class SQLite(Database):
    """One database file, shared with other processes of this machine."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._local = threading.local()
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(_READERS, "sqlite-reader")
        self._writing = asyncio.Lock()
        self._event_mint: ids.Mint | None = None

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=256
            )
            connection.row_factory = sqlite3.Row
            try:
                # FULL: a commit is on the disk before it is answered, also if the power fails.
                connection.executescript(
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                    "PRAGMA cache_size=-16000; PRAGMA case_sensitive_like=OFF;"
                )
            except sqlite3.Error:
                connection.close()
                raise
            # The first two are called by the writing thread alone, within its transactions.
            connection.create_function("tenantry_event_id", 0, self._new_event_id)
            connection.create_function("tenantry_now", 0, now)
            connection.create_function("tenantry_folded", 1, folded, deterministic=True)
            self._local.connection = connection
        return connection

    def _new_event_id(self) -> str:
        if self._event_mint is None:
            self._event_mint = ids.Mint(self.mint.node)
        return self._event_mint.new(ids.EVENT)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            try:
                return work(self._connection())
            except sqlite3.IntegrityError as problem:
                # It reads: UNIQUE constraint failed: organizations.external_id
                text = str(problem)
                if text.startswith("UNIQUE"):
                    column = text.partition(",")[0].rpartition(".")[2]
                    raise DuplicateKey(column) from problem
                if text.startswith("FOREIGN KEY"):
                    raise ForeignKey("") from problem
                raise
            except sqlite3.DatabaseError as problem:
                # The low byte is the kind: another process recovering the file is busy too.
                answer = _UNAVAILABLE.get(getattr(problem, "sqlite_errorcode", 0) & 0xFF)
                if answer is not None:
                    raise Unavailable(f"{self._path}: {problem}", answer) from problem
                raise

        return await asyncio.get_running_loop().run_in_executor(pool, run)

    async def run_writer(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run this on the writing thread; the caller holds the lock."""
        return await self._run(self._writer, work)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Be the one writer of this process."""
        if self._writing.locked():  # else there is nothing to wait for, and no timer needed
            try:
                async with asyncio.timeout(_TURN_SECONDS):
                    await self._writing.acquire()
            except TimeoutError:
                raise Unavailable("another change takes long", errors.Busy) from None
        else:
            await self._writing.acquire()
        try:
            yield
        finally:
            self._writing.release()

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        sql, args = statement.bind("sqlite", params)
        if statement.is_read:
            return await self._run(self._readers, lambda c: c.execute(sql, args).fetchall())
        async with self._turn():
            return await self.run_writer(lambda c: c.execute(sql, args).fetchall())

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        make = _recorded(change.bind_all(params), [event_params(event) for event in events])

        def work(connection: sqlite3.Connection) -> Row | None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                row = make(connection)
                _commit(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return row

        async with self._turn():
            return await self.run_writer(work)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`."""

        def commit(connection: sqlite3.Connection) -> None:
            if connection.in_transaction:
                _commit(connection)

        def roll_back(connection: sqlite3.Connection) -> None:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

        async with self._turn():
            try:
                # The thread takes its work in order: a begin that we stopped waiting for is
                # still undone by the rollback behind it.
                await self.run_writer(lambda c: c.execute("BEGIN IMMEDIATE"))
                yield _Transaction(self, self.run_writer)
                await self.run_writer(commit)
            except BaseException:
                await asyncio.shield(self.run_writer(roll_back))
                raise

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """See `Database.snapshot`: a thread of its own, so that other reads go on."""
        reader = ThreadPoolExecutor(1, "sqlite-snapshot")
        try:
            await self._run(reader, lambda c: c.execute("BEGIN"))
            yield _Transaction(self, partial(self._run, reader))
        finally:
            await asyncio.shield(self._run(reader, lambda c: c.close()))
            reader.shutdown(wait=False)

    async def probe(self) -> None:
        """See `Database.probe`: between the statements of a writer, not before or after."""

        def work(connection: sqlite3.Connection) -> None:
            self._look_for_room()
            if not connection.in_transaction:  # else it takes changes at this moment
                connection.execute("BEGIN IMMEDIATE")
                try:
                    connection.execute("UPDATE environment SET nodes = nodes")
                    _commit(connection)
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise

        await self.run_writer(work)

    def _look_for_room(self) -> None:
        # A small change may still fit into what the file has, and a larger one no more.
        try:
            disk = os.statvfs(self._path)
        except OSError as problem:
            raise Unavailable(str(problem), errors.Away) from problem
        if disk.f_bavail * disk.f_frsize < _LEAST_ROOM:
            raise Unavailable(f"{self._path}: the disk is full", errors.DiskFull)

    async def close(self) -> None:
        """Let the threads end; their connections close with them."""
        for pool in (self._writer, self._readers):
            pool.shutdown(wait=True)


class _Transaction(Transaction):
    """A transaction on one thread, mostly the writing one."""

    def __init__(self, database: SQLite, run: Callable[..., Any]) -> None:
        super().__init__(database)
        self._run = run

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """See `Session.fetch_all`."""
        sql, args = statement.bind("sqlite", params)
        rows: Sequence[Row] = await self._run(lambda c: c.execute(sql, args).fetchall())
        return rows

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """See `Session.apply`."""
        make = _recorded(change.bind_all(params), [event_params(event) for event in events])

        def work(connection: sqlite3.Connection) -> Row | None:
            connection.execute(_SAVE)
            try:
                return make(connection)
            except BaseException:
                connection.execute(_UNDO)
                raise
            finally:
                connection.execute(_RELEASE)

        row: Row | None = await self._run(work)
        return row

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`: a savepoint, so that a duplicate inside undoes only that."""
        await self._run(lambda c: c.execute(_SAVE))
        try:
            yield self
        except BaseException:
            await asyncio.shield(self._run(lambda c: c.execute(_UNDO)))
            raise
        finally:
            await asyncio.shield(self._run(lambda c: c.execute(_RELEASE)))


# Savepoints of one name nest: each of these means the last one.
_SAVE, _UNDO, _RELEASE = "SAVEPOINT inner", "ROLLBACK TO inner", "RELEASE inner"


def _recorded(
    changes: Sequence[tuple[str, list[Any]]], events: Sequence[Mapping[str, Any]]
) -> Callable[[sqlite3.Connection], Row | None]:
    """Return the work of changes and their events, within a transaction."""
    first, *further = changes
    further += [RECORD.bind("sqlite", event) for event in events]

    def work(connection: sqlite3.Connection) -> Row | None:
        row: Row | None = connection.execute(*first).fetchone()
        if row is not None:
            for statement in further:
                connection.execute(*statement)
        return row

    return work
