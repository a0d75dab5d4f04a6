"""Statements: Core expressions compiled once for each database, then run as plain SQL."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from operator import and_, eq
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, func, insert, literal_column, select, true, union_all
from sqlalchemy import cast as sa_cast
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import Insert, Update, UpdateBase
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.selectable import Select, SelectBase
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import NullType, TypeEngine

from tenantry.db.sql.records import records
from tenantry.db.sql.schema import event_contexts, event_id, event_time, events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import CTE, ColumnElement, FromClause, Table
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.elements import ClauseElement

    Bound = tuple[str, list[Any]]  # text and positional arguments
    _Built = tuple[str, list[str], dict[str, Any]]  # text, names of its arguments, defaults
    # A database, or on PostgreSQL the number of events and whether one of them has a context.
    _Key = str | tuple[int, bool]

_DIALECTS: dict[str, Any] = {
    "postgresql": postgresql_dialect(),  # type: ignore[no-untyped-call]
    "sqlite": sqlite_dialect(paramstyle="qmark"),
}

# A writer gives these of an event; the database makes its id and its time.
EVENT_GIVEN = [column for column in events.columns if column.name not in {"id", "occurred_at"}]
_EVENT_COLUMNS = ["id", "occurred_at", *(column.name for column in EVENT_GIVEN)]


class happened(GenericFunction[bool]):  # noqa: N801 - named as it reads in a statement
    """Whether the first change of a statement has changed a row: for one that follows it."""

    inherit_cache = True
    type: TypeEngine[Any] = NullType()  # a condition as it stands


@compiles(happened, "postgresql")
def _happened_postgresql(_element: happened, _compiler: SQLCompiler, **_: Any) -> str:
    return "EXISTS (SELECT FROM change)"


@compiles(happened, "sqlite")
def _happened_sqlite(_element: happened, _compiler: SQLCompiler, **_: Any) -> str:
    return "true"  # else it is not made


@dataclass(frozen=True, slots=True)
class Batch:
    """How calls of a statement are combined on PostgreSQL (`tenantry.db.postgresql.batches`).

    A statement can have a batch if it returns at most one row, which has the value of the parameter
    ``key`` in ``column``. ``order`` is the parameter by which the calls of a batch are sorted, so
    that batches lock rows in the same order. ``skipping`` is the same statement, except that it
    returns no row instead of waiting for a lock.
    """

    key: str
    column: str = "id"
    order: str = ""
    skipping: Statement | None = None


class Statement:
    """One expression with named bind parameters, made at module level and run many times.

    Further changes may follow a first one: they are made with it, all or none, and its row is the
    result. Where the first may return no row, each of them asks whether it `happened`.

    A statement that depends on its arguments (filters) is built by a function with
    ``functools.cache``, so that it is compiled once as well.
    """

    __slots__ = ("_built", "_further", "_is_bounded", "batch", "clause", "is_change", "is_read")

    def __init__(
        self,
        clause: ClauseElement,
        *further: ClauseElement,
        is_read: bool | None = None,
        batch: Batch | None = None,
    ) -> None:
        self.clause = clause
        self.batch = batch
        self.is_read = isinstance(clause, Select) if is_read is None else is_read
        # Neither a read nor spelled by hand.
        self.is_change = isinstance(clause, UpdateBase) and not self.is_read
        self._further = further
        self._is_bounded: bool | None = None
        self._built: dict[_Key, list[_Built]] = {}

    def followed_by(self, then: Statement) -> Statement:
        """Return this change with further ones: those of another statement."""
        return Statement(self.clause, *self._further, then.clause, *then._further)

    @property
    def is_bounded(self) -> bool:
        """Whether it touches only rows that are given to it, however large its tables are.

        That is an insert of values, or an update by the whole primary key, that reads nothing else.
        """
        if self._is_bounded is None:
            self._is_bounded = all(map(_is_bounded, (self.clause, *self._further)))
        return self._is_bounded

    def bind(self, dialect: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return the SQL text and its positional arguments."""
        built = self._built.get(dialect)
        if built is None or self._further:
            assert not self._further, "several changes go through Session.apply"
            return self._bound(dialect, lambda: [self.clause], params)[0]
        ((sql, names, defaults),) = built
        return sql, [params[n] if n in params else defaults[n] for n in names]

    def bind_all(self, params: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
        """Return the texts and arguments of all changes, the first one first, for SQLite."""
        return self._bound("sqlite", lambda: [self.clause, *self._further], params)

    def bind_recorded(self, params: Mapping[str, Any], n: int) -> tuple[str, list[Any]]:
        """Return the changes and the inserts of n events as one statement of PostgreSQL.

        The events are inserted exactly when the first change returns a row.
        """
        found = any(params[event_param(number, "context")] is not None for number in range(n))
        return self._bound((n, found), lambda: [self._recorded(n, found=found)], params)[0]

    def _recorded(self, n: int, *, found: bool) -> ClauseElement:
        change = cast("Any", self.clause).cte("change")
        parts = [
            cast("Any", clause).cte(f"further_{number}")
            for number, clause in enumerate(self._further)
        ]
        if n:
            # Cast, for a union does not take its types from the table that it is put into.
            rows = [
                select(
                    event_id(),
                    event_time(),
                    *(
                        sa_cast(bindparam(event_param(number, c.name)), c.type).label(c.name)
                        for c in EVENT_GIVEN
                    ),
                ).select_from(change)
                for number in range(n)
            ]
            source = union_all(*rows) if n > 1 else rows[0]
            record = insert(events).from_select(_EVENT_COLUMNS, source)
            parts.append(_with_contexts(record).cte("contexts") if found else record.cte("record"))
        return select(literal_column("change.*")).select_from(change).add_cte(change, *parts)

    def _bound(
        self, key: _Key, clauses: Callable[[], list[ClauseElement]], params: Mapping[str, Any]
    ) -> list[tuple[str, list[Any]]]:
        built = self._built.get(key)
        if built is None:
            dialect = key if isinstance(key, str) else "postgresql"
            built = self._built[key] = [_compile(clause, dialect) for clause in clauses()]
        return [
            (sql, [params[n] if n in params else defaults[n] for n in names])
            for sql, names, defaults in built
        ]


def _compile(clause: ClauseElement, dialect: str) -> _Built:
    compiled = cast("SQLCompiler", clause.compile(dialect=_DIALECTS[dialect]))
    return compiled.string, list(compiled.positiontup or ()), dict(compiled.params)


def _is_bounded(clause: ClauseElement) -> bool:
    if any(isinstance(part, SelectBase) for part in iterate(clause)):
        return False
    if isinstance(clause, Insert):
        return True
    if not isinstance(clause, Update):
        return False
    where = clause.whereclause
    conditions = [where]
    if isinstance(where, BooleanClauseList) and where.operator is and_:
        conditions = list(where.clauses)
    given = [c.left for c in conditions if isinstance(c, BinaryExpression) and c.operator is eq]
    return set(cast("Table", clause.table).primary_key.columns) <= set(given)


@functools.cache
def event_param(number: int, column: str) -> str:
    """Return the bind parameter for a column of the event of this number."""
    return f"event{number}_{column}"


def recorded(happened: FromClause, **columns: ColumnElement[Any]) -> CTE:
    """Return the insert of the event of a statement that gives these of its columns itself.

    It is made for each row of ``happened``; the other columns are those of `event_params`.
    """
    given = [
        sa_cast(columns[c.name] if c.name in columns else bindparam(event_param(0, c.name)), c.type)
        for c in EVENT_GIVEN
    ]
    rows = select(event_id(), event_time(), *given).select_from(happened)
    return insert(events).from_select(_EVENT_COLUMNS, rows).cte("record")


def _with_contexts(record: Insert) -> Insert:
    """Return an insert of events with that of the rows by which their contexts find them."""
    event = record.returning(*_IN_CONTEXTS).cte("record").c
    member = func.jsonb_each_text(event.context).table_valued("key", "value", name="member")
    rows = select(event.organization_id, member.c.key, member.c.value, event.type, event.id)
    return insert(event_contexts).from_select(
        ["organization_id", "key", "value", "type", "event_id"],
        rows.join_from(event.id.table, member, true()),
    )


_IN_CONTEXTS = [events.c[name] for name in ("organization_id", "id", "type", "context")]


class _Record(Statement):
    """An insert of events; on PostgreSQL with their contexts, which on SQLite a trigger writes."""

    __slots__ = ("_found",)

    def __init__(self, clause: Insert) -> None:
        super().__init__(clause)
        self._found = Statement(_with_contexts(clause))

    def bind(self, dialect: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
        if dialect == "postgresql":
            return self._found.bind(dialect, params)
        return super().bind(dialect, params)


_record = insert(events).values(
    {
        "id": event_id(),
        "occurred_at": event_time(),
        **{c.name: bindparam(event_param(0, c.name), type_=c.type) for c in EVENT_GIVEN},
    }
)
RECORD = Statement(_record)
RECORD_FOUND = _Record(_record)  # of an event that has a context
# Of many events, as `tenantry.db.sql.records.spelled` writes them; their ids have their order.
_given = records("given", EVENT_GIVEN)
RECORD_ALL = _Record(
    insert(events).from_select(_EVENT_COLUMNS, select(event_id(), event_time(), *_given.c))
)
