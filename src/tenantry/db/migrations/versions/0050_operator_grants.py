"""Operators authorize MCP clients.

Revision: 0050, after 0049
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
# An older process knows no grants, and has no MCP server.
older_may_run = True
locks = ("operators",)


def upgrade() -> None:
    op.create_table(
        "operator_grants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "operator_id",
            sa.Text,
            sa.ForeignKey("operators.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("client_name", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.Text, nullable=False),
        sa.Column("code_digest", sa.Text, nullable=False, unique=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("rotate_time", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_operator_grants__operator_id", "operator_grants", ["operator_id"])
    op.create_index("ix_operator_grants__expire_time", "operator_grants", ["expire_time"])
