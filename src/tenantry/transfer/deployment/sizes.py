"""How large the database is, in the time that a look takes however large it is.

So rows are not counted: PostgreSQL says how many it found when it last analyzed a table, and SQLite
the highest number that it gave to a row, of which those that were deleted are part.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.settings import Settings

_MOST = 5  # tables that are named, here and in the statement
_POSTGRESQL = Statement(
    text(
        "SELECT pg_database_size(current_database()) AS bytes,"
        " current_setting('server_version') AS version,"
        " has_function_privilege('pg_ls_waldir()', 'execute') AS may_see_wal"
    )
)
_WAL = Statement(text("SELECT coalesce(sum(size), 0)::bigint AS bytes FROM pg_ls_waldir()"))
# A table with partitions is one.
_POSTGRESQL_TABLES = Statement(
    text(
        "SELECT coalesce(whole.relname, t.relname) AS name,"
        " sum(pg_total_relation_size(t.oid))::bigint AS bytes,"
        " sum(greatest(t.reltuples, 0))::bigint AS rows"
        " FROM pg_class t LEFT JOIN pg_inherits i ON i.inhrelid = t.oid"
        " LEFT JOIN pg_class whole ON whole.oid = i.inhparent"
        " WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5"
    )
)
_SQLITE = Statement(
    text(
        "SELECT (SELECT page_count FROM pragma_page_count)"
        " * (SELECT page_size FROM pragma_page_size) AS bytes,"
        " (SELECT freelist_count FROM pragma_freelist_count)"
        " * (SELECT page_size FROM pragma_page_size) AS unused,"
        " sqlite_version() AS version"
    )
)
_SQLITE_TABLES = Statement(
    text(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND wr = 0"
        " AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
)


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table: about how many rows it has, and its bytes with its indexes, None on SQLite."""

    name: str
    rows: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the database, of its log and of the disk that we write to."""

    version: str  # of the database's program
    database: int
    unused: int | None  # within the database, to be used again; None on PostgreSQL
    wal: int | None  # None where this user may not see it
    disk_free: int
    disk_total: int
    tables: tuple[TableSize, ...]  # the largest ones


async def measure(db: Session, settings: Settings) -> Sizes:
    """Return how large all is; the disk is that of the file of SQLite, else of the data folder."""
    if settings.database.startswith("sqlite:"):
        return await _of_sqlite(db, Path(settings.database.removeprefix("sqlite:///")))
    row = await db.fetch_one(_POSTGRESQL)
    assert row is not None
    wal = await db.fetch_one(_WAL) if row["may_see_wal"] else None
    folder = settings.data_dir if settings.data_dir.is_dir() else Path()
    disk = await asyncio.to_thread(shutil.disk_usage, folder)
    tables = [
        TableSize(found["name"], found["rows"], found["bytes"])
        for found in await db.fetch_all(_POSTGRESQL_TABLES)
    ]
    return Sizes(
        row["version"],
        row["bytes"],
        None,
        None if wal is None else wal["bytes"],
        disk.free,
        disk.total,
        tuple(tables),
    )


async def _of_sqlite(db: Session, path: Path) -> Sizes:
    row = await db.fetch_one(_SQLITE)
    assert row is not None
    log = path.with_name(f"{path.name}-wal")
    wal = log.stat().st_size if log.exists() else 0
    disk = await asyncio.to_thread(shutil.disk_usage, path.parent)
    tables = []
    for found in await db.fetch_all(_SQLITE_TABLES):
        # A look at the end of the table.
        asked = Statement(text(f'SELECT coalesce(max(rowid), 0) AS n FROM "{found["name"]}"'))  # noqa: S608
        last = await db.fetch_one(asked)
        assert last is not None
        tables.append(TableSize(found["name"], last["n"], None))
    largest = sorted(tables, key=lambda table: -table.rows)[:_MOST]
    size, unused = row["bytes"], row["unused"]
    return Sizes(row["version"], size, unused, wal, disk.free, disk.total, tuple(largest))
