"""Registrations of clients of resources.

Revision: 0045, after 0044
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
older_may_run = True
locks = ("clients", "resources", "consents")


def upgrade() -> None:
    op.create_table(
        "client_registrations",
        sa.Column(
            "client_id", sa.Text, sa.ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column(
            "resource_id",
            sa.Text,
            sa.ForeignKey("resources.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("application_type", sa.Text, nullable=False),
        sa.Column("token_digest", sa.Text),
        sa.Column("document_uri", sa.Text),
        sa.Column("document_expire_time", sa.BigInteger),
        sa.Column("use_time", sa.BigInteger),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    for name, columns, unique in (
        ("uq_client_registrations__document_uri", "resource_id document_uri", True),
        (
            "ix_client_registrations__resource_id_use_time_client_id",
            "resource_id use_time client_id",
            False,
        ),
        ("ix_client_registrations__expire_time", "expire_time", False),
    ):
        op.create_index(name, "client_registrations", columns.split(), unique=unique)
    # Without rows so far: the table is as new as this one.
    op.create_index("ix_consents__organization_id_id", "consents", ["organization_id", "id"])
