"""Connections say when their metadata was read on demand, and when a test succeeded.

Revision: 0039, after 0038
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
# An older process reads metadata on schedule only, and records results of tests alone.
older_may_run = True
locks = ("connections",)


def upgrade() -> None:
    for name in ("refresh_time", "test_time"):
        op.add_column("connections", sa.Column(name, sa.BigInteger, nullable=True))
