"""The last step of migrations, which removes what earlier processes need.

A contract is made in two steps, between which the back-fills of its migration look through all rows
once more:

1. The revision becomes the floor: processes that do not know it are closed out (`fence`).
2. The migration's `contract()` runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.core.times import now
from tenantry.db import fence, sqlite_processes
from tenantry.db.sql.schema import metadata, schema_history, schema_steps
from tenantry.db.upgrades import locks, steps

if TYPE_CHECKING:
    from sqlalchemy import Connection


def take_away(
    connection: Connection, *, upto: str, asked: bool = False, is_new: bool = False
) -> list[str]:
    """Make the contracts of migrations up to one, as far as they may be; return their revisions.

    In a database that is new there is nobody to wait for, nor a row to be looked at.

    Raises:
        UpgradeError: ``asked`` for them, and a process runs that needs the parts that would go.

    """
    from sqlalchemy import select

    row = schema_steps.c
    made: list[str] = []
    unfinished = select(row.revision, row.state).where(row.state != steps.DONE)
    contracts = unfinished.where(row.kind == steps.CONTRACT, row.revision <= upto)
    for revision, state in connection.execute(contracts.order_by(row.revision)).all():
        if state == steps.WAITING:
            running = [] if is_new else _running(connection, revision)
            if running:
                if not asked:
                    return made
                raise locks.UpgradeError(
                    f"nothing was taken away: a process runs that may need what {revision} "
                    f"takes away: {'; '.join(running)}. Stop it and try again"
                )
            _close(connection, revision, is_new=is_new)
        filling = unfinished.where(row.kind == steps.BACK_FILL, row.revision == revision)
        if connection.execute(filling).first() is None:
            _make(connection, revision)
            made.append(revision)
    return made


def _running(connection: Connection, revision: str) -> list[str]:
    """Return the processes that may not know a revision; on SQLite nothing tells theirs."""
    if connection.dialect.name == "postgresql":
        return fence.running_on_postgresql(connection, revision)
    return sqlite_processes.running(Path(connection.engine.url.database or ""))


def _close(connection: Connection, revision: str, *, is_new: bool) -> None:
    history, row = schema_history, schema_steps.c
    connection.execute(
        history.update().where(history.c.revision == revision).values(stops_older=True)
    )
    fence.set_floor(connection)
    of_this = schema_steps.update().where(row.revision == revision)
    contract = of_this.where(row.kind == steps.CONTRACT)
    connection.execute(contract.values(state=steps.RUNNING, start_time=now()))
    if not is_new:
        # Once more, from the first row on: an earlier process can write none any more.
        again = {"position": None, "done": 0, "missed": 0, "holder": None, "due_time": 0}
        back_fills = of_this.where(row.kind == steps.BACK_FILL)
        connection.execute(
            back_fills.values(state=steps.WAITING, alone=True, end_time=None, **again)
        )


def _make(connection: Connection, revision: str) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    declared = steps.declared_by(revision)
    if connection.dialect.name == "postgresql":
        locks.lock(connection, declared.locks)
    fence.open_to_all(connection)
    options = {"target_metadata": metadata, "transactional_ddl": True}
    with Operations.context(MigrationContext.configure(connection, opts=options)):
        declared.module.contract()
    fence.set_floor(connection)
    row = schema_steps.c
    made = schema_steps.update().where(row.revision == revision, row.kind == steps.CONTRACT)
    connection.execute(made.values(state=steps.DONE, end_time=now()))
