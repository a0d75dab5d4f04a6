"""How far each log stream has come."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

log_streams = Table(
    "log_streams",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),  # of the last event that was sent
    # What the last batch was refused for, or what its receiver had to say.
    Column("problem", Text),
    # Until then one process is at it, or it waits after a failure.
    time_column("due_time"),
    info=OF_ENVIRONMENT,
)
