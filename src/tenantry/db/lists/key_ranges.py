"""Lists by key that narrow by time or by one of several values, without a sort of all that fits.

An id holds its time, so a span of time is a range of ids. A list of one of several values is read
as one short list for each value, in order, and these are merged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, literal_column, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NullType, TypeEngine

from tenantry.core import ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.compiler import SQLCompiler

# The time in an id and the time in its row are read one after the other, and a clock that was set
# back goes on in ids from where it was: the row's time decides, ids bring us near.
_APART_MICROSECONDS = 10_000_000
_LARGEST = "9" * 19  # as many digits as ids have


def between(
    prefix: str, start: int | None, end: int | None, *, apart: int = _APART_MICROSECONDS
) -> tuple[str, str]:
    """Return two ids: all that was made from ``start`` to ``end`` lies between them.

    Times are microseconds since 1970; None is no bound. A row's own time has to be looked at too.
    Rows whose times are further ``apart`` may lie elsewhere.
    """
    low = prefix if start is None else ids.at(prefix, start - apart)
    # A time behind the last that an id can hold would have a digit more, and sort before it.
    high = None if end is None else ids.at(prefix, end + apart)
    if high is None or len(high) > len(prefix) + len(_LARGEST):
        high = prefix + _LARGEST
    if len(low) > len(prefix) + len(_LARGEST):
        low = prefix + _LARGEST
    return low, high


def nearest(
    keyed: Select[Any],
    *path: tuple[ColumnElement[Any], ColumnElement[Any] | None],
    low: str,
    high: str,
    most: int,
    backward: bool = False,
) -> Select[Any]:
    """Return a list of keys between the parameters ``low`` and ``high``, both left out.

    ``path`` is the index to go by: columns with the one value that each has in this list, and the
    key, without one. The largest key is first unless ``backward``; the list ends after ``most``,
    which is written into the statement: for a parameter PostgreSQL would plan as for a tenth of
    the table.
    """
    columns = [column for column, _ in path]
    values = [value for _, value in path if value is not None]
    bounds = [[*values, bindparam(name, type_=columns[-1].type)] for name in (low, high)]
    order = columns if backward else [column.desc() for column in columns]
    found = keyed.where(_within(*columns, *bounds[0], *bounds[1]))
    return found.order_by(*order).limit(literal_column(str(most)))


class _within(GenericFunction[bool]):  # noqa: N801 - named as it reads in a statement
    """Whether columns lie between the lower and the upper values, which differ in the last alone.

    On PostgreSQL all columns are compared at once and none by itself, so that only the index over
    all of them helps. It does not know the values when it plans: for a key between two of them it
    would expect next to no rows, and read all that lies between by the primary key; for a value
    that it takes for frequent it would walk the primary key until it has found enough.
    """

    inherit_cache = True
    type: TypeEngine[Any] = NullType()  # as a boolean SQLite would get `... = 1`


@compiles(_within, "postgresql")
def _within_postgresql(element: _within, compiler: SQLCompiler, **kw: Any) -> str:
    columns, low, high = _thirds(element, compiler, **kw)
    row = f"({', '.join(columns)})"
    return f"{row} > ({', '.join(low)}) AND {row} < ({', '.join(high)})"


@compiles(_within, "sqlite")
def _within_sqlite(element: _within, compiler: SQLCompiler, **kw: Any) -> str:
    columns, low, high = _thirds(element, compiler, **kw)
    fixed = zip(columns[:-1], low[:-1], strict=True)
    parts = [f"{column} = {value}" for column, value in fixed]
    return " AND ".join([*parts, f"{columns[-1]} > {low[-1]}", f"{columns[-1]} < {high[-1]}"])


def _thirds(element: _within, compiler: SQLCompiler, **kw: Any) -> list[list[str]]:
    # A value that is not written would still be bound: on SQLite the upper values but the last are
    # not.
    clauses = list(element.clauses)
    third = len(clauses) // 3
    skipped = set(range(2 * third, len(clauses) - 1)) if compiler.dialect.name == "sqlite" else ()
    words = ["" if n in skipped else compiler.process(c, **kw) for n, c in enumerate(clauses)]
    return [words[:third], words[third : 2 * third], words[2 * third :]]


def merged(lists: Iterable[Select[Any]], *, take: str | None = None) -> Select[Any]:
    """Return the rows of several ordered and limited lists; their order is still to be made.

    ``take`` names the parameter that says how many of each are wanted: no more are read.
    """
    # Each within a subquery: SQLite takes no order and no limit on a part of a union.
    parts = [select(one.subquery(f"list_{number}")) for number, one in enumerate(lists)]
    if take is not None:
        few = (part.limit(bindparam(take)) for part in parts)
        parts = [select(one.subquery(f"few_{number}")) for number, one in enumerate(few)]
    if len(parts) == 1:
        return parts[0]
    return select(union_all(*parts).subquery("merged"))
