"""The table of uploaded pictures."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

assets = Table(
    "assets",
    metadata,
    Column("id", Text, primary_key=True),
    # NULL for the pages of all.
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("media_type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    time_column("create_time"),
    Index("ix_assets__organization_id", "organization_id", "id"),
    info=OF_ENVIRONMENT,
)


@dataclass(frozen=True, slots=True)
class Asset:
    """An uploaded picture, as it is served."""

    id: str
    media_type: str
    content: bytes
