"""A database of commit 342a199 (schema 0034), full of rows, and a hash over all of them.

The rows are written by SQL, which is as the program of then would have written them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from tenantry.db import fence

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST = 10**18  # the number of the first id
_STEP = 1 << 22  # a millisecond of an id
_START = 1_767_225_600_000_000  # 2026-01-01

# By {n}, from 1 on: alike on both databases.
_ORGANIZATION = (
    "'org_' || ({first} + n * {step}), 'Ünit ' || n || ' GmbH', 'crm-' || n, 'US',"
    """ '{{"plan": "enterprise", "seats": "' || (n % 500) || '"}}', '{{"sso": true}}',"""
    " 1 + n % 7, {start} + n, {start} + n + 1"
)
_ORGANIZATION_COLUMNS = (
    "id, display_name, external_id, region_code, metadata, features, revision, create_time,"
    " update_time"
)
_USER = (
    "'usr_' || ({first} + n * {step}), 'person' || n || '@example.com',"
    """ 'person' || n || '@example.com', '{{"name": "Person ' || n || '"}}', '{{}}', n % 2 = 0,"""
    " 1, {start} + n, {start} + n"
)
_USER_COLUMNS = (
    "id, email, email_key, profile, metadata, email_verified, revision, create_time, update_time"
)
# One in a hundred is of the environment, one in fifty has a context.
_EVENT = (
    "'evt_' || ({first} + n * {step}),"
    " CASE WHEN n % 100 = 0 THEN 'role.created' ELSE 'organization.updated' END,"
    " 'Organization', {start} + n, CASE WHEN n % 100 = 0 THEN ''"
    " ELSE 'org_' || ({first} + (1 + n % {organizations}) * {step}) END,"
    """ '{{"type": "management_client", "id": "skc_1"}}',"""
    """ '{{"id": "org_' || n || '", "display_name": "Ünit ' || n || '"}}', 'req_' || n,"""
    """ CASE WHEN n % 50 = 0 THEN '{{"connection_id": "conn_' || (n % 97) || '"}}' END"""
)
_EVENT_COLUMNS = "id, type, object, occurred_at, organization_id, actor, after, request_id, context"
_JSON = {"metadata", "features", "profile", "actor", "after", "context"}
_AT_ONCE = 100_000


def fill(url: str, *, organizations: int, events: int) -> None:
    """Write so many organizations and events, and a user for five organizations."""
    tables = (
        ("organizations", _ORGANIZATION_COLUMNS, _ORGANIZATION, organizations),
        ("users", _USER_COLUMNS, _USER, max(organizations // 5, 1)),
        ("events", _EVENT_COLUMNS, _EVENT, events),
    )
    for table, columns, values, many in tables:
        given = values.format(first=_FIRST, step=_STEP, start=_START, organizations=organizations)
        if url.startswith("sqlite:"):
            _fill_sqlite(url, table, columns, given, many)
        else:
            _fill_postgresql(url, table, columns, given, many)


def _fill_postgresql(url: str, table: str, columns: str, given: str, many: int) -> None:
    parts = ", ".join(f"v{number}" for number in range(columns.count(",") + 1))
    typed = ", ".join(
        f"v{number}::jsonb" if name in _JSON else f"v{number}"
        for number, name in enumerate(columns.split(", "))
    )
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(1, many + 1, _AT_ONCE):
            last = min(first + _AT_ONCE - 1, many)
            connection.execute(
                f"INSERT INTO {table} ({columns}) SELECT {typed} FROM (SELECT {given}"
                f" FROM generate_series({first}::bigint, {last}) AS n) AS given ({parts})"
            )
        connection.execute(f"ANALYZE {table}")


def _fill_sqlite(url: str, table: str, columns: str, given: str, many: int) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for mark in fence.marks():
            connection.create_function(mark, 0, lambda: None)
        connection.execute(
            f"WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series"
            f" WHERE n < {many}) INSERT INTO {table} ({columns}) SELECT {given} FROM series"
        )


def columns(url: str) -> dict[str, set[str]]:
    """Return the columns of each table, but of those of search indexes and of upgrades."""
    if url.startswith("sqlite:"):
        found = list(_columns_sqlite(url))
    else:
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
                " AND NOT relispartition AND attnum > 0 AND NOT attisdropped"
            ).fetchall()
    of: dict[str, set[str]] = {}
    for table, column in found:
        if "_search" not in table and not table.startswith(("schema_", "alembic_")):
            of.setdefault(table, set()).add(column)
    return of


def _columns_sqlite(url: str) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        for (table,) in tables.fetchall():
            if not table.startswith("sqlite_"):
                for row in connection.execute(f"PRAGMA table_info({table})").fetchall():
                    yield table, row[1]


def hashed(url: str, of: dict[str, set[str]]) -> dict[str, tuple[int, str]]:
    """Return how many rows each table has, and a hash over these columns of all of them."""
    return {
        table: (_hash_sqlite if url.startswith("sqlite:") else _hash_postgresql)(
            url, table, sorted(names)
        )
        for table, names in sorted(of.items())
    }


def _hash_postgresql(url: str, table: str, names: list[str]) -> tuple[int, str]:
    given = sql.SQL(", ").join(map(sql.Identifier, names))
    # A sum, which knows no order; 64 bits of each row.
    query = sql.SQL(
        "SELECT count(*), coalesce(sum(hashtextextended(row({})::text, 0)), 0)::text FROM {}"
    ).format(given, sql.Identifier(table))
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0], row[1]


def _hash_sqlite(url: str, table: str, names: list[str]) -> tuple[int, str]:
    given = ", ".join(f'"{name}"' for name in names)
    many, total = 0, 0
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        rows: Any = connection.execute(f"SELECT {given} FROM {table}")
        for row in rows:
            many += 1
            digest = hashlib.blake2b(repr(row).encode(), digest_size=8).digest()
            total += int.from_bytes(digest)
    return many, str(total)
