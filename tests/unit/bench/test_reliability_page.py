"""docs/reliability.md shows what its runs found, and its commands are there."""

from __future__ import annotations

import re
import sys
from importlib import util

import pytest
from doc_programs import run
from repository import ROOT

PAGE = ROOT / "docs" / "reliability.md"
SCRIPT = ROOT / "scripts" / "reliability.py"
PROGRAMS = {"soak": "bench/soak.py", "chaos": "tests/chaos/long_run.py"}
COMMANDS = re.findall(
    r"^make (soak|chaos)(?: \w+='([^']*)')?", PAGE.read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.fixture(scope="module")
def reliability():
    spec = util.spec_from_file_location("reliability_script", SCRIPT)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOAK = {
    "run": "soak",
    "database": "sqlite",
    "seconds": 3600.0,
    "warmup": 300.0,
    "time": "2026-11-27T01:00:00+00:00",
    "machine": {"cores": 2},
    "others_cpu": 0.02,
    "webhooks": 1200,
    "requests": {
        "OAuth: refresh": {"requests": 1400, "failed": 0, "p50_ms": 3, "p99_ms": 9, "max_ms": 20}
    },
    "gauges": {
        "server memory": {"unit": "MB", "first": 200, "last": 210, "most": 220, "growth": 3.04}
        | {"allowed": 48, "most_allowed": None, "samples": 120}
    },
    "problems": ["server memory: grew\nmore"],
}
CHAOS = {
    "run": "chaos",
    "time": "2026-11-27T01:00:00+00:00",
    "machine": {"cores": 2},
    "rounds": [
        {"kind": "faults", "database": "postgresql", "seed": seed, "counts": {"events": 1000}}
        | {"recovery_seconds": {"the database hangs": [took]}, "problems": []}
        for seed, took in ((1, 0.4), (2, 1.6))
    ],
}


def test_a_soak_is_shown_with_what_grew(reliability):
    page = "\n".join(reliability.soak(SOAK))
    assert "### 1 h of load on SQLite" in page
    assert "2 cores, 2% of them used by other programs, after 5 min of warm-up" in page
    assert "| OAuth: refresh | 1,400 | 0 | 3.0 | 9.0 | 20.0 |" in page
    assert "| server memory | 200.0 MB | 210.0 MB | 220.0 MB | 3.0 MB | 48.0 MB |" in page
    assert "- server memory: grew\n" in page


def test_rounds_of_chaos_are_added_up(reliability):
    page = "\n".join(reliability.chaos(CHAOS))
    assert "### Faults on PostgreSQL" in page
    assert "| events | 2,000 |" in page
    assert "| the database hangs | PostgreSQL | 2 | 1.6 |" in page


def test_without_a_run_there_is_no_table(reliability):
    page = f"a\n{reliability.BEGIN}\nold\n{reliability.END}\nz\n"
    assert reliability.with_tables(page, []) == f"a\n{reliability.BEGIN}\n{reliability.END}\nz\n"
    assert "### 1 h of load" in reliability.with_tables(page, [SOAK, CHAOS])


def test_the_page_is_that_of_its_runs():
    done = run(sys.executable, SCRIPT, "--check", cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
def test_its_commands_are_there():
    assert {name for name, _ in COMMANDS} == {"soak", "chaos"}
    for name, options in COMMANDS:
        known = run(sys.executable, ROOT / PROGRAMS[name], "--help", cwd=ROOT).stdout
        for option in re.findall(r"--[a-z-]+", options):
            assert re.search(rf"{option}\b", known), f"make {name} knows no {option}"
