"""Connects to the database that a URL names, without any check of its schema."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.db.engine import Database, Row, Unavailable
from tenantry.db.postgresql.budget import Budget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tenantry.db.sql.statements import Statement


class OpenError(Exception):
    """The database cannot be used; the text is one line for the operator.

    ``answer`` is the error for calls, where they could be made later.
    """

    def __init__(self, text: str, answer: type[errors.Busy] | None = None) -> None:
        super().__init__(text)
        self.answer = answer


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    """Connect to a database of any schema, without its key, to inspect it.

    Raises:
        OpenError: it does not answer.

    """
    database = await connect(url, Budget(1))
    try:
        yield database
    except Unavailable as problem:
        raise cannot(problem) from problem
    finally:
        await database.close()


def make_file(path: Path) -> None:
    """Make the file of a SQLite database, for its owner alone; those beside it get its rights.

    Raises:
        OpenError: it cannot be made.

    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as problem:
        raise OpenError(f"the database cannot be made: {problem}") from None


def sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else None


async def connect(url: str, budget: Budget) -> Database:
    try:
        if (path := sqlite_file(url)) is not None:
            from tenantry.db.sqlite.database import SQLite

            if not path.exists():
                raise OpenError(
                    f"the database cannot be reached: there is no file {path}; `tenantry serve` "
                    "makes it, and TENANTRY_DATA_DIR says where"
                )
            return await SQLite.connect(str(path))
        from tenantry.db.postgresql.database import PostgreSQL

        return await PostgreSQL.connect(url, budget)
    except Unavailable as problem:
        raise cannot(problem) from problem


def cannot(problem: Unavailable) -> OpenError:
    verb = (
        "reached"
        if problem.answer in {errors.DatabaseUnavailable, errors.TooManyConnections}
        else "used"
    )
    return OpenError(f"the database cannot be {verb}: {problem}", problem.answer)


async def asked(database: Database, statement: Statement, **params: str) -> Row | None:
    """Return a row of a table that may not be there.

    Raises:
        OpenError: the database does not answer.

    """
    rows = await asked_all(database, statement, **params)
    return rows[0] if rows else None


async def asked_all(database: Database, statement: Statement, **params: str) -> Sequence[Row]:
    """Return the rows of a table that may not be there.

    Raises:
        OpenError: the database does not answer.

    """
    try:
        return await database.fetch_all(statement, **params)
    except Unavailable as problem:
        raise cannot(problem) from problem
    except Exception as problem:
        # Each driver has its own classes; SQLite's has no number for a missing table.
        if getattr(problem, "sqlstate", "") == "42P01" or "no such table" in str(problem):
            return []
        raise OpenError(f"the database cannot be read: {problem}") from problem
