"""The tables of roles and permissions, and their records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
)

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import REFERENCE, of_organization
from tenantry.db.writes.rows import members

if TYPE_CHECKING:
    from tenantry.db.engine import Row

permissions = Table(
    "permissions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("built_in", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=REFERENCE,
)
Index("uq_permissions__name", permissions.c.name, unique=True)

# Without an organization: a role of the environment, which every organization has.
roles = Table(
    "roles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("name", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("description", Text),
    Column("base_id", Text, ForeignKey("roles.id")),
    # Of one role of the environment each.
    Column("default_creator", Boolean, nullable=False),
    Column("default_member", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=REFERENCE,
)
_of_environment = roles.c.organization_id.is_(None)
Index(
    "uq_roles__name",
    roles.c.name,
    unique=True,
    postgresql_where=_of_environment,
    sqlite_where=_of_environment,
)
Index("uq_roles_of_organization__name", roles.c.name, roles.c.organization_id, unique=True)
Index("ix_roles__organization_id_id", roles.c.organization_id, roles.c.id)
Index("ix_roles__base_id", roles.c.base_id)

# For each role itself and all that it extends: so effective permissions are one join.
role_ancestors = Table(
    "role_ancestors",
    metadata,
    Column("role_id", Text, ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True),
    Column("ancestor_id", Text, ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True),
    info=REFERENCE,
)
Index("ix_role_ancestors__ancestor_id", role_ancestors.c.ancestor_id)

role_permissions = Table(
    "role_permissions",
    metadata,
    Column("role_id", Text, ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "permission_id", Text, ForeignKey("permissions.id", ondelete="CASCADE"), primary_key=True
    ),
    info=REFERENCE,
)
Index("ix_role_permissions__permission_id", role_permissions.c.permission_id)

# An organization's own default for new members; without a row the environment's applies.
default_member_roles = Table(
    "default_member_roles",
    metadata,
    Column(
        "organization_id",
        Text,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("role_id", Text, ForeignKey("roles.id", ondelete="CASCADE"), nullable=False),
    info=of_organization(),
)
Index("ix_default_member_roles__role_id", default_member_roles.c.role_id)

role_holders = Table(
    "role_holders",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("role_id", Text, ForeignKey("roles.id"), primary_key=True),
    ForeignKeyConstraint(
        ["organization_id", "user_id"],
        ["memberships.organization_id", "memberships.user_id"],
        ondelete="CASCADE",
        name="fk_role_holders__organization_id",
    ),
    info=of_organization(),
)
Index("ix_role_holders__role_id", role_holders.c.role_id, role_holders.c.organization_id)


@dataclass(slots=True)
class Permission:
    """One permission; times in microseconds since 1970, UTC."""

    id: str
    name: str
    description: str
    built_in: bool  # the twelve that the portal and the widgets check
    revision: int
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> Permission:
        """Return the permission of one row."""
        return cls(**members(row, permissions))

    def to_event(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "description": self.description}


@dataclass(slots=True)
class Role:
    """One role; times in microseconds since 1970, UTC."""

    id: str
    organization_id: str | None  # None: of the environment
    name: str
    display_name: str
    description: str | None
    extends: str | None  # the name of its base
    base_id: str | None
    default_creator: bool
    default_member: bool
    dependents: int  # how many roles extend it directly
    revision: int
    create_time: int
    update_time: int

    def to_event(self) -> dict[str, Any]:
        """Return what its events say: the published members, and its organization if it has one."""
        event: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "display_name": self.display_name,
            "description": self.description or "",
        }
        if self.extends is not None:
            event["extends"] = self.extends
        if self.organization_id is not None:
            event["organization_id"] = self.organization_id
        return event
