"""The steps of an upgrade that are not made in its transaction: tenantry.db.upgrades.steps.

Revision: 0031, after 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
older_may_run = True
locks = ()


def upgrade() -> None:
    def number(name: str) -> sa.Column[int]:
        return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")

    op.create_table(
        "schema_steps",
        sa.Column("revision", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("position", sa.Text),
        number("done"),
        sa.Column("total", sa.BigInteger),
        number("missed"),
        sa.Column("alone", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("holder", sa.Text),
        number("due_time"),
        sa.Column("start_time", sa.BigInteger),
        sa.Column("end_time", sa.BigInteger),
    )
