"""The table of consents, and the record of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text

from tenantry.access.clients.model import clients
from tenantry.access.resources.model import resources
from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.db.engine import Row

consents = Table(
    "consents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("resource_id", Text, ForeignKey(resources.c.id, ondelete="CASCADE"), nullable=False),
    Column("client_id", Text, ForeignKey(clients.c.id, ondelete="CASCADE"), nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    time_column("grant_time"),  # of the scopes that were granted last
    time_column("create_time"),
    # Requested, and not granted by the user. NULL for none.
    Column("declined_scopes", Json),
    ForeignKeyConstraint(
        ["organization_id", "user_id"],
        [memberships.c.organization_id, memberships.c.user_id],
        ondelete="CASCADE",
        name="fk_consents__organization_id",
    ),
    info=OF_ENVIRONMENT,
)
_c = consents.c
Index(
    "uq_consents__client_id",
    *(_c.client_id, _c.user_id, _c.organization_id),
    unique=True,
)
Index("ix_consents__resource_id_id", _c.resource_id, _c.id)
Index("ix_consents__user_id_id", _c.user_id, _c.id)
Index("ix_consents__organization_id_id", _c.organization_id, _c.id)
Index("ix_consents__organization_id_user_id_id", _c.organization_id, _c.user_id, _c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One consent; times in microseconds since 1970, UTC."""

    id: str
    resource_id: str
    client_id: str
    organization_id: str
    user_id: str
    scopes: tuple[str, ...]
    grant_time: int
    create_time: int
    declined_scopes: tuple[str, ...] = ()

    def scopes_contain(self, scopes: Collection[str]) -> bool:
        return set(scopes) <= set(self.scopes)

    def to_row(self) -> dict[str, Any]:
        return row_of(self, consents)

    @classmethod
    def from_row(cls, row: Row) -> Consent:
        """Return the consent of one row."""
        values = members(row, consents)
        return cls(**values | {"declined_scopes": values["declined_scopes"] or ()})

    def to_event(self) -> dict[str, Any]:
        """Return the object of its events."""
        return {
            "id": self.id,
            "resource_id": self.resource_id,
            "client_id": self.client_id,
            "organization_id": self.organization_id,
            "user_id": self.user_id,
            "scopes": list(self.scopes),
            "granted_at": rfc3339(self.grant_time),
        }
