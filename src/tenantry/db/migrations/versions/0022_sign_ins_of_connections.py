"""An index of sign-ins by the connection that they went to.

Revision: 0022, after 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
older_may_run = True


def upgrade() -> None:
    by_a_connection = sa.text("connection_id IS NOT NULL")
    op.create_index(
        "ix_auth_requests__connection_id_status_id",
        "auth_requests",
        ["connection_id", "status", "id"],
        postgresql_where=by_a_connection,
        sqlite_where=by_a_connection,
    )
