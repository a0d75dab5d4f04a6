"""Pictures of an organization go with it.

Revision: 0029, after 0028
"""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
older_may_run = True


def upgrade() -> None:
    op.execute(
        "DELETE FROM assets WHERE organization_id IS NOT NULL"
        " AND organization_id NOT IN (SELECT id FROM organizations)"
    )
    with op.batch_alter_table("assets") as table:
        table.create_foreign_key(
            "fk_assets__organization_id",
            "organizations",
            ["organization_id"],
            ["id"],
            ondelete="CASCADE",
        )
