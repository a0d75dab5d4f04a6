"""Keeping processes of a former version from a database whose schema they do not know.

Some migrations change what a process has to write, so that rows of one that knows nothing of it
would not be found, or its links in the proof would be wrong. Such a migration says
``older_may_run = False``. It is refused while processes run that do not know it; and once it is
made, the database itself takes no event of theirs, and so none of their changes, which commit with
their events. See docs/decisions/0016-older-processes.md.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry import __version__
from tenantry.db.revisions import FENCE, HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

# PostgreSQL: the ids of events come from a function whose name tells the newest such migration, and
# those of former names raise this.
SENTENCE = "this database belongs to version {program} (schema {revision}) or a later one"
_FUNCTION = "tenantry_event_id"
EVENT_ID = f"{_FUNCTION}_{FENCE}"
# SQLite: a trigger names a function that only processes have which know that migration.
_MARK = "needs_tenantry_of_schema_{}_or_later"
MARK = _MARK.format(FENCE)
_TRIGGER = "events_fenced"

_REFUSED = "this database belongs to version "
_NO_FUNCTION = "no such function: needs_tenantry_of_schema_"

# A process asks the database once a second: one that is silent for long is a connection that
# PgBouncer keeps after its end. Those of before 0013 have no more than a name, and may be silent.
_HEARD_SECONDS = 10
MIGRATING = "tenantry migrate"
RUNNING = f"""
    SELECT application_name, coalesce(host(client_addr), 'this machine') AS host,
      count(*) AS connections,
      extract(epoch FROM clock_timestamp() - max(state_change))::int AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND (application_name = 'tenantry' OR application_name LIKE 'tenantry %')
      AND application_name <> '{MIGRATING}'
      AND application_name NOT LIKE '%(schema {HEAD})%'
    GROUP BY 1, 2
    HAVING application_name = 'tenantry'
      OR max(state_change) > clock_timestamp() - interval '{_HEARD_SECONDS} s'
      OR bool_or(state <> 'idle')
    ORDER BY 1, 2
"""
_OPEN_FUNCTION = f"""
    SELECT proname, prosrc FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
    WHERE pronamespace = current_schema()::regnamespace AND lanname = 'sql'
      AND proname LIKE '{_FUNCTION}%'
"""

_LOCKS = Path("/proc/locks")
_PROGRAM = "tenantry"
_WAL_WRITE_LOCK = 120  # the byte of the -shm file (https://www.sqlite.org/walformat.html)


def application_name() -> str:
    """Return what PostgreSQL is told of this process: its version, its schema, and where it is."""
    name = f"tenantry {__version__} (schema {HEAD}) {os.getpid()}@{socket.gethostname()}"
    return name.encode("ascii", "replace").decode()[:63].replace("'", "?")


def is_refusal(problem: BaseException) -> bool:
    """Whether a database has refused a change since it belongs to a later version."""
    return str(problem).startswith((_REFUSED, _NO_FUNCTION))


def running_on_postgresql(connection: Connection) -> list[str]:
    """Return the processes of a former version that have this database open, a phrase for each."""
    # Within a transaction PostgreSQL shows what it has shown before.
    connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
    return [phrase(row) for row in connection.exec_driver_sql(RUNNING).mappings()]


def phrase(row: Any) -> str:
    """Return how an operator is told of a row of `RUNNING`."""
    return (
        f"{row['application_name']} on {row['host']} ({row['connections']} connections, "
        f"heard of {row['seconds']} s ago)"
    )


def running_on_sqlite(path: Path) -> list[str]:
    """Return the other processes of ours that have this file open, a phrase for each.

    Only Linux tells. No file is opened for it: to close one would end the locks of this process.
    """
    try:
        number = path.stat().st_ino
    except OSError:
        return []
    pids = sorted({pid for pid, _, _ in _locks(number)} - {os.getpid()})
    return [
        f"process {pid} ({_name(pid)}), which has the file open" for pid in pids if _is_ours(pid)
    ]


def is_being_written(path: Path) -> bool:
    """Whether a process is in a transaction that changes this SQLite file, as a migration is."""
    try:
        number = path.with_name(f"{path.name}-shm").stat().st_ino
    except OSError:
        return False
    return any(
        kind == "WRITE" and first == _WAL_WRITE_LOCK
        for pid, kind, first in _locks(number)
        if pid != os.getpid()
    )


def _locks(inode: int) -> Iterator[tuple[int, str, int]]:
    """Yield the process, the kind and the first byte of each lock on a file (proc(5))."""
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        # 1: POSIX  ADVISORY  READ 18491 00:1b:5387231 128 128
        _, *words = line.split()
        if len(words) == 7 and words[0] == "POSIX" and words[4].rpartition(":")[2] == str(inode):
            yield int(words[3]), words[2], int(words[5])


def _is_ours(pid: int) -> bool:
    """Whether a process is a server, whose Envoy has this name, or a command of any Python."""
    try:
        words = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
    except OSError:
        return False
    return any(Path(word).name == _PROGRAM for word in words)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def open_to_all(connection: Connection) -> None:
    """Let the schema be changed: SQLite would look for the function that the trigger names."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {_TRIGGER}")


def close_to_older(connection: Connection) -> None:
    """Let only processes that know the newest `FENCE` record events from this commit on."""
    if connection.dialect.name == "sqlite":
        # The function is looked for when an insert is prepared. It is called for no event, since
        # none has this type.
        connection.exec_driver_sql(
            f"CREATE TRIGGER {_TRIGGER} BEFORE INSERT ON events WHEN new.type = '' AND {MARK}() "
            "BEGIN SELECT 1; END"
        )
        return
    ((name, body),) = connection.exec_driver_sql(_OPEN_FUNCTION).all()
    if name == EVENT_ID:
        return
    sentence = SENTENCE.format(program=__version__, revision=FENCE)
    connection.exec_driver_sql(
        f"CREATE FUNCTION {EVENT_ID}() RETURNS text LANGUAGE sql VOLATILE AS $${body}$$"
    )
    # Replaced, not renamed: statements that are prepared call it by its number. Versions of before
    # answer this kind of error by UNAVAILABLE.
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', MESSAGE = '{sentence}', "
        "HINT = 'Stop this process, and run that version.'; END $$"
    )
