"""Statements: Core expressions compiled once for each database, then run as plain SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, insert, literal_column, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.sql.selectable import Select

from tenantry.db.schema import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.elements import ClauseElement

_DIALECTS: dict[str, Any] = {
    "postgresql": postgresql_dialect(),  # type: ignore[no-untyped-call]
    "sqlite": sqlite_dialect(paramstyle="qmark"),
}

EVENT_COLUMNS = [column.name for column in events.columns]


class Statement:
    """One expression with named bind parameters, made at module level and run many times.

    A statement that depends on its arguments (filters) is built by a function with
    ``functools.cache``, so that it is compiled once as well.
    """

    __slots__ = ("_built", "clause", "is_read")

    def __init__(self, clause: ClauseElement) -> None:
        self.clause = clause
        self.is_read = isinstance(clause, Select)
        self._built: dict[str, tuple[str, list[str], dict[str, Any]]] = {}

    def bind(self, dialect: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return the SQL text and its positional arguments."""
        built = self._built.get(dialect)
        if built is None:
            built = self._built[dialect] = self._compile(self.clause, dialect)
        sql, names, defaults = built
        return sql, [params[n] if n in params else defaults[n] for n in names]

    def bind_recorded(self, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return the change and the insert of its event as one statement of PostgreSQL.

        The event is inserted exactly when the change returns a row.
        """
        built = self._built.get("recorded")
        if built is None:
            change = cast("Any", self.clause).cte("change")
            values = [
                bindparam(f"event_{c.name}", type_=c.type).label(c.name) for c in events.columns
            ]
            record = (
                insert(events)
                .from_select(EVENT_COLUMNS, select(*values).select_from(change))
                .cte("record")
            )
            clause: ClauseElement = (
                select(literal_column("change.*")).select_from(change).add_cte(record)
            )
            built = self._built["recorded"] = self._compile(clause, "postgresql")
        sql, names, defaults = built
        return sql, [params[n] if n in params else defaults[n] for n in names]

    @staticmethod
    def _compile(clause: ClauseElement, dialect: str) -> tuple[str, list[str], dict[str, Any]]:
        compiled = cast("SQLCompiler", clause.compile(dialect=_DIALECTS[dialect]))
        return compiled.string, list(compiled.positiontup or ()), dict(compiled.params)


RECORD = Statement(
    insert(events).values({c.name: bindparam(f"event_{c.name}", type_=c.type) for c in events.c})
)
