"""An index of the sign-ins that nobody has proved: they are deleted after an hour.

Revision: 0009, after 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
older_may_run = True


def upgrade() -> None:
    unproved = sa.text("user_id IS NULL AND connection_id IS NULL")
    op.create_index(
        "ix_auth_requests__unproved",
        "auth_requests",
        ["id"],
        postgresql_where=unproved,
        sqlite_where=unproved,
    )
