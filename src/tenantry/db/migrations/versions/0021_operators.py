"""Operators of the console: people, their sessions, passkeys and one-time links.

Revision: 0021, after 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0021"
down_revision = "0020"
older_may_run = True


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _operator(table: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(
        "operator_id",
        sa.Text,
        sa.ForeignKey("operators.id", ondelete="CASCADE", name=f"fk_{table}__operator_id"),
        nullable=nullable,
    )


def upgrade() -> None:
    op.create_table(
        "operators",
        _text("id", primary_key=True),
        *(_text(name) for name in ("name", "email", "role")),
        _text("subject", nullable=True),
        *(_time(name) for name in ("create_time", "update_time")),
        _time("last_sign_in_time", nullable=True),
        sa.UniqueConstraint("subject", name="uq_operators__subject"),
    )
    op.create_table(
        "operator_links",
        _text("digest", primary_key=True),
        _operator("operator_links", nullable=True),
        *(_text(name) for name in ("role", "email")),
        *(_time(name) for name in ("create_time", "expire_time")),
    )
    op.create_table(
        "operator_sessions",
        _text("id", primary_key=True),
        _operator("operator_sessions"),
        *(_text(name) for name in ("digest", "method", "address", "user_agent")),
        *(_time(name) for name in ("create_time", "last_use_time", "expire_time")),
        sa.UniqueConstraint("digest", name="uq_operator_sessions__digest"),
    )
    op.create_table(
        "operator_passkeys",
        _text("id", primary_key=True),
        _operator("operator_passkeys"),
        *(_text(name) for name in ("credential_id", "public_key")),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", Json, nullable=False),
        _text("name"),
        _time("create_time"),
        _time("last_use_time", nullable=True),
        sa.UniqueConstraint("credential_id", name="uq_operator_passkeys__credential_id"),
    )
    for table in ("operator_links", "operator_sessions", "operator_passkeys"):
        op.create_index(f"ix_{table}__operator_id", table, ["operator_id"])
