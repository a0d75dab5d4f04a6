"""An index of the searches that is made after the commit, and a list of the rows that wait.

On PostgreSQL it is a table of its own, filled here; on SQLite it is the one that is there, no
longer kept by triggers. See docs/decisions/0002-search.md.

Revision: 0012, after 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
older_may_run = False

_SEARCHES = {"organizations": "organization_id", "users": "user_id"}


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table, key in _SEARCHES.items():
        # A number that no other row of the key has, and that nobody has to wait for.
        number = sa.Identity() if postgresql else sa.DefaultClause(sa.text("(random())"))
        op.create_table(
            f"{table}_search_due",
            sa.Column(key, sa.Text, primary_key=True),
            sa.Column("number", sa.BigInteger, number, primary_key=True),
        )
    if postgresql:
        _on_postgresql()
    else:
        _on_sqlite()


def _on_postgresql() -> None:
    # For the indexes below; the usual 64 MB would sort a million texts in many runs.
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for table, key in _SEARCHES.items():
        for statement in (
            f"CREATE TABLE {table}_search "
            f"({key} text NOT NULL, text text NOT NULL, grams tsvector NOT NULL)",
            f"INSERT INTO {table}_search ({key}, text, grams) "
            "SELECT id, search_text, array_to_tsvector(ARRAY("
            "SELECT substr(search_text, i, 5) FROM generate_series(1, length(search_text) - 2) i"
            f")) FROM {table}",
            f"ALTER TABLE {table}_search ADD CONSTRAINT pk_{table}_search PRIMARY KEY ({key})",
            # A search reads all rows that wait to be merged into the index: few at most.
            f"CREATE INDEX ix_{table}_search__grams ON {table}_search USING gin (grams) "
            "WITH (gin_pending_list_limit = 1024)",
            # Of a table that nobody has counted yet, PostgreSQL expects a thousand rows.
            f"ANALYZE {table}_search, {table}_search_due",
            # Rows come and go all the time.
            f"ALTER TABLE {table}_search_due SET "
            "(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
            f"DROP INDEX ix_{table}__search_text",
            f"ALTER TABLE {table} DROP COLUMN search_text",
        ):
            op.execute(statement)
    op.execute("DROP FUNCTION tenantry_trigrams(text)")


def _on_sqlite() -> None:
    members = (
        "INSERT INTO organizations_metadata (owner, key, value) "
        "SELECT new.id, key, value FROM json_each(new.metadata)"
    )
    for table in _SEARCHES:
        labels, unlabels = "", ""
        if table == "organizations":
            labels = f"{members};"
            unlabels = "DELETE FROM organizations_metadata WHERE owner = old.id;"
        for statement in (
            f"DROP TRIGGER {table}_created",
            f"DROP TRIGGER {table}_renamed",
            f"DROP TRIGGER {table}_deleted",
            f"""
            CREATE TRIGGER {table}_created AFTER INSERT ON {table} BEGIN
              {labels}
              UPDATE tallies SET n = n + 1 WHERE name = '{table}' AND slot = 0;
            END
            """,
            f"""
            CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN
              {unlabels}
              UPDATE tallies SET n = n - 1 WHERE name = '{table}' AND slot = 0;
            END
            """,
        ):
            op.execute(statement)
