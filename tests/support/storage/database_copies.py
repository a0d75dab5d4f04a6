"""Copies of a database on PostgreSQL, each used by one test after the other.

To make a copy and to remove it takes PostgreSQL half a second of the processor, for it has a
thousand files; to empty its tables takes a hundredth of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from servers import PostgreSQL

# Of this database and nobody else's: what a test may have changed beside rows. ANALYZE is among it,
# for statistics of rows that are gone mislead the plans of the next test.
_SHAPE = """
SELECT
    (SELECT (count(*), sum(oid::bigint), sum(reltuples::bigint), count(relacl), count(reloptions))
     FROM pg_class WHERE relnamespace = 'public'::regnamespace)::text,
    (SELECT (count(*), sum(atttypid::bigint), count(*) FILTER (WHERE attnotnull))
     FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
     WHERE relnamespace = 'public'::regnamespace)::text,
    (SELECT (count(*), sum(oid::bigint)) FROM pg_constraint)::text,
    (SELECT (count(*), sum(oid::bigint), min(tgenabled), max(tgenabled)) FROM pg_trigger)::text,
    (SELECT (count(*), sum(oid::bigint)) FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace)::text,
    (SELECT count(*) FROM pg_namespace)::text,
    (SELECT count(*) FROM pg_db_role_setting JOIN pg_database ON setdatabase = pg_database.oid
     WHERE datname = current_database())::text
"""
_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SIZES = """
SELECT relname, pg_relation_size(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
_SEQUENCES = "SELECT relname FROM pg_class WHERE relkind = 'S'"
_MOST_BYTES = 4 << 20  # of tables that have been emptied: their rows still take their place


class Copies:
    """Copies of the database of this name."""

    def __init__(self, postgresql: PostgreSQL, template: str) -> None:
        self._postgresql = postgresql
        self._template = template
        self._free: list[str] = []
        url = postgresql.fresh(template=template)
        with psycopg.connect(url, autocommit=True) as connection:
            self._shape = connection.execute(_SHAPE).fetchone()
            self._rows = {
                table: _read(connection, table) for table, _ in connection.execute(_SIZES)
            }
            self._sequences = [name for (name,) in connection.execute(_SEQUENCES)]
        self._free.append(url)

    def take(self) -> str:
        """Return the URL of a database that nobody else uses."""
        return self._free.pop() if self._free else self._postgresql.fresh(template=self._template)

    def give_back(self, url: str) -> None:
        """Let the next test have it as it was; nobody that is connected is asked."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_OTHERS)
            same = self._emptied(connection)
        if same:
            self._free.append(url)
        else:
            self._postgresql.drop(url)

    def _emptied(self, connection: psycopg.Connection) -> bool:
        if connection.execute(_SHAPE).fetchone() != self._shape:
            return False
        sizes = dict(connection.execute(_SIZES).fetchall())
        if sum(sizes.values()) > _MOST_BYTES:
            return False
        with connection.transaction():
            # Rows go without a look at what refers to them.
            connection.execute("SET LOCAL session_replication_role = replica")
            for table in {*sizes, *self._rows}:
                _run(connection, "DELETE FROM {}", table)
                if table in self._rows:
                    _write(connection, table, self._rows[table])
            for name in self._sequences:
                _run(connection, "ALTER SEQUENCE {} RESTART", name)
        return True


def _read(connection: psycopg.Connection, table: str) -> bytes:
    """The rows of a table, as COPY writes them."""
    copying = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
    with connection.cursor().copy(copying) as copy:
        return b"".join(bytes(part) for part in copy)


def _write(connection: psycopg.Connection, table: str, rows: bytes) -> None:
    copying = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
    with connection.cursor().copy(copying) as copy:
        copy.write(rows)


def _run(connection: psycopg.Connection, statement: str, name: str) -> None:
    connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
