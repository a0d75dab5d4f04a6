"""Many rows as one parameter: a JSON array of arrays that statements select from.

One statement inserts, updates or finds a thousand rows, on either database, for the price of one
round trip.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Boolean, Column, Integer, Select, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from tenantry.db.sql.schema import Json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Subquery, Table
    from sqlalchemy.sql.compiler import SQLCompiler


def records(name: str, columns: Sequence[Column[Any]]) -> Subquery:
    """Return the rows of the parameter of this name, which `spelled` wrote for these columns."""
    given = _elements(bindparam(name)).table_valued(Column("value", Json), name=f"{name}_rows")
    return select(
        *(_cell(given.c.value, index, column) for index, column in enumerate(columns))
    ).subquery(name)


def rows_of(name: str, columns: Sequence[Column[Any]]) -> Select[Any]:
    """Return the same as a select, to be inserted."""
    return select(*records(name, columns).c)


def spelled(columns: Sequence[Column[Any]], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the parameter for `records`; a Json column's value is its text, as everywhere."""
    jsons = [index for index, column in enumerate(columns) if isinstance(column.type, Json)]
    cells = itemgetter(*(column.name for column in columns))  # of two columns at least
    written = []
    for row in rows:
        values = list(cells(row))
        for index in jsons:
            if values[index] is not None:
                values[index] = orjson.Fragment(values[index])
        written.append(values)
    return orjson.dumps(written).decode()


def named(table: Table, *names: str) -> list[Column[Any]]:
    """Return these columns of a table, or all of them."""
    return [table.c[name] for name in names] if names else list(table.c)


def _cell(value: Any, index: int, column: Column[Any]) -> Any:
    # Labelled, so that the subquery's columns have the names and the types of the table's.
    return _member(value, index, type_=column.type).label(column.name)


class _elements(GenericFunction[str]):  # noqa: N801 - named as they read in a statement
    inherit_cache = True


class _member(GenericFunction[Any]):  # noqa: N801
    inherit_cache = True

    def __init__(self, value: Any, index: int, *, type_: Any) -> None:
        super().__init__(value)
        self.index = index
        self.type = type_


@compiles(_elements, "postgresql")
def _elements_postgresql(element: _elements, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({_argument(element, compiler, **kw)} AS JSONB))"


@compiles(_elements, "sqlite")
def _elements_sqlite(element: _elements, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({_argument(element, compiler, **kw)})"


@compiles(_member, "postgresql")
def _member_postgresql(element: _member, compiler: SQLCompiler, **kw: Any) -> str:
    value = _argument(element, compiler, **kw)
    if isinstance(element.type, Json):
        return f"NULLIF({value} -> {element.index}, 'null')"
    text = f"{value} ->> {element.index}"
    if isinstance(element.type, Integer | Boolean):  # a BigInteger is an Integer too
        return f"CAST({text} AS {compiler.dialect.type_compiler_instance.process(element.type)})"
    return f"({text})"


@compiles(_member, "sqlite")
def _member_sqlite(element: _member, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({_argument(element, compiler, **kw)}, '$[{element.index}]')"


def _argument(element: GenericFunction[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clause_expr.element, **kw)
