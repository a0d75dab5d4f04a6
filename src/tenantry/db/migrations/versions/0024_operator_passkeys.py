"""Passkeys of operators say if they may be backed up; sessions, that an operator is in them.

Revision: 0024, after 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0024"
down_revision = "0023"
# An older process takes the session of an operator for the person: such begin when all are new.
older_may_run = True


def upgrade() -> None:
    op.add_column(
        "operator_passkeys",
        sa.Column("backup_eligible", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("sessions", sa.Column("impersonation", Json, nullable=True))
    for table in ("operator_links", "operator_sessions"):
        op.create_index(f"ix_{table}__expire_time", table, ["expire_time"])
