"""The server under measurement: one ``tenantry serve`` of its own, and what its processes use."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

START_LIMIT = 60.0  # seconds until a server that does not answer is given up


@dataclass(frozen=True)
class Program:
    """The command ``tenantry`` of one state of the code."""

    tree: Path
    command: Path
    environment: dict[str, str]  # on top of ours

    def knows(self, setting: str) -> bool:
        """Whether there is such a setting: an older program refuses what it does not know."""
        return f"`{setting}`" in (self.tree / "docs" / "settings.md").read_text()


OURS = Program(Path(__file__).parent.parent, Path(sys.executable).parent / "tenantry", {})


@dataclass(frozen=True)
class Usage:
    """Processor time in seconds and resident memory in MB of a process and its descendants.

    A page that two of the processes share is counted in both.
    """

    cpu: float
    memory: float


def usage(pid: int) -> Usage:
    """Read what the tree of processes under ``pid`` has used so far (/proc/<pid>/stat)."""
    parents, ticks, pages = {}, {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold spaces: the fields are counted from behind it.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        process = int(stat.parent.name)
        parents[process] = int(fields[1])
        # Its own user and system time, and those of its children that have ended.
        ticks[process] = sum(int(field) for field in fields[11:15])
        pages[process] = int(fields[21])
    tree = {pid}
    while more := {p for p, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return Usage(
        cpu=sum(ticks.get(p, 0) for p in tree) / os.sysconf("SC_CLK_TCK"),
        memory=sum(pages.get(p, 0) for p in tree) * os.sysconf("SC_PAGE_SIZE") / 1e6,
    )


def machine_cpu() -> float:
    """Processor time in seconds that the machine has spent on anything, or was refused."""
    user, nice, system, _idle, _wait, *others = Path("/proc/stat").read_text().split()[1:9]
    ticks = sum(int(field) for field in (user, nice, system, *others))
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Server:
    """A server on a port and in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        workers: int,
        tls: bool,
        program: Program = OURS,
    ) -> None:
        self.port = port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.folder = folder
        self.log = folder / "server.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TENANTRY_")}
        self.program = program
        self.environment = inherited | program.environment
        self.environment |= {
            "TENANTRY_LISTEN": f"127.0.0.1:{port}",
            "TENANTRY_PUBLIC_URL": f"https://localhost:{port}",
            "TENANTRY_DATA_DIR": str(folder / "data"),
            "TENANTRY_DATABASE_URL": database_url,
            "TENANTRY_WORKERS": str(workers),
        }
        if program.knows("TENANTRY_RATE_LIMIT_SIGN_INS"):
            self.environment["TENANTRY_RATE_LIMIT_SIGN_INS"] = ""  # all come from one address
        if program.knows("TENANTRY_SIMULATOR"):
            self.environment["TENANTRY_SIMULATOR"] = "false"  # people have addresses at example.com
        # Its certificate is its own, and it is on this machine.
        self.http = httpx.Client(base_url=self.url, verify=False, timeout=30)
        self.process: subprocess.Popen[bytes] | None = None
        self._credentials: tuple[str, str] | None = None

    @property
    def pid(self) -> int:
        """The process that was started; the others are its descendants."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Start it; return the seconds from exec to the first answer that needs its database."""
        self._credentials = None
        with self.log.open("ab") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                [self.program.command, "serve"],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while True:
            try:
                if self.http.get("/keys").is_success:
                    return time.perf_counter() - began
            except httpx.TransportError:
                pass
            if self.process.poll() is not None or time.perf_counter() - began > START_LIMIT:
                raise SystemExit(f"bench: the server does not answer\n{self.last_words()}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Ask it to end; the rest of its session is killed then."""
        if self.process is None:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def credentials(self) -> tuple[str, str]:
        """Id and secret of the management client that ``tenantry env`` shows."""
        if self._credentials is None:
            self._credentials = self._shown()
        return self._credentials

    def _shown(self) -> tuple[str, str]:
        shown = subprocess.run(
            [self.program.command, "env"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        words = (word.partition("=") for word in shlex.split(shown, comments=True))
        client = {name: value for name, _, value in words}
        return client["SCALEKIT_CLIENT_ID"], client["SCALEKIT_CLIENT_SECRET"]

    def token(self) -> str:
        """A fresh access token of the management client."""
        client_id, secret = self.credentials()
        answer = self.http.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": secret,
            },
        )
        return answer.raise_for_status().json()["access_token"]

    def seed(self, count: int) -> list[str]:
        """Create organizations; check on the last that it can be read back."""
        headers = {"authorization": f"Bearer {self.token()}"}
        ids = []
        for number in range(count):
            body = {
                "display_name": f"Organization {number:06}",
                "external_id": f"seed-{number:06}",
                "metadata": {"plan": "starter", "seats": "10", "synced": f"{number:06}"},
            }
            answer = self.http.post("/api/v1/organizations", json=body, headers=headers)
            if not answer.is_success:
                raise SystemExit(f"bench: create answered {answer.status_code}: {answer.text}")
            ids.append(answer.json()["organization"]["id"])
        path = f"/api/v1/organizations/{ids[-1]}"
        change = {"display_name": "Seeded", "metadata": {"plan": "enterprise"}}
        self.http.patch(path, json=change, headers=headers).raise_for_status()
        read = self.http.get(path, headers=headers).raise_for_status().json()["organization"]
        if any(read[name] != value for name, value in change.items()):
            raise SystemExit(f"bench: wrote {change}, read {read}")
        return ids
