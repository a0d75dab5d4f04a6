"""The table of known browsers and networks, a few of each for a person."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

DEVICE, NETWORK = "device", "network"

known_origins = Table(
    "known_origins",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", Text, primary_key=True),  # of its kind and secret or prefix, under a key
    Column("kind", Text, nullable=False),
    time_column("create_time"),
    time_column("last_use_time"),
    info=OF_ENVIRONMENT,
)
