"""The table of counts."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

attempts = Table(
    "attempts",
    metadata,
    Column("digest", Text, primary_key=True),  # of the kind of attempt and its owner
    Column("n", Integer, nullable=False),
    time_column("end_time"),  # when counting begins anew
    info=OF_ENVIRONMENT,
)
Index("ix_attempts__end_time", attempts.c.end_time)
