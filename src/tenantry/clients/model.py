"""The tables of clients and of their secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from tenantry.db.schema import metadata, time_column

clients = Table(
    "clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    time_column("create_time"),
)

client_secrets = Table(
    "client_secrets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client_id", Text, ForeignKey("clients.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("suffix", Text, nullable=False),  # last characters, to tell secrets apart
    time_column("create_time"),
    time_column("expire_time", nullable=True),
)
Index(None, client_secrets.c.client_id)


@dataclass(frozen=True, slots=True)
class Secret:
    """What is known of a secret."""

    id: str
    digest: str
    suffix: str
    create_time: int
    expire_time: int | None


@dataclass(frozen=True, slots=True)
class Client:
    """One management client and its live secrets, the newest last."""

    id: str
    name: str
    create_time: int
    secrets: tuple[Secret, ...]

    def shown(self) -> dict[str, Any]:
        """Return what events and the command line show."""
        return {
            "client_id": self.id,
            "name": self.name,
            "create_time": self.create_time,
            "secrets": [
                {"id": s.id, "suffix": s.suffix, "expire_time": s.expire_time} for s in self.secrets
            ],
        }
