"""Checks of the database: its schema and connections, the event log, the clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.doctor.findings import Problem
from tenantry.settings import SettingError

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.settings import Settings
_CLOCK_SECONDS = 5.0
_SEALED_SECONDS = 60.0  # it takes 0.1 while a worker runs
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program is not older


def check_database(settings: Settings) -> str:
    from tenantry.crypto import master_key
    from tenantry.db.connecting import OpenError
    from tenantry.db.engine import Unavailable
    from tenantry.db.opening import open_database
    from tenantry.db.schema_versions import LaterVersion, schema_version

    scheme, _, rest = settings.database.partition("://")
    place = rest[1:]
    if scheme == "sqlite" and not Path(place).exists():
        return f"{place} does not exist yet; the first start creates it"

    async def look() -> str:
        version = await schema_version(settings.database)
        if version is None:
            return f"{scheme} is empty; the first start creates the schema"
        await _check_versions(settings, version)
        if not master_key.is_set(settings) and not master_key.file(settings).exists():
            raise Problem(
                f"{master_key.file(settings)} is missing", "restore the key of this database"
            )
        async with open_database(settings.database, master_key.load(settings), pool_size=1) as db:
            await db.probe(growing=True)
            well = f"{scheme} is writable, its schema is current, the master key is correct"
            return well if scheme == "sqlite" else f"{well}; {await _connections(settings, db)}"

    try:
        return asyncio.run(look())
    except Unavailable as problem:
        text = f"{problem.answer.sentence.partition(',')[0]} ({problem})"
        raise Problem(text, _ADVICE.get(problem.answer, _ADVICE_AWAY)) from None
    except LaterVersion as problem:
        text, _, advice = str(problem).rpartition(": ")
        raise Problem(text, advice) from None
    except OpenError as problem:
        advice = _ADVICE.get(problem.answer or errors.DatabaseUnavailable, _ADVICE_AWAY)
        raise Problem(str(problem), advice) from None
    except SettingError as problem:
        raise Problem(str(problem), _ADVICE_AWAY) from None


async def _check_versions(settings: Settings, version: str) -> None:
    """Check that the schema and all running processes are of this version."""
    from tenantry.db.revisions import HEAD
    from tenantry.db.schema_versions import older_processes

    older = "; ".join(await older_processes(settings.database))
    if version < HEAD:
        beside = f"; a previous version is running: {older}" if older else ""
        raise Problem(
            f"the schema is {version}, this version needs {HEAD}{beside}",
            "run `tenantry migrate`",
        )
    if older and not settings.database.startswith("sqlite:"):
        raise Problem(f"a previous version is running: {older}", "stop it")


async def _connections(settings: Settings, db: Session) -> str:
    """Return the share of this server in the database's connections."""
    from sqlalchemy import text

    from tenantry.db.sql.statements import Statement

    asked = (
        "SELECT current_setting('max_connections')::int AS most, "
        "current_setting('lock_timeout') AS lock_timeout"
    )
    row = await db.fetch_one(Statement(text(asked)))
    assert row is not None
    # Each process also has one for readiness in each of its event loops: TLS and cleartext.
    ours = (settings.pool_size + 2) * settings.workers
    shown = f"this server uses up to {ours} of {row['most']} connections"
    if ours > row["most"]:
        raise Problem(shown, _ADVICE[errors.TooManyConnections])
    if row["lock_timeout"] == "0":  # PgBouncer in transaction mode keeps no session settings
        shown += "; its role has no lock_timeout: see docs/database.md"
    return shown


_ADVICE_AWAY = "check TENANTRY_DATABASE_URL and TENANTRY_MASTER_KEY"
_ADVICE: dict[type[errors.Busy], str] = {
    errors.ReadOnly: "connect to a primary (target_session_attrs=read-write in the URL) and check "
    "default_transaction_read_only; with SQLite, make the file and its folder writable",
    errors.DiskFull: "free disk space on the volume of the database",
    errors.TooManyConnections: "raise max_connections, or lower TENANTRY_POOL_SIZE",
    errors.Locked: "find the holder of the lock: see pg_stat_activity, or which program has the "
    "file open",
    errors.DatabaseDamaged: "stop the server, and restore a backup (docs/backups.md)",
}


def check_event_log(settings: Settings) -> str:
    from tenantry.crypto import master_key
    from tenantry.db.connecting import OpenError
    from tenantry.db.engine import Failure
    from tenantry.db.event_rows import snapshots
    from tenantry.db.opening import open_database
    from tenantry.db.revisions import HEAD
    from tenantry.db.schema_versions import schema_version

    scheme, _, rest = settings.database.partition("://")
    has_key = master_key.is_set(settings) or master_key.file(settings).exists()
    unknown = "not checked: the database is not available"
    if not has_key or (scheme == "sqlite" and not Path(rest[1:]).exists()):
        return unknown

    async def look() -> int | None:
        if (await schema_version(settings.database) or "") < HEAD:
            raise OpenError(unknown)
        async with open_database(settings.database, master_key.load(settings), pool_size=1) as db:
            return await snapshots.unsequenced_since(db)

    try:
        since = asyncio.run(look())
    except (OpenError, SettingError, Failure):
        return unknown
    seconds = 0.0 if since is None else time.time() - since / 1_000_000
    if seconds > _SEALED_SECONDS:
        raise Problem(
            f"an event has waited for its position for {seconds:.0f} s",
            "run `tenantry worker` or set TENANTRY_BACKGROUND=true, and check its log",
        )
    return "every event has a position"


def check_clock(settings: Settings) -> str:
    now = datetime.now(UTC)
    if now < _EARLIEST:
        raise Problem(f"the time is {now:%Y-%m-%d}", "synchronize it with NTP: tokens depend on it")
    if settings.database.startswith("sqlite"):
        return f"{now:%Y-%m-%d %H:%M:%S} UTC"
    try:
        ahead = asyncio.run(_seconds_ahead_of_postgresql(settings.database))
    except OSError:
        return f"{now:%Y-%m-%d %H:%M:%S} UTC; the database's clock is not available"
    if abs(ahead) > _CLOCK_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        raise Problem(
            f"{abs(ahead):.1f} s {side} the database's clock",
            "synchronize both with NTP: tokens expire by this clock",
        )
    return f"within {_CLOCK_SECONDS:.0f} s of the database's clock"


async def _seconds_ahead_of_postgresql(url: str) -> float:
    import asyncpg

    from tenantry.db import fence
    from tenantry.db.postgresql.cluster import Cluster

    try:
        connection = await Cluster(url).connect(
            {"application_name": fence.application_name()}, timeout=5
        )
        try:
            theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
            return time.time() - theirs.timestamp()
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as problem:
        raise OSError(str(problem)) from problem
