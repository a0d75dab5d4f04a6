"""Indexes to search the connections of all organizations by.

Processes of before go on: they search without.

Revision: 0017, after 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
older_may_run = True


def upgrade() -> None:
    owned = sa.text("organization_id IS NOT NULL")
    for name, *columns in (("kind",), ("provider", "provider"), ("provider_key", "provider_key")):
        op.create_index(
            f"ix_connections__{name}",
            "connections",
            [*columns, "type", "status", "enabled", "id"],
            postgresql_where=owned,
            sqlite_where=owned,
        )
