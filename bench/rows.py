"""One row of a table: one kind of request to one server, and what it cost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving import Usage, machine_cpu, usage

if TYPE_CHECKING:
    import argparse

    from postgresql import Floor, PostgreSQL
    from serving import Server

LOAD = Path(__file__).parent / "load" / "load"
_QUIET_SECONDS = 0.5
_QUIET_SHARE = 0.08  # of a core: less than this is quiet
_QUIET_LIMIT = 15.0


@dataclass(frozen=True)
class Row:
    """One operation on one database."""

    database: str
    load: dict[str, Any]  # as bench/load reports it
    server_cpu_us: float
    database_cpu_us: float | None
    others_cpu: float  # share of the machine, 0 to 1
    memory_mb: float
    floor: Floor | None


@dataclass(frozen=True)
class Start:
    """How long one database's server took to start, and its memory before the first request."""

    database: str
    first_seconds: float
    again_seconds: float
    memory_mb: float


@dataclass(frozen=True)
class Subject:
    """A running server with its database and the file of its organizations."""

    database: str
    server: Server
    postgresql: PostgreSQL | None
    ids: Path
    token: str = ""  # of the requests; without one, a management client's

    def cpu(self) -> float:
        """Processor time in seconds that the server and its database have used."""
        return usage(self.server.pid).cpu + (self.postgresql.usage().cpu if self.postgresql else 0)

    def settle(self) -> float:
        """Wait until both are quiet; return the processor time in seconds that this took."""
        began = now = self.cpu()
        for _ in range(int(_QUIET_LIMIT / _QUIET_SECONDS)):
            time.sleep(_QUIET_SECONDS)
            before, now = now, self.cpu()
            if now - before < _QUIET_SHARE * _QUIET_SECONDS:
                break
        return now - began


class Sample:
    """The processor time of all processes up to one moment."""

    def __init__(self, of: Subject) -> None:
        self.time = time.perf_counter()
        self.machine = machine_cpu()
        self.server = usage(of.server.pid)
        self.database = of.postgresql.usage() if of.postgresql else Usage(0, 0)


def build_load() -> None:
    """Build the load generator, if it is not there as its source says."""
    go = shutil.which("go")
    if go is None:
        sys.exit("bench: needs Go to build bench/load")
    subprocess.run([go, "build", "-o", LOAD.name, "."], cwd=LOAD.parent, check=True)


def send(
    op: str,
    to: Subject,
    o: argparse.Namespace,
    floor: Floor | None = None,
    *,
    connections: int | None = None,
) -> Row:
    """Send one kind of request and count what it cost from the end of the warm-up on."""
    server = to.server
    with subprocess.Popen(
        [
            *(LOAD, f"-url={server.url}", f"-op={op}", f"-token={to.token or server.token()}"),
            *(f"-ids={to.ids}", f"-connections={connections or o.connections}"),
            *(f"-duration={o.seconds}s", f"-warmup={o.warmup}s"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as load:
        assert load.stderr is not None
        said = load.stderr.readline().strip()
        if said != "measuring":
            sys.exit(f"bench: {said}")
        before = Sample(to)
        output, _ = load.communicate()
        after = Sample(to)
    assert server.process is not None
    if (code := server.process.poll()) is not None:
        sys.exit(f"bench: the server ended during {op} with {code}\n{server.last_words()}")
    report = json.loads(output)
    requests = max(report["requests"], 1)
    server_cpu = after.server.cpu - before.server.cpu
    database_cpu = after.database.cpu - before.database.cpu
    load_cpu = report["load_cpu_us"] * requests / 1e6
    seconds = (after.time - before.time) * (os.cpu_count() or 1)
    others_cpu = after.machine - before.machine - server_cpu - database_cpu - load_cpu
    return Row(
        database=to.database,
        load=report,
        server_cpu_us=server_cpu / requests * 1e6,
        database_cpu_us=database_cpu / requests * 1e6 if to.postgresql else None,
        others_cpu=max(others_cpu, 0) / seconds,
        memory_mb=after.server.memory,
        floor=floor,
    )


def ratio(figure: float, of: float) -> float:
    """Return a figure as a multiple of another; 0 where no request was answered in time."""
    return figure / of if of else 0.0


def say(text: str) -> None:
    """Tell of the progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)
