"""Webhook endpoints, deliveries and attempts: tables and records."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    text,
)

from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

PENDING, SUCCEEDED, FAILED = "PENDING", "SUCCEEDED", "FAILED"
_SECRET = encrypted("webhook-secret")

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("event_types", Json, nullable=False),  # every published type when empty
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("enabled", Boolean, nullable=False),
    Column("ordered", Boolean, nullable=False),
    Column("secret_sealed", Text, nullable=False, info=_SECRET),
    Column("previous_secret_sealed", Text, info=_SECRET),
    time_column("previous_secret_expire_time", nullable=True),
    time_column("failing_since", nullable=True),
    Column("disabled_reason", Text),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
Index(None, webhook_endpoints.c.organization_id, webhook_endpoints.c.id)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "endpoint_id", Text, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False
    ),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("organization_id", Text),
    Column("position", BigInteger, nullable=False),  # of the event in the log
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    time_column("due_time", nullable=True),
    Column("last_status", Integer),
    Column("body", Text),  # of a test event; any other is rendered from its event
    Column("replay", Boolean, nullable=False),
    time_column("create_time"),
    time_column("end_time", nullable=True),
    info=OF_ENVIRONMENT,
)
_d = webhook_deliveries.c
# Each for its own question alone, which says so: of two that would do, PostgreSQL takes the smaller
# one, and reads all that waits to find the few that are due.
for _columns, _of in (
    ((_d.endpoint_id, _d.due_time), "state = 'PENDING' AND due_time > 0"),
    ((_d.endpoint_id, _d.position, _d.id), "state = 'PENDING' AND position > 0"),
):
    Index(None, *_columns, postgresql_where=text(_of), sqlite_where=text(_of))
Index(None, _d.endpoint_id, _d.id)
Index(
    "ix_webhook_deliveries__failed",
    _d.endpoint_id,
    _d.id,
    postgresql_where=text("state = 'FAILED'"),
    sqlite_where=text("state = 'FAILED'"),
)
Index(None, _d.event_id)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column(
        "delivery_id",
        Text,
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", Integer, primary_key=True, autoincrement=False),
    time_column("attempt_time"),
    Column("duration", BigInteger, nullable=False),  # microseconds
    Column("status_code", Integer),
    Column("problem", Text),
    Column("response", Text),  # its first characters
    info=OF_ENVIRONMENT,
)
