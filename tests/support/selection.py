"""The cases that `make test` runs; `make test-all` runs all of them.

A case of the storage suite runs on both databases. On PostgreSQL only the first parameters of a
function run, unless its file is about the database itself. A case of the API runs on SQLite over
REST; a marker names other wires, or all of them. A case whose marker lists languages, clients or
looks (`one_of`) runs in the first of these.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATABASES = ("sqlite", "postgresql")
WIRES = ("rest", "grpc", "connect", "grpc-web")
# Plans of queries, order of commits, races: each database has its own. Cases that open a database
# themselves (`database_url`) are of the storage suite, too.
STORAGE = re.compile(
    r"tests/(contract|storage)/|tests/\w+/(db|restore)/|_(closure|concurrency|crash|plans|races)\.py"
)
# In other files of the storage suite, PostgreSQL runs one case of each function: further parameters
# test a rule, which SQLite runs too.
EACH_VALUE = re.compile(
    r"tests/(chaos|contract)/|tests/\w+/(db|locks|restore)/"
    r"|_(closure|concurrency|crash|plans|races|restarts)\.py"
)
# The longest, which mostly wait: started last, they would leave the other processes idle.
FIRST = re.compile(
    r"tests/(chaos|conformance|protocols/cli)/|\w+/test_\w*(quickstarts|guides|surface)\b"
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
        help="copy databases on PostgreSQL from one that is spread (spreading.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Selection(config))
    for line in (
        "wires(*names): over these wires only, and over each of them",
        "everywhere: on each database, over each wire that it has",
        "thorough: by `make test-all` only",
        "one_of(*names): of cases whose ids differ by these names alone, the first by `make test`",
        "one_database: on PostgreSQL by `make test-all` only",
        "process: against a server process, over TLS",
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
    on_sqlite: set[str] = set()
    for item in items:
        way = way_of(item)
        if item.get_closest_marker("thorough"):
            continue
        if item.get_closest_marker("everywhere") or not any(way):
            yield item
            continue
        case = _in_an_id(_names(item)).sub("*", item.nodeid)
        if way[0] == "sqlite":
            on_sqlite.add(case)
        if item.get_closest_marker("wires"):
            case += way[1]
        if _is_storage(item) and not item.get_closest_marker("one_database"):
            case += way[0]
        # A case that two parameters tell apart by the name of a database runs once for each.
        while way in cases[case]:
            case += "'"
        cases[case][way] = item
    chosen = (
        ways[min(ways, key=functools.partial(_rank, _names(next(iter(ways.values())))))]
        for ways in cases.values()
    )
    yield from _once_on_postgresql(chosen, on_sqlite)


def _once_on_postgresql(items: Iterable[pytest.Item], on_sqlite: set[str]) -> Iterator[pytest.Item]:
    """Of the cases of a function that run on SQLite as well, leave PostgreSQL the first."""
    functions: set[str] = set()
    for item in items:
        case = _in_an_id(_names(item)).sub("*", item.nodeid)
        if way_of(item)[0] == "postgresql" and case in on_sqlite:
            function = case.partition("[")[0]
            if function in functions and not EACH_VALUE.search(case):
                continue
            functions.add(function)
        yield item


def _rank(names: tuple[str, ...], way: Way) -> list[int]:
    order = ("", *DATABASES, *WIRES, *names)
    return [order.index(name) for name in way]


def _is_storage(item: pytest.Item) -> bool:
    return "database_url" in item.fixturenames or STORAGE.search(item.nodeid) is not None


def way_of(item: pytest.Item) -> Way:
    """Return the database that a test runs on, the wire, and those names of its marker."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    # `server` has "sqlite_app" or "sqlite_server".
    named = {value.partition("_")[0] for value in params.values() if isinstance(value, str)}
    database = next((name for name in DATABASES if name in named), "")
    names = _names(item)
    return (
        database,
        params.get("wire", ""),
        *(_in_an_id(names).findall(item.nodeid) if names else ()),
    )


def _names(item: pytest.Item) -> tuple[str, ...]:
    return tuple(name for marker in item.iter_markers("one_of") for name in marker.args)


@functools.cache
def _in_an_id(names: tuple[str, ...]) -> re.Pattern[str]:
    """Finds databases, wires and these names where they are a part of an id of parameters."""
    longest_first = sorted((*DATABASES, *WIRES, *names), key=len, reverse=True)
    return re.compile(rf"(?<=[\[-])(?:{'|'.join(map(re.escape, longest_first))})(?=[]-])")
