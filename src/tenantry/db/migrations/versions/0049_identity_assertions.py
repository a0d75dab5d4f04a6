"""Connections are found by the issuer whose identity assertions they accept.

Revision: 0049, after 0048
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
# An older process does not know the setting.
older_may_run = True
locks = ("connections",)


def upgrade() -> None:
    op.add_column("connections", sa.Column("id_jag_issuer", sa.Text))
    has_one = sa.column("id_jag_issuer").is_not(None)
    op.create_index(
        "ix_connections__id_jag_issuer",
        "connections",
        ["id_jag_issuer"],
        postgresql_where=has_one,
        sqlite_where=has_one,
    )
