"""Connections say when their metadata was last read on demand.

Revision: 0039, after 0038
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
# An older process reads metadata on schedule only.
older_may_run = True
locks = ("connections",)


def upgrade() -> None:
    """Apply."""
    op.add_column("connections", sa.Column("refresh_time", sa.BigInteger, nullable=True))
