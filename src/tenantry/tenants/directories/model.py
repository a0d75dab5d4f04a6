"""The tables of directories, and their records.

All of a directory lies with its organization, and its keys begin with both. Times are microseconds
since 1970, UTC.

No foreign key ties people, groups and the rest to their directory: they can be a million rows, more
than one transaction should delete. A change of them holds the directory's row, a read of them has
read it before, and the worker deletes those of a directory that is gone (`removal`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
)

from tenantry.core.times import rfc3339
from tenantry.db.search.index import Searched
from tenantry.db.sql.schema import Json, from_json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT, of_organization
from tenantry.db.writes.rows import members, row_of
from tenantry.db.writes.tallies import Tally
from tenantry.tenants.directories.scim.resources import name_keys
from tenantry.tenants.tables import directories as declared
from tenantry.tenants.tables.directories import key_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement

    from tenantry.db.engine import Row

# Types of the contract. LDAP is in it, and no directory is made of it.
SCIM, POLL, LDAP = "SCIM", "POLL", "LDAP"
# The provider of the contract that is a custom one.
CUSTOM = "DIRECTORY_PROVIDER_UNSPECIFIED"
# Statuses of the contract: nothing is set up, it waits for its first request, it has had one.
DRAFT, IN_PROGRESS, COMPLETED = "DRAFT", "IN_PROGRESS", "COMPLETED"
# Statuses of a secret.
ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"
# A polled directory tracks all groups, or those that are assigned.
ALL, SELECTED = "ALL", "SELECTED"
OF_DIRECTORY = "organization_id", "directory_id"

# Parameters of statements about one directory.
ORGANIZATION_ID = bindparam("organization_id", type_=Text)
DIRECTORY_ID = bindparam("directory_id", type_=Text)
ID = bindparam("id", type_=Text)
GIVEN = bindparam("given", type_=Text)  # a JSON array


def of_directory(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that narrow a table to the rows of the directory in question."""
    return table.c.organization_id == ORGANIZATION_ID, table.c.directory_id == DIRECTORY_ID


def key(directory: Directory) -> dict[str, str]:
    """Return the parameters of `of_directory`."""
    return {"organization_id": directory.organization_id, "directory_id": directory.id}


def _goes_with(table: str, column: str, to: str) -> ForeignKeyConstraint:
    """Return the rule that a row goes with the one of its directory that a column names."""
    return ForeignKeyConstraint(
        ["organization_id", "directory_id", column],
        [f"{to}.organization_id", f"{to}.directory_id", f"{to}.id"],
        ondelete="CASCADE",
        name=f"fk_{table}__{column}",
    )


def index(table: Table, column: str, *before: str, after: str = "") -> None:
    columns = [table.c[name] for name in (*before, column, *((after,) if after else ()))]
    Index(f"ix_{table.name}__{column}", *columns)


def partial(table: Table, column: str, *before: str, after: str = "") -> None:
    """Index the rows that have a value in this column."""
    there = table.c[column].is_not(None)
    columns = [table.c[name] for name in (*before, column, *((after,) if after else ()))]
    Index(f"ix_{table.name}__{column}", *columns, postgresql_where=there, sqlite_where=there)


directories = declared.directories


def of_row(table: Table) -> ColumnElement[bool]:
    """Return the condition that rows of a table belong to the directory of the row beside them."""
    same_organization = table.c.organization_id == directories.c.organization_id
    return same_organization & (table.c.directory_id == directories.c.id)


index(directories, "id")
partial(directories, "poll_time")

# Bearer tokens of SCIM. They are found by their digest before their organization is known, so they
# lie elsewhere, and go with their directory.
directory_secrets = Table(
    "directory_secrets",
    metadata,
    *key_columns("id"),
    Column(
        "organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE"), nullable=False
    ),
    Column("directory_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("suffix", Text, nullable=False),  # the last four characters, to tell secrets apart
    Column("status", Text, nullable=False),
    time_column("create_time"),
    time_column("expire_time", nullable=True),
    time_column("last_used_time", nullable=True),
    info=OF_ENVIRONMENT,
)
Index("uq_directory_secrets__digest", directory_secrets.c.digest, unique=True)
index(directory_secrets, "directory_id", "organization_id", after="id")

directory_users = declared.directory_users
directory_user_search = Searched(
    directory_users,
    "directory_user_id",
    *("user_name_key", "display_name_key", "email_key"),
    place=OF_DIRECTORY,
)
_u = directory_users.c
Index(
    "uq_directory_users__user_name_key",
    _u.organization_id,
    _u.directory_id,
    _u.user_name_key,
    unique=True,
)
index(directory_users, "email_key", "organization_id")
partial(directory_users, "user_id", "organization_id")
for _column in ("display_name_key", "update_time", "active"):
    index(directory_users, _column, *OF_DIRECTORY, after="id")
partial(directory_users, "external_id", *OF_DIRECTORY)
for _column in ("family_name_key", "given_name_key"):
    partial(directory_users, _column, *OF_DIRECTORY, after="id")
names_are_due = _u.names_revision != _u.revision
Index(
    "ix_directory_users__names_revision",
    *(_u[name] for name in (*OF_DIRECTORY, "id")),
    postgresql_where=names_are_due,
    sqlite_where=names_are_due,
)

directory_emails = declared.directory_emails
index(directory_emails, "directory_user_id", *OF_DIRECTORY)

directory_groups = Table(
    "directory_groups",
    metadata,
    *key_columns("organization_id", "directory_id", "id"),
    Column("display_name", Text, nullable=False),
    Column("display_name_key", Text, nullable=False),
    Column("external_id", Text),
    Column("document", Json, nullable=False),  # without members
    # Changes with the members, whose changes so hold this row.
    Column("member_count", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=of_organization(),
)
for _column in ("display_name_key", "update_time"):
    index(directory_groups, _column, *OF_DIRECTORY, after="id")
partial(directory_groups, "external_id", *OF_DIRECTORY)

directory_members = Table(
    "directory_members",
    metadata,
    *key_columns("organization_id", "directory_id", "directory_group_id", "directory_user_id"),
    _goes_with("directory_members", "directory_group_id", "directory_groups"),
    _goes_with("directory_members", "directory_user_id", "directory_users"),
    info=of_organization(),
)
index(directory_members, "directory_user_id", *OF_DIRECTORY, after="directory_group_id")

directory_role_assignments = Table(
    "directory_role_assignments",
    metadata,
    *key_columns("organization_id", "directory_id", "directory_group_id"),
    Column("role_id", Text, ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True),
    _goes_with("directory_role_assignments", "directory_group_id", "directory_groups"),
    info=of_organization(),
)
index(directory_role_assignments, "role_id")

# How many people a directory has; see `tenantry.db.writes.tallies`. It has a row from its first
# moment to the end of all that it had: so the worker finds the directories that are gone.
directory_tallies = Table(
    "directory_tallies",
    metadata,
    *key_columns("organization_id", "directory_id"),
    Column("slot", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
    info=of_organization(),
)

user_tally = Tally(directory_tallies.c.organization_id, directory_tallies.c.directory_id)

# People whose events a change leaves to the worker, in the order of the ids.
directory_changes = Table(
    "directory_changes",
    metadata,
    *key_columns("organization_id", "directory_id", "id"),
    Column("actor", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("directory_user_ids", Json, nullable=False),
    time_column("due_time"),
    info=of_organization(),
)
for _column in ("id", "due_time"):
    index(directory_changes, _column)

# The ids at the provider that a poll under way has read so far; `kind` says of which list one is.
directory_polled = Table(
    "directory_polled",
    metadata,
    *key_columns("organization_id", "directory_id", "kind", "external_id"),
    Column("document", Json),
    info=of_organization(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One directory; the defaults are those of a new one."""

    id: str
    organization_id: str
    name: str
    directory_type: str = SCIM
    directory_provider: str = CUSTOM
    status: str = DRAFT
    enabled: bool = False
    attribute_mapping: Mapping[str, str] = field(default_factory=dict, hash=False)
    context: Mapping[str, Any] | None = field(default=None, hash=False)
    email: str = ""
    groups_tracked: str = ALL
    external_groups: Sequence[Mapping[str, str]] = ()
    credentials: str | None = field(default=None, repr=False)
    poll: Mapping[str, Any] | None = field(default=None, hash=False)
    poll_time: int | None = None
    error: str = ""
    last_sync_time: int | None = None
    first_enable_time: int | None = None
    revision: int = 1
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> Directory:
        return cls(**members(row, directories))

    def to_row(self) -> dict[str, Any]:
        return row_of(self, directories)

    def to_event(self) -> dict[str, Any]:
        """Return its content in events: the published members."""
        return {
            "id": self.id,
            "organization_id": self.organization_id,
            "directory_type": self.directory_type,
            "provider": self.directory_provider,
            "enabled": self.enabled,
            "updated_at": rfc3339(self.update_time),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret without its text."""

    id: str
    organization_id: str
    directory_id: str
    digest: str = field(repr=False)
    suffix: str
    status: str = ACTIVE
    create_time: int
    expire_time: int | None = None
    last_used_time: int | None = None

    @classmethod
    def from_row(cls, row: Row) -> Secret:
        return cls(**members(row, directory_secrets))

    def to_row(self) -> dict[str, Any]:
        return row_of(self, directory_secrets)

    def in_force(self, at: int) -> bool:
        """Whether it opens the directory at this time."""
        return self.status == ACTIVE and (self.expire_time is None or self.expire_time > at)


_OF_NAMES = ("family_name_key", "given_name_key", "names_revision")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryUser:
    """A person of a directory; ``document`` is the resource (RFC 7643 section 4.1)."""

    id: str
    organization_id: str
    directory_id: str
    user_name: str
    user_name_key: str
    external_id: str | None = None
    display_name_key: str = ""
    email: str = ""
    email_key: str = ""
    active: bool = True
    document: Mapping[str, Any] = field(hash=False)
    user_id: str | None = None
    revision: int = 1
    create_time: int
    update_time: int
    # Id and name of each of its groups; no column, and None where they were not read.
    groups: tuple[tuple[str, str], ...] | None = field(default=None, compare=False)

    @classmethod
    def from_row(cls, row: Row) -> DirectoryUser:
        return cls(**members(row, directory_users, but=_OF_NAMES))

    @classmethod
    def with_groups(cls, row: Row) -> DirectoryUser:
        """Return the person of one row, which has `groups` beside it (`holding.groups_of`)."""
        groups = sorted((id_, name) for id_, name in from_json(row["groups"] or "[]"))
        return cls(**members(row, directory_users, but=_OF_NAMES), groups=tuple(groups))

    def to_row(self) -> dict[str, Any]:
        row = row_of(self, directory_users, but=_OF_NAMES)
        return row | name_keys(self.document) | {"names_revision": self.revision}


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryGroup:
    """A group of a directory, without its members (RFC 7643 section 4.2)."""

    id: str
    organization_id: str
    directory_id: str
    display_name: str
    display_name_key: str
    external_id: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict, hash=False)
    member_count: int = 0
    revision: int = 1
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> DirectoryGroup:
        return cls(**members(row, directory_groups))

    def to_row(self) -> dict[str, Any]:
        return row_of(self, directory_groups)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group as the group shows it (RFC 7643 section 4.2)."""

    id: str
    display: str
