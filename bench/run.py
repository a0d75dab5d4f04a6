"""Measure a server: requests a second, waiting time, processor time, memory, start.

``python bench/run.py`` starts a server of its own on each database, fills it with organizations,
sends one kind of request at a time over 32 connections, and prints a table. How to read it:

- req/s, p50, p99: a closed loop, each connection sends its next request when it has the answer.
  With N connections, p50 is about N / (req/s): the waiting time of a server that is full.
- server µs: processor time of the server's processes (Envoy and Python) for one request. It is
  the steadiest figure: on a machine that is shared, req/s moves from run to run, this hardly does.
- db µs: the same for PostgreSQL's processes. SQLite runs inside the server and is in its figure.
- load µs: the same for the load generator. Load, server and database share the cores, so
  server + db + load µs is what one request costs this machine.
- others: share of the machine's processor time that went to none of these: other programs, other
  guests of the host, the kernel. A row with much of it says little about req/s and waiting times.
- MB: resident memory of the server's processes at the end of the row.
- floor/s, of floor: pgbench runs the statements of the same request (bench/pgbench) in the same
  run, without a server in between; `of floor` is how much of that rate the server reaches.
- start: seconds from exec to the first answer that needs the database: of the first start
  (migrations, keys, certificate), and of a later one.

A connection changes organizations of its own, so no two requests change one row at once. Every
PATCH changes the display name, the external id and the metadata. Any request that fails makes
the run fail. All figures are written as JSON too.

``--people N`` also measures calls on users, on PostgreSQL: see people.py. ``--callers N`` measures
tokens of so many clients, also on PostgreSQL: see callers.py. ``--passwords N`` measures sign-ins
of so many people by password: see passwords.py. ``--sign-ins N`` measures refreshes
for so many people: see sign_ins.py. ``--events N`` measures lists of so many events: see events.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from serving import Server, Usage, machine_cpu, usage

if TYPE_CHECKING:
    from postgresql import Floor, PostgreSQL

HERE = Path(__file__).parent
LOAD = HERE / "load" / "load"
DATABASES = ("sqlite", "postgresql")
# Each operation with the script of its floor. Creating comes last: it makes the lists longer.
OPS = {"get": "get", "list": "list", "patch": "patch", "grpc-patch": "patch", "create": "create"}


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


def main() -> None:
    """Run what the options ask for."""
    # Asked to end, it stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))
    o = options()
    build_load()
    rows: list[Row] = []
    starts: list[Start] = []
    about: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": {k: v for k, v in vars(o).items() if k != "output"},
        "machine": {
            "cores": os.cpu_count(),
            "load_average_before": os.getloadavg()[0],
            "python": platform.python_version(),
        },
    }
    if o.ops:
        for database in DATABASES if o.only is None else (o.only,):
            measure(database, o, rows, starts, about)
        print_table(rows, starts)
    for count, measured in ((o.callers, measure_callers), (o.sign_ins, measure_sign_ins)):
        if count:
            found = measured(o)
            print_table(found, [])
            rows += found
    if o.passwords:
        about["passwords"] = measure_passwords(o)
        print_passwords(about["passwords"])
    if o.webhooks:
        writes = measure_webhooks(o, about)
        print_table(writes, [])
        rows += writes
    for count, compared in ((o.people, measure_people), (o.events, measure_events)):
        if count:
            pairs = compared(o, about)
            print_people(pairs)
            rows += [row for pair in pairs for row in pair]
    results = {**about, "starts": [asdict(s) for s in starts], "rows": [asdict(r) for r in rows]}
    o.output.parent.mkdir(parents=True, exist_ok=True)
    o.output.write_text(json.dumps(results, indent=2) + "\n")
    if failed := next((row for row in rows if row.load["errors"]), None):
        sys.exit(
            f"bench: {failed.load['errors']} requests failed ({failed.database}, "
            f"{failed.load['op']}): {failed.load['first_error']}"
        )


def options() -> argparse.Namespace:
    """Read the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--only", choices=DATABASES, help="one database (default: both)")
    p.add_argument(
        "--people", type=int, default=0, metavar="USERS", help="also on so many users (default: 0)"
    )
    p.add_argument(
        "--callers", type=int, default=0, metavar="CLIENTS", help="also tokens (default: 0)"
    )
    p.add_argument(
        "--sign-ins", type=int, default=0, metavar="PEOPLE", help="also refreshes (default: 0)"
    )
    p.add_argument(
        "--passwords", type=int, default=0, metavar="PEOPLE", help="also sign-ins (default: 0)"
    )
    p.add_argument(
        "--events", type=int, default=0, metavar="EVENTS", help="also lists of them (default: 0)"
    )
    p.add_argument(
        "--webhooks", type=int, default=0, metavar="EVENTS", help="also deliveries (default: 0)"
    )
    p.add_argument("--ops", nargs="*", choices=OPS, default=list(OPS), help="(default: all)")
    p.add_argument("--seconds", type=int, default=10, help="measured for each row (default: 10)")
    p.add_argument("--warmup", type=int, default=2, help="seconds before each row (default: 2)")
    p.add_argument("--organizations", type=int, default=1000, help="seeded (default: 1000)")
    p.add_argument("--connections", type=int, default=32, help="(default: 32)")
    p.add_argument("--workers", type=int, default=1, help="TENANTRY_WORKERS (default: 1)")
    p.add_argument("--tls", action="store_true", help="send over TLS (default: cleartext)")
    p.add_argument("--no-floor", dest="floor", action="store_false", help="leave pgbench out")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    p.add_argument("--output", type=Path, default=HERE / "results" / f"{stamp}.json", help="JSON")
    o = p.parse_args()
    if o.organizations < o.connections or o.seconds < 1:
        p.error("needs at least one organization for each connection, and one second")
    o.ops = [op for op in OPS if op in o.ops]
    return o


def build_load() -> None:
    """Build the load generator, if it is not there as its source says."""
    go = shutil.which("go")
    if go is None:
        sys.exit("bench: needs Go to build bench/load")
    subprocess.run([go, "build", "-o", LOAD.name, "."], cwd=LOAD.parent, check=True)


@dataclass(frozen=True)
class Subject:
    """A running server with its database and the file of its organizations."""

    database: str
    server: Server
    postgresql: PostgreSQL | None
    ids: Path


class Sample:
    """The processor time of all processes up to one moment."""

    def __init__(self, of: Subject) -> None:
        self.time = time.perf_counter()
        self.machine = machine_cpu()
        self.server = usage(of.server.pid)
        self.database = of.postgresql.usage() if of.postgresql else Usage(0, 0)


def measure(
    database: str,
    o: argparse.Namespace,
    rows: list[Row],
    starts: list[Start],
    about: dict[str, Any],
) -> None:
    """Measure every operation on one database, each beside its floor."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-")))
        postgresql = None
        if database == "postgresql":
            from postgresql import PostgreSQL

            postgresql = stack.enter_context(PostgreSQL(folder))
            about["postgresql"] = postgresql.settings()
        url = postgresql.url if postgresql else ""
        server = Server(folder, url, workers=o.workers, tls=o.tls)
        stack.callback(server.stop)
        say(f"{database}: starting, creating {o.organizations} organizations")
        first = server.start()
        subject = Subject(database, server, postgresql, folder / "ids")
        subject.ids.write_text("\n".join(server.seed(o.organizations)))
        server.stop()
        if postgresql and o.floor:
            postgresql.copy_for_floor()
        again = server.start()
        starts.append(Start(database, first, again, usage(server.pid).memory))
        floors: dict[str, Floor] = {}
        for op in o.ops:
            say(f"{database}: {op}")
            script = OPS[op]
            if postgresql and o.floor and script not in floors:
                floors[script] = postgresql.floor(
                    script,
                    organizations=o.organizations,
                    clients=o.connections,
                    seconds=o.seconds,
                    warmup=o.warmup,
                )
            rows.append(send(op, subject, o, floors.get(script)))


def measure_people(o: argparse.Namespace, about: dict[str, Any]) -> list[tuple[Row, Row]]:
    """Measure calls on users, each on few and on many."""
    from people import CALLS, FEW, HEAVY_CALL, People
    from postgresql import PostgreSQL

    found: list[list[Row]] = []
    for users in (FEW, o.people):
        with ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-"))
            )
            postgresql = stack.enter_context(PostgreSQL(folder))
            server = Server(folder, postgresql.url, workers=o.workers, tls=o.tls)
            stack.callback(server.stop)
            server.start()
            people = People(server, users)
            say(f"people: importing {users}")
            loaded = people.load()
            say(
                f"people: {loaded.rows} rows in {loaded.seconds:.1f} s, {loaded.rate:,.0f} a second"
            )
            about.setdefault("imports", []).append(asdict(loaded))
            postgresql.settle()
            subject = Subject(f"{users} users", server, postgresql, folder / "targets")
            rows = []
            for call, op in CALLS.items():
                say(f"people: {call}")
                subject.ids.write_text("\n".join(people.targets(call)))
                # One at a time where an answer is megabytes: 32 of them would only wait in line.
                connections = 1 if call == HEAVY_CALL else o.connections
                rows.append(send(op, subject, o, None, connections=connections))
                rows[-1].load["op"] = call
            found.append(rows)
    return list(zip(*found, strict=True))


def measure_events(o: argparse.Namespace, about: dict[str, Any]) -> list[tuple[Row, Row]]:
    """Measure lists of events, each on few and on many."""
    from events import CALLS, FEW, Events
    from postgresql import PostgreSQL

    found: list[list[Row]] = []
    for count in (FEW, o.events):
        with ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-"))
            )
            postgresql = stack.enter_context(PostgreSQL(folder))
            server = Server(folder, postgresql.url, workers=o.workers, tls=o.tls)
            stack.callback(server.stop)
            server.start()
            events = Events(server, postgresql, count)
            say(f"events: writing {count}")
            about.setdefault("fills", []).append(asdict(events.fill()))
            subject = Subject(f"{count} events", server, postgresql, folder / "targets")
            rows = []
            for call in CALLS:
                say(f"events: {call}")
                subject.ids.write_text("\n".join(events.targets(call)))
                rows.append(send("post", subject, o, None))
                rows[-1].load["op"] = call
            found.append(rows)
    return list(zip(*found, strict=True))


def measure_callers(o: argparse.Namespace) -> list[Row]:
    """Measure tokens, introspection and validation."""
    from callers import CALLS, Callers
    from postgresql import PostgreSQL

    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-")))
        postgresql = stack.enter_context(PostgreSQL(folder))
        server = Server(folder, postgresql.url, workers=o.workers, tls=o.tls)
        stack.callback(server.stop)
        server.start()
        say(f"callers: making {o.callers} clients and API tokens")
        callers = Callers(server, o.callers)
        subject = Subject("postgresql", server, postgresql, folder / "targets")
        for call in CALLS:
            say(f"callers: {call}")
            subject.ids.write_text("\n".join(callers.targets(call)))
            rows.append(send("post", subject, o, None))
            rows[-1].load["op"] = call
    return rows


def measure_sign_ins(o: argparse.Namespace) -> list[Row]:
    """Measure refreshes, and authorizations in sessions that are there."""
    from postgresql import PostgreSQL
    from sign_ins import CALLS, SignIns

    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-")))
        postgresql = stack.enter_context(PostgreSQL(folder))
        server = Server(folder, postgresql.url, workers=o.workers, tls=o.tls)
        stack.callback(server.stop)
        server.start()
        say(f"sign-ins: making {o.sign_ins} people and their sessions")
        sign_ins = SignIns(server, o.sign_ins)
        postgresql.settle()
        subject = Subject("postgresql", server, postgresql, folder / "targets")
        for call, op in CALLS.items():
            say(f"sign-ins: {call}")
            subject.ids.write_text("\n".join(sign_ins.targets(call)))
            rows.append(send(op, subject, o, None))
            rows[-1].load["op"] = call
    return rows


def measure_passwords(o: argparse.Namespace) -> dict[str, float]:
    """Measure sign-ins by password, and other calls beside them."""
    import passwords
    from postgresql import PostgreSQL

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-")))
        postgresql = stack.enter_context(PostgreSQL(folder))
        say("passwords: the bound")
        known, bound = asyncio.run(passwords.bound(o.seconds))
        server = Server(folder, postgresql.url, workers=o.workers, tls=o.tls)
        server.environment["TENANTRY_SIGN_IN_METHODS"] = "email,password"
        stack.callback(server.stop)
        server.start()
        say(f"passwords: making {o.passwords} people")
        people = passwords.SignIns(server, o.passwords, known)
        say("passwords: sign-ins")
        return asdict(asyncio.run(people.measure(o.seconds, bound)))


def print_passwords(found: dict[str, float]) -> None:
    """Print what sign-ins by password reach, and what other calls wait beside them."""
    table = Table(box=box.SIMPLE)
    for name in found:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row(
        *(f"{value:.1%}" if n == "of_bound" else f"{value:.1f}" for n, value in found.items())
    )
    Console(width=160).print(table)


def measure_webhooks(o: argparse.Namespace, about: dict[str, Any]) -> list[Row]:
    """Measure deliveries, and the write path without endpoints and with them, in turn."""
    from postgresql import PostgreSQL
    from webhooks import ENDPOINTS, Webhooks

    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-")))
        postgresql = stack.enter_context(PostgreSQL(folder))
        server = Server(folder, postgresql.url, workers=o.workers, tls=o.tls)
        webhooks = Webhooks(server)
        stack.callback(server.stop)
        server.start()
        say(f"webhooks: delivering {o.webhooks} events to {ENDPOINTS} endpoints")
        figures = webhooks.measure(o.webhooks, lambda: postgresql.usage().cpu)
        organizations = server.seed(o.connections)
        paced = []
        subject = Subject("postgresql", server, postgresql, folder / "targets")
        subject.ids.write_text("\n".join(organizations))
        for endpoints in (0, ENDPOINTS) * 2:
            say(f"webhooks: writing with {endpoints} endpoints")
            webhooks.subscribe(endpoints)
            rows.append(send("patch", subject, o, None))
            rows[-1].load["op"] = f"patch, {endpoints} endpoints"
        webhooks.catch_up()
        for endpoints in (0, ENDPOINTS) * 2:
            say(f"webhooks: writing at a pace with {endpoints} endpoints")
            paced.append(webhooks.paced(endpoints, organizations[0]))
    about["webhooks"] = {**asdict(figures), "paced": [asdict(one) for one in paced]}
    for found in (figures, *paced):
        Console(width=200).print(found)
    return rows


def send(
    op: str,
    to: Subject,
    o: argparse.Namespace,
    floor: Floor | None,
    *,
    connections: int | None = None,
) -> Row:
    """Send one kind of request and count what it cost from the end of the warm-up on."""
    server = to.server
    with subprocess.Popen(
        [
            *(LOAD, f"-url={server.url}", f"-op={op}", f"-token={server.token()}"),
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
    if server.process is None or server.process.poll() is not None:
        sys.exit(f"bench: the server ended during {op}\n{server.last_words()}")
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


def print_people(pairs: list[tuple[Row, Row]]) -> None:
    """Print each call on few users, or events, and on many."""
    table = Table(box=box.MARKDOWN)
    table.add_column("call")
    names = [f"{name} of {row.database}" for row in pairs[0] for name in ("req/s", "p50", "p99")]
    for name in (*names, "server µs", "db µs", "p99 ratio", "errors"):
        table.add_column(name, justify="right")
    for few, many in pairs:
        cells = [
            cell
            for row in (few, many)
            for cell in (
                f"{row.load['rps']:,.0f}",
                f"{row.load['p50_ms']:.1f}",
                f"{row.load['p99_ms']:.1f}",
            )
        ]
        table.add_row(
            many.load["op"],
            *cells,
            f"{many.server_cpu_us:,.0f}",
            f"{many.database_cpu_us:,.0f}",
            f"{many.load['p99_ms'] / few.load['p99_ms']:.2f}",
            str(few.load["errors"] + many.load["errors"]),
        )
    Console(width=200).print(table)


def say(text: str) -> None:
    """Tell of the progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def print_table(rows: list[Row], starts: list[Start]) -> None:
    """Print the results as a table that Markdown takes as it is."""
    table = Table(box=box.MARKDOWN)
    for name in ("database", "operation"):
        table.add_column(name)
    for name in (
        *("req/s", "p50 ms", "p99 ms", "server µs", "db µs", "load µs", "others", "MB"),
        *("floor/s", "floor p50", "floor db µs", "floor others", "of floor", "errors"),
    ):
        table.add_column(name, justify="right")
    for row in rows:
        load, floor = row.load, row.floor
        table.add_row(
            row.database,
            load["op"],
            f"{load['rps']:,.0f}",
            f"{load['p50_ms']:.1f}",
            f"{load['p99_ms']:.1f}",
            f"{row.server_cpu_us:,.0f}",
            "" if row.database_cpu_us is None else f"{row.database_cpu_us:,.0f}",
            f"{load['load_cpu_us']:.0f}",
            f"{row.others_cpu:.0%}",
            f"{row.memory_mb:.0f}",
            *(
                (
                    f"{floor.rps:,.0f}",
                    f"{floor.p50_ms:.1f}",
                    f"{floor.database_cpu_us:,.0f}",
                    f"{floor.others_cpu:.0%}",
                    f"{load['rps'] / floor.rps:.2f}",
                )
                if floor
                else ("", "", "", "", "")
            ),
            str(load["errors"]),
        )
    console = Console(width=200)
    console.print(table)
    for start in starts:
        console.print(
            f"start on {start.database}: {start.first_seconds:.2f} s the first time, "
            f"{start.again_seconds:.2f} s after; {start.memory_mb:.0f} MB",
            highlight=False,
        )


if __name__ == "__main__":
    main()
