"""Bringing the schema up to date, by Alembic; and knowing cheaply that it is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry import __version__

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

# The newest revision under migrations/versions; a test holds it against the files. Alembic is
# only imported when the database has another one.
HEAD = "0012"

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
# Those that we may alter, so not what somebody else keeps beside them; partitions go with theirs.
_TABLES = """
    SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
      AND NOT relispartition AND pg_has_role(relowner, 'USAGE')
    ORDER BY relname
"""
_LONGEST = """
    SELECT pid, coalesce(nullif(application_name, ''), 'no name') AS name,
      extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
    ORDER BY xact_start LIMIT 1
"""


class UpgradeError(Exception):
    """The schema was left as it was; the text is one line for the operator."""


def upgrade(url: str) -> list[str]:
    """Apply all missing migrations and return their revisions, the oldest first.

    All in one transaction. Several processes may call this at once.

    Raises:
        UpgradeError: the tables are in use for too long, or the database refuses or does not
            answer.

    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        if url.startswith("sqlite:"):
            return _upgrade_sqlite(url)
        return asyncio.run(_upgrade_postgresql(url))
    except (SQLAlchemyError, OSError, ValueError) as problem:
        cause = getattr(problem, "orig", None) or problem
        first = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise UpgradeError(f"the schema could not be brought up to date: {first}") from problem


def _upgrade_sqlite(url: str) -> list[str]:
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
        with engine.begin() as connection:
            return _run(connection)
    finally:
        engine.dispose()


async def _upgrade_postgresql(url: str) -> list[str]:
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    from tenantry.db import pgbouncer

    # The driver reads the URL, as it does for the pool: of several hosts and with parameters that
    # SQLAlchemy does not know.
    at, mode = pgbouncer.split(url)

    async def connect() -> Any:
        session = {"application_name": "tenantry migrate"}
        return await pgbouncer.connect(at, mode, session, timeout=_CONNECT_SECONDS)

    # Without names, which would stay with a connection that PgBouncer lends to the next.
    unnamed = {"prepared_statement_name_func": str, "prepared_statement_cache_size": 0}
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, connect_args=unnamed
    )
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_run)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as problem:  # before SQLAlchemy has it
        raise OSError(str(problem)) from problem
    finally:
        await engine.dispose()


def _run(connection: Connection) -> list[str]:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config()
    config.attributes["connection"] = connection
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    before = _current(connection)
    if before == HEAD:
        return []
    if postgresql:
        _lock(connection)
    command.upgrade(config, "head")
    scripts = ScriptDirectory.from_config(config).iterate_revisions(HEAD, before or "base")
    applied = [script.revision for script in scripts][::-1]
    _sign(connection, applied)
    return applied


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


def _sign(connection: Connection, applied: list[str]) -> None:
    """Leave the version of this program in the schema, for older ones to name."""
    from tenantry.db.schema import schema_history

    now = time.time_ns() // 1000
    connection.execute(
        schema_history.insert(),
        [{"revision": r, "program": __version__, "apply_time": now} for r in applied],
    )


def _current(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
