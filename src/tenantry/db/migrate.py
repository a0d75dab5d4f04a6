"""Bringing the schema up to date, by Alembic; and knowing cheaply that it is."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tenantry import __version__
from tenantry.db import fence, sqlite_processes
from tenantry.db.revisions import BASELINE, HEAD, RELEASED
from tenantry.db.sqlite import backups
from tenantry.db.upgrades import contracts, indexes, locks, steps
from tenantry.db.upgrades.locks import UpgradeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from alembic.config import Config
    from alembic.script import Script
    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")

# Any number, the same in every process: they migrate one after the other.
_ADVISORY_LOCK = 7_305_771_102

_TRY = f"SELECT pg_try_advisory_xact_lock({_ADVISORY_LOCK})"
_CONNECT_SECONDS = 10.0
# For processes of a former version that end just now, and for one that has SQLite's lock: another
# that starts with us, and migrates.
_GOING_SECONDS, _WRITING_SECONDS = 5.0, 30.0
_LOOK_SECONDS = 0.2
# The role of the servers may have limits. And where we are killed, the server looks whether we are
# there: it would go on with the statement, and hold all tables, to its end (PostgreSQL 14).
_UNLIMITED = """
    SELECT set_config(name, CASE WHEN name LIKE 'client_%' THEN '1s' ELSE '0' END, true)
    FROM pg_settings WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout',
      'client_connection_check_interval')
"""
_VERSION_TABLES = {
    "alembic_version": "SELECT version_num FROM alembic_version",
    "schema_history": "SELECT max(revision) FROM schema_history",
}


TOO_OLD = (
    "this database has schema {revision}, and this version upgrades databases from schema "
    f"{BASELINE} on: create a new database"
)


def upgrade(url: str, *, beside_older: bool = False) -> list[str]:
    """Apply all missing migrations and return their revisions, the oldest first.

    All in one transaction; then indexes are built, beside which calls go on. Several processes may
    call this at once. ``beside_older`` makes also what a running process of a former version does
    not know; it can change nothing any more then.

    The contracts of migrations up to `RELEASED` are made, where nobody needs what they take away.

    Raises:
        UpgradeError: a process of a former version runs that may not run beside this, the tables
            are in use for too long, the database refuses or does not answer, or its schema is
            older than the baseline.

    """
    if url.startswith("sqlite:"):
        return _answered(lambda: _upgrade_sqlite(url, beside_older=beside_older))
    return _answered(lambda: asyncio.run(_upgrade_postgresql(url, beside_older=beside_older)))


def take_away(url: str) -> list[str]:
    """Take away what only older processes than this version need; return the revisions.

    First such processes are closed out; then a revision waits for the last pass of its back-fills.

    Raises:
        UpgradeError: such a process runs, or one of the reasons of `upgrade`.

    """

    def work(connection: Connection) -> list[str]:
        return contracts.take_away(connection, upto=HEAD, asked=True)

    if url.startswith("sqlite:"):
        return _answered(lambda: _on_sqlite(url, work))
    return _answered(lambda: asyncio.run(_on_postgresql(url, work)))


def _answered(work: Callable[[], T]) -> T:
    """Do something with the database, and say in one line where it refuses."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return work()
    except (SQLAlchemyError, OSError, ValueError) as problem:
        cause = getattr(problem, "orig", None) or problem
        first = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise UpgradeError(f"the migration failed: {first}") from problem


def _upgrade_sqlite(url: str, *, beside_older: bool) -> list[str]:
    path = Path(url.removeprefix("sqlite:///"))
    _refuse_half_restored(path.resolve())

    def work(connection: Connection) -> list[str]:
        applied = _run(connection, beside_older=True)
        contracts.take_away(connection, upto=RELEASED)
        return applied

    if not beside_older:
        with _sqlite(url) as engine:
            _await_their_end_on_sqlite(engine, path)
    return _on_sqlite(url, work)


def _refuse_half_restored(place: Path) -> None:
    """Refuse to make a new database where one was moved aside for another that never came.

    Raises:
        UpgradeError: a restore was killed in between.

    """
    if not place.exists() and (former := backups.moved_aside(place)) is not None:
        raise UpgradeError(
            f"there is no {place}, and a restore has moved {former.name} aside: run `tenantry "
            "restore FOLDER` again, give that file its name back, or move it away to begin anew"
        )


def _on_sqlite(url: str, work: Callable[[Connection], T]) -> T:
    """Do something in one transaction of a file."""
    with _sqlite(url) as engine, engine.begin() as connection:
        return work(connection)


@contextmanager
def _sqlite(url: str) -> Iterator[Engine]:
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
        yield engine
    finally:
        engine.dispose()


def _await_their_end_on_sqlite(engine: Engine, path: Path) -> None:
    """Wait a while until no other process has the file open, if a missing migration wants that.

    Without our own connection meanwhile, for which another one that starts would wait.

    Raises:
        UpgradeError: one has it open.

    """
    start = time.monotonic()
    while found := sqlite_processes.running(path):
        with engine.connect() as connection:
            before = _current(connection)
        engine.dispose()
        if not _stops_older(before):
            return
        waited = time.monotonic() - start
        writes = waited < _WRITING_SECONDS and sqlite_processes.is_being_written(path)
        if waited > _GOING_SECONDS and not writes:
            raise UpgradeError(_older_run(before, found))
        time.sleep(_LOOK_SECONDS)


async def _upgrade_postgresql(url: str, *, beside_older: bool) -> list[str]:
    from tenantry.db.postgresql import pgbouncer

    async with _postgresql(url) as engine:
        async with _turn(engine) as connection:
            applied = await connection.run_sync(_run, beside_older=beside_older)
        async with _turn(engine) as turn:
            waiting = await turn.run_sync(indexes.waiting)
            if waiting:
                # An index waits for the end of each snapshot. That of the look is released by a
                # statement that has none itself.
                await turn.exec_driver_sql("SAVEPOINT quiet")
                async with engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    own = pgbouncer.split(url)[1] != pgbouncer.TRANSACTION
                    await connection.run_sync(indexes.build, waiting, own_session=own)
        async with _turn(engine) as connection:
            await connection.run_sync(contracts.take_away, upto=RELEASED)
        return applied


async def _on_postgresql(url: str, work: Callable[[Connection], T]) -> T:
    """Do something in one transaction in which nobody else migrates."""
    async with _postgresql(url) as engine, _turn(engine) as connection:
        return await connection.run_sync(work)


@asynccontextmanager
async def _postgresql(url: str) -> AsyncIterator[AsyncEngine]:
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    from tenantry.db.postgresql.cluster import Cluster

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
        yield engine
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as problem:  # before SQLAlchemy has it
        raise OSError(str(problem)) from problem
    finally:
        await engine.dispose()


@asynccontextmanager
async def _turn(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Begin a transaction in which no other process migrates.

    Asked for again and again: one that waits for its turn within a statement has a snapshot, for
    whose end the index that it waits for would wait.
    """
    while True:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(_UNLIMITED)
            if (await connection.exec_driver_sql(_TRY)).scalar():
                yield connection
                return
        await asyncio.sleep(_LOOK_SECONDS)


def _run(connection: Connection, *, beside_older: bool) -> list[str]:
    postgresql = connection.dialect.name == "postgresql"
    before = _current(connection)
    found = missing(before)
    if not found:
        return []
    if postgresql:
        if not beside_older and _stops_older(before):
            _await_their_end(connection, before)
        named = [steps.Declared(script.module).locks for script in found]
        all_known = before is not None and None not in named
        locks.lock(connection, [t for some in named for t in some or ()] if all_known else None)
    fence.open_to_all(connection)
    _apply(connection, found)
    _sign(connection, found)
    _note_steps(connection, found, is_new=before is None)
    fence.set_floor(connection)
    if before is None:
        contracts.take_away(connection, upto=RELEASED, is_new=True)
    return [script.revision for script in found]


def missing(before: str | None) -> list[Script]:
    """Return the migrations that follow a revision, the oldest first.

    Raises:
        UpgradeError: the revision is older than the baseline.

    """
    if before is not None and before < BASELINE:
        raise UpgradeError(TOO_OLD.format(revision=before))
    if before is not None and before >= HEAD:
        return []
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config()).iterate_revisions(HEAD, before or "base")
    return list(scripts)[::-1]


def _apply(connection: Connection, scripts: list[Script]) -> None:
    """Run these migrations; not by Alembic's command, whose table of versions has the floor."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    from tenantry.db.sql.schema import metadata

    options = {"target_metadata": metadata, "transactional_ddl": True}
    with Operations.context(MigrationContext.configure(connection, opts=options)):
        for script in scripts:
            script.module.upgrade()


def _stops_older(before: str | None) -> bool:
    """Whether a missing migration changes what a process of a former version does."""
    return before is not None and not all(s.module.older_may_run for s in missing(before))


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
        f"the schema stays at {before}: a process of a previous version is running, and this "
        f"version would miss its changes: {'; '.join(found)}. Stop it and try again, or run "
        "`tenantry migrate --beside-older`, which blocks its writes"
    )


def _sign(connection: Connection, applied: list[Script]) -> None:
    """Leave the version of this program in the schema, for older ones to name."""
    from tenantry.db.sql.schema import schema_history

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


def _note_steps(connection: Connection, applied: list[Script], *, is_new: bool) -> None:
    """Note the steps that are still to be made.

    SQLite has its indexes here, and so does a database that is new, in which no row lacks a value.
    """
    from tenantry.db.sql.schema import schema_steps

    at_once = is_new or connection.dialect.name == "sqlite"
    for script in applied:
        declared = steps.Declared(script.module)
        for kind, name in declared.rows():
            is_done = kind == steps.BACK_FILL and is_new
            if kind == steps.INDEX and at_once:
                index = declared.indexes[name]
                if index.on_sqlite or connection.dialect.name != "sqlite":
                    connection.exec_driver_sql(index.statement())
                is_done = True
            state = steps.DONE if is_done else steps.WAITING
            row = {"revision": script.revision, "kind": kind, "name": name, "state": state}
            connection.execute(schema_steps.insert(), row)


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
