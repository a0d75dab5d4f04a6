"""The table of scopes, and the record of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, Index, Table, Text

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of

if TYPE_CHECKING:
    from tenantry.db.engine import Row

scopes = Table(
    "scopes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
Index("uq_scopes__name", scopes.c.name, unique=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope of the catalogue."""

    id: str
    name: str
    description: str
    enabled: bool
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> Scope:
        """Return the scope of one row."""
        return cls(**members(row, scopes))

    def to_row(self) -> dict[str, Any]:
        return row_of(self, scopes)

    def to_event(self) -> dict[str, Any]:
        """Return the object of its events."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "enabled": self.enabled,
        }
