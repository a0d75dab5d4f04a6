"""Organizations have sign-in policies; sessions, a second factor and addresses.

Revision: 0046, after 0045
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0046"
down_revision = "0045"
# An older process enforces no policy, and sessions that it starts have no time: those have to
# give the second factor again where a policy requires one.
older_may_run = True
locks = ("organizations", "sessions", "session_organizations")


def upgrade() -> None:
    op.add_column("organizations", sa.Column("policy", Json))
    op.add_column("session_organizations", sa.Column("address", sa.Text, nullable=True))
    op.add_column("sessions", sa.Column("second_factor_time", sa.BigInteger, nullable=True))
