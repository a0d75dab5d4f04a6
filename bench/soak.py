"""Load of every kind for a while, up to hours, and limits on growth meanwhile.

``python bench/soak.py --seconds 3600 --on postgresql`` starts a server with several workers and a
``tenantry worker`` on a PostgreSQL of its own (on SQLite the server does that work too), and sends
it calls of the API, sign-ins by password and by providers, refreshes and SCIM, each at a steady
rate, while webhooks go out. A time counts from when the request was due. All that is made is
deleted again, but for events, sessions and deliveries, so that the work stays the same.

After the warm-up it looks every few seconds at what the processes and the database hold
(gauges.py), and at the end draws a line through all samples of each (growth.py). It fails if one
grew by more than its limit, and says by how much; if any request failed; and if one kind of
request took longer than it may. The summary is written as JSON too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import gauges
import httpx
from growth import Gauge, Limit
from mixed_load import Mixed
from receivers import Receivers
from serving import Server, free_port, machine_cpu, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mixed_load import Kind
    from postgresql import PostgreSQL

ROOT = Path(__file__).parent.parent
WORKERS = 2
_SAMPLES = 120  # of each gauge in a run, but one in two seconds at most
_AT_ONCE = 64  # requests under way; more that are due wait, and their time counts
_SLOWEST = 5  # windows, of which each has the times of its requests

# Memory that caches take as they fill is in the slack; memory that goes on growing leaks.
MEMORY = Limit("MB", slack=40, an_hour=8)
LIMITS = {
    "server memory": MEMORY,
    "server files": Limit("", slack=12, an_hour=2),
    "server threads": Limit("", slack=4, an_hour=0),
    "server sockets in CLOSE_WAIT": Limit("", slack=3, an_hour=0, most=20),
    "server sockets": Limit("", slack=20, an_hour=2),
    "server processes that were not waited for": Limit("", slack=1, an_hour=0, most=2),
    "worker memory": MEMORY,
    "worker files": Limit("", slack=12, an_hour=2),
    "worker threads": Limit("", slack=4, an_hour=0),
    "worker sockets in CLOSE_WAIT": Limit("", slack=3, an_hour=0, most=20),
    "files below run/": Limit("", slack=0.5, an_hour=0),
    "temporary files": Limit("", slack=2, an_hour=0, most=50),
    "deliveries that wait": Limit("", slack=300, an_hour=0, most=2000),
    "write-ahead log of SQLite": Limit("MB", slack=8, an_hour=0, most=64),
    "memory of PostgreSQL": Limit("MB", slack=80, an_hour=20),
    "connections of PostgreSQL": Limit("", slack=4, an_hour=0, most=60),
    "tables of tallies": Limit("MB", slack=1, an_hour=0.5, most=8),
    # They come and go with each autovacuum, so a short run may begin low and end high.
    "dead rows of the deadest table": Limit("%", slack=95, an_hour=0, most=95),
    "oldest transaction": Limit("s", slack=5, an_hour=0, most=30),
}
# Each of its processes keeps 200 statements on each of ten connections, at about 10 KB each: they
# are 40 MB, and an hour does not fill them.
ON_POSTGRESQL = {"server memory": Limit("MB", slack=80, an_hour=8)}
MEDIAN = Limit("ms", slack=10, an_hour=2, share=0.5)
P99 = Limit("ms", slack=200, an_hour=20, share=0.5)
# Tables of fewer rows are vacuumed when PostgreSQL likes.
_DEADEST = """
SELECT coalesce(max(100.0 * n_dead_tup / (n_dead_tup + n_live_tup)), 0)::float
FROM pg_stat_user_tables WHERE n_dead_tup + n_live_tup > 2000
"""
_TALLIES = """
SELECT sum(pg_total_relation_size(relid)) / 1e6::float FROM pg_stat_user_tables
WHERE relname LIKE '%tallies%'
"""
_OLDEST = """
SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_WAITING = "SELECT count(*) FROM webhook_deliveries WHERE state = 'PENDING'"


@dataclass
class Times:
    """How long the requests of one kind took, in microseconds, in windows of the run."""

    kind: Kind
    windows: list[array[int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    failed: int = 0

    def note(self, window: int, seconds: float) -> None:
        """Add one."""
        while len(self.windows) <= window:
            self.windows.append(array("L"))
        self.windows[window].append(int(seconds * 1e6))

    def fail(self, problem: str) -> None:
        """Count a failure; the first ones are shown."""
        self.failed += 1
        if len(self.failures) < 5:
            self.failures.append(f"{self.kind.name}: {problem[:500]}")

    def shown(self) -> dict[str, Any]:
        """Return it as a summary has it."""
        times = sorted(one for window in self.windows for one in window)
        shown = {"requests": len(times), "failed": self.failed}
        if times:
            shown |= {f"p{share}_ms": _percentile(times, share) for share in (50, 99)}
            shown["max_ms"] = times[-1] / 1000
        return shown

    def gauges(self, seconds: float) -> Iterable[Gauge]:
        """Yield the median and the 99th percentile as they went over the windows."""
        for name, share, limit in (("median", 50, MEDIAN), ("99th percentile", 99, P99)):
            gauge = Gauge(f"{self.kind.name}, {name}", limit)
            for number, window in enumerate(self.windows):
                if len(window) >= 5:
                    gauge.note((number + 0.5) * seconds, _percentile(sorted(window), share))
            yield gauge

    def problems(self) -> list[str]:
        """Say what failed, and by how much they are too slow."""
        found = [f"{self.failed} failed"] * bool(self.failed) + self.failures
        times = sorted(one for window in self.windows for one in window)
        if not times:
            return [*found, f"{self.kind.name}: no request at all"]
        p99 = _percentile(times, 99)
        if p99 > self.kind.p99_ms:
            found.append(
                f"{self.kind.name}: 99 of 100 within {p99:.0f} ms, {p99 - self.kind.p99_ms:.0f} "
                f"more than the {self.kind.p99_ms:.0f} allowed"
            )
        return found


def _percentile(ordered: list[int], share: int) -> float:
    """Return a percentile of microseconds, in milliseconds."""
    if len(ordered) == 1:
        return ordered[0] / 1000
    return statistics.quantiles(ordered, n=100, method="inclusive")[share - 1] / 1000


class Deployment:
    """A server, its worker where it has one of its own, and its database."""

    def __init__(self, folder: Path, postgresql: PostgreSQL | None) -> None:
        self.folder = folder
        self.postgresql = postgresql
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.server = Server(
            folder, postgresql.url if postgresql else "", workers=WORKERS, tls=False
        )
        self.metrics = f"127.0.0.1:{free_port()}"
        self.server.environment |= {
            "TENANTRY_METRICS_LISTEN": self.metrics,
            "TMPDIR": str(self.temporary),
            "TENANTRY_SIGN_IN_METHODS": "email,password",
            "TENANTRY_OUTGOING_ALLOW": "127.0.0.0/8",
            "TENANTRY_BACKGROUND": "false" if postgresql else "true",
        }
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start all."""
        self.server.start()
        if self.postgresql:
            with (self.folder / "worker.log").open("ab") as log:
                self._worker = subprocess.Popen(
                    [self.server.program.command, "worker"],
                    env=self.server.environment | {"TENANTRY_METRICS_LISTEN": ""},
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def stop(self) -> None:
        """Stop all."""
        self.server.stop()
        if self._worker:
            self._worker.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._worker.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.wait()

    def cpu(self) -> float:
        """Return the processor time of all of it, and of the load, in seconds."""
        spent = usage(os.getpid()).cpu
        return spent + (self.postgresql.usage().cpu if self.postgresql else 0.0)

    def sample(self) -> dict[str, float]:
        """Look at all that may grow."""
        self._scrape()
        server = gauges.held(self.server.pid)
        found = _of("server", server) | {
            "server sockets": server.sockets.total(),
            "server processes that were not waited for": server.zombies,
            "files below run/": gauges.count(self.folder / "data" / "run"),
            "temporary files": gauges.count(self.temporary),
        }
        if self._worker:
            found |= _of("worker", gauges.held(self._worker.pid))
        if self.postgresql:
            return found | self._of_postgresql(self.postgresql)
        data = self.folder / "data"
        found["write-ahead log of SQLite"] = gauges.size(data, "*.db-wal")
        found["deliveries that wait"] = _asked_of_sqlite(data / "tenantry.db", _WAITING)
        return found

    def _scrape(self) -> None:
        """Ask for the metrics, as Prometheus would."""
        if b"tenantry_build_info" not in httpx.get(f"http://{self.metrics}/metrics").content:
            raise SystemExit("soak: the metrics have no tenantry_build_info")

    def _of_postgresql(self, postgresql: PostgreSQL) -> dict[str, float]:
        import psycopg

        questions = {
            "connections of PostgreSQL": _CONNECTIONS,
            "tables of tallies": _TALLIES,
            "dead rows of the deadest table": _DEADEST,
            "oldest transaction": _OLDEST,
            "deliveries that wait": _WAITING,
        }
        found = {"memory of PostgreSQL": gauges.held(postgresql.pid).memory}
        with psycopg.connect(postgresql.url, autocommit=True) as connection:
            for name, question in questions.items():
                row = connection.execute(question).fetchone()
                assert row is not None
                found[name] = float(row[0])
        return found


def _of(name: str, held: gauges.Held) -> dict[str, float]:
    return {
        f"{name} memory": held.memory,
        f"{name} files": held.files,
        f"{name} threads": held.threads,
        f"{name} sockets in CLOSE_WAIT": held.sockets["CLOSE_WAIT"],
    }


def _asked_of_sqlite(path: Path, question: str) -> float:
    import sqlite3

    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        return float(connection.execute(question).fetchone()[0])
    finally:
        connection.close()


async def soak(deployment: Deployment, o: argparse.Namespace) -> dict[str, Any]:
    """Send the load for so long; return the summary."""
    async with AsyncExitStack() as stack:
        receivers = await stack.enter_async_context(Receivers())
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                deployment.server.url,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=_AT_ONCE),
                timeout=aiohttp.ClientTimeout(total=60),
            )
        )
        mixed = Mixed(deployment.server, http)
        say("preparing")
        await mixed.prepare(receivers.port)
        times = [Times(kind) for kind in mixed.kinds]
        every = max(2.0, o.seconds / _SAMPLES)
        window = max(every * _SLOWEST, o.seconds / 40)
        say(f"warming up for {o.warmup} s")
        await _send(times, o.warmup, o.rate, lambda *_: None)
        for one in times:
            one.failed, one.failures = 0, []
        say(f"measuring for {o.seconds} s")
        limits = LIMITS | (ON_POSTGRESQL if o.on == "postgresql" else {})
        watched = {name: Gauge(name, limit) for name, limit in limits.items()}
        watching = asyncio.create_task(_watch(deployment, watched, every))

        def note(one: Times, at: float, seconds: float) -> None:
            one.note(int(at // window), seconds)

        machine, ours = machine_cpu(), deployment.cpu()
        await _send(times, o.seconds, o.rate, note)
        others = machine_cpu() - machine - (deployment.cpu() - ours)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    seen = [gauge for gauge in watched.values() if gauge.values]
    seen += [gauge for one in times for gauge in one.gauges(window)]
    problems = [problem for one in times for problem in one.problems()]
    problems += [problem for gauge in seen for problem in gauge.problems()]
    return {
        "run": "soak",
        "database": o.on,
        "seconds": o.seconds,
        "warmup": o.warmup,
        "requests": {one.kind.name: one.shown() for one in times},
        "webhooks": receivers.count,
        # Where other programs take much, times say little.
        "others_cpu": round(max(others, 0) / o.seconds / (os.cpu_count() or 1), 3),
        "gauges": {gauge.name: gauge.shown() for gauge in seen},
        "problems": problems,
    }


async def _send(
    times: list[Times], seconds: float, rate: float, note: Callable[[Times, float, float], None]
) -> None:
    """Send each kind at its rate for so long; what failed is counted."""
    gate, began = asyncio.Semaphore(_AT_ONCE), time.perf_counter()

    async def one(of: Times, due: float) -> None:
        async with gate:
            try:
                await of.kind.send()
            # An unexpected answer ends a load generator by SystemExit; here it is counted.
            except (Exception, SystemExit) as problem:  # noqa: BLE001
                of.fail(f"{type(problem).__name__}: {problem}")
                return
        ended = time.perf_counter()
        note(of, due - began, ended - due)

    async def all_of(of: Times) -> None:
        under_way: set[asyncio.Task[None]] = set()
        pause = 1 / (of.kind.rate * rate)
        for number in range(int(seconds / pause)):
            due = began + number * pause
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(one(of, due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    await asyncio.gather(*(all_of(one) for one in times))


async def _watch(deployment: Deployment, watched: dict[str, Gauge], every: float) -> None:
    began = time.perf_counter()
    while True:
        found = await asyncio.to_thread(deployment.sample)
        for name, value in found.items():
            watched[name].note(time.perf_counter() - began, value)
        await asyncio.sleep(every)


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"soak: {text}", file=sys.stderr, flush=True)


def _show(summary: dict[str, Any]) -> None:
    print(f"{'':44} {'requests':>9} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for name, one in summary["requests"].items():
        shown = [one.get(key, float("nan")) for key in ("p50_ms", "p99_ms", "max_ms")]
        print(f"{name:44} {one['requests']:9} " + " ".join(f"{x:8.1f}" for x in shown))
    print(f"\n{'':44} {'first':>9} {'last':>8} {'most':>8} {'growth':>8} {'allowed':>8}")
    for name, gauge in summary["gauges"].items():
        shown = [gauge[key] for key in ("first", "last", "most", "growth", "allowed")]
        print(f"{name:44} " + " ".join(f"{x or 0:8.1f}" for x in shown), gauge["unit"])
    print(f"\nother programs had {summary['others_cpu']:.0%} of the machine")
    for problem in summary["problems"]:
        print(f"soak: {problem}")


def main() -> None:
    """Run what the options ask for; the exit code is 1 if a limit was passed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: ended"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--warmup", type=float, help="seconds; by default a tenth, 300 at most")
    parser.add_argument("--on", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--rate", type=float, default=1.0, help="multiplies all rates")
    parser.add_argument("--output", type=Path, help="default: build/reliability/soak-DATABASE.json")
    o = parser.parse_args()
    if o.warmup is None:
        o.warmup = min(o.seconds / 10, 300.0)
    output = o.output or ROOT / "build" / "reliability" / f"soak-{o.on}.json"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-soak-")))
        postgresql = None
        if o.on == "postgresql":
            from postgresql import PostgreSQL

            postgresql = stack.enter_context(PostgreSQL(folder))
        deployment = Deployment(folder, postgresql)
        stack.callback(deployment.stop)
        deployment.start()
        summary = asyncio.run(soak(deployment, o))
    summary |= {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "load_average": os.getloadavg()[2],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(summary, indent=1) + "\n")
    _show(summary)
    say(f"written to {output}")
    if summary["problems"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
