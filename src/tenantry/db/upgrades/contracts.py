"""The last step of migrations, which takes away, and the floor of the schema.

A migration that has a `contract()` leaves, until that is made, what earlier processes need. It is
made in two steps, between which its back-fills look through all rows once more:

1. Processes that do not know the migration are closed out (`fence`): its revision is the floor.
2. `contract()` runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry import __version__
from tenantry.core.times import now
from tenantry.db import fence
from tenantry.db.revisions import FENCE
from tenantry.db.sql.schema import metadata, schema_history, schema_steps
from tenantry.db.upgrades import steps, table_locks
from tenantry.db.upgrades.table_locks import UpgradeError

if TYPE_CHECKING:
    from sqlalchemy import Connection

# By this name earlier versions look for the newest revision. They run where they know it: it says
# the floor now, and additions since stand in `schema_history` alone.
_FLOOR_TABLE = """
    CREATE TABLE IF NOT EXISTS alembic_version (
      version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    )
"""


def set_floor(connection: Connection) -> None:
    """Let only programs open the database, and record events, that know its newest fence."""
    from sqlalchemy import select

    history = schema_history.c
    fences = select(history.revision, history.program).where(history.stops_older)
    newest = connection.execute(fences.order_by(history.revision.desc()).limit(1)).first()
    floor, program = FENCE, __version__
    if newest is not None and newest.revision >= FENCE:
        floor, program = newest.revision, newest.program
    connection.exec_driver_sql(_FLOOR_TABLE)
    connection.exec_driver_sql("DELETE FROM alembic_version")
    connection.exec_driver_sql(f"INSERT INTO alembic_version (version_num) VALUES ('{floor}')")
    fence.close_to_older(connection, floor, program)


def take_away(
    connection: Connection, *, upto: str, asked: bool = False, is_new: bool = False
) -> list[str]:
    """Make the contracts of migrations up to one, as far as they may be; return their revisions.

    In a database that is new there is nobody to wait for, nor a row to be looked at.

    Raises:
        UpgradeError: ``asked`` for them, and a process runs that needs the parts that would go.

    """
    made: list[str] = []
    for row in _waiting(connection, upto):
        if row.state == steps.WAITING:
            running = [] if is_new else _running(connection, row.revision)
            if running:
                if not asked:
                    return made
                raise UpgradeError(
                    f"nothing was taken away: a process runs that may need what {row.revision} "
                    f"takes away: {'; '.join(running)}. Stop it and try again"
                )
            _close(connection, row.revision, is_new=is_new)
        if _is_back_filled(connection, row.revision):
            _make(connection, row.revision)
            made.append(row.revision)
    return made


def _waiting(connection: Connection, upto: str) -> list[Any]:
    from sqlalchemy import select

    row = schema_steps.c
    found = select(row.revision, row.state).where(
        row.kind == steps.CONTRACT, row.state != steps.DONE, row.revision <= upto
    )
    return list(connection.execute(found.order_by(row.revision)).all())


def _running(connection: Connection, revision: str) -> list[str]:
    """Return the processes that may not know a revision; on SQLite nothing tells theirs."""
    if connection.dialect.name == "postgresql":
        return fence.running_on_postgresql(connection, revision)
    return fence.running_on_sqlite(Path(connection.engine.url.database or ""))


def _close(connection: Connection, revision: str, *, is_new: bool) -> None:
    history, step = schema_history, schema_steps.c
    connection.execute(
        history.update().where(history.c.revision == revision).values(stops_older=True)
    )
    set_floor(connection)
    of_this = schema_steps.update().where(step.revision == revision)
    connection.execute(
        of_this.where(step.kind == steps.CONTRACT).values(state=steps.RUNNING, start_time=now())
    )
    if is_new:
        return
    # Once more, from the first row on: an earlier process can write none any more.
    again = {"position": None, "done": 0, "missed": 0, "holder": None, "due_time": 0}
    connection.execute(
        of_this.where(step.kind == steps.BACK_FILL).values(
            state=steps.WAITING, alone=True, end_time=None, **again
        )
    )


def _is_back_filled(connection: Connection, revision: str) -> bool:
    from sqlalchemy import select

    row = schema_steps.c
    left = select(row.name).where(
        row.revision == revision, row.kind == steps.BACK_FILL, row.state != steps.DONE
    )
    return connection.execute(left.limit(1)).first() is None


def _make(connection: Connection, revision: str) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    declared = steps.declared_by(revision)
    if connection.dialect.name == "postgresql":
        table_locks.lock(connection, declared.locks)
    fence.open_to_all(connection)
    options = {"target_metadata": metadata, "transactional_ddl": True}
    with Operations.context(MigrationContext.configure(connection, opts=options)):
        declared.module.contract()
    set_floor(connection)
    row = schema_steps.c
    made = schema_steps.update().where(row.revision == revision, row.kind == steps.CONTRACT)
    connection.execute(made.values(state=steps.DONE, end_time=now()))
