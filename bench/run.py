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
  (migrations, keys, certificate), and of a later one; MB of the later one, once it is quiet.

A connection changes organizations of its own, so no two requests change one row at once. Every
PATCH changes the display name, the external id and the metadata. Any request that fails makes
the run fail. All figures are written as JSON too.

``--people N`` also measures calls on users, on PostgreSQL: see people.py. ``--callers N`` measures
tokens of so many clients, also on PostgreSQL: see callers.py. ``--passwords N`` measures sign-ins
of so many people by password: see passwords.py. ``--sign-ins N`` measures refreshes
for so many people: see sign_ins.py. ``--events N`` measures lists of so many events: see events.py.

``--sso N`` measures so many sign-ins by each protocol of a provider: see sso.py. ``--domains N``
measures discovery among so many domains: see discovery.py. ``--scim N`` measures requests of
identity providers in a directory of so many people: see directories.py; for the first sync of one
see first_sync.py, a program of its own.

``--against COMMIT`` measures another commit beside this tree and prints ratios: see against.py. A
look at one row takes a minute: ``--against COMMIT --quick --only sqlite --ops patch``.
``--profile`` says where a PATCH spends its time: see profiling.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import against
import measures
import profiling
import tables
from rows import build_load

if TYPE_CHECKING:
    from rows import Row, Start

RESULTS = Path(__file__).parent / "results"
SINGLE, PAIRED = tuple(measures.OPS), tuple(against.OPS)
QUICK = {"seconds": 2, "warmup": 1, "rounds": 3, "starts": 1, "organizations": 200}


def main() -> None:
    """Run what the options ask for."""
    # Asked to end, it stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))
    o = options()
    build_load()
    about: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": {k: v for k, v in vars(o).items() if k != "output"},
        "machine": {
            "cores": os.cpu_count(),
            "load_average_before": os.getloadavg()[0],
            "python": platform.python_version(),
        },
    }
    kind = paired if o.against else profiled if o.profile else single
    failed = kind(o, about)
    o.output.parent.mkdir(parents=True, exist_ok=True)
    o.output.write_text(json.dumps(about, indent=2) + "\n")
    print(f"bench: all figures are in {os.path.relpath(o.output)}", file=sys.stderr)
    if failed:
        sys.exit(f"bench: {failed}")


def paired(o: argparse.Namespace, about: dict[str, Any]) -> str:
    """Measure another commit beside this tree; return what failed, "" for nothing."""
    found = against.measure_against(o)
    tables.print_paired(found)
    about |= found.figures()
    lost = [(pair, side) for pair in found.pairs for side in (pair.ours, pair.theirs)]
    return next(
        (f"{s.errors} requests failed ({p.database}, {p.op})" for p, s in lost if s.errors), ""
    )


def profiled(o: argparse.Namespace, about: dict[str, Any]) -> str:
    """Measure where a request spends its time; return what failed, "" for nothing."""
    about["profile"] = found = profiling.measure_profile(o)
    print(json.dumps(found, indent=2))
    return f"{found['errors']} requests failed" if found["errors"] else ""


def single(o: argparse.Namespace, about: dict[str, Any]) -> str:
    """Measure this tree; return what failed, "" for nothing."""
    rows: list[Row] = []
    starts: list[Start] = []
    if o.ops:
        for database in measures.DATABASES if o.only is None else (o.only,):
            measures.measure(database, o, rows, starts, about)
        tables.print_table(rows, starts)
    for count, measured in (
        (o.callers, measures.measure_callers),
        (o.sign_ins, measures.measure_sign_ins),
        (o.domains, measures.measure_domains),
        (o.scim, measures.measure_scim),
    ):
        if count:
            found = measured(o)
            tables.print_table(found, [])
            rows += found
    by_people(o, about)
    if o.webhooks:
        writes = measures.measure_webhooks(o, about)
        tables.print_table(writes, [])
        tables.print_webhooks(about["webhooks"])
        rows += writes
    for count, compared in (
        (o.people, measures.measure_people),
        (o.events, measures.measure_events),
    ):
        if count:
            pairs = compared(o, about)
            tables.print_people(pairs)
            rows += [row for pair in pairs for row in pair]
    about |= {"starts": [asdict(s) for s in starts], "rows": [asdict(r) for r in rows]}
    failed = next((row for row in rows if row.load["errors"]), None)
    if failed is None:
        return ""
    load = failed.load
    return (
        f"{load['errors']} requests failed ({failed.database}, {load['op']}): {load['first_error']}"
    )


def by_people(o: argparse.Namespace, about: dict[str, Any]) -> None:
    """Measure whole sign-ins, which are no rows: each is several requests."""
    if o.passwords:
        about["passwords"] = measures.measure_passwords(o)
        tables.print_passwords(about["passwords"])
    if o.sso:
        about["sso"] = measures.measure_sso(o)
        tables.print_sso(about["sso"])


def options() -> argparse.Namespace:
    """Read the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--only", choices=measures.DATABASES, help="one database (default: both)")
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
    p.add_argument(
        "--sso", type=int, default=0, metavar="SIGN-INS", help="also by providers (default: 0)"
    )
    p.add_argument(
        "--domains", type=int, default=0, metavar="DOMAINS", help="also discovery (default: 0)"
    )
    p.add_argument(
        "--scim", type=int, default=0, metavar="PEOPLE", help="also of directories (default: 0)"
    )
    p.add_argument("--profile", action="store_true", help="where a PATCH spends its time, alone")
    p.add_argument("--against", metavar="COMMIT", help="also this commit, in turn; print ratios")
    p.add_argument("--rounds", type=int, default=3, help="of rows in turn (default: 3)")
    p.add_argument("--starts", type=int, default=3, help="of a paired run (default: 3)")
    p.add_argument("--quick", action="store_true", help="short rows: a look, not a result")
    p.add_argument("--ops", nargs="*", choices=PAIRED, help="(default: all)")
    p.add_argument("--seconds", type=int, default=10, help="measured for each row (default: 10)")
    p.add_argument("--warmup", type=int, default=2, help="seconds before each row (default: 2)")
    p.add_argument("--organizations", type=int, default=1000, help="seeded (default: 1000)")
    p.add_argument("--connections", type=int, default=32, help="(default: 32)")
    p.add_argument(
        "--workers", type=int, help="TENANTRY_WORKERS (default: 1; of a paired run: 1, and 2)"
    )
    p.add_argument("--tls", action="store_true", help="send over TLS (default: cleartext)")
    p.add_argument("--no-floor", dest="floor", action="store_false", help="leave pgbench out")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    p.add_argument("--output", type=Path, default=RESULTS / f"{stamp}.json", help="JSON")
    o = p.parse_args()
    if o.quick:
        p.set_defaults(**QUICK)
        o = p.parse_args()
    known = PAIRED if o.against else SINGLE
    if o.ops is None:
        o.ops = known
    if o.organizations < o.connections or min(o.seconds, o.rounds, o.starts) < 1:
        p.error("needs an organization for each connection, and one second, round and start")
    if 0 < o.sso < 500:
        p.error("sign-ins by providers are 500 at least: people come from a browser they know")
    if unknown := set(o.ops) - set(known):
        p.error(f"only a paired run measures {', '.join(sorted(unknown))}")
    if o.against:
        if not against.setups(o):
            p.error("a paired run has SQLite with one process, PostgreSQL with one or two")
    elif o.workers is None:
        o.workers = 1
    o.ops = [op for op in known if op in o.ops]
    return o


if __name__ == "__main__":
    main()
