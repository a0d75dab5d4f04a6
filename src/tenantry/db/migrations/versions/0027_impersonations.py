"""The sessions that an operator is in are found at once, to end with the operator.

Revision: 0027, after 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
older_may_run = True


def upgrade() -> None:
    impersonated = sa.text("impersonation IS NOT NULL")
    op.create_index(
        "ix_sessions__impersonated",
        "sessions",
        ["id"],
        postgresql_where=impersonated,
        sqlite_where=impersonated,
    )
