"""Writes docs/compatibility.md: each operation and each method of the SDKs, served here or not.

docs/compatibility/ lists the published operations, the methods of the SDKs with the calls that each
makes, and where we differ on purpose. The rest comes from proto/ and the list of absent calls.

With --check nothing is written: the exit code says whether the file is current.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import pkgutil
import sys
import tomllib
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import tenantry.gen.scalekit.v1
from tenantry.api import methods
from tenantry.endpoints.grpc_rest import absent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PAGE = Path(__file__).resolve().parent.parent / "docs" / "compatibility.md"
FACTS = PAGE.with_suffix("")
# Prefix of RPC names, omitted in the files here.
PREFIX = "scalekit.v1."
# Endpoints called by SDKs that are not RPCs.
ENDPOINTS = (
    "GET /oauth/authorize",
    "POST /oauth/token?grant_type=authorization_code",
    "POST /oauth/token?grant_type=client_credentials",
    "POST /oauth/token?grant_type=refresh_token",
    "GET /keys",
    "GET /oidc/logout",
)
STATES = WORKS, DIFFERS, NOT_YET = "works", "**differs**", "**not\N{NO-BREAK SPACE}yet**"

_BEGINNING = """\
# Compatibility

<!-- Generated from the contract and docs/compatibility/ by `make gen`. Do not edit. -->

Tenantry implements the Scalekit API over gRPC, which the official SDKs use, gRPC-Web, Connect and
REST. This page lists all published operations and SDK methods, and whether they work with Tenantry.
"""
_AFTER_COUNTS = """\
Calls that work have the same RPCs, fields, numbers, rules and routes as the descriptors in the
official SDKs. A test compares them one by one. The test suite runs programs with the SDKs
(`tests/conformance/`) and the samples of the API reference against a server. Java programs run
only where Maven provides the SDK. SDK methods that do not call the server, such as webhook
signature verification, work unchanged.

Calls that are not supported fail with UNIMPLEMENTED, or status 501 over REST, and a message such as
"connected accounts are not in this version". The SDKs raise the corresponding error. The response
does not depend on the token, and none of the SDKs retries the call. Paths that are not in the
contract fail with "path not found" (404).

## Differences

These calls work, but differ from the published API. In addition, all REST calls reject unknown
fields and query parameters by name (400), so that typing errors are noticed.
"""
_OPERATIONS = """\
## REST operations

Published operations by service. The API reference of a running server, at `/docs`, describes the
fields, rules and errors of all operations that work, with samples.
"""
_METHODS = """\
## SDK methods

SDK methods by client. `connect` in the Python SDK is an older name of `actions`.
"""
_ABSENT = """\
## Unsupported calls

The descriptors in the SDKs contain calls that are neither published nor used by a method. They are
also supported, or fail as described above. This table lists all unsupported calls by feature. The
error message contains the feature, and the reason or alternative if there is one.
"""


@dataclass(frozen=True)
class Published:
    """One operation over REST, or one method of an SDK, with what it calls."""

    name: str
    calls: tuple[str, ...]  # rpcs, and verbs and paths where there is no rpc


@dataclass
class Facts:
    """The content of the page."""

    operations: list[Published]
    sdks: dict[str, dict[str, str]]
    methods: dict[str, list[Published]]
    differences: list[dict[str, str | list[str]]]
    routes: dict[str, set[str]] = field(default_factory=dict)  # of each rpc that is served
    absent: dict[str, absent.Absent] = field(default_factory=dict)  # by rpc, or verb and path

    def sentences(self, calls: Iterable[str]) -> list[str]:
        """The differences of the calls."""
        return [str(one["says"]) for one in self.differences if {*one["calls"]} & {*calls}]

    def missing(self, published: Published) -> absent.Absent | None:
        """The first of its calls that is not served, if any is not."""
        return next((self.absent[call] for call in published.calls if call in self.absent), None)

    def state(self, published: Published) -> str:
        """One of STATES."""
        if self.missing(published):
            return NOT_YET
        return DIFFERS if self.sentences(published.calls) else WORKS

    def row(self, published: Published) -> tuple[str, str]:
        """The row of a table: the state, and the name with its differences."""
        missing = self.missing(published)
        said = feature(missing) if missing else " ".join(self.sentences(published.calls))
        name = f"`{published.name}`"
        return self.state(published), f"{name}: {said}" if said else name


def main() -> int:
    """Writes, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/compatibility.md.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    text = "\n".join(page(read()))
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print("not current: docs/compatibility.md; run make gen", file=sys.stderr)
        return 1
    return 0


def read() -> Facts:
    """Reads the facts; exits with a message if they contradict each other."""
    told = tomllib.loads((FACTS / "differences.toml").read_text(encoding="utf-8"))
    facts = Facts(
        operations=[
            Published(f"{row['verb']} {row['path']}", (row["rpc"],)) for row in rows("operations")
        ],
        sdks=told["sdks"],
        methods={
            sdk: [Published(row["method"], listed(row["calls"])) for row in found]
            for sdk, found in groupby(rows("sdk_methods"), lambda row: row["sdk"])
        },
        differences=told["differences"],
        routes=served(),
    )
    for call in absent.calls():
        name = call.path.removeprefix(f"/{PREFIX}") or f"{call.verb} {call.template}"
        facts.absent.setdefault(name, call)
        if name in facts.routes:
            sys.exit(f"{name} is served: take it out of absent.txt")
    check(facts)
    return facts


def check(facts: Facts) -> None:
    """Exits with a message if a call is neither served nor absent."""
    known = {*facts.routes, *facts.absent, *ENDPOINTS}
    everything = [*facts.operations, *(one for each in facts.methods.values() for one in each)]
    for published in everything:
        for call in published.calls:
            if call not in known:
                sys.exit(f"{published.name}: {call} is neither served nor in absent.txt")
    for operation in facts.operations:
        (rpc,) = operation.calls
        if rpc in facts.routes and operation.name not in facts.routes[rpc]:
            sys.exit(f"{operation.name} is no route of {rpc}")
    for difference in facts.differences:
        for call in difference["calls"]:
            if call not in facts.routes and call not in ENDPOINTS:
                sys.exit(f"{call} is listed as different, but is not served")


def served() -> dict[str, set[str]]:
    """The routes of each rpc of the contract that is served, by its name."""
    package = tenantry.gen.scalekit.v1
    found = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("_pb"):
            continue
        for service in importlib.import_module(module.name).desc().services:
            for rpc in service.methods:
                name = f"{service.type_name}/{rpc.name}".removeprefix(PREFIX)
                routes = methods.bindings(rpc)
                found[name] = {f"{route.verb} {route.template}" for route in routes}
    return found


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of one of the files."""
    with (FACTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def listed(text: str) -> tuple[str, ...]:
    """The calls of a cell."""
    return tuple(filter(None, text.split("; ")))


def page(facts: Facts) -> Iterator[str]:
    """The lines of the page."""
    yield _BEGINNING
    yield from table(
        ("", "Works", "Differs", "Not yet", "Total"),
        counts(facts),
        right=4,
    )
    yield _AFTER_COUNTS
    yield from table(("Calls", "Difference"), differences(facts))
    yield _OPERATIONS
    for service, found in groupby(facts.operations, service_of):
        yield f"### {service}\n"
        yield from states(facts, "Operation", found)
    yield _METHODS
    for sdk, named in facts.sdks.items():
        yield f"### {named['name']}\n"
        yield f"`{named['package']}` {named['version']}.\n"
        yield from states(facts, "Method", facts.methods[sdk])
    yield _ABSENT
    yield from table(("Feature", "Calls", "Reason or alternative"), features(facts))


def counts(facts: Facts) -> Iterator[tuple[str, ...]]:
    """The rows of the table at the top."""
    yield count(facts, "Published REST operations", facts.operations)
    for sdk, named in facts.sdks.items():
        title = f"Methods of the {named['name']} SDK {named['version']}"
        yield count(facts, title, facts.methods[sdk])
    rpcs = [Published(name, (name,)) for name in (*facts.routes, *facts.absent) if "." in name]
    yield count(facts, "All RPCs of the contract", rpcs)


def count(facts: Facts, title: str, published: Sequence[Published]) -> tuple[str, ...]:
    """One row: the number of calls in each state, and the total."""
    found = [facts.state(one) for one in published]
    return (title, *(str(found.count(state)) for state in STATES), str(len(found)))


def differences(facts: Facts) -> Iterator[tuple[str, str]]:
    """The rows of the table of differences."""
    for one in facts.differences:
        calls = ", ".join(f"`{rpc_of(call)}`" for call in one["calls"])
        yield calls, str(one["says"])


def rpc_of(call: str) -> str:
    """The rpc's name; the whole call where there is no rpc."""
    return call if " " in call else call.rpartition("/")[2]


def states(facts: Facts, head: str, published: Iterable[Published]) -> Iterator[str]:
    """A table of operations or methods."""
    yield from table(("State", head), map(facts.row, published))


def features(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """The rows of absent calls, by feature."""
    for name, found in groupby(facts.absent.values(), lambda call: call.feature):
        calls = list(found)
        yield name, str(len(calls)), calls[0].reason


def service_of(operation: Published) -> str:
    """The service of an operation."""
    return operation.calls[0].partition("/")[0].rpartition(".")[2]


def feature(call: absent.Absent) -> str:
    """The feature of an absent call, with why."""
    return f"{call.feature}: {call.reason}" if call.reason else call.feature


def table(
    head: tuple[str, ...], found: Iterable[tuple[str, ...]], *, right: int = 0
) -> Iterator[str]:
    """The lines of a table; its last columns can be aligned to the right."""
    rule = ["---"] * (len(head) - right) + ["---:"] * right
    for row in (head, rule, *found):
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
