"""SQLite by the standard library: one writer, and reads that do not wait for it (WAL).

Short statements are run on the thread of the event loop, as `tenantry.db.sqlite.connections` says,
and changes in groups, as `tenantry.db.sqlite.writer` says. Threads run the longer ones.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tenantry.core import errors, ids
from tenantry.db.engine import (
    Database,
    Row,
    Session,
    Transaction,
    Unavailable,
    event_params,
    mark_changed,
)
from tenantry.db.sql.statements import RECORD
from tenantry.db.sqlite.connections import (
    WRITER_KEPT_KIB,
    Brief,
    Length,
    Rounds,
    connect,
    execute,
    kind_of,
    length,
    meaning,
)
from tenantry.db.sqlite.writer import RELEASE, SAVE, UNDO, Change, Writer
from tenantry.telemetry.metrics import table as metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from tenantry.core.event import Event
    from tenantry.db.sql.statements import Statement

T = TypeVar("T")

_READERS = 3
_LEAST_ROOM = 4 << 20  # bytes
# A read that takes long, and one that has to wait for another process, which recovers the file.
_LEFT_TO_A_THREAD = {sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NO_CHANGE = ("UPDATE environment SET nodes = nodes RETURNING nodes", ())


class SQLite(Database):
    """One database file, shared with other processes of this machine."""

    orders_matches = True

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(_READERS, "sqlite-reader")
        self._event_mint: ids.IdGenerator | None = None
        self._minting = threading.Lock()
        # Both belong to the event loop, where nothing waits for a lock.
        self._brief: Brief
        self._writer: Writer

    @classmethod
    async def connect(cls, path: str) -> SQLite:
        """Open a file that is there.

        Raises:
            Unavailable: it cannot be opened, or is no database.

        """
        self = cls(path)
        thread = ThreadPoolExecutor(1, "sqlite-writer")
        try:
            writing, reading = await self._run(thread, self._open)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        rounds = Rounds()
        self._brief = Brief(reading, rounds)
        self._writer = Writer(path, writing, thread, rounds)
        return self

    def _open(self, writing: sqlite3.Connection) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        reading = connect(self._path, self._new_event_id)
        for connection in (writing, reading):
            connection.execute("PRAGMA busy_timeout = 0")
        writing.execute(f"PRAGMA cache_size = -{WRITER_KEPT_KIB}")
        return writing, reading

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._path, self._new_event_id)
        return connection

    def new_id(self, prefix: str) -> str:
        """Return a new id, of an event by the generator of those that statements write."""
        return self._new_event_id() if prefix == ids.EVENT else super().new_id(prefix)

    def _new_event_id(self) -> str:
        with self._minting:  # statements run in several threads
            if self._event_mint is None:
                self._event_mint = ids.IdGenerator(self.mint.node)
            return self._event_mint.new(ids.EVENT)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            try:
                return work(self._connection())
            except sqlite3.Error as problem:
                raise meaning(problem, self._path) from problem

        return await asyncio.get_running_loop().run_in_executor(pool, run)

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        self.check_version()
        sql, args = statement.bind("sqlite", params)
        if statement.is_read:
            self.reads += 1
            return await self._read(sql, args, length(statement, sql))
        self.changes += 1
        if statement.is_change:
            rows: list[Row] = await self._writer.make(Change([(sql, args)], all_rows=True))
        else:
            # A query does not wait for transactions of other processes.
            is_query = sql.lstrip().startswith("SELECT")
            async with self._writer.turn() if is_query else self._write_transaction():
                rows = await self._writer.run(lambda c: c.execute(sql, args).fetchall())
        mark_changed()
        return rows

    async def _read(self, sql: str, args: list[Any], expected: Length) -> Sequence[Row]:
        def work(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(sql, args).fetchall()

        if expected is not Length.LONG:
            try:
                return await self._brief.run(work, expected)
            except sqlite3.Error as problem:
                if kind_of(problem) not in _LEFT_TO_A_THREAD:
                    raise meaning(problem, self._path) from problem
        return await self._run(self._readers, work)

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        self.check_version()
        self.changes += 1
        row: Row | None = await self._writer.make(Change(_recorded(change, events, params)))
        mark_changed()
        return row

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        self.check_version()
        self.transactions += 1
        session = _Transaction(self, self._writer.run)
        async with self._write_transaction():
            yield session
        if session.changed:
            mark_changed()

    @asynccontextmanager
    async def _write_transaction(self) -> AsyncIterator[None]:
        """Begin a transaction of the writer once no other process has one; commit it at the end."""
        writer = self._writer
        async with writer.turn():
            try:
                await writer.begin()
                yield
                await writer.commit()
            except BaseException:
                # Behind a statement that is no longer waited for: the thread keeps the order.
                await asyncio.shield(writer.roll_back())
                raise

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """See `Database.snapshot`: its own thread, so that other reads go on."""
        self.check_version()
        self.transactions += 1
        reader = ThreadPoolExecutor(1, "sqlite-snapshot")
        try:
            await self._run(reader, lambda c: c.execute("BEGIN"))
            yield _Transaction(self, lambda work, _length: self._run(reader, work))
        finally:
            await asyncio.shield(self._run(reader, lambda c: c.close()))
            reader.shutdown(wait=False)

    async def probe(self, *, growing: bool = False) -> None:  # noqa: ARG002 - it looks each time
        """See `Database.probe`: between the statements of a writer, not before or after."""

        def looked(connection: sqlite3.Connection) -> bool:
            self._look_for_room()
            return connection.in_transaction  # it takes changes at this moment

        self.check_version()
        if not await self._writer.run(looked):
            await self._writer.make(Change([_NO_CHANGE]), first=True)

    def _look_for_room(self) -> None:
        # A small change may still fit into what the file has, and a larger one no more.
        try:
            disk = os.statvfs(self._path)
        except OSError as problem:
            raise Unavailable(str(problem), errors.DatabaseUnavailable) from problem
        if disk.f_bavail * disk.f_frsize < _LEAST_ROOM:
            raise Unavailable(f"{self._path}: the disk is full", errors.DiskFull)

    def measure(self) -> None:
        super().measure()
        if hasattr(self, "_writer"):
            metrics.DATABASE_WAITING.add(by=self._writer.waiting)

    async def close(self) -> None:
        """Let the threads end; their connections close with them."""
        self._brief.connection.close()
        self._writer.close()
        self._readers.shutdown(wait=True)


class _Transaction(Transaction):
    """A transaction on one connection: short statements run here, others on its thread."""

    orders_matches = True

    def __init__(self, database: SQLite, run: Callable[..., Any]) -> None:
        super().__init__(database)
        self._run = run

    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        if statement.is_read:
            self._database.reads += 1
        else:
            self._database.changes += 1
            self.changed = True
        sql, args = statement.bind("sqlite", params)
        rows: Sequence[Row] = await self._run(
            lambda c: execute(c, sql, args).fetchall(), length(statement, sql)
        )
        return rows

    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        self._database.changes += 1
        self.changed = True
        made = Change(_recorded(change, events, params))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SAVE)
            try:
                made.make(connection)
            except BaseException:
                connection.execute(UNDO)
                raise
            finally:
                connection.execute(RELEASE)

        await self._run(work, Length.SHORT if change.is_bounded else Length.LONG)
        row: Row | None = made.result
        return row

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """See `Session.transaction`: a savepoint, so that a duplicate inside undoes only that."""
        await self._run(lambda c: c.execute(SAVE), Length.SHORT)
        try:
            yield self
        except BaseException:
            # On the thread, behind a statement that is no longer waited for.
            await asyncio.shield(self._run(lambda c: c.execute(UNDO), Length.LONG))
            raise
        finally:
            await asyncio.shield(self._run(lambda c: c.execute(RELEASE), Length.SHORT))


def _recorded(
    change: Statement, events: Sequence[Event], params: Mapping[str, Any]
) -> list[tuple[str, list[Any]]]:
    """Return the statements of changes and of their events."""
    statements = change.bind_all(params)
    return statements + [RECORD.bind("sqlite", event_params(event)) for event in events]
