"""The table of connections, and one of them as the room knows it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text

from tenantry.db.schema import metadata, time_column
from tenantry.db.spread import OF_ENVIRONMENT

# Types of the contract that the environment has one connection of each.
PASSWORDLESS = "PASSWORDLESS"
PASSWORD = "PASSWORD"  # noqa: S105 - a name, no secret
WEBAUTHN = "WEBAUTHN"
TYPES = (PASSWORDLESS, PASSWORD, WEBAUTHN)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("type", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
_of_environment = connections.c.organization_id.is_(None)
Index(
    "uq_connections__type",
    connections.c.type,
    unique=True,
    postgresql_where=_of_environment,
    sqlite_where=_of_environment,
)
Index("ix_connections__organization_id_id", connections.c.organization_id, connections.c.id)


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of the environment."""

    id: str
    type: str
    provider: str
