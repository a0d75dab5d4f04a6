"""Bringing the schema up to date, by Alembic; and knowing cheaply that it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

# The newest revision under migrations/versions; a test holds it against the files. Alembic is
# only imported when the database has another one.
HEAD = "0007"

# Any number, the same in every process: they migrate one after the other.
_ADVISORY_LOCK = 7_305_771_102


def upgrade(url: str) -> list[str]:
    """Apply all missing migrations and return their revisions, the oldest first.

    Each is one transaction. Several processes may call this at once.
    """
    from sqlalchemy import create_engine, event

    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        engine = create_engine(url)

        # The driver would begin only at the first insert: schema changes belong into the
        # transaction too (docs.sqlalchemy.org, "Serializable isolation / Savepoints").
        @event.listens_for(engine, "connect")
        def _autocommit(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA busy_timeout=30000")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        with engine.begin() as connection:
            return _run(connection)

    async def run() -> list[str]:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine(f"postgresql+asyncpg://{rest}")
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(_run)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def _run(connection: Connection) -> list[str]:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config()
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    before = _current(connection)
    command.upgrade(config, "head")
    scripts = ScriptDirectory.from_config(config).iterate_revisions(HEAD, before or "base")
    return [script.revision for script in scripts][::-1]


def _current(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
