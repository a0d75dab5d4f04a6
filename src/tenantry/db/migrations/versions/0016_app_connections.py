"""Connections by which applications reach other services.

Processes of before go on: they refuse to make one, and list none.

Revision: 0016, after 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0016"
down_revision = "0015"
older_may_run = True


def upgrade() -> None:
    op.create_table(
        "app_connections",
        sa.Column("id", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("type", "provider", "provider_key", "key_id", "status")
        ),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("secret", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
