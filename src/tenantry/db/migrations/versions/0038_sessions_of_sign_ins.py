"""A sign-in request names the session that proves its person, and ends with it.

Revision: 0038, after 0037
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
# An older process makes requests that do not end with their session, for half an hour at most.
older_may_run = True
locks = ("auth_requests",)


def upgrade() -> None:
    op.add_column("auth_requests", sa.Column("session_id", sa.Text))
