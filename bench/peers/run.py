"""Measure this and what people would use instead, side by side on one machine, by the same work.

``python bench/peers/run.py`` installs them below build/peers, starts all of them over one
PostgreSQL with a database for each, creates organizations by their own APIs, and sends one kind of
request at a time to one of them at a time, over 16 connections of HTTP without TLS. Each round has
each peer in another place; figures are medians of the rounds.

- req/s, p50, p99: a closed loop, as in bench/run.py.
- server µs and db µs: processor time of its processes, and of PostgreSQL, for one request. That
  moves less than all else on a busy machine.
- start: seconds from exec to the first answer, of the second start: the first one makes tables.
- MB when ready, and after all rows: resident memory of all its processes.

Each is one server process with up to ten connections to PostgreSQL, set up as its documentation
does for production. Differences of the work are written beside each. ``python
scripts/performance.py`` makes the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from listening import Listening
from peers import OPS, PEERS, Peer
from rich import box
from rich.console import Console
from rich.table import Table
from rows import Row, Subject, build_load, say, send
from serving import usage

_FIGURES = ("rps", "p50_ms", "p99_ms", "server_us", "database_us")


def main() -> None:
    """Run what the options ask for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))
    o = _options()
    chosen = [peer for peer in PEERS if not o.only or peer.name in o.only]
    missing = {peer.name: why for peer in chosen if (why := peer.install())}
    for name, why in missing.items():
        say(f"bench: without {name}: {why}")
    build_load()
    load = os.getloadavg()[0]
    found = _measured([peer for peer in chosen if peer.name not in missing], o)
    about = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": {name: getattr(o, name) for name in ("seconds", "warmup", "rounds")}
        | {"connections": o.connections, "organizations": o.organizations},
        "machine": {"cores": os.cpu_count(), "load": load, "python": platform.python_version()},
        "missing": missing,
        "peers": found,
    }
    o.output.parent.mkdir(parents=True, exist_ok=True)
    o.output.write_text(json.dumps(about, indent=2) + "\n")
    _print(found)
    if failed := [name for name, peer in found.items() if peer["first_error"]]:
        sys.exit(f"bench: {failed[0]}: {found[failed[0]]['first_error']}")


def _measured(chosen: list[type[Peer]], o: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tenantry-peers-", dir=o.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may be another user
        with Listening(folder) as postgresql:
            running: list[_Running] = []
            try:
                for number, kind in enumerate(chosen):
                    peer = kind(folder / f"peer{number}", postgresql.database(f"peer{number}"))
                    running.append(_Running(peer, postgresql, o))
                    running[-1].prepare()
                for turn in range(o.rounds):
                    for op in OPS:
                        for place in range(len(running)):
                            running[(turn + place) % len(running)].measure(op)
                return {one.peer.name: one.figures() for one in running}
            finally:
                for one in running:
                    one.peer.stop()


class _Running:
    """A running peer, with its figures so far."""

    def __init__(self, peer: Peer, postgresql: Listening, o: argparse.Namespace) -> None:
        self.peer, self._postgresql, self._o = peer, postgresql, o
        self._rows: dict[str, list[Row]] = {op: [] for op in OPS}
        self._start = self._ready_mb = 0.0

    def prepare(self) -> None:
        """Start it twice, and create its organizations."""
        peer = self.peer
        say(f"bench: {peer.name}, {peer.version()}")
        peer.start()
        peer.stop()
        self._start = peer.start()
        time.sleep(2)
        self._ready_mb = usage(peer.pid).memory
        for op, requests in peer.seed(self._o.organizations).items():
            lines = "".join(f"{request.line()}\n" for request in requests)
            self._file(op).write_text(lines)
        self._postgresql.settle()

    def measure(self, op: str) -> None:
        """Send requests of one kind."""
        to = Subject(self.peer.name, self.peer, self._postgresql, self._file(op))
        to.settle()
        row = send("send", to, self._o)
        load = row.load
        say(f"{self.peer.name}: {op} {load['rps']:,.0f}/s, {load['errors']} failed")
        self._rows[op].append(row)

    def figures(self) -> dict[str, Any]:
        """Return the medians."""
        errors = [
            row.load["first_error"] for op in OPS for row in self._rows[op] if row.load["errors"]
        ]
        return {
            "version": self.peer.version(),
            "differs": self.peer.differs,
            "start_seconds": self._start,
            "ready_mb": self._ready_mb,
            "loaded_mb": max(row.memory_mb for op in OPS for row in self._rows[op]),
            "rows": {op: _medians(self._rows[op]) for op in OPS},
            "first_error": errors[0] if errors else "",
        }

    def _file(self, op: str) -> Path:
        return self.peer.folder / f"{op}.txt"


def _medians(rows: list[Row]) -> dict[str, float]:
    all_ = [
        (*(row.load[name] for name in _FIGURES[:3]), row.server_cpu_us, row.database_cpu_us or 0)
        for row in rows
    ]
    return dict(zip(_FIGURES, map(statistics.median, zip(*all_, strict=True)), strict=True))


def _print(found: dict[str, Any]) -> None:
    table = Table(box=box.MARKDOWN)
    for name in ("peer", "operation"):
        table.add_column(name)
    for name in ("req/s", "p50 ms", "p99 ms", "server µs", "db µs"):
        table.add_column(name, justify="right")
    for name, peer in found.items():
        for op, figures in peer["rows"].items():
            rps, p50, p99, server, database = (figures[each] for each in _FIGURES)
            shown = (
                f"{rps:,.0f}",
                f"{p50:.1f}",
                f"{p99:.1f}",
                f"{server:,.0f}",
                f"{database:,.0f}",
            )
            table.add_row(name, op, *shown)
    console = Console(width=140)
    console.print(table)
    for name, peer in found.items():
        console.print(
            f"{name}: start {peer['start_seconds']:.2f} s, {peer['ready_mb']:.0f} MB when ready, "
            f"{peer['loaded_mb']:.0f} MB after all",
            highlight=False,
        )


def _options() -> argparse.Namespace:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--only", nargs="*", choices=[peer.name for peer in PEERS], help="(default: all)"
    )
    p.add_argument("--seconds", type=int, default=5, help="measured for each row (default: 5)")
    p.add_argument("--warmup", type=int, default=10, help="seconds before them (default: 10)")
    p.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    p.add_argument("--connections", type=int, default=16, help="(default: 16)")
    p.add_argument("--organizations", type=int, default=320, help="at first (default: 320)")
    p.add_argument("--folder", type=Path, help="for databases, on a disk (default: the system's)")
    results = Path(__file__).parent.parent / "results" / "peers.json"
    p.add_argument("--output", type=Path, default=results, help="(default: %(default)s)")
    return p.parse_args()


if __name__ == "__main__":
    main()
