"""Each measurement of one server: starts it, fills it, sends it requests, returns its rows."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rows import Row, Start, Subject, ratio, say, send
from serving import OURS, Program, Server, usage

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from postgresql import Floor

DATABASES = ("sqlite", "postgresql")
# Each operation with the script of its floor. Creating comes last: it makes the lists longer.
OPS = {"get": "get", "list": "list", "patch": "patch", "grpc-patch": "patch", "create": "create"}


@contextmanager
def prepared(
    o: argparse.Namespace,
    database: str = "postgresql",
    *,
    program: Program = OURS,
    workers: int | None = None,
) -> Iterator[Subject]:
    """Yield a server that is not started yet, on a database of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-")))
        postgresql = None
        if database == "postgresql":
            from postgresql import PostgreSQL

            postgresql = stack.enter_context(PostgreSQL(folder))
        url = postgresql.url if postgresql else ""
        server = Server(folder, url, workers=workers or o.workers, tls=o.tls, program=program)
        stack.callback(server.stop)
        yield Subject(database, server, postgresql, folder / "targets")


def measure(
    database: str,
    o: argparse.Namespace,
    rows: list[Row],
    starts: list[Start],
    about: dict[str, Any],
) -> None:
    """Measure every operation on one database, each beside its floor."""
    with prepared(o, database) as subject:
        server, postgresql = subject.server, subject.postgresql
        if postgresql:
            about["postgresql"] = postgresql.settings()
        say(f"{database}: starting, creating {o.organizations} organizations")
        first = server.start()
        subject.ids.write_text("\n".join(server.seed(o.organizations)))
        server.stop()
        if postgresql and o.floor:
            postgresql.copy_for_floor()
        again = server.start()
        subject.settle()
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

    found: list[list[Row]] = []
    for users in (FEW, o.people):
        with prepared(o) as subject:
            assert subject.postgresql is not None
            subject.server.start()
            people = People(subject.server, users)
            say(f"people: importing {users}")
            loaded = people.load()
            say(
                f"people: {loaded.rows} rows in {loaded.seconds:.1f} s, {loaded.rate:,.0f} a second"
            )
            about.setdefault("imports", []).append(asdict(loaded))
            subject.postgresql.settle()
            # One at a time where an answer is megabytes: 32 of them would only wait in line.
            alone = {HEAVY_CALL: 1}
            named = replace(subject, database=f"{users} users")
            found.append(list(_calls("people", CALLS, people.targets, named, o, connections=alone)))
    return list(zip(*found, strict=True))


def measure_events(o: argparse.Namespace, about: dict[str, Any]) -> list[tuple[Row, Row]]:
    """Measure lists of events, each on few and on many."""
    from events import CALLS, FEW, Events

    found: list[list[Row]] = []
    for count in (FEW, o.events):
        with prepared(o) as subject:
            assert subject.postgresql is not None
            subject.server.start()
            events = Events(subject.server, subject.postgresql, count)
            say(f"events: writing {count}")
            about.setdefault("fills", []).append(asdict(events.fill()))
            named = replace(subject, database=f"{count} events")
            calls = dict.fromkeys(CALLS, "post")
            found.append(list(_calls("events", calls, events.targets, named, o)))
    return list(zip(*found, strict=True))


def measure_callers(o: argparse.Namespace) -> list[Row]:
    """Measure tokens, introspection and validation."""
    from callers import CALLS, Callers

    with prepared(o) as subject:
        subject.server.start()
        say(f"callers: making {o.callers} clients and API tokens")
        callers = Callers(subject.server, o.callers)
        return list(_calls("callers", dict.fromkeys(CALLS, "post"), callers.targets, subject, o))


def measure_sign_ins(o: argparse.Namespace) -> list[Row]:
    """Measure refreshes, and authorizations in sessions that are there."""
    from sign_ins import CALLS, IDLE, SETTINGS, SignIns

    rows = []
    with prepared(o) as subject:
        assert subject.postgresql is not None
        subject.server.environment |= SETTINGS
        for settings, calls in (({}, CALLS), (IDLE, {"refresh, idle limit": "refresh"})):
            subject.server.stop()
            subject.server.environment |= settings
            subject.server.start()
            say(f"sign-ins: making {o.sign_ins} people and their sessions")
            sign_ins = SignIns(subject.server, o.sign_ins)
            subject.postgresql.settle()
            rows += _calls("sign-ins", calls, sign_ins.targets, subject, o)
    return rows


def measure_passwords(o: argparse.Namespace) -> dict[str, float]:
    """Measure sign-ins by password, and other calls beside them."""
    import passwords

    say("passwords: the bound")
    known, bound = asyncio.run(passwords.bound(o.seconds))
    with prepared(o) as subject:
        subject.server.environment["TENANTRY_SIGN_IN_METHODS"] = "email,password"
        subject.server.start()
        say(f"passwords: making {o.passwords} people")
        people = passwords.SignIns(subject.server, o.passwords, known)
        say("passwords: sign-ins")
        return asdict(asyncio.run(people.measure(o.seconds, bound)))


def measure_domains(o: argparse.Namespace) -> list[Row]:
    """Measure discovery among many domains."""
    from discovery import CALLS, Discovery

    with prepared(o) as subject:
        assert subject.postgresql is not None
        subject.server.start()
        say(f"domains: writing {o.domains}")
        discovery = Discovery(subject.server, subject.postgresql, o.domains)
        discovery.fill()
        return list(_calls("domains", CALLS, discovery.targets, subject, o))


def measure_scim(o: argparse.Namespace) -> list[Row]:
    """Measure requests of identity providers, in a directory of few people and of many."""
    from directories import CALLS, ONE_GROUP, Directories

    with prepared(o) as subject:
        assert subject.postgresql is not None
        subject.server.start()
        say(f"scim: writing {o.scim} people, and a group of {min(o.scim, 50_000)}")
        made = Directories(subject.server, subject.postgresql, o.scim, o.connections)
        made.fill()
        pushing = replace(subject, token=made.token)
        calls = dict.fromkeys(CALLS, "send")
        # One at a time where all would wait for one group.
        alone = {ONE_GROUP: 1}
        return list(_calls("scim", calls, made.targets, pushing, o, connections=alone))


def measure_sso(o: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure sign-ins by providers, and other calls beside them."""
    import sso

    found = []
    with prepared(o) as subject:
        assert subject.postgresql is not None
        postgresql = subject.postgresql
        # An OpenID Provider of the bench is on this machine.
        subject.server.environment |= {"TENANTRY_OUTGOING_ALLOW": "127.0.0.0/8"}
        subject.server.start()
        single_sign_on = sso.SingleSignOn(subject.server)
        for kind in sso.PROVIDERS:
            say(f"sso: {kind.name}")
            measured = single_sign_on.measure(kind(), o.sso, lambda: postgresql.usage().cpu)
            found.append(asdict(asyncio.run(measured)))
    return found


def measure_webhooks(o: argparse.Namespace, about: dict[str, Any]) -> list[Row]:
    """Measure deliveries, and the write path without endpoints and with them, in turn."""
    from webhooks import ENDPOINTS, Webhooks

    numbers = (0, ENDPOINTS) * o.rounds
    alone, beside, paced = [], [], []
    with prepared(o) as subject:
        assert subject.postgresql is not None
        server, postgresql = subject.server, subject.postgresql
        webhooks = Webhooks(server)
        server.start()
        say(f"webhooks: delivering {o.webhooks} events to {ENDPOINTS} endpoints")
        figures = webhooks.measure(o.webhooks, lambda: postgresql.usage().cpu)
        organizations = server.seed(o.connections)
        subject.ids.write_text("\n".join(organizations))
        for number in numbers:
            webhooks.subscribe(number)
            alone.append(_write(f"patch, {number} endpoints", subject, o))
        for number in numbers:
            webhooks.catch_up()
            with webhooks.beside(number):
                beside.append(_write(f"patch, {number} endpoints, worker", subject, o))
        webhooks.catch_up()
        for number in numbers:
            say(f"webhooks: writing at a pace with {number} endpoints")
            paced.append(webhooks.paced(number, organizations[0]))
    about["webhooks"] = {
        **asdict(figures),
        "writes_left": _second_of_first([row.load["rps"] for row in alone]),
        "writes_left_beside_worker": _second_of_first([row.load["rps"] for row in beside]),
        "wait_at_a_pace": _second_of_first([one.p50_ms for one in paced]),
        "paced": [asdict(one) for one in paced],
    }
    return alone + beside


def _write(name: str, subject: Subject, o: argparse.Namespace) -> Row:
    say(f"webhooks: {name}")
    row = send("patch", subject, o)
    row.load["op"] = name
    return row


def _second_of_first(figures: list[float]) -> float:
    """Return the median of every second figure as a multiple of that of the others."""
    return ratio(statistics.median(figures[1::2]), statistics.median(figures[::2]))


def _calls(
    of: str,
    calls: Mapping[str, str],
    targets: Callable[[str], Iterable[str]],
    subject: Subject,
    o: argparse.Namespace,
    *,
    connections: Mapping[str, int] | None = None,
) -> Iterator[Row]:
    """Send each call by its operation, to its own targets; the row has the call's name."""
    for call, op in calls.items():
        say(f"{of}: {call}")
        subject.ids.write_text("\n".join(targets(call)))
        row = send(op, subject, o, connections=(connections or {}).get(call))
        row.load["op"] = call
        yield row
