"""The table of memberships, which `tenantry.tenants.users.model` owns."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import of_organization

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
    Column("invite_client_id", Text),  # the application that the invitation leads to
    time_column("invite_resend_time", nullable=True),
    Column("invite_resend_count", Integer, nullable=False),
    info=of_organization(),
)
