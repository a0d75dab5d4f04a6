"""The tables of users and memberships, and one of each as the room knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from tenantry import ids
from tenantry.db.schema import Json, metadata, time_column

if TYPE_CHECKING:
    from tenantry.roles.catalogue import HeldRole

# The migration adds the search text, of e-mail and external id, and the indexes over it.
users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),  # in lower case: what is unique
    Column("external_id", Text),
    Column("profile", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("email_verified", Boolean, nullable=False),
    # As an import brought it, for sign-in: PHC or modular crypt format.
    Column("password_hash", Text),
    time_column("last_login_time", nullable=True),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info={"prefix": ids.USER},
)
Index("uq_users__email", users.c.email_key, unique=True)
Index("uq_users__external_id", users.c.external_id, unique=True)

memberships = Table(
    "memberships",
    metadata,
    Column(
        "organization_id",
        Text,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Text, nullable=False),  # gives lists their order
    Column("status", Text, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("inviter_email", Text),
    Column("provisioning_method", Text, nullable=False),
    time_column("create_time"),
    time_column("accept_time", nullable=True),
    time_column("join_time", nullable=True),
    time_column("expire_time", nullable=True),  # of the invitation
    Column("invite_digest", Text),
    time_column("invite_resend_time", nullable=True),
    Column("invite_resend_count", Integer, nullable=False),
)
Index("uq_memberships__id", memberships.c.organization_id, memberships.c.id, unique=True)
Index("ix_memberships__user_id_id", memberships.c.user_id, memberships.c.id)
_invited = memberships.c.invite_digest.is_not(None)
Index(
    "uq_memberships__invite_digest",
    memberships.c.invite_digest,
    unique=True,
    postgresql_where=_invited,
    sqlite_where=_invited,
)

# How many members an organization has; see `tallies`.
member_tallies = Table(
    "member_tallies",
    metadata,
    Column(
        "organization_id",
        Text,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("slot", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"
PENDING_INVITE = "PENDING_INVITE"
INVITE_EXPIRED = "INVITE_EXPIRED"


@dataclass(slots=True)
class Membership:
    """A user's place in one organization; times in microseconds since 1970, UTC."""

    id: str
    organization_id: str
    organization_name: str
    user_id: str
    status: str  # INVITE_EXPIRED once a pending one's time is over; it is never stored
    metadata: dict[str, str]
    inviter_email: str | None
    provisioning_method: str
    create_time: int
    accept_time: int | None
    join_time: int | None
    expire_time: int | None
    resend_time: int | None
    resend_count: int
    roles: tuple[HeldRole, ...]


@dataclass(slots=True)
class User:
    """One person; times in microseconds since 1970, UTC."""

    id: str
    email: str
    external_id: str | None
    profile: dict[str, Any]  # the members that are set, by the contract's newer names
    metadata: dict[str, str]
    email_verified: bool
    last_login_time: int | None
    revision: int
    create_time: int
    update_time: int
    memberships: list[Membership] = field(default_factory=list)
