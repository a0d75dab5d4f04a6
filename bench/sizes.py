"""Measure how large rows are: on disk, with all indexes, on PostgreSQL and on SQLite.

``python bench/sizes.py --output docs/performance/sizes.json`` fills a PostgreSQL of its own
(bench/tenants.py), makes some thousand real changes and sign-ins, copies their events, ten for each
organization, lets a worker give every event its place in the log, and prints the bytes of each
table that has enough rows. Then it copies all rows into a SQLite of the same schema, lets the
search be indexed there, and prints the same of that. ``scripts/sizes.py`` makes the tables of
docs/sizing.md of it.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import platform
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import tenants
from postgresql import PostgreSQL
from serving import Server
from sign_ins import SETTINGS, SignIns

import tenantry.app  # noqa: F401  all tables
from tenantry import settings
from tenantry.db import fence, migrate
from tenantry.db.opening import database_of
from tenantry.db.search import index
from tenantry.db.sql import schema
from tenantry.tenants.directories.model import directory_user_search
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.users.model import user_search

_CHANGES = 1500  # that are real, and as many sign-ins
_EVENTS_OF_EACH = 10  # of an organization
_LEAST = 1000  # rows: of a smaller table pages say more than rows
_SEARCHES = {
    "organizations_search": (organization_search, "organization_id", "organizations", "id"),
    "users_search": (user_search, "user_id", "users", "id"),
    "directory_users_search": (
        directory_user_search,
        "organization_id, directory_id, directory_user_id",
        "directory_users",
        "organization_id, directory_id, id",
    ),
}
_SEAL_LIMIT = 1800.0  # seconds
_SETTLED_SECONDS = 5.0
_SIZES = (
    "SELECT json_agg(json_build_array(name, bytes)) FROM (SELECT coalesce(w.relname, t.relname)"
    " AS name, sum(pg_total_relation_size(t.oid)) AS bytes FROM pg_class t LEFT JOIN pg_inherits i"
    " ON i.inhrelid = t.oid LEFT JOIN pg_class w ON w.oid = i.inhparent WHERE t.relkind = 'r'"
    " AND t.relnamespace = 'public'::regnamespace GROUP BY 1) AS s"
)


def main() -> None:
    """Fill, copy, measure, print."""
    parser = argparse.ArgumentParser(description="Measure how large rows are.")
    parser.add_argument("--organizations", type=int, default=20_000)
    parser.add_argument("--directory-people", type=int, default=20_000)
    parser.add_argument("--output", type=Path)
    o = parser.parse_args()
    tenants.DIRECTORY_PEOPLE = o.directory_people
    tenants.EVENTS_OF_EACH = tenants.SIGN_INS_OF_EACH = 0
    with tempfile.TemporaryDirectory(prefix="tenantry-sizes-") as folder:
        place = Path(folder).resolve()
        with PostgreSQL(place) as postgresql:
            server = Server(place, postgresql.url, workers=1, tls=True)
            server.environment |= SETTINGS
            server.start()
            try:
                tenants.Tenants(server, postgresql).fill(o.organizations, o.organizations * 10)
                change(server, postgresql)
                SignIns(server, _CHANGES)
                events = copy_events(postgresql, o.organizations * _EVENTS_OF_EACH)
                sealed = seal(postgresql)
            finally:
                server.stop()
            postgresql.execute("VACUUM FULL ANALYZE")
            found = {"postgresql": of_postgresql(postgresql)}
            file = place / "copy"
            copy(postgresql, file, place / "data" / "master.key")
        found["sqlite"] = of_sqlite(file / "tenantry.db")
    said = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "organizations": o.organizations,
        "seal_events_per_second": round(sealed),
        "events": events,
        "tables": found,
    }
    print(json.dumps(said, indent=2))
    if o.output:
        o.output.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def change(server: Server, postgresql: PostgreSQL) -> None:
    """Change organizations by the API; their events go to the endpoints, which do not answer."""
    ids = postgresql.value(f"SELECT id FROM organizations ORDER BY id LIMIT {_CHANGES}").split()
    headers = {"authorization": f"Bearer {server.token()}"}
    for number, one in enumerate(ids):
        body = {"display_name": f"Acme Corporation {number}", "metadata": {"plan": "starter"}}
        path = f"/api/v1/organizations/{one}"
        server.http.patch(path, json=body, headers=headers).raise_for_status()


def copy_events(postgresql: PostgreSQL, count: int) -> dict[str, dict[str, float]]:
    """Have so many events, copies of the real ones; return number and bytes of each real type."""
    postgresql.execute("UPDATE webhook_endpoints SET enabled = false")
    time.sleep(_SETTLED_SECONDS)  # processes remember endpoints
    types = postgresql.value(
        "SELECT json_object_agg(type, json_build_object('number', n, 'bytes', bytes)) FROM (SELECT"
        " type, count(*) AS n, round(avg(pg_column_size(events.*))) AS bytes FROM events"
        " GROUP BY type HAVING count(*) >= 1000) AS t"
    )
    postgresql.execute(
        "INSERT INTO events (id, type, object, occurred_at, organization_id, actor, before, after,"
        " request_id, xid, context) SELECT 'evt_' || split_part(id, '_', 2)::bigint"
        " - ((n + 1) << 36), type, object, occurred_at, organization_id, actor, before, after,"
        " request_id, '3', context FROM (SELECT *, row_number() OVER () AS k, count(*) OVER () AS c"
        f" FROM events) AS real, generate_series(0::bigint, {count}) AS n WHERE n * c < {count}"
    )
    found: dict[str, dict[str, float]] = json.loads(types)
    return found


def seal(postgresql: PostgreSQL) -> float:
    """Let the server look at all events anew; return how many a second got their places."""
    waiting = "(SELECT count(*) FROM events) - (SELECT count(*) FROM event_log)"
    before, began = int(postgresql.value(f"SELECT {waiting}")), time.perf_counter()
    postgresql.execute("UPDATE event_log_state SET seen = '1:1: 0', target = NULL, cursor = NULL")
    while int(postgresql.value(f"SELECT {waiting}")):
        if time.perf_counter() - began > _SEAL_LIMIT:
            raise SystemExit("bench: events were not sealed in time")
        time.sleep(1)
    return before / (time.perf_counter() - began)


def of_postgresql(postgresql: PostgreSQL) -> dict[str, dict[str, int]]:
    """Return rows and bytes of each table that has enough."""
    sizes = {name: int(size) for name, size in json.loads(postgresql.value(_SIZES))}
    rows = {n: int(postgresql.value(f"SELECT count(*) FROM {n}")) for n in sizes}
    return _enough(rows, sizes)


def copy(postgresql: PostgreSQL, folder: Path, key: Path) -> None:
    """Copy all rows into a SQLite of our own, and index the search there."""
    known = settings.load({"TENANTRY_DATA_DIR": str(folder)})
    folder.mkdir(mode=0o700)
    shutil.copy(key, folder)
    migrate.upgrade(known.database)
    asyncio.run(_copy(postgresql.url, folder / "tenantry.db"))
    asyncio.run(_index(known))


async def _copy(url: str, path: Path) -> None:
    source = await asyncpg.connect(url)
    try:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA foreign_keys = OFF")
            db.create_function("tenantry_folded", 1, index.folded, deterministic=True)
            for mark in fence.marks():
                db.create_function(mark, 0, bool)
            theirs = {
                name: [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')]
                for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            }
            async with source.transaction():
                for name in schema.metadata.tables:
                    if name in theirs and not name.endswith(("_search", "_search_due")):
                        await _copy_table(source, db, name, theirs[name])
            for due, (_, columns, table, keys) in _SEARCHES.items():
                db.execute(f"INSERT INTO {due}_due ({columns}) SELECT {keys} FROM {table}")
            db.commit()
    finally:
        await source.close()


async def _copy_table(
    source: asyncpg.Connection[Any], db: sqlite3.Connection, name: str, columns: list[str]
) -> None:
    known = [c.name for c in schema.metadata.tables[name].columns if c.name in columns]
    order = " ORDER BY id" if name == "events" else ""
    names, marks = ", ".join(f'"{c}"' for c in known), ", ".join("?" * len(known))
    db.execute(f'DELETE FROM "{name}"')
    put = f'INSERT INTO "{name}" ({names}) VALUES ({marks})'
    rows = []
    async for row in source.cursor(f'SELECT {names} FROM "{name}"{order}', prefetch=5000):
        rows.append(tuple(row))
        if len(rows) == 5000:
            db.executemany(put, rows)
            rows = []
    db.executemany(put, rows)


async def _index(known: settings.Settings) -> None:
    async with database_of(known, pool_size=1) as db:
        for one, *_ in _SEARCHES.values():
            while await one.waiting(db):
                await index.run(db, searches=[one])


def of_sqlite(path: Path) -> dict[str, dict[str, int]]:
    """Return rows and bytes of each table that has enough, by SQLite's own count of pages."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM")
        owners = dict(db.execute("SELECT name, tbl_name FROM sqlite_schema"))
        sizes: dict[str, int] = {}
        for name, size in db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            owner = _shown(owners.get(name, name))
            sizes[owner] = sizes.get(owner, 0) + size
        rows = {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in sizes}
        return _enough(rows, sizes)


@functools.cache
def _shown(table: str) -> str:
    """Return the table that a table of SQLite's search belongs to."""
    return next((name for name in _SEARCHES if table.startswith(f"{name}_")), table)


def _enough(rows: dict[str, int], sizes: dict[str, int]) -> dict[str, dict[str, int]]:
    return {
        name: {"rows": rows[name], "bytes": sizes[name]}
        for name in sorted(sizes, key=lambda one: -sizes[one])
        if rows[name] >= _LEAST
    }


if __name__ == "__main__":
    main()
