"""The table of the token template, and the record; times in microseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, Integer, Table, Text, select, true

from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row

# One row, or none.
token_templates = Table(
    "token_templates",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    # An id that is new with each change: a process holds the parsed template of one version.
    Column("version", Text, nullable=False),
    Column("template", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)

# The version in force, NULL without one: to be selected along with a subject.
version = (
    select(token_templates.c.version).where(token_templates.c.enabled == true()).scalar_subquery()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTemplate:
    """The token template, as it is kept."""

    only: int = 1
    version: str
    template: Mapping[str, Any] = field(hash=False)
    enabled: bool
    create_time: int
    update_time: int

    def to_row(self) -> dict[str, Any]:
        return row_of(self, token_templates)

    @classmethod
    def from_row(cls, row: Row) -> TokenTemplate:
        """Return the template of one row."""
        return cls(**members(row, token_templates))

    def to_event(self) -> dict[str, Any]:
        return {
            "template": dict(self.template),
            "enabled": self.enabled,
            "create_time": rfc3339(self.create_time),
            "update_time": rfc3339(self.update_time),
        }
