"""Indexes that PostgreSQL builds while calls go on, after the transaction of an upgrade.

One that was cut off leaves an index that is not valid: it is dropped, and built anew. An index of
a table in partitions is built for each of them, and then put together.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tenantry.core.times import now
from tenantry.db.revisions import HEAD
from tenantry.db.sql.schema import schema_steps
from tenantry.db.upgrades import locks, steps

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The role of the servers may have limits. Where we are killed, the server looks whether we are
# there (PostgreSQL 14).
_UNLIMITED = """
    SELECT set_config(name, CASE name WHEN 'statement_timeout' THEN '0' WHEN 'lock_timeout' THEN '0'
      WHEN 'maintenance_work_mem' THEN '256MB' ELSE '1s' END, false)
    FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'maintenance_work_mem',
      'client_connection_check_interval')
"""
_IS_VALID = """
    SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relname = '{}' AND relnamespace = current_schema()::regnamespace
"""
_PARTITIONS = """
    SELECT relid::regclass::text FROM pg_partition_tree('{}'::regclass)
    WHERE isleaf AND relid NOT IN (
      SELECT indrelid FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid
      WHERE inhparent = '{}'::regclass
    )
    ORDER BY 1
"""
_LONGEST_NAME = 63
_PAUSE_SECONDS = 0.2


def waiting(connection: Connection) -> list[tuple[str, str]]:
    """Return the revisions and names of the indexes that are to be built, the oldest first."""
    rows = connection.exec_driver_sql(
        f"SELECT revision, name FROM schema_steps WHERE kind = '{steps.INDEX}'"
        f" AND state <> '{steps.DONE}' AND revision <= '{HEAD}' ORDER BY revision, name"
    )
    return [(row.revision, row.name) for row in rows]


def build(connection: Connection, found: list[tuple[str, str]], *, own_session: bool) -> None:
    """Build these, each statement committed by itself.

    Without our own session nothing is set for one, and the limits of the role hold.
    """
    if own_session:
        connection.exec_driver_sql(_UNLIMITED)
    for revision, name in found:
        row = schema_steps.c
        change = schema_steps.update().where(row.revision == revision, row.name == name)
        connection.execute(change.values(state=steps.RUNNING, start_time=now()))
        index = steps.declared_by(revision).indexes[name]
        kind = f"SELECT relkind = 'p' FROM pg_class WHERE oid = '{index.table}'::regclass"
        if connection.exec_driver_sql(kind).scalar():
            _build_in_parts(connection, index)
        else:
            _build_one(connection, index, name, index.table)
        connection.execute(change.values(state=steps.DONE, end_time=now()))


def _build_in_parts(connection: Connection, index: steps.Index) -> None:
    # Not valid until each partition has its own; one that is made meanwhile comes with it.
    if _is_valid(connection, index.name) is None:
        _for_a_moment(connection, index.statement(on=f"ONLY {index.table}"))
    lacking = _PARTITIONS.format(index.table, index.name)
    for partition in connection.exec_driver_sql(lacking).scalars().all():
        name = f"{index.name}_{partition}"[-_LONGEST_NAME:]
        _build_one(connection, index, name, partition)
        _for_a_moment(connection, f"ALTER INDEX {index.name} ATTACH PARTITION {name}")


def _for_a_moment(connection: Connection, statement: str) -> None:
    """Run a statement that locks a table; between attempts, let other transactions use it.

    Raises:
        UpgradeError: it was in use for too long.

    """
    from sqlalchemy.exc import DBAPIError

    until = time.monotonic() + locks.LOCK_SECONDS
    while True:
        try:
            for part in ("BEGIN", locks.POLITELY, statement, "COMMIT"):
                connection.exec_driver_sql(part)
        except DBAPIError as problem:
            connection.exec_driver_sql("ROLLBACK")
            if not locks.is_busy(problem):
                raise
            if time.monotonic() > until:
                raise locks.UpgradeError(locks.in_use(connection)) from problem
        else:
            return
        time.sleep(_PAUSE_SECONDS)


def _build_one(connection: Connection, index: steps.Index, name: str, on: str) -> None:
    is_valid = _is_valid(connection, name)
    if is_valid is False:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
    if not is_valid:
        connection.exec_driver_sql(index.statement(name=name, on=on, concurrently=True))


def _is_valid(connection: Connection, name: str) -> bool | None:
    """Return whether an index is good for use; None where there is no such one."""
    found: bool | None = connection.exec_driver_sql(_IS_VALID.format(name)).scalar()
    return found
