"""The versions of the program that may write: see docs/decisions/0016-older-processes.md.

Workers of before read the state of the log by a name that is gone: they seal, and remove, nothing.

Revision: 0013, after 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
older_may_run = False


def upgrade() -> None:
    op.add_column(
        "schema_history",
        sa.Column("stops_older", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.execute("ALTER TABLE event_log_state RENAME COLUMN looked TO seen")
