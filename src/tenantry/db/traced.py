"""A database whose statements are spans: made only where there is a collector of traces.

No span has a value, nor the text of a statement: its verb and its table say enough.
"""

from __future__ import annotations

import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.selectable import Select

from tenantry.telemetry import spans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

    from tenantry.core.event import Event
    from tenantry.db.engine import Row, Session
    from tenantry.db.sql.statements import Statement

_VERBS = {Insert: "INSERT", Update: "UPDATE", Delete: "DELETE", Select: "SELECT"}


_kinds: dict[type[Any], type[Any]] = {}


def trace(session: Session) -> None:
    """Have each statement of a database, and of its transactions, be a span from now on."""
    kind = type(session)
    if kind not in _kinds.values():
        if kind not in _kinds:
            _kinds[kind] = _traced(kind)
        session.__class__ = _kinds[kind]


def _traced(kind: type[Any]) -> type[Any]:
    system = kind.__module__.split(".")[
        2
    ]  # tenantry.db.sqlite.database, tenantry.db.postgresql.database

    class Traced(kind):  # type: ignore[misc]
        __slots__ = ()  # else an object could not become one

        async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
            with _part(system, statement):
                found: Sequence[Row] = await super().fetch_all(statement, **params)
                return found

        async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
            with _part(system, change):
                row: Row | None = await super().apply(change, *events, **params)
                return row

        @asynccontextmanager
        async def transaction(self) -> AsyncIterator[Session]:
            async with super().transaction() as session:
                trace(session)
                yield session

    return Traced


def _part(system: str, statement: Statement) -> AbstractContextManager[Span | None]:
    name, told = _said(statement)
    return spans.part(name, {"db.system.name": system, **told})


@functools.lru_cache(1024)
def _said(statement: Statement) -> tuple[str, dict[str, str]]:
    """Return the name of a statement's spans, and its verb and table, where it has one."""
    clause = statement.clause
    verb = next((word for kind, word in _VERBS.items() if isinstance(clause, kind)), "")
    sources = clause.get_final_froms() if isinstance(clause, Select) else [_table(clause)]
    table = str(getattr(sources[0], "name", "")) if sources else ""
    told = {"db.operation.name": verb, "db.collection.name": table}
    named = {key: value for key, value in told.items() if value}
    return f"{verb} {table}".strip() or "SQL", named


def _table(clause: object) -> object:
    return getattr(clause, "table", None)
