"""Consents have the scopes that the user declined.

Revision: 0047, after 0046
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0047"
down_revision = "0046"
# An older process grants all requested scopes: it offers no selection.
older_may_run = True
locks = ("consents",)


def upgrade() -> None:
    op.add_column("consents", sa.Column("declined_scopes", Json))
