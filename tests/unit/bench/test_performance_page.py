"""docs/performance.md shows what its runs found, and its commands do what it says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import xml.etree.ElementTree as ET
from importlib import util

import pytest
from doc_programs import need, run
from repository import ROOT

PAGE = ROOT / "docs" / "performance.md"
SCRIPT = ROOT / "scripts" / "performance.py"
COMMANDS = re.findall(r'`make bench(?: BENCH="([^"]*)")?`', PAGE.read_text(encoding="utf-8"))
# The same commands with less of everything: of an option that is given twice, the last counts.
LESS = {
    "": "--ops get",
    "--against": "--only sqlite --ops get --rounds 1 --starts 1",
    "--profile": "",
    "--webhooks": "--webhooks 5 --rounds 1",
    "--passwords": "--passwords 2",
    "--people": "--people 1000",
    "--events": "--events 10000",
}
ALWAYS = "--seconds 1 --warmup 1 --organizations 32"


@pytest.fixture(scope="module")
def performance():
    spec = util.spec_from_file_location("performance", SCRIPT)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def profile():
    return {
        "server_us": 600.0,
        "database_us": 400.0,
        "programs": {"Linux": 10, "Envoy": 20, "Python": 70},
        "stages": {"Door": 3, "Rules <of> it": 1},
    }


def side(rate, **more: float):
    measured = {"server_us": 500.0, "database_us": 250.0, "p50_ms": 10.0, "p99_ms": 25.0}
    return {"rps": rate, "memory_mb": 150.0, **measured, **more}


def test_page_and_picture_are_those_of_the_runs():
    done = run(sys.executable, SCRIPT, "--check", cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_parts_of_a_request_are_the_whole(performance, profile):
    parts = performance.parts(profile)
    assert sum(us for *_, us in parts) == pytest.approx(1000)
    assert {name: us for _, name, us in parts}["Door"] == pytest.approx(600 * 0.7 * 0.75)


def test_the_picture_is_an_image_that_says_what_it_shows(performance, profile):
    drawn = ET.fromstring("\n".join(performance.picture(profile)))
    texts = ["".join(one.itertext()) for one in drawn.iter() if one.tag.endswith("text")]
    assert "Rules <of> it" in texts
    assert "One PATCH of an organization: 1,000 µs" in texts
    height = float(drawn.get("height"))
    assert all(0 < float(one.get("y")) < height for one in drawn.iter() if one.get("y"))


def test_a_table_has_ratios_of_each_database(performance):
    found = {
        "ours": f"{'a' * 40} with changes",
        "theirs": "b" * 40,
        "time": "2026-01-02T03:04:05+00:00",
        "options": {"connections": 32, "seconds": 10, "rounds": 3},
        "machine": {"cores": 2, "python": "3.11.7"},
        "starts": [
            {
                "database": "sqlite",
                "processes": 1,
                "ours": {"first_seconds": 1.5, "again_seconds": 0.9, "memory_mb": 130.0},
                "theirs": {"first_seconds": 2.5, "again_seconds": 1.4, "memory_mb": 180.0},
            }
        ],
        "pairs": [
            {
                "database": "sqlite",
                "processes": 1,
                "op": "patch",
                "ours": side(3000.0),
                "theirs": side(1000.0, memory_mb=190.0, server_us=1000.0),
                "rate_ratio": 3.0,
                "cpu_ratio": 1.667,
                "tail_ratio": 2.5,
            }
        ],
    }
    lines = list(performance.tables(found))
    assert "`aaaaaaa` with changes against `bbbbbbb`, 2026-01-02:" in lines[1]
    ratios = "| patch | **3.00** | 1.67 | 3,000 (1,000) | 750 (1,250) "
    assert f"{ratios}| 10.0 (10.0) | 25.0 (25.0) | 2.5 |" in lines
    assert "| SQLite, one process | 1.50 (2.50) | 0.90 (1.40) | 130 (180) | 150 (190) |" in lines


def test_the_page_has_a_command_of_each_kind():
    assert {next((k for k in LESS if k and k in one), "") for one in COMMANDS} == set(LESS)


@pytest.mark.thorough
@pytest.mark.parametrize("options", COMMANDS)
def test_a_command_of_the_page_measures(options, tmp_path):
    need("go", "git")
    kind = next((kind for kind in LESS if kind and kind in options), "")
    if kind == "--profile":
        if not shutil.which("perf"):
            pytest.skip("perf is not installed")
        made = run("make", "build/profile/bin/py-spy", cwd=ROOT)
        assert made.returncode == 0, made.stderr
    output = tmp_path / "found.json"
    # A clone may have no main, and be too shallow for the commit.
    told = re.sub(r"--against \S+", "--against HEAD", options)
    given = shlex.split(f"{told} {ALWAYS} {LESS[kind]} --output {output}")
    done = run(sys.executable, ROOT / "bench" / "run.py", *given, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(output.read_text())["time"]
