"""`make bench` measures another commit beside this tree."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from doc_programs import need, run
from repository import ROOT

if TYPE_CHECKING:
    import subprocess


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, ROOT / "bench" / "run.py", *options, cwd=ROOT)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--against", "no-such-commit"), "no-such-commit is no commit of this repository"),
        (("--against", "HEAD", "--workers", "3"), "a paired run has SQLite with one process"),
        (("--against", "HEAD", "--rounds", "0"), "needs an organization for each connection"),
        (("--ops", "refresh"), "only a paired run measures refresh"),
    ],
)
def test_says_what_it_cannot_measure(options, said):
    need("go", "git")
    done = bench(*options)
    assert done.returncode
    assert said in done.stderr


@pytest.mark.thorough
def test_both_sides_answer_every_request(tmp_path):
    need("go", "git")
    output = tmp_path / "found.json"
    rows = ("get", "create member", "refresh")
    done = bench(
        *("--against", "HEAD", "--quick", "--only", "sqlite", "--ops", *rows),
        *("--seconds", "1", "--rounds", "1", "--organizations", "32", "--output", str(output)),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    assert {pair["op"] for pair in found["pairs"]} == set(rows)
    for pair in found["pairs"]:
        for side in (pair["ours"], pair["theirs"]):
            assert side["errors"] == 0
            assert side["rps"] > 0
            assert side["server_us"] > 0
        assert pair["rate_ratio"] == pytest.approx(pair["ours"]["rps"] / pair["theirs"]["rps"])
        assert f"| {pair['op']} " in done.stdout
    assert found["theirs"] in found["ours"]  # the same commit, here with changes or without
    [start] = found["starts"]
    assert start["ours"]["first_seconds"] > 0
