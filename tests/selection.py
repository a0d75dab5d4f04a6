"""Which tests run: all of them by `make test-all`, and by `make test` those that decide.

Nearly every case exists on both databases, and those of the API over four wires as well. By
`make test` each runs in one of these ways, and the digest of its name says in which: every room
meets every database and the usual wires in each run, and always the same cases do. Cases whose
marker says that they are about the ways themselves run in more of them. Languages, clients or looks
of a page that a marker names (`one_of`) are ways as well: a case meets one.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATABASES = ("sqlite", "postgresql")
WIRES = ("rest", "connect", "grpc", "grpc-web")
# REST and gRPC share the least. Connect and gRPC-Web meet each rpc, and marked cases.
USUAL_WIRES = ("", "rest", "grpc")
# Plans of queries, order of commits, races: what one database does says nothing of the other.
ABOUT_DATABASES = re.compile(
    r"tests/(contract|db|event_log|health|restore)/|_(closure|concurrency|crash|plans|races)\.py"
)
# They take the longest, mostly waiting: started last, they would leave the other processes idle.
FIRST = re.compile(
    r"tests/(chaos|cli|conformance|openid_conformance|test_\w*(quickstarts|guides|surface)\b)"
)
# A database and a wire, "" where a case has none, and those that its marker names.
Way = tuple[str, ...]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run each test on each database over each wire, and what is marked thorough",
    )
    parser.addoption(
        "--parted",
        action="store_true",
        help="copy databases on PostgreSQL from one that is spread (tests/spreading.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Selection(config))
    for line in (
        "wires(*names): over these wires only, and over each of them",
        "everywhere: on each database, over each wire that it has",
        "thorough: by `make test-all` only",
        "one_of(*names): of cases whose ids differ by these names alone, one by `make test`",
        "one_database: on PostgreSQL by `make test-all` only",
        "either_database: on one by `make test`, in a room whose cases run on each",
    ):
        config.addinivalue_line("markers", line)


class Selection:
    """The cases left out of a run, and the line at its end that says so."""

    def __init__(self, config: pytest.Config) -> None:
        self._thorough = config.getoption("thorough")
        self._left_out = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out cases that only `--thorough` runs, and put long ones first."""
        refuse_sets(items)
        if not self._thorough:
            kept = set(selected(items))
            left_out = [item for item in items if item not in kept]
            config.hook.pytest_deselected(items=left_out)
            self._left_out = len(left_out)
            items[:] = [item for item in items if item in kept]
        items.sort(key=lambda item: FIRST.match(item.nodeid) is None)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the process that started this one."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = self._left_out

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        self._left_out = getattr(node, "workeroutput", {}).get("left_out", self._left_out)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left_out:
            terminalreporter.write_line(
                f"{self._left_out} more cases are run by `make test-all`: the same rules on the "
                "other database, over other wires, and long runs"
            )


def refuse_sets(items: Iterable[pytest.Item]) -> None:
    """Refuse cases out of a set: each process of a run would have them in an order of its own."""
    for item in items:
        for marker in item.iter_markers("parametrize"):
            if any(isinstance(given, set | frozenset) for given in marker.args):
                raise pytest.UsageError(f"{item.nodeid}: sort its set of cases")


def selected(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Of all tests, those that `make test` runs."""
    cases: dict[str, dict[Way, pytest.Item]] = defaultdict(dict)
    for item in items:
        way = way_of(item)
        if item.get_closest_marker("thorough"):
            continue
        if item.get_closest_marker("everywhere") or not any(way):
            yield item
            continue
        case = _in_an_id(_names(item)).sub("*", item.nodeid)
        if item.get_closest_marker("wires"):
            case += way[1]
        if ABOUT_DATABASES.search(case) and not item.get_closest_marker("either_database"):
            case += way[0]
        # A case that two parameters tell apart by the name of a database runs once for each.
        while way in cases[case]:
            case += "'"
        cases[case][way] = item
    for case, ways in cases.items():
        yield ways[chosen(case, ways)]


def way_of(item: pytest.Item) -> Way:
    """Return the database that a test runs on, the wire, and those names of its marker."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    named = {value for value in params.values() if isinstance(value, str)}
    database = next((name for name in DATABASES if name in named), "")
    names = _names(item)
    return (
        database,
        params.get("wire", ""),
        *(_in_an_id(names).findall(item.nodeid) if names else ()),
    )


def _names(item: pytest.Item) -> tuple[str, ...]:
    return tuple(name for marker in item.iter_markers("one_of") for name in marker.args)


@cache
def _in_an_id(names: tuple[str, ...]) -> re.Pattern[str]:
    """Finds databases, wires and these names where they are a part of an id of parameters."""
    longest_first = sorted((*DATABASES, *WIRES, *names), key=len, reverse=True)
    return re.compile(rf"(?<=[\[-])(?:{'|'.join(map(re.escape, longest_first))})(?=[]-])")


def chosen(case: str, ways: dict[Way, pytest.Item]) -> Way:
    """The way in which `make test` runs a case."""
    usual = [way for way in ways if way[1] in USUAL_WIRES]
    if any(item.get_closest_marker("one_database") for item in ways.values()):
        usual = [way for way in ways if way[0] != "postgresql"]
    among = sorted(usual or ways)
    return among[zlib.crc32(case.encode()) % len(among)]
