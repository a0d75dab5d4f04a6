"""Which cases `make test` runs, of those that differ by a way or by what a marker names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import selection


def case(
    name,
    *markers: Any,
    fixtures: tuple[str, ...] = (),
    folder: str = "tests/room",
    **params: Any,
):
    """A case as pytest has it, with its parameters as they stand in its name."""
    id_ = f"[{'-'.join(map(str, params.values()))}]" if params else ""
    marks = [marker.mark for marker in markers]
    return SimpleNamespace(
        nodeid=f"{folder}/test_room.py::{name}{id_}",
        callspec=SimpleNamespace(params=params),
        fixturenames=fixtures,
        iter_markers=lambda name: (mark for mark in marks if mark.name == name),
        get_closest_marker=lambda name: next((mark for mark in marks if mark.name == name), None),
    )


def selected(items):
    return [item.callspec.params for item in selection.selected(items)]


def test_a_case_runs_on_sqlite_over_rest():
    ways = [
        {"database": database, "wire": wire}
        for database in selection.DATABASES
        for wire in selection.WIRES
    ]
    (chosen,) = selected(case("test_x", **way) for way in reversed(ways))
    assert chosen == {"database": "sqlite", "wire": "rest"}


def test_a_case_of_one_database_or_wire_runs():
    way = {"server": "postgresql_app", "wire": "connect"}
    assert selected([case("test_x", **way)]) == [way]


def test_a_case_runs_over_each_wire_that_its_marker_names():
    ways = [{"database": "sqlite", "wire": wire} for wire in ("rest", "grpc")]
    marker = pytest.mark.wires("rest", "grpc")
    assert selected(case("test_x", marker, **way) for way in ways) == ways


def test_a_case_of_the_storage_suite_runs_on_each_database():
    ways = [{"database": database} for database in selection.DATABASES]
    fixtures = ("db", "database_url")
    assert selected(case("test_x", fixtures=fixtures, **way) for way in ways) == ways
    one = pytest.mark.one_database
    assert selected(case("test_x", one, fixtures=fixtures, **way) for way in ways) == ways[:1]


@pytest.mark.parametrize(
    ("folder", "numbers"), [("tests/storage/users", [0]), ("tests/storage/db", [0, 1, 2])]
)
def test_further_values_run_on_postgresql_if_the_file_is_about_the_database(folder, numbers):
    items = [
        case("test_x", fixtures=("database_url",), folder=folder, database=database, number=n)
        for n in range(3)
        for database in selection.DATABASES
    ]
    found = selected(items)
    assert [one["number"] for one in found if one["database"] == "sqlite"] == [0, 1, 2]
    assert [one["number"] for one in found if one["database"] == "postgresql"] == numbers


def test_values_of_postgresql_alone_run_all():
    fixtures = ("database_url",)
    items = [case("test_x", fixtures=fixtures, database="postgresql", number=n) for n in range(3)]
    assert len(selected(items)) == 3


def test_cases_of_different_values_run_all():
    assert len(selected(case("test_x", database="sqlite", number=n) for n in range(5))) == 5


@pytest.mark.parametrize("names", [("go", "node"), ("node", "go")])
def test_a_case_runs_with_the_first_name_of_its_marker(names):
    marker = pytest.mark.one_of(*names)
    items = [
        case("test_x", marker, language=language, step=step, database=database)
        for language in ("go", "node")
        for step in range(3)
        for database in selection.DATABASES
    ]
    assert selected(items) == [
        {"language": names[0], "step": step, "database": "sqlite"} for step in range(3)
    ]


def test_a_name_counts_as_a_whole_part_alone():
    marker = pytest.mark.one_of("go", "node")
    others = [case("test_x", marker, language=one) for one in ("golang", "go2", "django")]
    assert len(selected(others)) == 3


def test_what_is_thorough_does_not_run_and_what_is_everywhere_does():
    ways = [{"database": database, "wire": "rest"} for database in selection.DATABASES]
    assert selected(case("test_x", pytest.mark.thorough, **way) for way in ways) == []
    assert selected(case("test_x", pytest.mark.everywhere, **way) for way in ways) == ways
