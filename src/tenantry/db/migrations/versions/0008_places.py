"""The program that made the schema, the database's place, whether outgoing work is held.

Revision: 0008, after 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
older_may_run = True


def upgrade() -> None:
    op.create_table(
        "schema_history",
        sa.Column("revision", sa.Text, primary_key=True),
        sa.Column("program", sa.Text, nullable=False),
        sa.Column("apply_time", sa.BigInteger, nullable=False),
    )
    op.add_column("environment", sa.Column("place", sa.Text))
    op.add_column("environment", sa.Column("beat_time", sa.BigInteger))
    op.add_column("environment", sa.Column("hold_time", sa.BigInteger))
    op.add_column("environment", sa.Column("hold_reason", sa.Text))
