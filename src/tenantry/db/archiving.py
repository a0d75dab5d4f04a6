"""How a PostgreSQL is backed up, and whether it keeps what a point in time needs.

Its own programs do it (https://www.postgresql.org/docs/current/continuous-archiving.html). Here are
their command lines for a database, without its password, and a look at its archive.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import text

from tenantry.db.connecting import connected
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.db.engine import Row

_LOOK = Statement(
    text(
        "SELECT current_setting('server_version') AS version,"
        " current_setting('wal_level') AS wal_level,"
        " current_setting('archive_mode') AS archive_mode,"
        " coalesce(nullif(current_setting('archive_command', true), ''),"
        "   nullif(current_setting('archive_library', true), ''), '') AS archives_by,"
        " last_archived_wal, failed_count, archived_count,"
        " extract(epoch FROM clock_timestamp() - last_archived_time)::bigint AS archived_ago,"
        " coalesce(last_failed_time > coalesce(last_archived_time, last_failed_time"
        "   - interval '1 s'), false) AS fails"
        " FROM pg_stat_archiver"
    )
)


@dataclass(frozen=True, slots=True)
class Archiving:
    """How a database is backed up, and the problem, "" without one."""

    version: str
    archives_by: str
    archived_ago: int | None  # seconds
    problem: str
    # Each with its purpose.
    commands: tuple[tuple[str, str], ...]

    def sentence(self) -> str:
        """Return how it stands with the archive of its log."""
        if self.problem:
            return f"problem: {self.problem}"
        ago = "none yet" if self.archived_ago is None else f"last {self.archived_ago} s ago"
        return (
            f"ok: the WAL is archived ({ago}), so any point in time since a base backup can be "
            "restored"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "server_version": self.version,
            "archived_seconds_ago": self.archived_ago,
            "problem": self.problem,
            "commands": [{"purpose": why, "command": line} for why, line in self.commands],
        }


async def look(url: str) -> Archiving:
    """Look at a database.

    Raises:
        OpenError: it does not answer.

    """
    async with connected(url) as database:
        row = await database.fetch_one(_LOOK)
    assert row is not None
    return Archiving(
        row["version"],
        row["archives_by"],
        row["archived_ago"],
        _problem(row),
        _commands(without_password(url)),
    )


def _problem(row: Row) -> str:
    if row["wal_level"] == "minimal":
        return "wal_level is minimal: base backups and WAL archiving are impossible"
    if row["archive_mode"] == "off":
        return "archive_mode is off, so only base backups can be restored"
    if row["archives_by"] in {"", "(disabled)"}:
        return "archive_mode is on, but neither archive_command nor archive_library is set"
    if row["fails"]:
        return (
            f"archiving the last segment failed ({row['failed_count']} failures): see the server "
            "log"
        )
    return ""


def without_password(url: str) -> str:
    """Return the URL as libpq takes it, without a password and without our words."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query)
        if name not in {"password", "sslpassword", "passfile", "pgbouncer"}
    ]
    netloc = f"{user.partition(':')[0]}{at}{host}"
    return urlunsplit(("postgresql", netloc, parts.path, urlencode(kept, safe="/"), ""))


def _commands(url: str) -> tuple[tuple[str, str], ...]:
    where = shlex.quote(url)
    return (
        (
            "A copy of the whole server, for point-in-time recovery with the WAL archive",
            f"pg_basebackup --dbname={where} --pgdata=backup --checkpoint=fast --progress "
            "&& pg_verifybackup backup",
        ),
        (
            "The same with retention and WAL archive, with pgBackRest (deploy/pgbackrest)",
            "pgbackrest --stanza=tenantry --type=full backup && pgbackrest --stanza=tenantry check",
        ),
        (
            "A consistent dump of this database only",
            f"pg_dump --dbname={where} --format=custom --file=tenantry.dump",
        ),
    )
