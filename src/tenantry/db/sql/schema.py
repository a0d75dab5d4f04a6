"""The metadata that all tables hang on, column types equal on both databases, and own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Select,
    Table,
    Text,
    false,
    func,
    literal_column,
    select,
)
from sqlalchemy.event import listens_for
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NullType, TypeEngine, UserDefinedType

from tenantry.core.ids import EPOCH_MILLISECONDS
from tenantry.db import fence
from tenantry.db.sql.encrypted_columns import encrypted_for_a_day
from tenantry.db.sql.sharding import FOR_THE_PLANNER, OF_ENVIRONMENT, of_organization, sharding_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.compiler import SQLCompiler

metadata = MetaData(
    naming_convention={
        # The driver names the constraint that was broken; this is how we know the field.
        "uq": "uq_%(table_name)s__%(column_0_name)s",
        "ix": "ix_%(table_name)s__%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s__%(column_0_name)s",
    }
)
# Tables that SQLite has in its own form (tenantry.db.search.index).
postgresql_tables = MetaData()


@listens_for(Table, "after_parent_attach")
def _declared(table: Table, parent: MetaData) -> None:
    if parent in {metadata, postgresql_tables}:
        sharding_of(table)


class Json(UserDefinedType[str]):
    """JSON that goes in and comes out as text: jsonb on PostgreSQL, text on SQLite."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the column type of any database but PostgreSQL."""
        return "TEXT"


@compiles(Json, "postgresql")
def _jsonb(_type: Json, _compiler: Any, **_: Any) -> str:
    return "JSONB"


def to_json(value: Any) -> str:
    """Return what a Json column takes."""
    return orjson.dumps(value).decode()


def from_json(text: str) -> Any:
    """Return what a Json column holds."""
    return orjson.loads(text)


def time_column(name: str, *, nullable: bool = False) -> Column[int]:
    """Return a column of microseconds since 1970, UTC: exact, sortable, alike on both databases."""
    return Column(name, BigInteger, nullable=nullable)


# As a boolean SQLAlchemy would write `... = 1` for SQLite, which then uses no index.
_CONDITION: TypeEngine[Any] = NullType()


class json_has(GenericFunction[bool]):  # noqa: N801 - named as it reads in a statement
    """Whether a flat JSON object column has a member with this value, by its index.

    PostgreSQL answers it from a GIN index over the column. On SQLite a side table that triggers
    keep (``<table>_<column>``: owner, key, value) stands in for it.
    """

    inherit_cache = True
    type = _CONDITION


@compiles(json_has, "postgresql")
def _json_has_postgresql(element: json_has, compiler: SQLCompiler, **kw: Any) -> str:
    column, key, value = element.clauses
    built = compiler.process
    return f"{built(column, **kw)} @> jsonb_build_object({built(key, **kw)}, {built(value, **kw)})"


@compiles(json_has, "sqlite")
def _json_has_sqlite(element: json_has, compiler: SQLCompiler, **kw: Any) -> str:
    column, key, value = element.clauses
    name = _table(column).name
    built = compiler.process
    return (
        f"{name}.id IN (SELECT owner FROM {name}_{column.name} "
        f"WHERE key = {built(key, **kw)} AND value = {built(value, **kw)})"
    )


class json_list(GenericFunction[str]):  # noqa: N801
    """A JSON array of these values; a value of the type Json goes in as what it spells."""

    inherit_cache = True
    type = Json()


@compiles(json_list, "postgresql")
def _json_list_postgresql(element: json_list, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_build_array({compiler.process(element.clause_expr.element, **kw)})"


@compiles(json_list, "sqlite")
def _json_list_sqlite(element: json_list, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_array({', '.join(_spelled(value, compiler, **kw) for value in element.clauses)})"


class json_rows(GenericFunction[str]):  # noqa: N801
    """Aggregates a value of each row to one JSON array; of no row that is NULL or an empty one."""

    inherit_cache = True
    type = Json()


@compiles(json_rows, "postgresql")
def _json_rows_postgresql(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_agg({compiler.process(element.clause_expr.element, **kw)})"


@compiles(json_rows, "sqlite")
def _json_rows_sqlite(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    (value,) = element.clauses
    return f"json_group_array({_spelled(value, compiler, **kw)})"


def _spelled(value: ColumnElement[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite would take JSON that comes from a column or a subquery for a string.
    text = compiler.process(value, **kw)
    return f"json({text})" if isinstance(value.type, Json) else text


class _json_elements(GenericFunction[str]):  # noqa: N801
    inherit_cache = True


@compiles(_json_elements, "postgresql")
def _json_elements_postgresql(element: _json_elements, compiler: SQLCompiler, **kw: Any) -> str:
    argument = compiler.process(element.clause_expr.element, **kw)
    return f"jsonb_array_elements_text(CAST({argument} AS JSONB))"


@compiles(_json_elements, "sqlite")
def _json_elements_sqlite(element: _json_elements, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clause_expr.element, **kw)})"


def json_values(parameter: ColumnElement[Any]) -> Select[tuple[str]]:
    """Return the texts of a JSON array: one parameter for any number of them."""
    elements = _json_elements(parameter).table_valued(Column("value", Text), name="given")
    return select(elements.c.value)


class one_of(GenericFunction[bool]):  # noqa: N801
    """Whether a column has one of the texts of a JSON array, by one look into its index for each.

    With ``IN`` and `json_values` PostgreSQL may read all rows that the rest of the key finds.
    """

    inherit_cache = True
    type = _CONDITION


@compiles(one_of, "postgresql")
def _one_of_postgresql(element: one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, given = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST({given} AS JSONB))))"


@compiles(one_of, "sqlite")
def _one_of_sqlite(element: one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, given = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({given}))"


def _table(column: Any) -> Table:
    table: Table = column.table
    return table


# One row: this deployment.
environment = Table(
    "environment",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    # Counts the processes that ever opened the database: each takes the next as its node number.
    Column("nodes", BigInteger, nullable=False),
    # Wraps the data keys, and others are derived from it; itself wrapped by the first master key.
    # Until there is a data key, and before they had versions, it encrypts all secrets at rest.
    Column("data_key", Text, nullable=False),
    # Raised by triggers with every change of roles and permissions: what a process remembers of
    # them holds for one value.
    Column("roles_version", BigInteger, nullable=False, server_default="0"),
    time_column("create_time"),
    # Where the database lies, and when that was last looked at: a copy finds itself elsewhere, one
    # that was put back finds itself in the past (docs/decisions/0011-restored-copies.md).
    Column("place", Text),
    time_column("beat_time", nullable=True),
    # Since when, and why, nothing goes out of it.
    time_column("hold_time", nullable=True),
    Column("hold_reason", Text),
    info=OF_ENVIRONMENT,
)

# Keys in versions, the first is 1 (docs/decisions/0036-data-keys.md). A master key lies elsewhere:
# here is what it wraps, the key of the environment. `wrapped` goes when a key is destroyed.
master_keys = Table(
    "master_keys",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("wrapped", Text),
    time_column("create_time"),
    time_column("deprecate_time", nullable=True),
    time_column("destroy_time", nullable=True),
    info=OF_ENVIRONMENT,
)
# A data key, wrapped by the key of the environment. It encrypts from `activate_time` on.
data_keys = Table(
    "data_keys",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("wrapped", Text),
    time_column("create_time"),
    time_column("activate_time", nullable=True),
    time_column("deprecate_time", nullable=True),
    time_column("destroy_time", nullable=True),
    info=OF_ENVIRONMENT,
)
# How far a pass over each table is that has encrypted values, to encrypt them with a data key.
resealing = Table(
    "resealing",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("version", Integer, nullable=False),  # of the data key
    Column("position", Text),  # the key of the last row that was looked at, as JSON
    time_column("begin_time"),  # of the pass
    time_column("finish_time", nullable=True),
    Column("changed", BigInteger, nullable=False),  # values, in this pass
    Column("unreadable", BigInteger, nullable=False),  # values, in this pass
    Column("resealed", BigInteger, nullable=False),  # values, with this data key
    info=OF_ENVIRONMENT,
)

# Which version of the program made which revision of the schema: an older one has to name it.
schema_history = Table(
    "schema_history",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("program", Text, nullable=False),
    time_column("apply_time"),
    # Processes that do not know this revision may not write.
    Column("stops_older", Boolean, nullable=False, server_default=false()),
    info=OF_ENVIRONMENT,
)

# The steps of an upgrade that are not made in its transaction (tenantry.db.upgrades.steps).
schema_steps = Table(
    "schema_steps",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # A contract runs from when earlier processes may write no more until it has been made.
    Column("state", Text, nullable=False),
    # Of a back-fill: the key of the last row that this pass has seen, rows seen, how many there
    # are about, and those that somebody else held.
    Column("position", Text),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("missed", BigInteger, nullable=False, server_default="0"),
    # Whether no earlier process ran when this pass began.
    Column("alone", Boolean, nullable=False, server_default=false()),
    # The process that is at it, and when another one may be.
    Column("holder", Text),
    Column("due_time", BigInteger, nullable=False, server_default="0"),
    time_column("start_time", nullable=True),
    time_column("end_time", nullable=True),
    info=OF_ENVIRONMENT,
)


class event_id(GenericFunction[str]):  # noqa: N801
    """A new id of an event, made by the database while the change holds its row.

    So the ids of changes to one row have the order of the changes, whichever process made them.
    """

    inherit_cache = True
    type = Text()
    name = fence.EVENT_ID  # which former versions do not know


class event_time(GenericFunction[int]):  # noqa: N801
    """The time in microseconds since 1970, UTC, when the database writes the event."""

    inherit_cache = True
    type = BigInteger()
    name = "tenantry_now"


# Beside these columns: on PostgreSQL `xid`, the transaction that wrote the event, on SQLite
# `number`, which grows with each event (docs/decisions/0008-event-log.md).
events = Table(
    "events",
    metadata,
    Column("id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("object", Text, nullable=False),
    time_column("occurred_at"),
    # "" for an event of the environment: a key holds no NULL. `event_columns` reads it as NULL.
    Column("organization_id", Text, nullable=False, server_default=""),
    Column("actor", Json, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("request_id", Text, nullable=False),
    # Values that find the event beside these: a flat object of texts, NULL for none.
    Column("context", Json),
    # Begins with the organization, and is the index of its lists by type.
    PrimaryKeyConstraint("organization_id", "type", "id"),
    info=of_organization(),
)
Index(None, events.c.type, events.c.id)
Index(None, events.c.organization_id, events.c.id)
# An id comes once. Unique, so that PostgreSQL knows it too when it plans to look some of them up in
# a month that nobody has counted yet.
Index("uq_events__id", events.c.id, unique=True, info=FOR_THE_PLANNER)
# Events that a range of ids does not find by their time: the clock was set meanwhile, or the writer
# was stopped between both. Few are, so their index costs the others nothing.
NEAR_MILLISECONDS = 100
# An id without a time counts as one of them: PostgreSQL casts no other text to a number.
events_apart: ColumnElement[Any] = literal_column(
    "CASE WHEN length(id) BETWEEN 5 AND 23 AND ltrim(substr(id, 5), '0123456789') = '' "
    "AND id <= 'evt_9223372036854775807' "
    "THEN abs(occurred_at / 1000 - (CAST(substr(id, 5) AS bigint) >> 22) - "
    f"{EPOCH_MILLISECONDS}) > {NEAR_MILLISECONDS} ELSE true END",
    _CONDITION,
)
Index(
    "ix_events__apart",
    events.c.occurred_at,
    events.c.id,
    postgresql_where=events_apart,
    sqlite_where=events_apart,
)

# All columns of `events` as they are read: the organization is NULL where there is none.
event_organization = func.nullif(events.c.organization_id, literal_column("''", Text)).label(
    "organization_id"
)
event_columns: list[ColumnElement[Any]] = [
    event_organization if column is events.c.organization_id else column for column in events.c
]

# The contexts of events as rows, for the lists that are narrowed by them. Few events have one: the
# others pay nothing for it.
event_contexts = Table(
    "event_contexts",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    info=of_organization(),
)
_context = event_contexts.c
Index(None, _context.key, _context.value, _context.type, _context.event_id)

# How many rows a table holds, in several slots (tenantry.db.writes.tallies).
tallies = Table(
    "tallies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
    info=OF_ENVIRONMENT,
)

# Answers to requests with an Idempotency-Key, for 24 hours.
replies = Table(
    "replies",
    metadata,
    Column("caller_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("response", LargeBinary, info=encrypted_for_a_day("reply")),
    Column("headers", Json),
    time_column("create_time"),
    info=OF_ENVIRONMENT,
)
Index(None, replies.c.create_time)
