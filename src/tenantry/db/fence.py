"""Keeps processes of earlier versions from a database whose schema they do not know.

The database accepts events only from processes that know the floor of the schema: the newest
migration with ``older_may_run = False``, or whose contract has begun. Each change commits with its
event, so other processes change nothing. See docs/decisions/0016-older-processes.md.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from tenantry import __version__
from tenantry.db.revisions import FENCE, HEAD

if TYPE_CHECKING:
    from sqlalchemy import Connection

# PostgreSQL: the ids of events come from a function whose name tells what the process knows. Those
# of names below the floor raise this.
SENTENCE = "this database belongs to version {program} (schema {revision}) or a later one"
_FUNCTION = "tenantry_event_id"
EVENT_ID = f"{_FUNCTION}_{HEAD}"
# SQLite: a trigger names a function that only processes have which know the floor.
_MARK = "needs_tenantry_of_schema_"
_TRIGGER = "events_fenced"
_REFUSED = (SENTENCE.partition("{")[0], f"no such function: {_MARK}")

MIGRATING = "tenantry migrate"
# Processes that know less than :below. A process asks the database once a second: one that is
# silent for longer is a connection that PgBouncer keeps after the end of the process.
RUNNING = """
    SELECT application_name, coalesce(host(client_addr), 'this machine') AS host,
      count(*) AS connections,
      extract(epoch FROM clock_timestamp() - max(state_change))::int AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND substring(application_name FROM '^tenantry .*\\(schema ([0-9]+)\\)') < :below
    GROUP BY 1, 2
    HAVING max(state_change) > clock_timestamp() - interval '10 s' OR bool_or(state <> 'idle')
    ORDER BY 1, 2
"""
_FUNCTIONS = f"""
    SELECT proname, prosrc, lanname = 'sql' AS is_open
    FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
    WHERE pronamespace = current_schema()::regnamespace AND proname LIKE '{_FUNCTION}%'
    ORDER BY proname
"""
# Earlier versions find the floor where they expect the newest revision, and start if they know it.
_SET_FLOOR = (
    "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    "DELETE FROM alembic_version",
    "INSERT INTO alembic_version (version_num) VALUES ('{}')",
)


def application_name() -> str:
    """Return the name of this process for PostgreSQL: its version, schema, number and host."""
    return f"tenantry {__version__} (schema {HEAD}) {process()}"[:63]


def process() -> str:
    """Return the number and the host of this process, as its name has them."""
    name = f"{os.getpid()}@{socket.gethostname()}"
    return name.encode("ascii", "replace").decode().replace("'", "?")


def _known(first: str) -> list[str]:
    """Return the revisions from one on that this program knows."""
    return [f"{number:04}" for number in range(int(first), int(HEAD) + 1)]


def marks() -> list[str]:
    """Return the functions by which SQLite sees what this process knows; nothing calls them."""
    return [f"{_MARK}{revision}_or_later" for revision in _known(FENCE)]


def is_refusal(problem: BaseException) -> bool:
    """Whether a database has refused a change since it belongs to a later version."""
    return str(problem).startswith(_REFUSED)


def running_on_postgresql(connection: Connection, below: str = HEAD) -> list[str]:
    """Return the processes that have this database open and know less, a phrase for each."""
    from sqlalchemy import text

    # Within a transaction PostgreSQL shows what it has shown before.
    connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
    return [phrase(row) for row in connection.execute(text(RUNNING), {"below": below}).mappings()]


def phrase(row: Any) -> str:
    """Return a row of `RUNNING` in words."""
    return (
        f"{row['application_name']} on {row['host']} ({row['connections']} connections, "
        f"last seen {row['seconds']} s ago)"
    )


def open_to_all(connection: Connection) -> None:
    """Let the schema be changed: SQLite would look for the function that the trigger names."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {_TRIGGER}")


def set_floor(connection: Connection) -> None:
    """Let only programs open the database, and record events, that know its newest fence."""
    found = connection.exec_driver_sql(
        "SELECT revision, program FROM schema_history WHERE stops_older"
        f" AND revision >= '{FENCE}' ORDER BY revision DESC LIMIT 1"
    ).first()
    floor, program = found or (FENCE, __version__)
    for statement in _SET_FLOOR:
        connection.exec_driver_sql(statement.format(floor))
    if connection.dialect.name == "postgresql":
        _close_on_postgresql(connection, floor, program)
        return
    # The function is looked for when an insert is prepared. It is called for no event, since none
    # has this type.
    open_to_all(connection)
    connection.exec_driver_sql(
        f"CREATE TRIGGER {_TRIGGER} BEFORE INSERT ON events WHEN new.type = '' "
        f"AND {_MARK}{floor}_or_later() BEGIN SELECT 1; END"
    )


def _close_on_postgresql(connection: Connection, floor: str, program: str) -> None:
    found = connection.exec_driver_sql(_FUNCTIONS).all()
    still_open = {row.proname: row.prosrc for row in found if row.is_open}
    body = still_open[max(still_open)]
    there = {row.proname for row in found}
    for name in (f"{_FUNCTION}_{revision}" for revision in _known(floor)):
        if name not in there:
            connection.exec_driver_sql(
                f"CREATE FUNCTION {name}() RETURNS text LANGUAGE sql VOLATILE AS $${body}$$"
            )
    sentence = SENTENCE.format(program=program, revision=floor)
    # Replaced, not renamed: statements that are prepared call it by its number. Earlier versions
    # answer this kind of error by UNAVAILABLE.
    for name in still_open:
        if name < f"{_FUNCTION}_{floor}":
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', "
                f"MESSAGE = '{sentence}', HINT = 'Stop this process, and run that version.'; "
                "END $$"
            )
