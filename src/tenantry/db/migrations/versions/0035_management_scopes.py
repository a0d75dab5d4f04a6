"""The scopes of the management API that a client holds; NULL, as for all of before: all of them.

Revision: 0035, after 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0035"
down_revision = "0034"
# An older process takes a client with scopes for one with all of them, so the guide says to set
# the first ones after every process has been replaced.
older_may_run = True
locks = ("clients",)


def upgrade() -> None:
    op.add_column("clients", sa.Column("management_scopes", Json))
