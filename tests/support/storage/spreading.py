"""A stand-in for Citus, which no test has: it records each request, and tables are parted by that.

Tables of organizations become tables in four parts, by the hash of the column that was given. A
part is a shard here: PostgreSQL asks of unique rules and of foreign keys to such a table what Citus
asks, and its plans say which parts a statement reads.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

import tenantry.app  # noqa: F401 - each room of it declares its tables
from tenantry.db import migrate
from tenantry.db.postgresql import distribution

PARTS = 4

_STAND_IN = """
CREATE SCHEMA citus;
CREATE TABLE citus.pg_dist_partition (
  number serial, logicalrelid regclass, partition_column text, colocate_with text
);
CREATE FUNCTION citus.create_reference_table(table_name regclass) RETURNS void LANGUAGE sql AS $$
  INSERT INTO citus.pg_dist_partition (logicalrelid) VALUES (table_name)
$$;
CREATE FUNCTION citus.create_distributed_table(
  table_name regclass, distribution_column text, colocate_with text DEFAULT 'default'
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO citus.pg_dist_partition (logicalrelid, partition_column, colocate_with)
  VALUES (table_name, distribution_column, colocate_with)
$$;
"""
_FOREIGN_KEYS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), confrelid::regclass::text
    FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
"""
_PRIMARY_KEY = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype = 'p'
"""
_INDEXES = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = %s::regclass AND NOT indisprimary
"""
_MONTHS = """
    SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, pg_class.oid)
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = %s::regclass
"""


def install(url: str) -> None:
    """Let a server have the functions of Citus, as far as they are called."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_STAND_IN)
        name = sql.Identifier(connection.info.dbname)
        order = sql.SQL("ALTER DATABASE {} SET search_path = public, citus").format(name)
        connection.execute(order)


def asked_for(url: str) -> list[tuple[str, str | None, str | None]]:
    """Which tables were spread, in their order: by which column, and with which."""
    with psycopg.connect(url) as connection:
        query = "SELECT logicalrelid::text, partition_column, colocate_with"
        return connection.execute(f"{query} FROM pg_dist_partition ORDER BY number").fetchall()


def spread(url: str) -> None:
    """Part the tables as they were asked to be spread."""
    tables = {table: column for table, column, _ in asked_for(url) if column}
    with psycopg.connect(url) as connection:
        rules = [
            rule for rule in connection.execute(_FOREIGN_KEYS) if {rule[0], rule[3]} & tables.keys()
        ]
        for table, name, _, _ in rules:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for table, column in tables.items():
            if months := connection.execute(_MONTHS, [table]).fetchall():
                for month, bounds in months:
                    _part_month(connection, table, month, bounds, column)
            else:
                _part(connection, table, column)
        for table, name, rule, _ in rules:
            connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule}")


def migrated(url: str) -> None:
    """Bring an empty database up to date, and spread it by all steps of the command."""
    install(url)
    migrate.upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in distribution.steps().values():
            connection.execute(statement)
    spread(url)


def _part(connection, table, column):
    ((name, key),) = connection.execute(_PRIMARY_KEY, [table]).fetchall()
    indexes = [row[0] for row in connection.execute(_INDEXES, [table])]
    connection.execute(f"ALTER TABLE {table} RENAME TO before")
    connection.execute(
        f"CREATE TABLE {table} (LIKE before INCLUDING DEFAULTS INCLUDING IDENTITY)"
        f" PARTITION BY HASH ({column})"
    )
    _add_parts(connection, table)
    connection.execute(f"INSERT INTO {table} SELECT * FROM before")
    connection.execute("DROP TABLE before")
    connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {key}")
    for index in indexes:
        connection.execute(index)


def _part_month(connection, table, month, bounds, column):
    connection.execute(f"ALTER TABLE {table} DETACH PARTITION {month}")
    connection.execute(f"ALTER TABLE {month} RENAME TO before")
    connection.execute(
        f"CREATE TABLE {month} PARTITION OF {table} {bounds} PARTITION BY HASH ({column})"
    )
    _add_parts(connection, month)
    connection.execute(f"INSERT INTO {month} SELECT * FROM before")
    connection.execute("DROP TABLE before")


def _add_parts(connection, table):
    for number in range(PARTS):
        connection.execute(
            f"CREATE TABLE {table}_part{number} PARTITION OF {table}"
            f" FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {number})"
        )
