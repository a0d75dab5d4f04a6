"""The file of an environment, or of one organization: one JSON object a line, parents first.

A line is a row of a table: its columns by name, without those that are null, and ``type``. Times
are microseconds since 1970, UTC. The first line identifies the environment or the organization, and
the last line proves that the file is complete. The order of lines and members depends on the
content alone, so files can be compared byte by byte.

`tables.py` declares the tables. Secrets of clients and directories, and API tokens, are
exported as digests, so the credentials stay valid. Secrets of connections are exported only if the
operator gives a key for the file, encrypted with that key: in the database they are encrypted with
the deployment's own. Without its secret, a connection that needs one is imported as incomplete, and
can be enabled again once it has one. SAML key pairs belong to the deployment: identity providers
that verify signatures read its metadata again.

Not exported, because it belongs to the deployment or expires soon: management clients and their
secrets, signing keys, revoked tokens and used assertions, portal links and sessions, consents,
email, stored replies, request logs of directories, and past events.

The file of one organization has the same lines, narrowed to that organization and its members. Its
first line names the roles and permissions of the environment, and the scopes, that it refers to.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import orjson
from sqlalchemy import Boolean, Integer, select

from tenantry.core import errors, ids
from tenantry.db.sql.schema import Json, from_json, json_rows, to_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sqlalchemy import Column, ColumnElement, Select, Table

    from tenantry.db.engine import Row, Session
    from tenantry.db.search.index import Searched
    from tenantry.db.sql.statements import Statement
    from tenantry.db.writes.tallies import Tally
    from tenantry.identity.connections.changes.archiving import SecretCipher

FORMAT = 1
SEALED = "sealed_secret"  # member of a connection: its secret, encrypted with the key of the file
START, START_OF_ORGANIZATION, END = "environment", "organization_export", "end"

Members: TypeAlias = dict[str, Any]
Batch: TypeAlias = list[tuple[int, Members]]  # rows of one table, with their line numbers


class SecretCodec(Protocol):
    """Encrypts the secrets of connections with the key of a file, and decrypts them."""

    def to_archive(
        self, db: Session, row: Row, cipher: SecretCipher | None
    ) -> tuple[Members, str | None]:
        """Return the exported row, and its encrypted secret if there is a key."""

    def from_archive(
        self, db: Session, row: Members, encrypted: str | None, cipher: SecretCipher | None
    ) -> Members:
        """Return the row to insert."""


@dataclass(frozen=True, slots=True)
class ListedIds:
    """A member of a line that lists IDs, each of which is a row of an association table."""

    member: str
    column: Column[str]  # of the association table: the listed ID
    conditions: tuple[ColumnElement[bool], ...]  # which of its rows belong to the row of the line

    @property
    def table(self) -> Table:
        """Return the association table."""
        return self.column.table


@dataclass(frozen=True, slots=True)
class Unique:
    """A column whose values must not be those of existing rows, which are conflicts."""

    column: str
    existing: Statement  # see `conflicts.having`
    conflict: str  # with {row}, and {existing}, the row that has its value
    applies: Callable[[Members], bool] = lambda _row: True


@dataclass(frozen=True, slots=True, eq=False)
class ArchiveTable:
    """One table of an archive: how its rows are selected, written, checked and restored."""

    type: str  # of its lines
    table: Table
    id_prefix: str = ""
    _: KW_ONLY
    omitted: tuple[str, ...] = ()  # columns that are not exported
    listed: ListedIds | None = None
    secret: SecretCodec | None = None

    # Export
    rows: Select[Any] | None = None  # default: all
    key: tuple[Column[Any], ...] = ()  # default: the primary key
    environment_rows: tuple[ColumnElement[bool], ...] = ()  # conditions: no organization owns it
    organization_rows: Select[Any] | None = None  # default: rows with the ID of the organization
    organization_key: tuple[Column[Any], ...] = ()  # default: the key without that ID

    # Import
    check: Callable[[Members], Members] = lambda row: row  # returns the row with derived columns
    # Values of columns that files of earlier versions do not have.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    # Import of one organization: columns that refer to rows of other types, and unique columns.
    references: Mapping[str, str] = field(default_factory=dict)
    unique: tuple[Unique, ...] = ()
    # Indexes to update after rows are inserted.
    search: Searched | None = None
    index: Callable[[Session, list[Members]], Awaitable[None]] | None = None
    tally: Tally | None = None

    @property
    def all_rows(self) -> Select[Any]:
        """Return the exported rows of an environment."""
        rows = select(self.table) if self.rows is None else self.rows
        if (listed := self.listed) is None:
            return rows
        values = select(json_rows(listed.column)).where(*listed.conditions).scalar_subquery()
        return rows.add_columns(values.label(listed.member))

    @property
    def key_columns(self) -> tuple[Column[Any], ...]:
        """Return the columns that order the rows."""
        return self.key or tuple(self.table.primary_key)

    def member(self, column: str) -> str:
        """Return the member of a line for a column; ``type`` is the type of the line."""
        return f"{self.type}_type" if column == "type" else str(column)

    @property
    def columns(self) -> list[Column[Any]]:
        """The exported columns."""
        return [column for column in self.table.c if column.name not in self.omitted]


def encode(members: Mapping[str, Any]) -> bytes:
    """Return a line."""
    # Databases return the members of a JSON column in different orders.
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def to_members(table: ArchiveTable, row: Row) -> Members:
    """Return the members of the line of a row."""
    members: Members = {"type": table.type}
    for column in table.columns:
        value = row[column.name]
        if value is None:
            continue
        if isinstance(column.type, Json):
            value = from_json(value)
        elif isinstance(column.type, Boolean):
            value = bool(value)
        members[table.member(column.name)] = value
    if table.listed is not None:
        members[table.listed.member] = sorted(from_json(row[table.listed.member] or "[]"))
    return members


def to_row(table: ArchiveTable, members: Members) -> Members:
    """Return the row of a line, whose members it consumes."""
    row: Members = {}
    for column in table.columns:
        name = table.member(column.name)
        value = members.pop(name, table.defaults.get(name))
        if value is None and not column.nullable:
            raise errors.InvalidArgument(f"{name}: is required")
        if value is not None and not has_type(column, value):
            raise errors.InvalidArgument(f"{name}: is not of its type")
        is_json = isinstance(column.type, Json) and value is not None
        row[column.name] = to_json(value) if is_json else value
    if table.id_prefix and not ids.well_formed(table.id_prefix, row["id"]):
        raise errors.InvalidArgument(f"id: is not {table.id_prefix} followed by digits")
    if table.listed is not None:
        name = table.listed.member
        listed = members.pop(name, None)
        if not isinstance(listed, list) or not all(isinstance(id_, str) for id_ in listed):
            raise errors.InvalidArgument(f"{name}: must be a list of IDs")
        row[name] = listed
    if members:
        unknown = next(iter(members))[:60]
        raise errors.InvalidArgument(f"{unknown}: is not a member of a {table.type}")
    return table.check(row)


def has_type(column: Column[Any], value: Any) -> bool:
    """Whether a column can store a value."""
    if isinstance(column.type, Json):
        return isinstance(value, dict | list)
    if isinstance(column.type, Boolean):
        return isinstance(value, bool)
    if isinstance(column.type, Integer):
        bits = 63 if column.type.__visit_name__ == "big_integer" else 31
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return is_number and -(2**bits) <= value < 2**bits
    return isinstance(value, str)
