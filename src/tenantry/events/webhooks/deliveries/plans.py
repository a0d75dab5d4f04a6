"""Statements over the queue that PostgreSQL plans by index, regardless of its statistics.

A queue is empty at one moment and has a million rows at the next. A join may begin with either
side, and with the queue while that is thought to be empty; a statement spelled as below has one
plan only, a look into an index for each row that is sought (with `Session.expect_growth`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NullType, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, ScalarSelect, Select
    from sqlalchemy.sql.compiler import SQLCompiler

# As a boolean SQLAlchemy would write `... = 1` for SQLite.
_CONDITION: TypeEngine[Any] = NullType()


def among(column: ColumnElement[str], sought: Select[tuple[str]]) -> ColumnElement[bool]:
    """Whether a column is one of these, which are found first."""
    return _among(column, sought.scalar_subquery())


def first(statement: Select[tuple[str]]) -> ScalarSelect[str]:
    """Return the first that a statement finds for a row of the one around it, or NULL.

    In place of an EXISTS, which is turned into a join.
    """
    return statement.limit(literal_column("1")).scalar_subquery()


class _among(GenericFunction[bool]):  # noqa: N801 - named as it reads in a statement
    inherit_cache = True
    type = _CONDITION


@compiles(_among, "postgresql")
def _among_postgresql(element: _among, compiler: SQLCompiler, **kw: Any) -> str:
    column, sought = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY(ARRAY{sought})"


@compiles(_among, "sqlite")
def _among_sqlite(element: _among, compiler: SQLCompiler, **kw: Any) -> str:
    column, sought = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN {sought}"
