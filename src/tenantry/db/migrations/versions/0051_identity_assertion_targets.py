"""Clients have the authorization servers that they request identity assertions for.

Revision: 0051, after 0050
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0051"
down_revision = "0050"
# An older process does not know the setting.
older_may_run = True
locks = ("clients",)


def upgrade() -> None:
    op.add_column("clients", sa.Column("identity_assertion_targets", Json))
