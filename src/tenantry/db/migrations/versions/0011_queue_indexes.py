"""Deliveries that wait: an index by time and one in line, neither good for the other's question.

Revision: 0011, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
older_may_run = True


def upgrade() -> None:
    for columns, of in (
        (["endpoint_id", "due_time"], "due_time > 0"),
        (["endpoint_id", "position", "id"], "position > 0"),
    ):
        name = f"ix_webhook_deliveries__{'_'.join(columns)}"
        waiting = sa.text(f"state = 'PENDING' AND {of}")
        op.drop_index(name, "webhook_deliveries")
        op.create_index(
            name,
            "webhook_deliveries",
            columns,
            postgresql_where=waiting,
            sqlite_where=waiting,
        )
