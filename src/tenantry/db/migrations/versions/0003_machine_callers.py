"""Clients of all types and of organizations, scopes, API tokens, keys of another algorithm.

Revision: 0003, after 0002
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0003"
down_revision = "0002"
older_may_run = True


def upgrade() -> None:
    _clients()
    _client_secrets()
    _oauth()
    _api_tokens()
    if op.get_bind().dialect.name == "postgresql":
        # Last uses are written in place, by the hundred.
        for table in ("client_secrets", "api_tokens"):
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 80)")


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _clients() -> None:
    _add(
        "clients",
        sa.Column("client_type", sa.Text, nullable=False, server_default="ENV"),
        sa.Column("description", sa.Text, nullable=False, server_default=""),
        *(
            sa.Column(name, Json, nullable=False, server_default="[]")
            for name in (
                "scopes",
                "audience",
                "custom_claims",
                "post_login_uris",
                "post_logout_redirect_uris",
                "back_channel_logout_uris",
                "grant_types",
            )
        ),
        sa.Column("initiate_login_uri", sa.Text),
        sa.Column("expiry", sa.Integer),
        sa.Column("enforce_pkce", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("api_access", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("ip_allowlist", Json),
        sa.Column("jwks", Json),
        sa.Column("token_endpoint_auth_method", sa.Text, nullable=False, server_default=""),
        sa.Column("access_token_signing_alg", sa.Text, nullable=False, server_default="RS256"),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("update_time", sa.BigInteger, nullable=False, server_default="0"),
    )
    # As text: Alembic would add the rule by itself, which SQLite cannot.
    op.execute(
        "ALTER TABLE clients ADD COLUMN organization_id TEXT"
        " CONSTRAINT fk_clients__organization_id REFERENCES organizations (id) ON DELETE CASCADE"
    )
    op.execute("UPDATE clients SET update_time = create_time")
    op.create_index("ix_clients__organization_id_id", "clients", ["organization_id", "id"])
    op.create_index("ix_clients__client_type_id", "clients", ["client_type", "id"])


def _client_secrets() -> None:
    _add(
        "client_secrets",
        sa.Column("status", sa.Text, nullable=False, server_default="ACTIVE"),
        sa.Column("created_by", sa.Text),
        sa.Column("update_time", sa.BigInteger, nullable=False, server_default="0"),
        _time("last_used_time", nullable=True),
    )
    op.execute("UPDATE client_secrets SET update_time = create_time")


def _oauth() -> None:
    op.create_table(
        "scopes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index("uq_scopes__name", "scopes", ["name"], unique=True)
    op.create_table(
        "spent_assertions",
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey("clients.id", ondelete="CASCADE", name="fk_spent_assertions__client_id"),
            primary_key=True,
        ),
        sa.Column("jti", sa.Text, primary_key=True),
        _time("expire_time"),
    )
    op.create_index("ix_spent_assertions__expire_time", "spent_assertions", ["expire_time"])
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.Text, primary_key=True),
        _time("expire_time"),
    )
    op.create_index("ix_revoked_tokens__expire_time", "revoked_tokens", ["expire_time"])
    _add("signing_keys", sa.Column("algorithm", sa.Text, nullable=False, server_default="RS256"))


def _api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "organization_id",
            sa.Text,
            sa.ForeignKey(
                "organizations.id", ondelete="CASCADE", name="fk_api_tokens__organization_id"
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.Text),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("suffix", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("custom_claims", Json, nullable=False),
        _time("expire_time", nullable=True),
        _time("last_used_time", nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
        # It ends with the membership, and comes not back with another one.
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["memberships.organization_id", "memberships.user_id"],
            ondelete="CASCADE",
            name="fk_api_tokens__user_id",
        ),
    )
    op.create_index("uq_api_tokens__digest", "api_tokens", ["digest"], unique=True)
    op.create_index("ix_api_tokens__organization_id_id", "api_tokens", ["organization_id", "id"])
    of_member = sa.text("user_id IS NOT NULL")
    op.create_index(
        "ix_api_tokens__organization_id_user_id_id",
        "api_tokens",
        ["organization_id", "user_id", "id"],
        postgresql_where=of_member,
        sqlite_where=of_member,
    )
    ends = sa.text("expire_time IS NOT NULL")
    op.create_index(
        "ix_api_tokens__expire_time",
        "api_tokens",
        ["expire_time"],
        postgresql_where=ends,
        sqlite_where=ends,
    )
