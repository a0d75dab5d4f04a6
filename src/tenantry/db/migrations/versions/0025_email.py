"""Mail servers, and templates of mail for the environment and for organizations.

Revision: 0025, after 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
older_may_run = True


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times() -> list[sa.Column[int]]:
    times = ("create_time", "update_time")
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in times]


def upgrade() -> None:
    op.create_table(
        "email_servers",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("provider"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        *_texts("host"),
        sa.Column("port", sa.Integer, nullable=False),
        *_texts("username", "password_sealed", "from_email", "from_name"),
        *_times(),
    )
    op.create_table(
        "email_templates",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "organization_id",
            sa.Text,
            sa.ForeignKey(
                "organizations.id", ondelete="CASCADE", name="fk_email_templates__organization_id"
            ),
        ),
        *_texts("use_case"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        *_texts("subject", "html_content", "plain_content"),
        *_times(),
    )
    op.create_index("ix_email_templates__organization_id", "email_templates", ["organization_id"])
