"""Modular mode: people whom a provider alone knows, and the `sub` that applications know them by.

Processes of before go on: nobody is of this kind before the mode is set.

Revision: 0019, after 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
older_may_run = True


def upgrade() -> None:
    for table in ("users", "sessions", "logout_notices"):
        op.add_column(table, sa.Column("sub", sa.Text))
