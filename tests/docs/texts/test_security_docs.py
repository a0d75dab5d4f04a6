"""The pages about security name tests that there are, and the standard's rows without a gap."""

from __future__ import annotations

import ast
import re

import pytest
from repository import ROOT

TESTS = ROOT / "tests"
PAGES = ["SECURITY.md", "docs/security.md", "docs/asvs.md"]
_NAMED = re.compile(r"`([\w/]+)::(test_\w+)`")
_ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
# Levels 1 and 2 of V6 to V10: of each section, which requirements.
_LEVEL_2 = {
    "6.1": [1, 2, 3],
    "6.2": [*range(1, 12)],
    "6.3": [1, 2, 3],
    "6.4": [1, 2, 3, 4],
    "6.5": [1, 2, 3, 4, 5],
    "6.6": [1, 2, 3],
    "6.8": [1, 2, 3],
    "7.1": [1, 2, 3],
    "7.2": [1, 2, 3, 4],
    "7.3": [1, 2],
    "7.4": [1, 2, 3, 4, 5],
    "7.5": [1, 2],
    "7.6": [1, 2],
    "8.1": [1, 2],
    "8.2": [1, 2, 3],
    "8.3": [1],
    "8.4": [1],
    "9.1": [1, 2, 3],
    "9.2": [1, 2, 3, 4],
    "10.1": [1, 2],
    "10.2": [1, 2],
    "10.3": [1, 2, 3, 4],
    "10.4": [*range(1, 12)],
    "10.5": [1, 2, 3, 4, 5],
    "10.6": [1, 2],
    "10.7": [1, 2, 3],
}


def names_in(file: str) -> set[str]:
    path = TESTS / f"{file}.py"
    if not path.is_file():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_is_there(page):
    named = _NAMED.findall((ROOT / page).read_text())
    assert named
    assert [f"{file}::{test}" for file, test in named if test not in names_in(file)] == []


def test_every_requirement_has_its_row():
    rows = [number for number, *_ in _ROW.findall((ROOT / "docs/asvs.md").read_text())]
    assert rows == [f"{section}.{n}" for section, numbers in _LEVEL_2.items() for n in numbers]


def test_no_row_is_without_a_test_or_a_reason():
    for number, _, stands, by in _ROW.findall((ROOT / "docs/asvs.md").read_text()):
        assert stands in {"met", "not applicable", "open"}, number
        assert stands != "met" or "::" in by or "](" in by or "`proto/`" in by, number
        assert len(by) >= len("As 6.8.1"), number


def test_every_attack_has_its_row():
    numbers = []
    for first, last in re.findall(
        r"^\| (\d+)(?:–(\d+))? \|", (ROOT / "docs/security.md").read_text(), re.MULTILINE
    ):
        numbers += range(int(first), int(last or first) + 1)
    assert numbers == [*range(1, 66)]
