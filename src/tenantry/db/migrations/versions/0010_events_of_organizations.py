"""Events by organization first, and their contexts as rows.

Revision: 0010, after 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0010"
down_revision = "0009"
older_may_run = False

_COLUMNS = (
    "number, id, type, object, occurred_at, organization_id, actor, before, after, request_id,"
    " context"
)


def upgrade() -> None:
    op.create_table(
        "event_contexts",
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
    )
    if op.get_bind().dialect.name == "postgresql":
        _on_postgresql()
    else:
        _on_sqlite()
    op.create_index("ix_events__type_id", "events", ["type", "id"])
    op.create_index("uq_events__id", "events", ["id"], unique=True)
    op.create_index(
        "ix_event_contexts__key_value_type_event_id",
        "event_contexts",
        ["key", "value", "type", "event_id"],
    )


def _on_postgresql() -> None:
    for statement in (
        # Rows are changed and keys made anew faster without the indexes.
        "DROP INDEX ix_events__context, ix_events__organization_id_type_id, ix_events__type_id,"
        " ix_events__xid",
        "ALTER TABLE events DROP CONSTRAINT pk_events",
        "UPDATE events SET organization_id = '' WHERE organization_id IS NULL",
        "ALTER TABLE events ALTER organization_id SET DEFAULT ''",
        "ALTER TABLE events ADD CONSTRAINT pk_events PRIMARY KEY (organization_id, type, id)",
        "CREATE INDEX ix_events__xid ON events (xid)",
        "INSERT INTO event_contexts (organization_id, key, value, type, event_id)"
        " SELECT organization_id, member.key, member.value, type, id"
        " FROM events, jsonb_each_text(context) AS member WHERE context IS NOT NULL",
    ):
        op.execute(statement)


def _on_sqlite() -> None:
    for name in ("created", "deleted"):
        op.execute(f"DROP TRIGGER events_{name}")
    op.drop_table("events_context")
    op.execute("ALTER TABLE events RENAME TO old_events")
    for name in ("uq_events__id", "ix_events__type_id", "ix_events__organization_id_type_id"):
        op.execute(f"DROP INDEX {name}")
    op.create_table(
        "events",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("organization_id", sa.Text, nullable=False, server_default=""),
        sa.Column("actor", Json, nullable=False),
        sa.Column("before", Json),
        sa.Column("after", Json),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("context", Json),
        sqlite_autoincrement=True,
    )
    given = _COLUMNS.replace("organization_id", "coalesce(organization_id, '')")
    # The numbers stay, and those of events that are gone are not given again.
    op.execute(f"INSERT INTO events ({_COLUMNS}) SELECT {given} FROM old_events ORDER BY number")
    op.execute(
        "UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence"
        " WHERE name = 'old_events') WHERE name = 'events'"
        " AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'old_events')"
    )
    op.execute("DROP TABLE old_events")
    op.create_index(
        "uq_events__organization_id_type_id",
        "events",
        ["organization_id", "type", "id"],
        unique=True,
    )
    members = "SELECT {0}.organization_id, member.key, member.value, {0}.type, {0}.id FROM {1}"
    columns = "event_contexts (organization_id, key, value, type, event_id)"
    each = members.format("events", "events, json_each(events.context) AS member")
    op.execute(f"INSERT INTO {columns} {each} WHERE events.context IS NOT NULL")
    each = members.format("new", "json_each(new.context) AS member")
    op.execute(
        "CREATE TRIGGER events_created AFTER INSERT ON events WHEN new.context IS NOT NULL BEGIN"
        f" INSERT INTO {columns} {each}; END"
    )
