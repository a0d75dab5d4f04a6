"""Single sign-on: connections of organizations, and what a sign-in by one of them leaves.

Processes of before go on: they show and use the connections of the environment that they know.

Revision: 0015, after 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0015"
down_revision = "0014"
older_may_run = True


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _refers(name: str, to: str, *, primary_key: bool = False) -> sa.Column[str]:
    rule = sa.ForeignKey(f"{to}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Text, rule, nullable=False, primary_key=primary_key)


def upgrade() -> None:
    _connections()
    _federation()
    op.create_table(
        "user_attributes",
        _text("kind", primary_key=True),
        _text("key", primary_key=True),
        *(_text(name) for name in ("label", "datatype", "category")),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("required", sa.Boolean, nullable=False),
        _text("default_saml_mapping"),
        _text("default_oidc_mapping"),
        _time("create_time"),
        _time("update_time"),
    )


def _connections() -> None:
    for column in (
        sa.Column("provider_key", sa.Text, nullable=False, server_default=""),
        sa.Column("key_id", sa.Text),
        sa.Column("status", sa.Text, nullable=False, server_default="COMPLETED"),
        sa.Column("debug_enabled", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("ui_button_title", sa.Text, nullable=False, server_default=""),
        sa.Column("configuration_type", sa.Text, nullable=False, server_default="DISCOVERY"),
        sa.Column("attribute_mapping", Json, nullable=False, server_default="{}"),
        sa.Column("settings", Json, nullable=False, server_default="{}"),
        sa.Column("secret", sa.Text),
        sa.Column("context", Json),
        sa.Column("check_time", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    ):
        op.add_column("connections", column)
    op.drop_index("uq_connections__type", "connections")
    _partial(
        "uq_connections__type",
        "connections",
        ["type"],
        "organization_id IS NULL AND type IN ('PASSWORDLESS', 'PASSWORD', 'WEBAUTHN')",
        unique=True,
    )
    _partial("ix_connections__check_time", "connections", ["check_time"], "check_time IS NOT NULL")
    op.add_column("domains", sa.Column("connection_id", sa.Text))
    _partial("ix_domains__connection_id", "domains", ["connection_id"], "connection_id IS NOT NULL")
    op.create_table(
        "saml_key_pairs",
        _text("id", primary_key=True),
        _text("private_key"),
        _text("certificate"),
        *(_time(name) for name in ("sign_time", "expire_time", "create_time")),
    )
    op.create_table(
        "connection_tests",
        _text("id", primary_key=True),
        _refers("connection_id", "connections"),
        _text("status"),
        sa.Column("user_info", Json),
        *(_text(name, nullable=True) for name in ("error", "error_description", "error_details")),
        _time("create_time"),
        _time("expire_time"),
    )
    op.create_index(
        "ix_connection_tests__connection_id_id", "connection_tests", ["connection_id", "id"]
    )
    op.create_index("ix_connection_tests__expire_time", "connection_tests", ["expire_time"])


def _federation() -> None:
    op.create_table(
        "federation_requests",
        _text("digest", primary_key=True),
        _refers("connection_id", "connections"),
        _text("auth_request_id", nullable=True),
        _text("test_id", nullable=True),
        _text("facts"),
        _text("identity", nullable=True),
        _time("create_time"),
        _time("expire_time"),
    )
    for column in ("expire_time", "connection_id"):
        op.create_index(f"ix_federation_requests__{column}", "federation_requests", [column])
    op.create_table(
        "seen_assertions",
        _text("connection_id", primary_key=True),
        _text("digest", primary_key=True),
        _time("expire_time"),
    )
    op.create_index("ix_seen_assertions__expire_time", "seen_assertions", ["expire_time"])
    op.create_table(
        "federated_identities",
        _refers("connection_id", "connections", primary_key=True),
        _text("subject", primary_key=True),
        _refers("user_id", "users"),
        _text("email"),
        sa.Column("is_proved", sa.Boolean, nullable=False),
        sa.Column("claims", Json, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index("ix_federated_identities__user_id", "federated_identities", ["user_id"])
    op.create_table(
        "federated_sessions",
        _refers("session_id", "sessions", primary_key=True),
        _refers("connection_id", "connections", primary_key=True),
        _text("subject"),
        _text("session_index", nullable=True),
        _text("hint", nullable=True),
        _time("create_time"),
    )
    for column in ("subject", "session_index"):
        op.create_index(
            f"ix_federated_sessions__connection_id_{column}",
            "federated_sessions",
            ["connection_id", column],
        )


def _partial(
    name: str, table: str, columns: list[str], condition: str, *, unique: bool = False
) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, postgresql_where=where, sqlite_where=where)
