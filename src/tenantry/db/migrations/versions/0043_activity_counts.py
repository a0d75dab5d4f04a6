"""Hourly and daily counts of activity, for charts, and the users that are already counted.

Revision: 0043, after 0042
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
# An older process counts nothing: its share is missing from the charts.
older_may_run = True
locks = ()


def upgrade() -> None:
    op.create_table(
        "activity_counts",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("period", sa.Text, primary_key=True),
        sa.Column("start_time", sa.BigInteger, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("milliseconds", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "activity_marks",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("period", sa.Text, primary_key=True),
        sa.Column("start_time", sa.BigInteger, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    for table in ("activity_counts", "activity_marks"):
        op.create_index(f"ix_{table}__expire_time", table, ["expire_time"])
