"""Opening the database: schema current, a node number taken, the data key unwrapped."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, func, literal_column, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry import __version__
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.crypto import master_key as key_file
from tenantry.crypto.vault import Vault, new_data_key
from tenantry.db import fence, key_rows, migrate, steps
from tenantry.db.budget import Budget, budget_of_replicas
from tenantry.db.engine import Database, Failure, Row, Session, Unavailable
from tenantry.db.page_tokens import PageTokens
from tenantry.db.revisions import HEAD, RELEASED
from tenantry.db.schema import environment, schema_history, schema_steps
from tenantry.db.statements import Statement
from tenantry.db.table_locks import UpgradeError
from tenantry.telemetry.log import seldom

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tenantry.crypto.master_key import MasterKey
    from tenantry.settings import Settings

_WATCH_SECONDS = 1.0
_READ_SECONDS = 3.0

_log = logging.getLogger(__name__)


class OpenError(Exception):
    """The database cannot be used; the text is one line for the operator.

    ``answer`` is the error for calls, where they could be made later.
    """

    def __init__(self, text: str, answer: type[errors.Busy] | None = None) -> None:
        super().__init__(text)
        self.answer = answer


class LaterVersion(OpenError):
    """The database belongs to a later version of the program."""


# The floor of the schema, by the name at which earlier versions look for it.
_FLOOR = Statement(text("SELECT version_num FROM alembic_version"))
_NEWEST = Statement(select(func.max(schema_history.c.revision).label("revision")))
_PROGRAM = Statement(
    select(schema_history.c.program).where(schema_history.c.revision == bindparam("revision"))
)
_STOPS_OLDER = Statement(
    select(schema_history.c.revision, schema_history.c.program)
    .where(schema_history.c.stops_older)
    .order_by(schema_history.c.revision.desc())
    .limit(literal_column("1"))
)
_RUNNING = Statement(text(fence.RUNNING))
_step = schema_steps.c
_STEP = Statement(
    select(_step.revision)
    .where(
        _step.state != literal_column(f"'{steps.DONE}'"),
        or_(
            and_(
                _step.kind == literal_column(f"'{steps.INDEX}'"),
                _step.revision <= literal_column(f"'{HEAD}'"),
            ),
            and_(
                _step.kind == literal_column(f"'{steps.CONTRACT}'"),
                _step.revision <= literal_column(f"'{RELEASED}'"),
            ),
        ),
    )
    .limit(literal_column("1"))
)
# SQLAlchemy spells ON CONFLICT alike for both databases.
_FIRST = Statement(
    insert_or_leave(environment)
    .values({c.name: bindparam(f"p_{c.name}") for c in environment.c})
    .on_conflict_do_nothing()
    .returning(environment.c.id)
)
_CLAIM = Statement(
    update(environment)
    .values(nodes=environment.c.nodes + 1)
    .returning(environment.c.id, environment.c.nodes, environment.c.data_key)
)
_NAMED = Statement(select(environment.c.id))
_LOCK = Statement(select(environment.c.id).with_for_update())


@asynccontextmanager
async def open_database(
    url: str, master_key: MasterKey | bytes, *, pool_size: int = 10, budget: Budget | None = None
) -> AsyncIterator[Database]:
    """Open the database for one event loop, with a number of connections, or those of a budget.

    Raises:
        OpenError: it does not answer, its schema is not current, or the master key is another or
            cannot be used.

    """
    database = await _connect(url, budget or Budget(pool_size))
    try:
        await _check_schema(database)
        try:
            await _prepare(database, master_key)
            database.vault.read_again = partial(_read_again, url, database.vault)
        except Unavailable as problem:
            raise _cannot(problem) from problem
        watching = asyncio.create_task(_watch(database))
        try:
            yield database
        finally:
            watching.cancel()
    finally:
        await database.close()


async def _watch(database: Database) -> None:
    """Know the data keys of now; use the database no more once it belongs to a later version."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            newest = await database.fetch_one(_STOPS_OLDER)
            await key_rows.read(database)
        except Failure:
            continue  # away, for all that we know
        except Exception as problem:  # noqa: BLE001 - a process that looks no more is not held back
            fields = {"problem": str(problem)}
            seldom(_log, "the database does not say its version", type(problem).__name__, fields)
            continue
        if newest is not None and newest["revision"] > HEAD:
            database.refusal = fence.SENTENCE.format(**newest)
            fields = {"problem": database.refusal}
            _log.error("this process is to be stopped", extra={"fields": fields})
            return


@asynccontextmanager
async def database_of(
    settings: Settings, *, pool_size: int = 10, budget: Budget | None = None
) -> AsyncIterator[Database]:
    """Open the database of the settings with its master key, as `open_database` does.

    A key is made only for a database that was never opened with another.

    Raises:
        OpenError: the database cannot be used, or has a key that is not there.
        SettingError: the key cannot be read or written.

    """
    key = await _master_key(settings)
    async with open_database(settings.database, key, pool_size=pool_size, budget=budget) as db:
        if settings.replica:
            from tenantry.db.postgresql import PostgreSQL
            from tenantry.db.replica import Replica

            assert isinstance(db, PostgreSQL)
            db.replica = Replica(db, settings.replica, budget_of_replicas(settings.pool_size))
        yield db


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[Session]:
    """Open a transaction that no other process is in: for the rows of the first start."""
    async with database.transaction() as db:
        await db.fetch_all(_LOCK)
        yield db


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    """Connect to a database with any schema, and without its key: to look at it.

    Raises:
        OpenError: it does not answer.

    """
    database = await _connect(url, Budget(1))
    try:
        yield database
    except Unavailable as problem:
        raise _cannot(problem) from problem
    finally:
        await database.close()


async def named(database: Database) -> str | None:
    """Return the id of the environment, None where the database was never opened."""
    row = await database.fetch_one(_NAMED)
    return None if row is None else row["id"]


async def schema_version(url: str) -> str | None:
    """Return the revision of the database's schema, None for an empty database.

    A later version may have added to it what this one needs not know: the revision is then higher
    than that of this program, which runs all the same.

    Raises:
        OpenError: it does not answer, or belongs to a later version of the program alone.

    """
    path = _sqlite_file(url)
    if path is not None and not path.exists() and path.parent.is_dir():
        return None
    async with as_it_is(url) as database:
        return await _version(database)


@asynccontextmanager
async def as_it_is(url: str) -> AsyncIterator[Database]:
    """Connect to a database with any schema, without opening it.

    Raises:
        OpenError: it does not answer.

    """
    database = await _connect(url, Budget(1))
    try:
        yield database
    except Unavailable as problem:
        raise _cannot(problem) from problem
    finally:
        await database.close()


async def older_processes(url: str) -> list[str]:
    """Return the processes of former versions that have the database open, a phrase for each.

    On SQLite all Tenantry processes but this one: nothing tells their versions.

    Raises:
        OpenError: it does not answer.

    """
    if (path := _sqlite_file(url)) is not None:
        return fence.running_on_sqlite(path)
    async with as_it_is(url) as database:
        return [fence.phrase(row) for row in await database.fetch_all(_RUNNING, below=HEAD)]


async def bring_up_to_date(
    url: str, *, beside_older: bool = False, meanwhile: Callable[[], object] = lambda: None
) -> tuple[str | None, list[str]]:
    """Apply missing migrations, as `migrate.upgrade`; return the revision before, and those.

    Where none is missing, a step of one may be: an index whose build was cut off.

    ``meanwhile`` is called first where the database is empty, to begin something in a thread.

    Raises:
        OpenError: it does not answer, belongs to a later version, or could not be changed.

    """
    before = await schema_version(url)
    if before is not None and before >= HEAD and not await _has_steps(url):
        return before, []
    if (path := _sqlite_file(url)) is not None:
        make_file(path)
    if before is None:
        meanwhile()
    try:
        applied = await asyncio.to_thread(migrate.upgrade, url, beside_older=beside_older)
    except UpgradeError as problem:
        raise OpenError(str(problem)) from problem
    return before, applied


async def take_away(url: str) -> list[str]:
    """Take away what only former versions need, as `migrate.take_away`; return the revisions.

    Raises:
        OpenError: the database could not be changed.

    """
    try:
        return await asyncio.to_thread(migrate.take_away, url)
    except UpgradeError as problem:
        raise OpenError(str(problem)) from problem


async def _has_steps(url: str) -> bool:
    """Whether an upgrade has something to make in a schema that is current."""
    async with as_it_is(url) as database:
        return await asked(database, _STEP) is not None


def _read_again(url: str, vault: Vault) -> None:
    """Read the data keys on its own connection, while the event loop waits."""

    async def read() -> None:
        database = await _connect(url, Budget(1))
        database.vault = vault
        try:
            await key_rows.read(database)
        finally:
            await database.close()

    def run() -> None:
        try:
            asyncio.run(read())
        except Exception as problem:  # noqa: BLE001 - the value cannot be opened then
            fields = {"problem": str(problem)}
            seldom(_log, "the data keys cannot be read", type(problem).__name__, fields)

    reading = Thread(target=run, name="data keys", daemon=True)
    reading.start()
    reading.join(_READ_SECONDS)


async def _master_key(settings: Settings) -> MasterKey:
    # A command may take a while, and a file may be on a network.
    key = await asyncio.to_thread(key_file.find, settings)
    if key is not None:
        return key
    database = await _connect(settings.database, Budget(1))
    try:
        await _check_schema(database)
        if await asked(database, _NAMED) is not None:
            raise OpenError(
                f"TENANTRY_MASTER_KEY: {key_file.file(settings)} is missing; put the file of "
                "this database back, or set the key"
            )
    finally:
        await database.close()
    return key_file.load(settings)


def make_file(path: Path) -> None:
    """Make the file of a SQLite database, for its owner alone; those beside it get its rights.

    Raises:
        OpenError: it cannot be made.

    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as problem:
        raise OpenError(f"the database cannot be made: {problem}") from None


def _sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else None


async def _connect(url: str, budget: Budget) -> Database:
    try:
        if (path := _sqlite_file(url)) is not None:
            from tenantry.db.sqlite import SQLite

            if not path.exists():
                raise OpenError(
                    f"the database cannot be reached: there is no file {path}; `tenantry serve` "
                    "makes it, and TENANTRY_DATA_DIR says where"
                )
            return await SQLite.connect(str(path))
        from tenantry.db.postgresql import PostgreSQL

        return await PostgreSQL.connect(url, budget)
    except Unavailable as problem:
        raise _cannot(problem) from problem


def _cannot(problem: Unavailable) -> OpenError:
    verb = "reached" if problem.answer in {errors.Away, errors.TooManyConnections} else "used"
    return OpenError(f"the database cannot be {verb}: {problem}", problem.answer)


async def floor_and_newest(database: Database) -> tuple[str | None, str | None]:
    """Return the revision that a program has to know, and the newest; None in an empty database.

    Raises:
        OpenError: the database does not answer.

    """
    row = await asked(database, _FLOOR)
    if row is None:
        return None, None
    floor: str = row["version_num"]
    row = await asked(database, _NEWEST)
    return floor, max(floor, (row and row["revision"]) or "")


async def _version(database: Database) -> str | None:
    floor, newest = await floor_and_newest(database)
    if floor is not None and floor > HEAD:
        row = await asked(database, _PROGRAM, revision=floor)
        program = f"version {row['program']}" if row else "a later version"
        raise LaterVersion(
            f"this database belongs to {program} (schema {floor}), this is version {__version__} "
            f"(schema {HEAD}): run that version or a later one"
        )
    return newest


async def asked(database: Database, statement: Statement, **params: str) -> Row | None:
    """Return a row of a table that may not be there.

    Raises:
        OpenError: the database does not answer.

    """
    rows = await asked_all(database, statement, **params)
    return rows[0] if rows else None


async def asked_all(database: Database, statement: Statement, **params: str) -> Sequence[Row]:
    """Return the rows of a table that may not be there.

    Raises:
        OpenError: the database does not answer.

    """
    try:
        return await database.fetch_all(statement, **params)
    except Unavailable as problem:
        raise _cannot(problem) from problem
    except Exception as problem:
        # Each driver has its own classes; SQLite's has no number for a missing table.
        if getattr(problem, "sqlstate", "") == "42P01" or "no such table" in str(problem):
            return []
        raise OpenError(f"the database cannot be read: {problem}") from problem


async def _check_schema(database: Database) -> None:
    found = await _version(database)
    if found is None or found < HEAD:
        raise OpenError(
            f"the database's schema is at {found or 'nothing'}, this version needs "
            f"{HEAD}: run `tenantry migrate`"
        )


async def _prepare(database: Database, master_key: MasterKey | bytes) -> None:
    master = key_file.LocalKey(master_key) if isinstance(master_key, bytes) else master_key
    if await database.fetch_one(_NAMED) is None:
        await _begin(database, master)
    row = await database.fetch_one(_CLAIM)
    assert row is not None
    database.environment_id = row["id"]
    database.mint = ids.Mint(row["nodes"])
    database.vault = Vault(await _unwrap(database, master, row["data_key"]))
    database.page_tokens = PageTokens(database.vault.derive("page-token"))
    await key_rows.read(database)


async def _begin(database: Database, master: MasterKey) -> None:
    key = new_data_key()
    wrapped = await key_rows.wrap(master, key)
    mint = ids.Mint(0)
    # As for the one that is first of all: `_prepare` sets them once more, for all others.
    database.environment_id, database.vault = mint.new(ids.ENVIRONMENT), Vault(key)
    database.page_tokens = PageTokens(database.vault.derive("page-token"))
    async with database.transaction() as db:
        # The first process of all names the environment; each counts itself.
        made = await db.fetch_one(
            _FIRST,
            p_only=1,
            p_id=database.environment_id,
            p_nodes=0,
            p_data_key=wrapped,
            p_roles_version=0,
            p_create_time=now(),
        )
        if made is not None:
            await key_rows.add_first(db, mint.new(ids.DATA_KEY))
            await key_rows.note_first(db, master, wrapped)


async def _unwrap(database: Database, master: MasterKey, first: str) -> bytes:
    """Return the key of the environment, which one of the master keys has wrapped."""
    try:
        return await key_rows.unwrap(database, master, first)
    except key_file.MasterKeyError as problem:
        raise OpenError(f"TENANTRY_MASTER_KEY: {problem}") from None
