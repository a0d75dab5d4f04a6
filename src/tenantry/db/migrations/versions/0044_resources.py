"""Resources, their clients, and the consents of users.

Revision: 0044, after 0043
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json
from tenantry.db.upgrades.steps import Index

revision = "0044"
down_revision = "0043"
# An older process refuses clients of resources: their prefix is unknown to it.
older_may_run = True
locks = (
    "organizations",
    "memberships",
    "clients",
    "authorization_codes",
    "refresh_tokens",
)
indexes = (
    Index(
        "ix_clients__resource_id_id", "clients", "resource_id, id", where="resource_id IS NOT NULL"
    ),
)


def _switch(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def upgrade() -> None:
    op.create_table(
        "resources",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("resource_type", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("resource_uri", sa.Text, nullable=False),
        sa.Column("logo_uri", sa.Text, nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("access_token_expiry", sa.Integer, nullable=False),
        sa.Column("refresh_token_expiry", sa.Integer, nullable=False),
        _switch("intersect_permissions"),
        _switch("scope_selection"),
        _switch("dynamic_registration"),
        _switch("cimd"),
        _switch("cimd_allowlist_enabled"),
        sa.Column("cimd_allowlist", Json, nullable=False),
        _switch("xaa"),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_resources__resource_type_id", "resources", ["resource_type", "id"])
    has_uri = sa.text("resource_uri != ''")
    op.create_index(
        "uq_resources__resource_uri",
        "resources",
        ["resource_uri"],
        unique=True,
        postgresql_where=has_uri,
        sqlite_where=has_uri,
    )
    # Alembic adds no column with a foreign key on SQLite.
    op.execute(
        "ALTER TABLE clients ADD COLUMN resource_id TEXT "
        "CONSTRAINT fk_clients__resource_id REFERENCES resources (id) ON DELETE CASCADE"
    )
    for name in ("registration", "metadata_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri"):
        op.add_column("clients", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for table in ("authorization_codes", "refresh_tokens"):
        op.add_column(table, sa.Column("resource_id", sa.Text))
    op.create_table(
        "consents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "resource_id",
            sa.Text,
            sa.ForeignKey("resources.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "client_id", sa.Text, sa.ForeignKey("clients.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("grant_time", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["memberships.organization_id", "memberships.user_id"],
            ondelete="CASCADE",
            name="fk_consents__organization_id",
        ),
    )
    unique = ["client_id", "user_id", "organization_id"]
    op.create_index("uq_consents__client_id", "consents", unique, unique=True)
    for columns in (
        ["resource_id", "id"],
        ["user_id", "id"],
        ["organization_id", "user_id", "id"],
    ):
        op.create_index(f"ix_consents__{'_'.join(columns)}", "consents", columns)
