"""Opening the database: schema current, a node number taken, the data key unwrapped."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from sqlalchemy import literal_column, select, update

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.crypto import master_key as key_file
from tenantry.crypto.vault import Vault, new_data_key
from tenantry.db import crud, fence
from tenantry.db.connecting import (
    OpenError,
    asked,
    cannot,
    connect,
)
from tenantry.db.encryption import key_rows
from tenantry.db.engine import Database, Failure, Session, Unavailable
from tenantry.db.postgresql.budget import Budget, budget_of_replicas
from tenantry.db.revisions import HEAD
from tenantry.db.schema_versions import check_schema
from tenantry.db.sql.page_tokens import PageTokens
from tenantry.db.sql.schema import environment, schema_history
from tenantry.db.sql.statements import Statement
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tenantry.crypto.master_key import MasterKey
    from tenantry.settings import Settings

_WATCH_SECONDS = 1.0
_READ_SECONDS = 3.0

_log = logging.getLogger(__name__)


_STOPS_OLDER = Statement(
    select(schema_history.c.revision, schema_history.c.program)
    .where(schema_history.c.stops_older)
    .order_by(schema_history.c.revision.desc())
    .limit(literal_column("1"))
)
_FIRST = crud.insert(environment, or_leave=True)
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
    database = await connect(url, budget or Budget(pool_size))
    try:
        await check_schema(database)
        try:
            await _prepare(database, master_key)
            database.vault.read_again = partial(_read_again, url, database.vault)
        except Unavailable as problem:
            raise cannot(problem) from problem
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
            warn_rate_limited(
                _log, "failed to read the schema version", type(problem).__name__, fields
            )
            continue
        if newest is not None and newest["revision"] > HEAD:
            database.refusal = fence.SENTENCE.format(**newest)
            fields = {"problem": database.refusal}
            _log.error("this process must be stopped", extra={"fields": fields})
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
            from tenantry.db.postgresql.database import PostgreSQL
            from tenantry.db.postgresql.replica import Replica

            assert isinstance(db, PostgreSQL)
            db.replica = Replica(db, settings.replica, budget_of_replicas(settings.pool_size))
        yield db


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[Session]:
    """Open a transaction that no other process is in: for the rows of the first start."""
    async with database.transaction() as db:
        await db.fetch_all(_LOCK)
        yield db


async def named(database: Database) -> str | None:
    """Return the id of the environment, None where the database was never opened."""
    row = await database.fetch_one(_NAMED)
    return None if row is None else row["id"]


def _read_again(url: str, vault: Vault) -> None:
    """Read the data keys on its own connection, while the event loop waits."""

    async def read() -> None:
        database = await connect(url, Budget(1))
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
            warn_rate_limited(_log, "failed to read the data keys", type(problem).__name__, fields)

    reading = Thread(target=run, name="data keys", daemon=True)
    reading.start()
    reading.join(_READ_SECONDS)


async def _master_key(settings: Settings) -> MasterKey:
    # A command may take a while, and a file may be on a network.
    key = await asyncio.to_thread(key_file.find, settings)
    if key is not None:
        return key
    database = await connect(settings.database, Budget(1))
    try:
        await check_schema(database)
        if await asked(database, _NAMED) is not None:
            raise OpenError(
                f"TENANTRY_MASTER_KEY: {key_file.file(settings)} is missing; put the file of "
                "this database back, or set the key"
            )
    finally:
        await database.close()
    return key_file.load(settings)


async def _prepare(database: Database, master_key: MasterKey | bytes) -> None:
    master = key_file.LocalKey(master_key) if isinstance(master_key, bytes) else master_key
    if await database.fetch_one(_NAMED) is None:
        await _begin(database, master)
    row = await database.fetch_one(_CLAIM)
    assert row is not None
    database.environment_id = row["id"]
    database.mint = ids.IdGenerator(row["nodes"])
    database.vault = Vault(await _unwrap(database, master, row["data_key"]))
    database.page_tokens = PageTokens(database.vault.derive("page-token"))
    await key_rows.read(database)


async def _begin(database: Database, master: MasterKey) -> None:
    key = new_data_key()
    wrapped = await key_rows.wrap(master, key)
    mint = ids.IdGenerator(0)
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
