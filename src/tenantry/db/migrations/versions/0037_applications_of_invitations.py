"""An invitation remembers its application.

Revision: 0037, after 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
# An older process makes invitations without one: they lead to the application used last.
older_may_run = True
locks = ("memberships",)


def upgrade() -> None:
    op.add_column("memberships", sa.Column("invite_client_id", sa.Text))
