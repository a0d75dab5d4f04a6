"""The table of values that are stored for the whole deployment."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

SETTING = "SETTING"  # its text, as a file of settings spells it
DOCUMENT = "DOCUMENT"  # JSON
# The documents that there are.
CONTEXT, ENVIRONMENT, CUSTOMIZATION = "context", "environment", "customization"

stored_values = Table(
    "stored_values",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
