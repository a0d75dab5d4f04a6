"""The paired run: two states of the code, measured in turn on one machine in one run.

``python bench/run.py --against COMMIT`` runs the server of a commit beside that of this tree, each
with a database of its own that is filled alike: for PostgreSQL each has an instance of its own, so
that neither pays for the other's vacuum, checkpoints or shared buffers. Both run all the time, and
one at a time has load. Each row is measured in turn, ``--rounds`` times, the first of a round being
the second of the next; figures are medians over the rounds.

After each row both are left alone until the one that had load is quiet. The work that server and
database still did then, such as the log of events, is `later µs` for each request: work that is put
off shows there.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from checkout import described, program_of, resolve
from measures import prepared
from rows import Row, Subject, ratio, say, send
from serving import OURS, usage
from sign_ins import CALLS as SIGN_IN_CALLS
from sign_ins import SETTINGS, SignIns

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

# Each row with the operation of bench/load that it sends; those that add rows come last.
OPS = {
    **{op: op for op in ("get", "list", "patch", "grpc-patch")},
    **SIGN_IN_CALLS,
    "create": "create",
    "create member": "join",
}
SETUPS = (("sqlite", 1), ("postgresql", 1), ("postgresql", 2))  # database, processes


@dataclass(frozen=True)
class Measured:
    """Medians of one row of one side; times in microseconds unless the name says otherwise."""

    rps: float
    p50_ms: float
    p99_ms: float
    server_us: float
    database_us: float
    later_us: float
    memory_mb: float
    others: float
    errors: int

    @property
    def cpu_us(self) -> float:
        """Processor time of one request, of server and database."""
        return self.server_us + self.database_us

    @classmethod
    def of(cls, rounds: Iterable[tuple[Row, float]]) -> Measured:
        """Take the medians over the rounds, each a row and the work done later for a request."""
        found = [
            {
                **{name: row.load[name] for name in ("rps", "p50_ms", "p99_ms", "errors")},
                "server_us": row.server_cpu_us,
                "database_us": row.database_cpu_us or 0.0,
                "later_us": later,
                "memory_mb": row.memory_mb,
                "others": row.others_cpu,
            }
            for row, later in rounds
        ]
        medians = {name: statistics.median(one[name] for one in found) for name in found[0]}
        return cls(**medians | {"errors": sum(one["errors"] for one in found)})


@dataclass(frozen=True)
class Ready:
    """Medians of one side's starts."""

    first_seconds: float
    again_seconds: float
    memory_mb: float


@dataclass(frozen=True)
class Pair:
    """One row of both sides on one database."""

    database: str
    processes: int
    op: str
    ours: Measured
    theirs: Measured

    @property
    def rate_ratio(self) -> float:
        """Requests a second, as a multiple of theirs."""
        return ratio(self.ours.rps, self.theirs.rps)

    @property
    def cpu_ratio(self) -> float:
        """Processor time of theirs for one request, server and database, as a multiple of ours."""
        return ratio(self.theirs.cpu_us, self.ours.cpu_us)

    @property
    def tail_ratio(self) -> float:
        """The p99 of ours as a multiple of its p50."""
        return ratio(self.ours.p99_ms, self.ours.p50_ms)


@dataclass(frozen=True)
class Starts:
    """The starts of both sides on one database."""

    database: str
    processes: int
    ours: Ready
    theirs: Ready


@dataclass(frozen=True)
class Paired:
    """All figures of a paired run."""

    ours: str  # its commit, and whether files differ from it
    theirs: str
    starts: list[Starts]
    pairs: list[Pair]

    def figures(self) -> dict[str, Any]:
        """Return all figures, and the ratios of each row, for JSON."""
        found = asdict(self)
        for row, pair in zip(found["pairs"], self.pairs, strict=True):
            row |= {n: getattr(pair, n) for n in ("rate_ratio", "cpu_ratio", "tail_ratio")}
        return found


class Side:
    """One of the two servers, with its database."""

    def __init__(self, subject: Subject, o: argparse.Namespace) -> None:
        self._o = o
        self._subject = subject
        self._starts: list[Ready] = []
        self._organizations: list[str] = []
        self._sign_ins: SignIns | None = None

    def start(self, number: int) -> None:
        """Start on an empty database, once more on what that has made, and stay up."""
        server, postgresql = self._subject.server, self._subject.postgresql
        server.stop()
        if postgresql and number:
            postgresql.empty()
        folder = server.folder / f"start-{number}"
        folder.mkdir()
        server.environment["TENANTRY_DATA_DIR"] = str(folder)
        first = server.start()
        server.stop()
        again = server.start()
        self._subject.settle()
        self._starts.append(Ready(first, again, usage(server.pid).memory))

    def started(self) -> Ready:
        """Return the medians of all starts."""
        names = asdict(self._starts[0])
        return Ready(**{n: statistics.median(getattr(s, n) for s in self._starts) for n in names})

    def fill(self, ops: Iterable[str]) -> None:
        """Make what the rows ask for."""
        self._organizations = self._subject.server.seed(self._o.organizations)
        if SIGN_IN_CALLS.keys() & set(ops):
            self._sign_ins = SignIns(self._subject.server, self._o.connections)
        if self._subject.postgresql:
            self._subject.postgresql.settle()
        self._subject.settle()

    def send(self, op: str) -> tuple[Row, float]:
        """Measure a row; return it with the processor time a request that came after it."""
        targets = self._organizations
        if op in SIGN_IN_CALLS:
            assert self._sign_ins is not None
            targets = self._sign_ins.targets(op)
        self._subject.ids.write_text("\n".join(targets))
        row = send(OPS[op], self._subject, self._o)
        return row, self._subject.settle() / max(row.load["requests"], 1) * 1e6


def measure_against(o: argparse.Namespace) -> Paired:
    """Measure this tree and another commit in turn."""
    commit = resolve(o.against)
    program = program_of(commit)
    starts, pairs = [], []
    for database, processes in setups(o):
        with ExitStack() as stack:
            sides = []
            for one in (OURS, program):
                place = prepared(o, database, program=one, workers=processes)
                subject = stack.enter_context(place)
                subject.server.environment |= SETTINGS
                sides.append(Side(subject, o))
            name = f"{database}, processes: {processes}"
            say(f"{name}: starting")
            for number in range(o.starts):
                for side in _in_turn(sides, number):
                    side.start(number)
            say(f"{name}: filling")
            for side in sides:
                side.fill(o.ops)
            ready = [side.started() for side in sides]
            starts.append(Starts(database, processes, *ready))
            pairs += [_pair(op, sides, o.rounds, database, processes) for op in o.ops]
    return Paired(described(), commit, starts, pairs)


def setups(o: argparse.Namespace) -> list[tuple[str, int]]:
    """Return the databases and numbers of processes that the options ask for."""
    return [
        (database, processes)
        for database, processes in SETUPS
        if o.only in (None, database) and o.workers in (None, processes)
    ]


def _pair(op: str, sides: list[Side], rounds: int, database: str, processes: int) -> Pair:
    found: dict[Side, list[tuple[Row, float]]] = {side: [] for side in sides}
    for number in range(rounds):
        say(f"{database}, processes: {processes}: {op}, round {number + 1} of {rounds}")
        for side in _in_turn(sides, number):
            found[side].append(side.send(op))
    ours, theirs = (Measured.of(found[side]) for side in sides)
    pair = Pair(database, processes, op, ours, theirs)
    say(f"{database}, {op}: {pair.rate_ratio:.2f} × req/s, {pair.cpu_ratio:.2f} × cpu")
    return pair


def _in_turn(sides: list[Side], number: int) -> list[Side]:
    return sides if number % 2 == 0 else sides[::-1]
