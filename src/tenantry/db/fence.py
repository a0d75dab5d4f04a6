"""Keeping processes of a former version from a database whose schema they do not know.

Some migrations change what a process has to write, so that rows of one that knows nothing of it
would not be found, or its links in the proof would be wrong. Such a migration says
``older_may_run = False``. It is refused while processes run that do not know it; and once it is
made, the database itself takes no event of theirs, and so none of their changes, which commit with
their events. See docs/decisions/0016-older-processes.md.

The newest of these is the floor of the schema: a program that knows it may run, also where the
schema has more than it knows.
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

# PostgreSQL: the ids of events come from a function whose name tells what the process knows. Those
# of names below the floor raise this.
SENTENCE = "this database belongs to version {program} (schema {revision}) or a later one"
_FUNCTION = "tenantry_event_id"
EVENT_ID = f"{_FUNCTION}_{HEAD}"
# SQLite: a trigger names a function that only processes have which know the floor.
_MARK = "needs_tenantry_of_schema_{}_or_later"
_TRIGGER = "events_fenced"

_REFUSED = "this database belongs to version "
_NO_FUNCTION = "no such function: needs_tenantry_of_schema_"

# A process asks the database once a second: one that is silent for long is a connection that
# PgBouncer keeps after its end. Those from before 0013 have no more than a name, and may be silent.
_HEARD_SECONDS = 10
MIGRATING = "tenantry migrate"
# By :below, the schema that the others know; those from before 0013 do not say theirs.
RUNNING = f"""
    SELECT application_name, coalesce(host(client_addr), 'this machine') AS host,
      count(*) AS connections,
      extract(epoch FROM clock_timestamp() - max(state_change))::int AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND (application_name = 'tenantry' OR application_name LIKE 'tenantry %')
      AND application_name <> '{MIGRATING}'
      AND coalesce(substring(application_name FROM '\\(schema ([0-9]+)\\)'), '') < :below
    GROUP BY 1, 2
    HAVING application_name = 'tenantry'
      OR max(state_change) > clock_timestamp() - interval '{_HEARD_SECONDS} s'
      OR bool_or(state <> 'idle')
    ORDER BY 1, 2
"""
_FUNCTIONS = f"""
    SELECT proname, prosrc, lanname = 'sql' AS is_open
    FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
    WHERE pronamespace = current_schema()::regnamespace AND proname LIKE '{_FUNCTION}%'
    ORDER BY proname
"""

_LOCKS = Path("/proc/locks")
_PROGRAM = "tenantry"
_WAL_WRITE_LOCK = 120  # the byte of the -shm file (https://www.sqlite.org/walformat.html)


def application_name() -> str:
    """Return what PostgreSQL is told of this process: its version, its schema, and where it is."""
    return f"tenantry {__version__} (schema {HEAD}) {process()}"[:63]


def process() -> str:
    """Return where this process is, as its name says it."""
    name = f"{os.getpid()}@{socket.gethostname()}"
    return name.encode("ascii", "replace").decode().replace("'", "?")


def _known(first: str) -> Iterator[str]:
    """Yield the revisions from one on that this program knows."""
    for number in range(int(first), int(HEAD) + 1):
        yield f"{number:04}"


def marks() -> list[str]:
    """Return the functions by which SQLite sees what this process knows; nothing calls them."""
    return [_MARK.format(revision) for revision in _known(FENCE)]


def is_refusal(problem: BaseException) -> bool:
    """Whether a database has refused a change since it belongs to a later version."""
    return str(problem).startswith((_REFUSED, _NO_FUNCTION))


def running_on_postgresql(connection: Connection, below: str = HEAD) -> list[str]:
    """Return the processes that have this database open and know less, a phrase for each."""
    from sqlalchemy import text

    # Within a transaction PostgreSQL shows what it has shown before.
    connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
    return [phrase(row) for row in connection.execute(text(RUNNING), {"below": below}).mappings()]


def phrase(row: Any) -> str:
    """Return how an operator is told of a row of `RUNNING`."""
    return (
        f"{row['application_name']} on {row['host']} ({row['connections']} connections, "
        f"heard of {row['seconds']} s ago)"
    )


def running_on_sqlite(path: Path) -> list[str]:
    """Return the other Tenantry processes that have this file open, a phrase for each.

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


def close_to_older(connection: Connection, floor: str = FENCE, program: str = __version__) -> None:
    """Let only processes that know the floor record events from this commit on.

    ``program`` is the version that made it, for the others to name.
    """
    if connection.dialect.name == "sqlite":
        # The function is looked for when an insert is prepared. It is called for no event, since
        # none has this type.
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {_TRIGGER}")
        connection.exec_driver_sql(
            f"CREATE TRIGGER {_TRIGGER} BEFORE INSERT ON events WHEN new.type = '' "
            f"AND {_MARK.format(floor)}() BEGIN SELECT 1; END"
        )
        return
    found = connection.exec_driver_sql(_FUNCTIONS).all()
    ((*_, body, _),) = [row for row in found if row.is_open][-1:]
    there = {row.proname for row in found}
    for name in (f"{_FUNCTION}_{revision}" for revision in _known(floor)):
        if name not in there:
            connection.exec_driver_sql(
                f"CREATE FUNCTION {name}() RETURNS text LANGUAGE sql VOLATILE AS $${body}$$"
            )
    sentence = SENTENCE.format(program=program, revision=floor)
    # Replaced, not renamed: statements that are prepared call it by its number. Earlier versions
    # answer this kind of error by UNAVAILABLE.
    for name in (row.proname for row in found if row.is_open):
        if name < f"{_FUNCTION}_{floor}":
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', "
                f"MESSAGE = '{sentence}', HINT = 'Stop this process, and run that version.'; "
                "END $$"
            )
