"""Organizations, their portal links, clients, signing keys, events.

Revision: 0001, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0001"
down_revision = None
older_may_run = True

_TALLY_SLOTS = 8


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    _ground()
    _organizations()
    _rooms()
    if postgresql:
        _on_postgresql()
    else:
        _on_sqlite()


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _ground() -> None:
    op.create_table(
        "environment",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("nodes", sa.BigInteger, nullable=False),
        sa.Column("data_key", sa.Text, nullable=False),
        _time("create_time"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        _time("occurred_at"),
        sa.Column("organization_id", sa.Text),
        sa.Column("actor", Json, nullable=False),
        sa.Column("before", Json),
        sa.Column("after", Json),
        sa.Column("request_id", sa.Text, nullable=False),
    )
    op.create_index("ix_events__organization_id_id", "events", ["organization_id", "id"])
    tallies = op.create_table(
        "tallies",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(
        tallies, [{"name": "organizations", "slot": s, "n": 0} for s in range(_TALLY_SLOTS)]
    )
    op.create_table(
        "replies",
        sa.Column("caller_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("response", sa.LargeBinary),
        sa.Column("headers", Json),
        _time("create_time"),
    )
    op.create_index("ix_replies__create_time", "replies", ["create_time"])


def _organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("slug", sa.Text),
        sa.Column("logo_url", sa.Text),
        sa.Column("region_code", sa.Text, nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("features", Json, nullable=False),
        sa.Column("max_allowed_users", sa.Integer),
        sa.Column("session_policy", Json),
        sa.Column("branding", Json),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index("uq_organizations__external_id", "organizations", ["external_id"], unique=True)
    op.create_index("uq_organizations__slug", "organizations", ["slug"], unique=True)


def _rooms() -> None:
    op.create_table(
        "portal_links",
        sa.Column("id", sa.Text, primary_key=True),
        _organization_id("portal_links"),
        sa.Column("features", Json, nullable=False),
        _time("create_time"),
        _time("expire_time"),
        _time("open_time", nullable=True),
    )
    op.create_index(
        "ix_portal_links__organization_id_id", "portal_links", ["organization_id", "id"]
    )
    op.create_table(
        "portal_sessions",
        sa.Column("id", sa.Text, primary_key=True),
        _organization_id("portal_sessions"),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("features", Json, nullable=False),
        _time("create_time"),
        _time("expire_time"),
        sa.UniqueConstraint("digest", name="uq_portal_sessions__digest"),
    )
    op.create_index("ix_portal_sessions__organization_id", "portal_sessions", ["organization_id"])
    op.create_table(
        "clients",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        _time("create_time"),
    )
    op.create_table(
        "client_secrets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey("clients.id", ondelete="CASCADE", name="fk_client_secrets__client_id"),
            nullable=False,
        ),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("suffix", sa.Text, nullable=False),
        _time("create_time"),
        _time("expire_time", nullable=True),
    )
    op.create_index("ix_client_secrets__client_id", "client_secrets", ["client_id"])
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("public_pem", sa.Text, nullable=False),
        sa.Column("private_sealed", sa.Text, nullable=False),
        _time("create_time"),
        _time("retire_time", nullable=True),
    )


def _organization_id(table: str) -> sa.Column[str]:
    return sa.Column(
        "organization_id",
        sa.Text,
        sa.ForeignKey("organizations.id", ondelete="CASCADE", name=f"fk_{table}__organization_id"),
        nullable=False,
    )


def _on_postgresql() -> None:
    for statement in (
        # The parts of three characters of a text: what a trigram index holds. Our own because the
        # extension pg_trgm is not everywhere; a loop because it takes half the time of an
        # aggregate. Repeats are left in, the index drops them.
        """
        CREATE FUNCTION tenantry_trigrams(text) RETURNS text[]
        LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
        DECLARE
          parts text[] := '{}';
        BEGIN
          FOR i IN 1 .. length($1) - 2 LOOP
            parts[i] := substr($1, i, 3);
          END LOOP;
          RETURN parts;
        END $$
        """,
        """
        ALTER TABLE organizations ADD COLUMN search_text text GENERATED ALWAYS AS (
          lower(display_name || chr(31) || id || chr(31) || coalesce(external_id, ''))
        ) STORED
        """,
        "CREATE INDEX ix_organizations__search_text ON organizations "
        "USING gin (tenantry_trigrams(search_text))",
        "CREATE INDEX ix_organizations__metadata ON organizations "
        "USING gin (metadata jsonb_path_ops)",
        # Once for each statement: a row for each row of a bulk load would be 100,000 versions of
        # one tally.
        """
        CREATE FUNCTION tenantry_tally() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          UPDATE tallies
          SET n = n + (SELECT count(*) FROM changed) * CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END
          WHERE name = TG_TABLE_NAME AND slot = pg_backend_pid() % 8;
          RETURN NULL;
        END $$
        """,
        "CREATE TRIGGER organizations_created AFTER INSERT ON organizations "
        "REFERENCING NEW TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION tenantry_tally()",
        "CREATE TRIGGER organizations_deleted AFTER DELETE ON organizations "
        "REFERENCING OLD TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION tenantry_tally()",
        # Rows are updated often and events only inserted: leave room on a page, vacuum early.
        "ALTER TABLE organizations SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)",
    ):
        op.execute(statement)


def _on_sqlite() -> None:
    text = "new.display_name || char(31) || new.id || char(31) || coalesce(new.external_id, '')"
    number = "CAST(substr({}.id, 5) AS INTEGER)"
    members = (
        "INSERT INTO organizations_metadata (owner, key, value) "
        "SELECT new.id, key, value FROM json_each(new.metadata)"
    )
    for statement in (
        "CREATE VIRTUAL TABLE organizations_search USING fts5(text, tokenize = 'trigram')",
        "CREATE TABLE organizations_metadata (key TEXT NOT NULL, value TEXT NOT NULL, "
        "owner TEXT NOT NULL, PRIMARY KEY (key, value, owner)) WITHOUT ROWID",
        "CREATE INDEX ix_organizations_metadata__owner ON organizations_metadata (owner)",
        f"""
        CREATE TRIGGER organizations_created AFTER INSERT ON organizations BEGIN
          INSERT INTO organizations_search (rowid, text) VALUES ({number.format("new")}, {text});
          {members};
          UPDATE tallies SET n = n + 1 WHERE name = 'organizations' AND slot = 0;
        END
        """,
        f"""
        CREATE TRIGGER organizations_renamed AFTER UPDATE OF display_name, external_id
        ON organizations WHEN old.display_name <> new.display_name
          OR old.external_id IS NOT new.external_id
        BEGIN
          UPDATE organizations_search SET text = {text} WHERE rowid = {number.format("new")};
        END
        """,
        f"""
        CREATE TRIGGER organizations_labelled AFTER UPDATE OF metadata
        ON organizations WHEN old.metadata <> new.metadata
        BEGIN
          DELETE FROM organizations_metadata WHERE owner = new.id;
          {members};
        END
        """,
        f"""
        CREATE TRIGGER organizations_deleted AFTER DELETE ON organizations BEGIN
          DELETE FROM organizations_search WHERE rowid = {number.format("old")};
          DELETE FROM organizations_metadata WHERE owner = old.id;
          UPDATE tallies SET n = n - 1 WHERE name = 'organizations' AND slot = 0;
        END
        """,
    ):
        op.execute(statement)
