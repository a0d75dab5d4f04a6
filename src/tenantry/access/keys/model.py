"""The table of signing keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Column, Table, Text

from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Text, primary_key=True),  # the kid
    Column("algorithm", Text, nullable=False, server_default="RS256"),  # RFC 7518 section 3.1
    Column("state", Text, nullable=False),
    Column("public_pem", Text, nullable=False),
    Column("private_sealed", Text, nullable=False, info=encrypted("{id}")),
    time_column("create_time"),
    time_column("retire_time", nullable=True),
    info=OF_ENVIRONMENT,
)


class State(StrEnum):
    """Where a key is in its life."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair; ``private_pem`` is the secret."""

    id: str
    algorithm: str
    state: State
    public_pem: str
    private_pem: str
    create_time: int
    retire_time: int | None
