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
from tenantry.db.upgrades import steps, table_locks
from tenantry.db.upgrades.table_locks import UpgradeError

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
    WHERE relname = :a AND relnamespace = current_schema()::regnamespace
"""
_IS_PARTED = "SELECT relkind = 'p' FROM pg_class WHERE oid = :a::regclass"
_PARTITIONS = """
    SELECT relid::regclass::text FROM pg_partition_tree(:a::regclass)
    WHERE isleaf AND relid NOT IN (
      SELECT indrelid FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid
      WHERE inhparent = :b::regclass
    )
    ORDER BY 1
"""
_LONGEST_NAME = 63
# A lock of a table against changes is held for a moment, and waited for no longer than this.
_POLITE, _UNTIL_SECONDS, _PAUSE_SECONDS = "SET LOCAL lock_timeout = '500ms'", 60.0, 0.2

Waiting = list[tuple[str, str]]  # revisions, and names


def waiting(connection: Connection) -> Waiting:
    """Return the indexes that are to be built, of the oldest revision first."""
    from sqlalchemy import select

    row = schema_steps.c
    found = (
        select(row.revision, row.name)
        .where(row.kind == steps.INDEX, row.state != steps.DONE, row.revision <= HEAD)
        .order_by(row.revision, row.name)
    )
    return [(one.revision, one.name) for one in connection.execute(found)]


def build(connection: Connection, found: Waiting, *, own_session: bool) -> None:
    """Build these, each statement committed by itself.

    Without our own session nothing is set for one, and the limits of the role hold.
    """
    if own_session:
        connection.exec_driver_sql(_UNLIMITED)
    for revision, name in found:
        _note(connection, revision, name, state=steps.RUNNING, start_time=now())
        index = steps.declared_by(revision).indexes[name]
        if _column(connection, _IS_PARTED, a=index.table)[0]:
            _build_in_parts(connection, index)
        else:
            _build_one(connection, index, name, index.table)
        _note(connection, revision, name, state=steps.DONE, end_time=now())


def _build_in_parts(connection: Connection, index: steps.Index) -> None:
    # Not valid until each partition has its own; one that is made meanwhile comes with it.
    if _is_valid(connection, index.name) is None:
        _for_a_moment(connection, index.statement(on=f"ONLY {index.table}"))
    for partition in _column(connection, _PARTITIONS, a=index.table, b=index.name):
        name = f"{index.name}_{partition}"[-_LONGEST_NAME:]
        _build_one(connection, index, name, partition)
        _for_a_moment(connection, f"ALTER INDEX {index.name} ATTACH PARTITION {name}")


def _for_a_moment(connection: Connection, statement: str) -> None:
    """Run a statement that locks a table, and let others pass while it is not to be had.

    Raises:
        UpgradeError: it was in use for too long.

    """
    from sqlalchemy.exc import DBAPIError

    until = time.monotonic() + _UNTIL_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(_POLITE)
            connection.exec_driver_sql(statement)
            connection.exec_driver_sql("COMMIT")
        except DBAPIError as problem:
            connection.exec_driver_sql("ROLLBACK")
            if getattr(problem.orig, "sqlstate", "") not in table_locks.NOT_TO_BE_HAD:
                raise
            if time.monotonic() > until:
                raise UpgradeError(table_locks.in_use(connection)) from problem
        else:
            break
        time.sleep(_PAUSE_SECONDS)


def _build_one(connection: Connection, index: steps.Index, name: str, on: str) -> None:
    is_valid = _is_valid(connection, name)
    if is_valid:
        return
    if is_valid is False:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
    connection.exec_driver_sql(index.statement(name=name, on=on, concurrently=True))


def _is_valid(connection: Connection, name: str) -> bool | None:
    """Return whether an index is good for use; None where there is no such one."""
    found = _column(connection, _IS_VALID, a=name)
    return bool(found[0]) if found else None


def _column(connection: Connection, sql: str, **arguments: str) -> list[str]:
    from sqlalchemy import text

    for name in arguments:
        sql = sql.replace(f":{name}", f"CAST(:{name} AS text)")
    return list(connection.execute(text(sql), arguments).scalars())


def _note(connection: Connection, revision: str, name: str, **values: object) -> None:
    row = schema_steps.c
    change = schema_steps.update().where(row.revision == revision, row.name == name)
    connection.execute(change.values(**values))
