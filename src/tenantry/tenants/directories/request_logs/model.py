"""The table of the requests of identity providers."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Integer,
    Table,
    Text,
    literal_column,
)

from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.spread import of_organization
from tenantry.tenants.directories.model import OF_DIRECTORY, index, partial
from tenantry.tenants.tables.directories import key_columns

# Requests of providers, kept for 30 days.
directory_requests = Table(
    "directory_requests",
    metadata,
    *key_columns("organization_id", "directory_id", "id"),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("error", Text, nullable=False),
    # The person or group that it was about, or the name that it did not find.
    Column("resource_id", Text),
    Column("payload", Json),  # without passwords
    Column("skipped", Json),  # what of it was not taken, and why
    time_column("create_time"),
    info=of_organization(),
)
index(directory_requests, "create_time")
_failed = directory_requests.c.error != literal_column("''")
Index(
    "ix_directory_requests__error",
    *(directory_requests.c[name] for name in (*OF_DIRECTORY, "id")),
    postgresql_where=_failed,
    sqlite_where=_failed,
)
partial(directory_requests, "resource_id", *OF_DIRECTORY)
