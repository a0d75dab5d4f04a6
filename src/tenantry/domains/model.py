"""The table of domains, and one domain as the room knows it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from tenantry.db.schema import metadata, time_column

ORGANIZATION_DOMAIN = "ORGANIZATION_DOMAIN"
ALLOWED_EMAIL_DOMAIN = "ALLOWED_EMAIL_DOMAIN"

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
    time_column("check_time", nullable=True),  # when the worker looks next; None: never
    time_column("expire_time", nullable=True),  # until when a proof is waited for
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
)
Index(
    "uq_domains_of_organization__domain",
    domains.c.domain,
    domains.c.organization_id,
    domains.c.domain_type,
    unique=True,
)
# One proven owner; claims may stand side by side, or anybody could keep the owner out.
_owned = (domains.c.domain_type == ORGANIZATION_DOMAIN) & domains.c.verification_status.in_(
    ("VERIFIED", "AUTO_VERIFIED")
)
Index(
    "uq_domains__domain",
    domains.c.domain,
    unique=True,
    postgresql_where=_owned,
    sqlite_where=_owned,
)
Index("ix_domains__organization_id_id", domains.c.organization_id, domains.c.id)
_due = domains.c.check_time.is_not(None)
Index("ix_domains__check_time", domains.c.check_time, postgresql_where=_due, sqlite_where=_due)
