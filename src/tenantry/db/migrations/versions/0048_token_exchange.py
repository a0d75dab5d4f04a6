"""Clients have the audiences that they exchange tokens for.

Revision: 0048, after 0047
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0048"
down_revision = "0047"
# An older process does not know the grant.
older_may_run = True
locks = ("clients",)


def upgrade() -> None:
    op.add_column("clients", sa.Column("token_exchange_audiences", Json))
