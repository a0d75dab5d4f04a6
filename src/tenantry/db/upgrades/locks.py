"""The locks under which PostgreSQL changes tables: all or none of them, in a fixed order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

# One wait for a lock. Less than PostgreSQL's deadlock_timeout of a second: a transaction that holds
# one and wants another gets it before the server ends either of us, and one that only queues behind
# us hardly notices. Where that leads nowhere, since some take two tables in one order and some in
# the other, we wait for longer: the server then rolls back those in the way, and says so to them.
POLITELY = "SET LOCAL lock_timeout = 500"  # milliseconds
_PATIENTLY, _POLITE_SECONDS = "SET LOCAL lock_timeout = 5000", 10.0
LOCK_SECONDS = 60.0  # for all tries
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


def lock(connection: Connection, wanted: Iterable[str] | None = None) -> None:
    """Lock tables before the first is changed: a lock more in the middle is how one deadlocks.

    ``wanted`` names the tables, of which missing ones are skipped; None locks all tables. Locks are
    requested in the order of the names, each for half a second at most. If one cannot be taken, the
    others are released.

    Raises:
        UpgradeError: the tables could not be locked together in time.

    """
    tables = list(connection.exec_driver_sql(_TABLES).scalars())
    if wanted is not None:
        tables = sorted(set(tables) & set(wanted))
    start, pause = time.monotonic(), _FIRST_PAUSE_SECONDS
    connection.exec_driver_sql(POLITELY)
    while (busy := _first_busy(connection, tables)) is not None:
        waited = time.monotonic() - start
        if waited > _POLITE_SECONDS:
            connection.exec_driver_sql(_PATIENTLY)
        if waited > LOCK_SECONDS:
            raise UpgradeError(in_use(connection))
        # Next time that one is waited for while we hold none that its holder may want: so we find
        # the order in which those who run take theirs.
        tables.remove(busy)
        tables.insert(0, busy)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")


def _first_busy(connection: Connection, tables: list[str]) -> str | None:
    """Lock all of these tables and return None, or lock none and return the one in use."""
    from sqlalchemy.exc import DBAPIError

    table = ""
    try:
        with connection.begin_nested():  # its end gives back what a try had already
            for table in tables:
                connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    except DBAPIError as problem:
        if not is_busy(problem):
            raise
        return table
    return None


def is_busy(problem: Exception) -> bool:
    """Return whether a lock could not be taken: lock_not_available, deadlock_detected."""
    return getattr(getattr(problem, "orig", None), "sqlstate", "") in {"55P03", "40P01"}


def in_use(connection: Connection) -> str:
    """Return the sentence for the operator, with the transaction that is the longest."""
    text = f"the schema was not changed: its tables were in use for {LOCK_SECONDS:.0f} s"
    longest = connection.exec_driver_sql(_LONGEST).mappings().first()
    if longest is None:
        return f"{text}; try again"
    return (
        f"{text}; the longest transaction is of process {longest['pid']} "
        f"({longest['name']}), open for {longest['seconds']} s"
    )
