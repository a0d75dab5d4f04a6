"""Links into the admin portal that are shared, and the link of each session.

Revision: 0023, after 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
# An older process takes a shared link for one that opens once, and its sessions end by their time.
older_may_run = True


def upgrade() -> None:
    op.add_column(
        "portal_links",
        sa.Column("shareable", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("portal_sessions", sa.Column("link_id", sa.Text))
    op.drop_index("ix_portal_sessions__organization_id", table_name="portal_sessions")
    op.create_index(
        "ix_portal_sessions__organization_id_link_id",
        "portal_sessions",
        ["organization_id", "link_id"],
    )
