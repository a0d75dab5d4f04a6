"""A connection to a SQLite file, what its errors mean, and how it is kept from holding a loop.

Most statements take microseconds, less than it costs to hand them to a thread and back. So they are
tried on the thread of the event loop, on a `Brief` connection: one that takes many steps is
interrupted there, and is run on a thread then. So no file, however large, holds the loop for more
than milliseconds.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import time
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db import fence
from tenantry.db.engine import DuplicateKey, ForeignKey, OutcomeUnknown, Unavailable
from tenantry.db.search.index import folded
from tenantry.db.sql import foreign_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tenantry.db.sql.statements import Statement

T = TypeVar("T")

# After each of these, its transaction can only be rolled back
# (https://www.sqlite.org/rescode.html).
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: errors.Locked,
    sqlite3.SQLITE_LOCKED: errors.Locked,
    sqlite3.SQLITE_READONLY: errors.ReadOnly,
    sqlite3.SQLITE_FULL: errors.DiskFull,
    sqlite3.SQLITE_CANTOPEN: errors.DatabaseUnavailable,
    sqlite3.SQLITE_PERM: errors.DatabaseUnavailable,
    sqlite3.SQLITE_IOERR: errors.DatabaseUnavailable,
    sqlite3.SQLITE_CORRUPT: errors.DatabaseDamaged,
    sqlite3.SQLITE_NOTADB: errors.DatabaseDamaged,
}
_BUSY_SECONDS = 3.0
# Of SQLite's machine: a row by its key takes 26, a list of 30 some thousand.
_STEPS = 10_000
_ROUND_SECONDS = 0.005
# Pages that a connection keeps, and that of the writer. The system's cache has those that are
# read, too; changed ones go to the disk before the commit where the cache is full.
_KEPT_KIB, WRITER_KEPT_KIB = 2000, 8000
# The write-ahead log grows while one reader stays, an export or a copy, by 20 MB a second under
# load. It is cut to this size when its pages are in the database, and would else stay as it is.
_LOG_BYTES = 32 << 20


def connect(path: str, new_event_id: Callable[[], str]) -> sqlite3.Connection:
    """Open the file; a statement waits a while for a lock of another connection."""
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        cached_statements=256,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    try:
        # FULL: a commit is on the disk before it is answered, also if the power fails.
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
            f"PRAGMA cache_size=-{_KEPT_KIB}; PRAGMA case_sensitive_like=OFF;"
            f"PRAGMA journal_size_limit={_LOG_BYTES};"
        )
    except sqlite3.Error:
        connection.close()
        raise
    # The first two are called within transactions of the one writer alone.
    connection.create_function(fence.EVENT_ID, 0, new_event_id)
    connection.create_function("tenantry_now", 0, now)
    connection.create_function("tenantry_folded", 1, folded, deterministic=True)
    for mark in fence.marks():
        connection.create_function(mark, 0, bool)  # there, and never called
    return connection


class ForeignKeyViolation(sqlite3.IntegrityError):
    """A foreign key was violated; ``constraint`` is its name, "" if that could not be found."""

    def __init__(self, problem: sqlite3.IntegrityError, constraint: str) -> None:
        super().__init__(str(problem))
        self.constraint = constraint


def execute(
    connection: sqlite3.Connection, sql: str, arguments: Sequence[Any] = ()
) -> sqlite3.Cursor:
    """Run a statement of a transaction."""
    try:
        return connection.execute(sql, arguments)
    except sqlite3.IntegrityError as problem:
        if not str(problem).startswith("FOREIGN KEY"):
            raise
        constraint = foreign_keys.find_violated(connection, sql, arguments)
        raise ForeignKeyViolation(problem, constraint) from problem


def kind_of(problem: BaseException) -> int:
    """Return SQLite's number for the kind of an error, 0 for one that is not SQLite's."""
    # The low byte is the kind: another process recovering the file is busy too.
    code: int = getattr(problem, "sqlite_errorcode", 0)
    return code & 0xFF


def meaning(problem: Exception, path: str, *, committing: bool = False) -> Exception:
    """Return the error of `tenantry.db.engine` that this one means, or itself."""
    found: Exception = problem
    if isinstance(problem, ForeignKeyViolation):
        found = ForeignKey(problem.constraint)
    elif isinstance(problem, sqlite3.IntegrityError):
        # It reads: UNIQUE constraint failed: organizations.external_id
        text = str(problem)
        if text.startswith("UNIQUE"):
            found = DuplicateKey(text.partition(",")[0].rpartition(".")[2])
    elif committing and kind_of(problem) == sqlite3.SQLITE_IOERR:
        # Only the next one to open the file will see the part that the disk has.
        found = OutcomeUnknown(problem)
    elif fence.is_refusal(problem):
        found = Unavailable(f"{path} belongs to a later version: {problem}", errors.SchemaTooNew)
    elif answer := _UNAVAILABLE.get(kind_of(problem)):
        found = Unavailable(f"{path}: {problem}", answer)
    if found is not problem:
        found.__cause__ = problem
    return found


class Length(Enum):
    """How long a statement takes."""

    SHORT = "it touches some rows"
    UNKNOWN = "it may be interrupted, and is run again"
    LONG = "what it does cannot be counted, or cannot be interrupted alone"


def length(statement: Statement, sql: str) -> Length:
    """Return how long a statement takes; ``sql`` is what it is for SQLite."""
    if statement.is_read and _is_countable(sql):
        return Length.UNKNOWN
    return Length.SHORT if statement.is_bounded else Length.LONG


class Rounds:
    """How long the event loop is held by the statements of one round of it.

    A task that runs one after another has nothing to wait for, and no other task would run.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._next: asyncio.Handle | None = None

    def count(self, seconds: float) -> bool:
        """Add the time that a statement took; return whether other tasks have to run first."""
        self._seconds += seconds
        if self._seconds <= _ROUND_SECONDS:
            return False
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._begin)
        return True

    def _begin(self) -> None:
        self._seconds, self._next = 0.0, None


class Brief:
    """A connection whose statements are limited while the event loop's thread has them.

    The handler is called after each number of steps, counted from the first run of a statement. So
    one is interrupted after one to two times as many.
    """

    def __init__(self, connection: sqlite3.Connection, rounds: Rounds) -> None:
        self.connection = connection
        self._rounds = rounds
        self._left = 0
        connection.set_progress_handler(self._is_over, _STEPS)

    def _is_over(self) -> bool:
        self._left -= 1
        return self._left == 0

    def limit(self) -> None:
        """Interrupt all that runs from here on, once it has taken many steps."""
        self._left = 2

    def unlimit(self) -> None:
        """Interrupt nothing any more."""
        self._left = 0

    async def run(self, work: Callable[[sqlite3.Connection], T], length: Length) -> T:
        """Run this on the thread of the event loop.

        Raises:
            sqlite3.OperationalError: it takes long (SQLITE_INTERRUPT), or has to wait for another
                process (SQLITE_BUSY).

        """
        began = time.perf_counter()
        if length is Length.UNKNOWN:
            self.limit()
        try:
            result = work(self.connection)
        finally:
            self.unlimit()
        if self._rounds.count(time.perf_counter() - began):
            await asyncio.sleep(0)
        return result


@functools.lru_cache(4096)
def _is_countable(sql: str) -> bool:
    """Whether a read does all of its work in steps that can be counted.

    To count the rows of a table is one step, and so is a search to its first match.
    """
    return "count(*)" not in sql and " MATCH " not in sql
