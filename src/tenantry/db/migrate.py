"""Bringing the schema up to date, by Alembic; and knowing cheaply that it is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry import __version__
from tenantry.db import fence
from tenantry.db.revisions import FENCE, HEAD

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import Script
    from sqlalchemy import Connection, Engine

# Any number, the same in every process: they migrate one after the other.
_ADVISORY_LOCK = 7_305_771_102

_CONNECT_SECONDS = 10.0
# One wait for a lock. Less than PostgreSQL's deadlock_timeout of a second: a transaction that holds
# one and wants another gets it before the server ends either of us, and one that only queues behind
# us hardly notices. Where that leads nowhere, since some take two tables in one order and some in
# the other, we wait for longer: the server then rolls back those in the way, and says so to them.
_POLITE_MILLISECONDS, _POLITE_SECONDS = 500, 10.0
_PATIENT_MILLISECONDS = 5000
_LOCK_SECONDS = 60.0  # for all tries
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0
# For processes of a former version that end just now, and for one that has SQLite's lock: another
# that starts with us, and migrates.
_GOING_SECONDS, _WRITING_SECONDS = 5.0, 30.0
_LOOK_SECONDS = 0.2
# Those that we may alter, so not what somebody else keeps beside them; partitions go with theirs.
_TABLES = """
    SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
      AND NOT relispartition AND pg_has_role(relowner, 'USAGE')
    ORDER BY relname
"""
# The role of the servers may have a limit. And where we are killed, the server looks whether we are
# there: it would go on with the statement, and hold all tables, to its end (PostgreSQL 14).
_UNLIMITED = """
    SELECT set_config(name, CASE name WHEN 'statement_timeout' THEN '0' ELSE '1s' END, true)
    FROM pg_settings WHERE name IN ('statement_timeout', 'client_connection_check_interval')
"""
_FLOOR_TABLE = """
    CREATE TABLE IF NOT EXISTS alembic_version (
      version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    )
"""
_VERSION_TABLES = {
    "alembic_version": "SELECT version_num FROM alembic_version",
    "schema_history": "SELECT max(revision) FROM schema_history",
}
_LONGEST = """
    SELECT pid, coalesce(nullif(application_name, ''), 'no name') AS name,
      extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
    ORDER BY xact_start LIMIT 1
"""


class UpgradeError(Exception):
    """The schema was left as it was; the text is one line for the operator."""


def upgrade(url: str, *, beside_older: bool = False) -> list[str]:
    """Apply all missing migrations and return their revisions, the oldest first.

    All in one transaction. Several processes may call this at once. ``beside_older`` makes also
    what a running process of a former version does not know; it can change nothing any more then.

    Raises:
        UpgradeError: a process of a former version runs that may not run beside this, the tables
            are in use for too long, or the database refuses or does not answer.

    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        if url.startswith("sqlite:"):
            return _upgrade_sqlite(url, beside_older=beside_older)
        return asyncio.run(_upgrade_postgresql(url, beside_older=beside_older))
    except (SQLAlchemyError, OSError, ValueError) as problem:
        cause = getattr(problem, "orig", None) or problem
        first = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise UpgradeError(f"the schema could not be brought up to date: {first}") from problem


def _upgrade_sqlite(url: str, *, beside_older: bool) -> list[str]:
    from sqlalchemy import create_engine, event

    engine = create_engine(url)

    # The driver would begin only at the first insert: schema changes belong into the transaction
    # too (docs.sqlalchemy.org, "Serializable isolation / Savepoints").
    @event.listens_for(engine, "connect")
    def _autocommit(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout=30000")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        if not beside_older:
            _await_their_end_on_sqlite(engine, Path(url.removeprefix("sqlite:///")))
        with engine.begin() as connection:
            return _run(connection, beside_older=True)
    finally:
        engine.dispose()


def _await_their_end_on_sqlite(engine: Engine, path: Path) -> None:
    """Wait a while until no other process has the file open, if a missing migration wants that.

    Without a connection of our own meanwhile, for which another one that starts would wait.

    Raises:
        UpgradeError: one has it open.

    """
    start = time.monotonic()
    while found := fence.running_on_sqlite(path):
        with engine.connect() as connection:
            before = _current(connection)
        engine.dispose()
        if not _stops_older(before):
            return
        waited = time.monotonic() - start
        writes = waited < _WRITING_SECONDS and fence.is_being_written(path)
        if waited > _GOING_SECONDS and not writes:
            raise UpgradeError(_older_run(before, found))
        time.sleep(_LOOK_SECONDS)


async def _upgrade_postgresql(url: str, *, beside_older: bool) -> list[str]:
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    from tenantry.db.cluster import Cluster

    # As the pool does it: SQLAlchemy knows neither several hosts nor all parameters.
    async def connect() -> Any:
        session = {"application_name": fence.MIGRATING}
        return await Cluster(url).connect(session, timeout=_CONNECT_SECONDS)

    # Without names, which would stay with a connection that PgBouncer lends to the next.
    unnamed = {"prepared_statement_name_func": str, "prepared_statement_cache_size": 0}
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, connect_args=unnamed
    )
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_run, beside_older=beside_older)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as problem:  # before SQLAlchemy has it
        raise OSError(str(problem)) from problem
    finally:
        await engine.dispose()


def _run(connection: Connection, *, beside_older: bool) -> list[str]:
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.exec_driver_sql(_UNLIMITED)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    before = _current(connection)
    missing = _missing(before)
    if not missing:
        return []
    if postgresql:
        if not beside_older and _stops_older(before):
            _await_their_end(connection, before)
        _lock(connection)
    fence.open_to_all(connection)
    _apply(connection, missing)
    fence.close_to_older(connection)
    _sign(connection, missing)
    return [script.revision for script in missing]


def _missing(before: str | None) -> list[Script]:
    if before is not None and before >= HEAD:
        return []
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config()).iterate_revisions(HEAD, before or "base")
    return list(scripts)[::-1]


def _apply(connection: Connection, scripts: list[Script]) -> None:
    """Run these migrations; not by Alembic's command, whose table of versions has the floor."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    from tenantry.db.schema import metadata

    options = {"target_metadata": metadata, "transactional_ddl": True}
    with Operations.context(MigrationContext.configure(connection, opts=options)):
        for script in scripts:
            script.module.upgrade()


def _stops_older(before: str | None) -> bool:
    """Whether a missing migration changes what a process of a former version does."""
    return before is not None and not all(s.module.older_may_run for s in _missing(before))


def _await_their_end(connection: Connection, before: str | None) -> None:
    """Wait a while until no process of a former version is connected.

    Raises:
        UpgradeError: one is.

    """
    start = time.monotonic()
    while found := fence.running_on_postgresql(connection):
        if time.monotonic() - start > _GOING_SECONDS:
            raise UpgradeError(_older_run(before, found))
        time.sleep(_LOOK_SECONDS)


def _older_run(before: str | None, found: list[str]) -> str:
    """Return the sentence for the operator, which has to do without a second line."""
    return (
        f"the schema was left at {before}, since a process of a former version runs whose "
        f"writes this version would miss: {'; '.join(found)}. Stop it and try again, or run "
        "`tenantry migrate --beside-older`, which lets it change nothing any more"
    )


def _lock(connection: Connection) -> None:
    """Lock all tables before the first is changed: a lock more in the middle is how one deadlocks.

    Raises:
        UpgradeError: they were not to be had together.

    """
    tables = list(connection.exec_driver_sql(_TABLES).scalars())
    start, pause = time.monotonic(), _FIRST_PAUSE_SECONDS
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_POLITE_MILLISECONDS}")
    while (busy := _first_busy(connection, tables)) is not None:
        waited = time.monotonic() - start
        if waited > _POLITE_SECONDS:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_PATIENT_MILLISECONDS}")
        if waited > _LOCK_SECONDS:
            raise UpgradeError(_in_use(connection))
        # Next time that one is waited for while we hold none that its holder may want: so we find
        # the order in which those who run take theirs.
        tables.remove(busy)
        tables.insert(0, busy)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")


def _first_busy(connection: Connection, tables: list[str]) -> str | None:
    """Lock these tables: None; or lock none of them and return the one that was not to be had."""
    from sqlalchemy.exc import DBAPIError

    table = ""
    try:
        with connection.begin_nested():  # its end gives back what a try had already
            for table in tables:
                connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    except DBAPIError as problem:
        # lock_not_available, deadlock_detected
        if getattr(problem.orig, "sqlstate", "") not in {"55P03", "40P01"}:
            raise
        return table
    return None


def _in_use(connection: Connection) -> str:
    text = f"the schema was left as it is: its tables are in use, {_LOCK_SECONDS:.0f} s long"
    longest = connection.exec_driver_sql(_LONGEST).mappings().first()
    if longest is None:
        return f"{text}; try again"
    return (
        f"{text}; the longest transaction is that of process {longest['pid']} "
        f"({longest['name']}), open for {longest['seconds']} s"
    )


def _sign(connection: Connection, applied: list[Script]) -> None:
    """Leave the version of this program in the schema, for older ones to name, and its floor."""
    from tenantry.db.schema import schema_history

    now = time.time_ns() // 1000
    connection.execute(
        schema_history.insert(),
        [
            {
                "revision": script.revision,
                "program": __version__,
                "apply_time": now,
                "stops_older": not script.module.older_may_run,
            }
            for script in applied
        ],
    )
    _set_floor(connection, FENCE)


def _set_floor(connection: Connection, revision: str) -> None:
    """Say which revision a program has to know, where versions of before look for it.

    They took it for the newest revision of all, and run where they know it.
    """
    connection.exec_driver_sql(_FLOOR_TABLE)
    connection.exec_driver_sql("DELETE FROM alembic_version")
    connection.exec_driver_sql(f"INSERT INTO alembic_version (version_num) VALUES ('{revision}')")


def _current(connection: Connection) -> str | None:
    """Return the newest revision that is applied."""
    from sqlalchemy import inspect

    there = [name for name in _VERSION_TABLES if inspect(connection).has_table(name)]
    found = [connection.exec_driver_sql(_VERSION_TABLES[name]).scalar() for name in there]
    return max(filter(None, found), default=None)


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
