"""The newest events of an organization, of whatever type, are read from one index.

Revision: 0028, after 0027
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
older_may_run = True


def upgrade() -> None:
    op.create_index("ix_events__organization_id_id", "events", ["organization_id", "id"])
