"""The worker deletes the people and groups of a removed directory, found by its tally.

Processes of before go on: they may make directories without one, and delete all in one go.

Revision: 0020, after 0019
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
older_may_run = True

_FORMERLY_TIED = (
    *("directory_users", "directory_groups", "directory_tallies"),
    *("directory_changes", "directory_requests", "directory_polled"),
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A schema that 0018 made before it left these out has them.
        for table in _FORMERLY_TIED:
            rule = f"fk_{table}__organization_id"
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {rule}")
    op.execute(
        "INSERT INTO directory_tallies (organization_id, directory_id, slot, n)"
        " SELECT organization_id, id, 0, 0 FROM directories WHERE true"
        " ON CONFLICT (organization_id, directory_id, slot) DO NOTHING"
    )
