"""The tables of the event log: the order in which events came to be seen, and its chains."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from tenantry.db.sql.schema import metadata
from tenantry.db.sql.sharding import OF_ENVIRONMENT

# One row: how far the log has come.
event_log_state = Table(
    "event_log_state",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),  # of the newest event in the log
    # What the last look saw: a snapshot of PostgreSQL, or the number of an event on SQLite.
    Column("seen", Text, nullable=False),
    # The snapshot of the look that is under way, and the event up to which its pages are in the
    # log.
    Column("target", Text),
    Column("cursor", Text),
    # Events with smaller ids may be gone by retention.
    Column("pruned_before", Text),
    info=OF_ENVIRONMENT,
)

event_log = Table(
    "event_log",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("chain", Text, nullable=False),  # an organization's id, or "" for the environment
    Column("number", BigInteger, nullable=False),  # within its chain, from 1
    Column("salt", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("erasure", Text),  # present where the event's content was blanked
    info=OF_ENVIRONMENT,
)
Index("uq_event_log__event_id", event_log.c.event_id, unique=True)
Index(None, event_log.c.chain, event_log.c.position)

# The newest event of each chain, and the last one that retention has removed.
event_chains = Table(
    "event_chains",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("anchor_number", BigInteger, nullable=False),
    Column("anchor_hash", Text, nullable=False),
    Column("mac", Text, nullable=False),
    info=OF_ENVIRONMENT,
)
