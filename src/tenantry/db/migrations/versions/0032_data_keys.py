"""Data keys in versions, the master keys that wrap what wraps them, and how far resealing is.

A database of before has no data key: its secrets stay sealed with the key of the environment, which
processes of before know, until somebody makes the first data key. That is refused beside them.

Revision: 0032, after 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
# Values that an older process seals can be read; and none is sealed that it cannot read while it
# runs.
older_may_run = True
locks = ()


def upgrade() -> None:
    op.create_table(
        "master_keys",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wrapped", sa.Text),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("deprecate_time", sa.BigInteger),
        sa.Column("destroy_time", sa.BigInteger),
    )
    op.create_table(
        "data_keys",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wrapped", sa.Text),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("activate_time", sa.BigInteger),
        sa.Column("deprecate_time", sa.BigInteger),
        sa.Column("destroy_time", sa.BigInteger),
    )
    op.create_table(
        "resealing",
        sa.Column("table_name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("position", sa.Text),
        sa.Column("begin_time", sa.BigInteger, nullable=False),
        sa.Column("finish_time", sa.BigInteger),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("unreadable", sa.BigInteger, nullable=False),
        sa.Column("resealed", sa.BigInteger, nullable=False),
    )
