"""The table of domains, and the record of one domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of

if TYPE_CHECKING:
    from tenantry.db.engine import Row

# domain_type: it belongs to the organization; or people with such an address may join.
ORGANIZATION_DOMAIN = "ORGANIZATION_DOMAIN"
ALLOWED_EMAIL_DOMAIN = "ALLOWED_EMAIL_DOMAIN"
# verification_status. A claim is pending until its TXT record is found, or its window is over.
PENDING = "PENDING"
VERIFIED = "VERIFIED"
FAILED = "FAILED"
AUTO_VERIFIED = "AUTO_VERIFIED"
PROVEN = (VERIFIED, AUTO_VERIFIED)
# verification_method: the application says so, or a record does; or nobody is asked.
ADMIN = "ADMIN"
DNS = "DNS"
NOT_APPLICABLE = "NOT_APPLICABLE"

domains = Table(
    "domains",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "organization_id",
        Text,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("domain", Text, nullable=False),
    Column("domain_type", Text, nullable=False),
    Column("verification_status", Text, nullable=False),
    Column("verification_method", Text, nullable=False),
    Column("txt_record_key", Text, nullable=False),
    Column("txt_record_secret", Text, nullable=False),
    # The one connection that its people sign in by, where the organization has several.
    Column("connection_id", Text),
    time_column("check_time", nullable=True),  # when the worker looks next; None: never
    time_column("expire_time", nullable=True),  # until when a proof is waited for
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
Index(
    "uq_domains_of_organization__domain",
    domains.c.domain,
    domains.c.organization_id,
    domains.c.domain_type,
    unique=True,
)
# One proven owner; claims may stand side by side, or anybody could keep the owner out.
_owned = (domains.c.domain_type == ORGANIZATION_DOMAIN) & domains.c.verification_status.in_(PROVEN)
Index(
    "uq_domains__domain",
    domains.c.domain,
    unique=True,
    postgresql_where=_owned,
    sqlite_where=_owned,
)
Index("ix_domains__organization_id_id", domains.c.organization_id, domains.c.id)
_assigned = domains.c.connection_id.is_not(None)
Index(
    "ix_domains__connection_id",
    domains.c.connection_id,
    postgresql_where=_assigned,
    sqlite_where=_assigned,
)
_due = domains.c.check_time.is_not(None)
Index("ix_domains__check_time", domains.c.check_time, postgresql_where=_due, sqlite_where=_due)


@dataclass(slots=True)
class Domain:
    """One domain; times in microseconds since 1970, UTC.

    Key and secret are what its owner publishes in DNS; "" where no proof is asked for.
    """

    id: str
    organization_id: str
    domain: str
    domain_type: str
    verification_status: str
    verification_method: str
    txt_record_key: str
    txt_record_secret: str
    connection_id: str | None
    check_time: int | None
    expire_time: int | None
    revision: int
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> Domain:
        """Return the domain of one row."""
        return cls(**members(row, domains))

    def to_row(self) -> dict[str, Any]:
        return row_of(self, domains)

    def to_event(self, environment_id: str) -> dict[str, Any]:
        """Return its content in events: the published members. The secret is no secret in DNS."""
        event: dict[str, Any] = {
            "id": self.id,
            "domain": self.domain,
            "domain_type": self.domain_type,
            "organization_id": self.organization_id,
            "environment_id": environment_id,
            "verification_status": self.verification_status,
            "verification_method": self.verification_method,
            "updated_at": rfc3339(self.update_time),
        }
        if self.txt_record_key:
            event["txt_record_key"] = self.txt_record_key
            event["txt_record_secret"] = self.txt_record_secret
        return event
