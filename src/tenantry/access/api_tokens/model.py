"""The table of API tokens, and the record of one token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text

from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.tenants.organizations.policy import OrganizationPolicy

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "organization_id",
        Text,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("user_id", Text),  # None: it is the organization's own
    Column("digest", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("custom_claims", Json, nullable=False),
    time_column("expire_time", nullable=True),
    time_column("last_used_time", nullable=True),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    # It ends with the membership, and comes not back with another one.
    ForeignKeyConstraint(
        ["organization_id", "user_id"],
        [memberships.c.organization_id, memberships.c.user_id],
        ondelete="CASCADE",
        name="fk_api_tokens__user_id",
    ),
    info=OF_ENVIRONMENT,
)
_t = api_tokens.c
Index("uq_api_tokens__digest", _t.digest, unique=True)
Index("ix_api_tokens__organization_id_id", _t.organization_id, _t.id)
_of_member = _t.user_id.is_not(None)
Index(
    "ix_api_tokens__organization_id_user_id_id",
    _t.organization_id,
    _t.user_id,
    _t.id,
    postgresql_where=_of_member,
    sqlite_where=_of_member,
)
_ends = _t.expire_time.is_not(None)
Index("ix_api_tokens__expire_time", _t.expire_time, postgresql_where=_ends, sqlite_where=_ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One token and whose it is; times in microseconds since 1970, UTC."""

    id: str
    organization_id: str
    organization_external_id: str | None
    user_id: str | None
    user_external_id: str | None
    email: str | None
    roles: tuple[str, ...]  # names of those that the member holds now
    digest: str
    suffix: str
    description: str
    custom_claims: Mapping[str, str]
    expire_time: int | None
    last_used_time: int | None
    revision: int
    create_time: int
    update_time: int
    policy: OrganizationPolicy | None = None  # of the organization, for sign-ins

    def allows_address(self, address: str) -> bool:
        """Whether it may be used from an address; "" if the application does not name it."""
        return not address or self.policy is None or self.policy.allows_address(address)

    def to_event(self) -> dict[str, Any]:
        """Return what its events say; the token itself is known to nobody here."""
        event: dict[str, Any] = {
            "token_id": self.id,
            "organization_id": self.organization_id,
            "description": self.description,
            "custom_claims": dict(self.custom_claims),
            "token_suffix": self.suffix,
            "expiry": None if self.expire_time is None else rfc3339(self.expire_time),
            "created_at": rfc3339(self.create_time),
        }
        if self.user_id is not None:
            event["user_id"] = self.user_id
        return event
