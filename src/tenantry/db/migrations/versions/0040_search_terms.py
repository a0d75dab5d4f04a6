"""Totals of the search terms that match many rows.

Revision: 0040, after 0039
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
# An older process does not keep them: they are forgotten while one runs (tenantry.db.search.index).
older_may_run = True
locks = ()


def upgrade() -> None:
    op.create_table(
        "search_terms",
        sa.Column("table_name", sa.Text, primary_key=True),
        sa.Column("term", sa.Text, primary_key=True),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("counted", sa.Boolean, nullable=False),
        sa.Column("matches_added", sa.BigInteger, nullable=False),
        sa.Column("gaps", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
