"""The event log, webhook endpoints and their deliveries, log streams.

Revision: 0004, after 0003
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from alembic import op

from tenantry.core import ids
from tenantry.db.sql.schema import Json

revision = "0004"
down_revision = "0003"
older_may_run = False

_MONTHS_AHEAD = 3
_COLUMNS = "id, type, object, occurred_at, organization_id, actor, before, after, request_id"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _events_on_postgresql()
        nothing_seen = "1:1:"  # a snapshot before the first transaction
    else:
        _events_on_sqlite()
        nothing_seen = "0"
    op.create_index("ix_events__type_id", "events", ["type", "id"])
    op.create_index(
        "ix_events__organization_id_type_id", "events", ["organization_id", "type", "id"]
    )
    _event_log(nothing_seen)
    _webhooks()
    op.create_table(
        "log_streams",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text),
        _time("due_time"),
    )


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _event_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        _time("occurred_at"),
        sa.Column("organization_id", sa.Text),
        sa.Column("actor", Json, nullable=False),
        sa.Column("before", Json),
        sa.Column("after", Json),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("context", Json),
    ]


def _events_on_postgresql() -> None:
    op.execute("ALTER TABLE events RENAME TO old_events")
    op.execute("ALTER TABLE old_events RENAME CONSTRAINT pk_events TO pk_old_events")
    op.drop_index("ix_events__organization_id_id", "old_events")
    for statement in (
        # The milliseconds that an id carries, then a number that only tells those of one
        # millisecond apart.
        "CREATE SEQUENCE event_numbers MINVALUE 0 MAXVALUE 4194303 CYCLE",
        f"""
        CREATE FUNCTION tenantry_event_id() RETURNS text LANGUAGE sql VOLATILE AS $$
          SELECT 'evt_' || (
            (floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
              - {ids.EPOCH_MILLISECONDS}) << 22 | nextval('event_numbers')
          )
        $$
        """,
        """
        CREATE FUNCTION tenantry_now() RETURNS bigint LANGUAGE sql VOLATILE AS $$
          SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint
        $$
        """,
    ):
        op.execute(statement)
    op.create_table(
        "events",
        sa.Column("id", sa.Text, primary_key=True),
        *_event_columns(),
        postgresql_partition_by="RANGE (id)",
    )
    op.execute("ALTER TABLE events ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")
    first = op.get_bind().execute(sa.text("SELECT min(occurred_at) FROM old_events")).scalar()
    now = datetime.now(UTC)
    oldest = datetime.fromtimestamp(first / 1e6, UTC) if first is not None else now
    for start, end in pairwise(_months(oldest, now)):
        op.execute(
            f"CREATE TABLE events_{start:%Y%m} PARTITION OF events "
            f"FOR VALUES FROM ('{_event_id(start)}') TO ('{_event_id(end)}')"
        )
    # Where no month was made ahead, because no worker ran for long.
    op.execute("CREATE TABLE events_default PARTITION OF events DEFAULT")
    op.create_index("ix_events__xid", "events", ["xid"])
    op.execute(
        "CREATE INDEX ix_events__context ON events USING gin (context jsonb_path_ops) "
        "WHERE context IS NOT NULL"
    )
    op.execute(f"INSERT INTO events ({_COLUMNS}) SELECT {_COLUMNS} FROM old_events")
    op.execute("DROP TABLE old_events")


def _months(first: datetime, now: datetime) -> list[datetime]:
    """Return the starts of the months from the first one to some ahead, and of the one behind."""
    last = now.year * 12 + now.month + _MONTHS_AHEAD
    numbers = range(first.year * 12 + first.month - 1, last + 1)
    return [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in numbers]


def _event_id(moment: datetime) -> str:
    return ids.at(ids.EVENT, int(moment.timestamp()) * 1_000_000)


def _events_on_sqlite() -> None:
    op.execute("ALTER TABLE events RENAME TO old_events")
    op.drop_index("ix_events__organization_id_id", "old_events")
    op.create_table(
        "events",
        # Never given twice, and unlike a rowid of SQLite's own it outlives VACUUM.
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        *_event_columns(),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_events__id", "events", ["id"], unique=True)
    op.execute(
        "CREATE TABLE events_context (key TEXT NOT NULL, value TEXT NOT NULL, "
        "owner TEXT NOT NULL, PRIMARY KEY (key, value, owner)) WITHOUT ROWID"
    )
    op.execute("CREATE INDEX ix_events_context__owner ON events_context (owner)")
    op.execute(
        """
        CREATE TRIGGER events_created AFTER INSERT ON events WHEN new.context IS NOT NULL BEGIN
          INSERT INTO events_context (owner, key, value)
          SELECT new.id, key, value FROM json_each(new.context);
        END
        """
    )
    op.execute(
        """
        CREATE TRIGGER events_deleted AFTER DELETE ON events WHEN old.context IS NOT NULL BEGIN
          DELETE FROM events_context WHERE owner = old.id;
        END
        """
    )
    op.execute(
        f"INSERT INTO events ({_COLUMNS}) SELECT {_COLUMNS} FROM old_events ORDER BY old_events.id"
    )
    op.execute("DROP TABLE old_events")


def _event_log(nothing_seen: str) -> None:
    state = op.create_table(
        "event_log_state",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("looked", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("cursor", sa.Text),
        sa.Column("pruned_before", sa.Text),
    )
    op.bulk_insert(state, [{"only": 1, "position": 0, "looked": nothing_seen}])
    op.create_table(
        "event_log",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("erasure", sa.Text),
    )
    op.create_index("uq_event_log__event_id", "event_log", ["event_id"], unique=True)
    op.create_index("ix_event_log__chain_position", "event_log", ["chain", "position"])
    op.create_table(
        "event_chains",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("anchor_number", sa.BigInteger, nullable=False),
        sa.Column("anchor_hash", sa.Text, nullable=False),
        sa.Column("mac", sa.Text, nullable=False),
    )


def _webhooks() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("event_types", Json, nullable=False),
        _refers("organization_id", "webhook_endpoints", to="organizations", nullable=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("ordered", sa.Boolean, nullable=False),
        sa.Column("secret_sealed", sa.Text, nullable=False),
        sa.Column("previous_secret_sealed", sa.Text),
        _time("previous_secret_expire_time", nullable=True),
        _time("failing_since", nullable=True),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index(
        "ix_webhook_endpoints__organization_id_id", "webhook_endpoints", ["organization_id", "id"]
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        _refers("endpoint_id", "webhook_deliveries", to="webhook_endpoints"),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("organization_id", sa.Text),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        _time("due_time", nullable=True),
        sa.Column("last_status", sa.Integer),
        sa.Column("body", sa.Text),
        sa.Column("replay", sa.Boolean, nullable=False),
        _time("create_time"),
        _time("end_time", nullable=True),
    )
    pending = sa.text("state = 'PENDING'")
    for columns in (["endpoint_id", "due_time"], ["endpoint_id", "position", "id"]):
        op.create_index(
            f"ix_webhook_deliveries__{'_'.join(columns)}",
            "webhook_deliveries",
            columns,
            postgresql_where=pending,
            sqlite_where=pending,
        )
    op.create_index(
        "ix_webhook_deliveries__endpoint_id_id", "webhook_deliveries", ["endpoint_id", "id"]
    )
    failed = sa.text("state = 'FAILED'")
    op.create_index(
        "ix_webhook_deliveries__failed",
        "webhook_deliveries",
        ["endpoint_id", "id"],
        postgresql_where=failed,
        sqlite_where=failed,
    )
    op.create_index("ix_webhook_deliveries__event_id", "webhook_deliveries", ["event_id"])
    op.create_table(
        "webhook_attempts",
        _refers("delivery_id", "webhook_attempts", to="webhook_deliveries", primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _time("attempt_time"),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("status_code", sa.Integer),
        sa.Column("problem", sa.Text),
        sa.Column("response", sa.Text),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Each row is changed twice within seconds: leave room on a page, vacuum early.
        op.execute(
            "ALTER TABLE webhook_deliveries SET (fillfactor = 70, "
            "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)"
        )


def _refers(
    name: str, table: str, *, to: str, nullable: bool = False, primary_key: bool = False
) -> sa.Column[str]:
    return sa.Column(
        name,
        sa.Text,
        sa.ForeignKey(f"{to}.id", ondelete="CASCADE", name=f"fk_{table}__{name}"),
        nullable=nullable,
        primary_key=primary_key,
    )
