"""The tables of links and of the sessions they opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, false

from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members

if TYPE_CHECKING:
    from tenantry.db.engine import Row

_ORGANIZATION = "organizations.id"

portal_links = Table(
    "portal_links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey(_ORGANIZATION, ondelete="CASCADE"), nullable=False),
    Column("features", Json, nullable=False),
    time_column("create_time"),
    time_column("expire_time"),
    time_column("open_time", nullable=True),  # the first time that it was opened
    # It opens as often as somebody wants to, until it expires.
    Column("shareable", Boolean, nullable=False, server_default=false()),
    info=OF_ENVIRONMENT,
)
Index(None, portal_links.c.organization_id, portal_links.c.id)

portal_sessions = Table(
    "portal_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey(_ORGANIZATION, ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("features", Json, nullable=False),
    time_column("create_time"),
    time_column("expire_time"),
    # By the link that was opened; sessions from before 1.0 know none.
    Column("link_id", Text),
    info=OF_ENVIRONMENT,
)
Index(None, portal_sessions.c.organization_id, portal_sessions.c.link_id)


@dataclass(frozen=True, slots=True)
class PortalLink:
    """One link; times in microseconds since 1970, UTC."""

    id: str
    organization_id: str
    features: tuple[str, ...]
    create_time: int
    expire_time: int
    shareable: bool = False

    @classmethod
    def from_row(cls, row: Row) -> PortalLink:
        """Return the link of one row."""
        return cls(**members(row, portal_links, but={"open_time"}))

    def to_event(self) -> dict[str, object]:
        return {
            "id": self.id,
            "organization_id": self.organization_id,
            "features": list(self.features),
            "expire_time": self.expire_time,
            "shareable": self.shareable,
        }


@dataclass(frozen=True, slots=True)
class PortalSession:
    id: str
    organization_id: str
    features: tuple[str, ...]  # that its link is for
    expire_time: int
    organization_features: frozenset[str] = frozenset()  # that are on, where they were read
