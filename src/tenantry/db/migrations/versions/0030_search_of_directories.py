"""An index of the people of directories by parts of their names and addresses.

Made after the commit as that of users is. On PostgreSQL it is filled here; on SQLite by the worker,
and a search reads those that wait. See docs/decisions/0002-search.md.

Revision: 0030, after 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
# An older process would leave people where they are in the index.
older_may_run = False

_PLACE = "organization_id", "directory_id"
_KEY = "organization_id, directory_id, directory_user_id"


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    number = sa.Identity() if postgresql else sa.DefaultClause(sa.text("(random())"))
    op.create_table(
        "directory_users_search_due",
        *(sa.Column(name, sa.Text, primary_key=True) for name in (*_PLACE, "directory_user_id")),
        sa.Column("number", sa.BigInteger, number, primary_key=True),
    )
    for statement in _ON_POSTGRESQL if postgresql else _ON_SQLITE:
        op.execute(statement)


_TEXT = "lower(user_name_key || chr(31) || display_name_key || chr(31) || email_key) AS text"
_ON_POSTGRESQL = (
    # For the index below; the usual 64 MB would sort a million texts in many runs.
    "SET LOCAL maintenance_work_mem = '256MB'",
    "CREATE TABLE directory_users_search (organization_id text NOT NULL,"
    " directory_id text NOT NULL, directory_user_id text NOT NULL, text text NOT NULL,"
    " grams tsvector NOT NULL)",
    f"INSERT INTO directory_users_search ({_KEY}, text, grams)"
    " SELECT organization_id, directory_id, id, text, array_to_tsvector(ARRAY("
    "SELECT substr(text, i, 5) FROM generate_series(1, length(text) - 2) AS i)"
    f" || (chr(30) || directory_id)) FROM directory_users, LATERAL (SELECT {_TEXT}) AS folded",
    "ALTER TABLE directory_users_search"
    f" ADD CONSTRAINT pk_directory_users_search PRIMARY KEY ({_KEY})",
    # A search reads all rows that wait to be merged into the index: few at most.
    "CREATE INDEX ix_directory_users_search__grams ON directory_users_search USING gin (grams)"
    " WITH (gin_pending_list_limit = 1024)",
    "ANALYZE directory_users_search, directory_users_search_due",
    # Rows come and go all the time.
    "ALTER TABLE directory_users_search_due SET"
    " (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
)
_ON_SQLITE = (
    "CREATE VIRTUAL TABLE directory_users_search USING fts5(text, tokenize = 'trigram')",
    f"INSERT INTO directory_users_search_due ({_KEY})"
    " SELECT organization_id, directory_id, id FROM directory_users",
)
