"""Statements on one connection to PostgreSQL, and the meaning of its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

from tenantry.core import errors
from tenantry.db.engine import (
    DuplicateKey,
    ForeignKey,
    OutcomeUnknown,
    Row,
    Unavailable,
)
from tenantry.db.postgresql import pgbouncer
from tenantry.db.postgresql.refusals import ANSWERED, answer_to
from tenantry.db.sql import unique_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.postgresql.pool import Connection

STATEMENT_SECONDS = 15.0
# The server gives up first, and says that nothing was changed; this is for one that hangs.
ANSWER_SECONDS = STATEMENT_SECONDS + 2
# The connection is gone, or its time limit has passed.
LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)


class ConnectionLost(Unavailable):
    """The connection was lost; ``unsent`` says that the server has not seen the statement."""

    def __init__(self, problem: BaseException, *, unsent: bool) -> None:
        super().__init__(str(problem) or type(problem).__name__, errors.DatabaseUnavailable)
        self.unsent = unsent


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

    """
    try:
        rows: Sequence[Row] = await connection.rows(
            sql, args, ANSWER_SECONDS if seconds is None else seconds
        )
    except Exception as problem:
        meant = _meant(problem, connection, undone=undone)
        if meant is problem:
            raise
        raise meant from problem
    return rows


async def fetch_each(
    connection: Connection, sql: str, args: Sequence[list[Any]], *, undone: bool
) -> Sequence[Row]:
    """Run a statement with each of these arguments in one transaction, and return all rows.

    The connection must be outside of a transaction, and support prepared statements. An error of
    one undoes all.

    Raises:
        Failure: as for `fetch`.

    """
    try:
        rows: Sequence[Row] = await connection.rows_of_each(sql, args, ANSWER_SECONDS)
    except Exception as problem:
        meant = _meant(problem, connection, undone=undone)
        if meant is problem:
            raise
        raise meant from problem
    return rows


async def command(connection: Connection, sql: str, *, undone: bool) -> None:
    """Begin, mark or end a transaction; ``undone`` as for `fetch`."""
    try:
        await connection.command(sql, ANSWER_SECONDS)
    except Exception as problem:
        meant = _meant(problem, connection, undone=undone)
        if meant is problem:
            raise
        raise meant from problem


async def roll_back(connection: Connection, sql: str) -> None:
    try:
        await connection.command(sql, ANSWER_SECONDS)
    except (asyncpg.PostgresError, *LOST, asyncpg.InternalClientError):
        connection.terminate()  # the server undoes an open transaction when we hang up


def _meant(problem: Exception, connection: Connection, *, undone: bool) -> Exception:
    """Return what an error of the driver means to its callers; an unknown one is returned as it is.

    A connection that was lost is ended here, so that it is lent to nobody else.
    """
    match problem:
        case asyncpg.UniqueViolationError():
            return DuplicateKey(unique_keys.field_of(problem.constraint_name or ""))
        case asyncpg.ForeignKeyViolationError():
            return ForeignKey(problem.constraint_name or "")
        case asyncpg.CharacterNotInRepertoireError() | asyncpg.UntranslatableCharacterError():
            return errors.InvalidArgument("a text must not contain a NUL character")
    if isinstance(problem, ANSWERED):
        return Unavailable(str(problem), answer_to(problem))
    if isinstance(problem, pgbouncer.MIXED_UP):
        return Unavailable(
            f"{problem} ({pgbouncer.ADVICE_TRANSACTION})", errors.DatabaseUnavailable
        )
    return _lost(problem, connection, undone=undone)


def _lost(problem: Exception, connection: Connection, *, undone: bool) -> Exception:
    # The driver refused to send it: the connection is closed, or has read the server's farewell.
    closed = connection.is_closed()
    unsent = closed and isinstance(problem, asyncpg.InterfaceError)
    if type(problem) is asyncpg.InternalClientError:
        unsent = "cannot switch to state" in str(problem)
    late = connection.is_late or isinstance(problem, TimeoutError)
    if not (unsent or late or (closed and isinstance(problem, LOST))):
        return problem  # it was used wrongly
    connection.terminate()
    if late:
        return (
            Unavailable("no answer in time", errors.DatabaseUnavailable)
            if undone
            else OutcomeUnknown(problem)
        )
    # The last word of a server that ends a connection in order is that nothing was changed.
    ended = isinstance(problem.__cause__, asyncpg.AdminShutdownError)
    if undone or unsent or ended:
        return ConnectionLost(problem, unsent=unsent)
    return OutcomeUnknown(problem)
