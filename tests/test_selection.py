"""Which cases `make test` runs, of those that differ by a way or by what a marker names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import selection


def case(name, *markers: Any, **params: Any):
    """A case as pytest has it, with its parameters as they stand in its name."""
    id_ = f"[{'-'.join(map(str, params.values()))}]" if params else ""
    marks = [marker.mark for marker in markers]
    return SimpleNamespace(
        nodeid=f"tests/room/test_room.py::{name}{id_}",
        callspec=SimpleNamespace(params=params),
        iter_markers=lambda name: (mark for mark in marks if mark.name == name),
        get_closest_marker=lambda name: next((mark for mark in marks if mark.name == name), None),
    )


def selected(items):
    return [item.callspec.params for item in selection.selected(items)]


def test_a_case_runs_on_one_database_over_one_usual_wire():
    ways = [
        {"database": database, "wire": wire}
        for database in selection.DATABASES
        for wire in selection.WIRES
    ]
    (chosen,) = selected(case("test_x", **way) for way in ways)
    assert chosen["wire"] in {"rest", "grpc"}
    assert [chosen] == selected(case("test_x", **way) for way in reversed(ways))


def test_cases_of_different_values_run_all():
    assert len(selected(case("test_x", database="sqlite", number=n) for n in range(5))) == 5


@pytest.mark.parametrize("names", [("go", "node"), ("node", "go")])
def test_of_what_a_marker_names_a_case_meets_one(names):
    marker = pytest.mark.one_of(*names)
    items = [
        case("test_x", marker, language=language, step=step, database=database)
        for language in ("go", "node")
        for step in range(20)
        for database in selection.DATABASES
    ]
    found = selected(items)
    assert [one["step"] for one in found] == list(range(20))
    assert {one["language"] for one in found} == {"go", "node"}
    assert {one["database"] for one in found} == set(selection.DATABASES)


def test_a_name_counts_as_a_whole_part_alone():
    marker = pytest.mark.one_of("go", "node")
    others = [case("test_x", marker, language=one) for one in ("golang", "go2", "django")]
    assert len(selected(others)) == 3


def test_what_is_thorough_does_not_run_and_what_is_everywhere_does():
    ways = [{"database": database, "wire": "rest"} for database in selection.DATABASES]
    assert selected(case("test_x", pytest.mark.thorough, **way) for way in ways) == []
    assert selected(case("test_x", pytest.mark.everywhere, **way) for way in ways) == ways
