"""The version of the schema: reading it, comparing it with this program, upgrading it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, func, literal_column, or_, select, text

from tenantry import __version__
from tenantry.db import fence, migrate, sqlite_processes
from tenantry.db.connecting import (
    OpenError,
    asked,
    connected,
    make_file,
    sqlite_file,
)
from tenantry.db.revisions import BASELINE, HEAD, RELEASED
from tenantry.db.sql.schema import schema_history, schema_steps
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import steps
from tenantry.db.upgrades.locks import UpgradeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.db.engine import Database


class LaterVersion(OpenError):
    """The database belongs to a later version of the program."""


# The floor of the schema, by the name at which earlier versions look for it.
_FLOOR = Statement(text("SELECT version_num FROM alembic_version"))
_NEWEST = Statement(select(func.max(schema_history.c.revision).label("revision")))
_PROGRAM = Statement(
    select(schema_history.c.program).where(schema_history.c.revision == bindparam("revision"))
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


async def schema_version(url: str) -> str | None:
    """Return the revision of the database's schema, None for an empty database.

    A later version may have added to it what this one needs not know: the revision is then higher
    than that of this program, which runs all the same.

    Raises:
        OpenError: it does not answer, is older than the baseline, or belongs to a later version of
            the program alone.

    """
    path = sqlite_file(url)
    if path is not None and not path.exists() and path.parent.is_dir():
        return None
    async with connected(url) as database:
        return await _version(database)


async def older_processes(url: str) -> list[str]:
    """Return the processes of former versions that have the database open, a phrase for each.

    On SQLite every other process counts: their versions are unknown.

    Raises:
        OpenError: it does not answer.

    """
    if (path := sqlite_file(url)) is not None:
        return sqlite_processes.running(path)
    async with connected(url) as database:
        rows = await database.fetch_all(_RUNNING, below=HEAD)
        return [fence.phrase(row) for row in rows]


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
    if (path := sqlite_file(url)) is not None:
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
    async with connected(url) as database:
        return await asked(database, _STEP) is not None


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
    if newest is not None and newest < BASELINE:
        raise OpenError(migrate.TOO_OLD.format(revision=newest))
    return newest


async def check_schema(database: Database) -> None:
    found = await _version(database)
    if found is None or found < HEAD:
        raise OpenError(
            f"the database's schema is at {found or 'nothing'}, this version needs "
            f"{HEAD}: run `tenantry migrate`"
        )
