"""`make soak` fails by what grows, and says by how much."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest
from doc_programs import run
from repository import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import gauges
from growth import Gauge, Limit

LIMIT = Limit("MB", slack=10, an_hour=4, most=500)


def gauge(values, *, limit=LIMIT, seconds=3600):
    made = Gauge("memory", limit)
    for number, value in enumerate(values):
        made.note(number * seconds / (len(values) - 1), value)
    return made


def test_a_leak_is_told_with_the_amount_beyond_its_limit():
    leaking = gauge([100 + 0.4 * number for number in range(121)])
    assert leaking.growth == pytest.approx(48)
    assert leaking.problems() == [
        "memory: grew by 48.0 MB in 60.0 minutes, 34.0 more than the 14.0 allowed"
    ]


def test_what_goes_up_and_down_does_not_grow():
    saw = gauge([100 + 60 * (number % 7) / 6 for number in range(120)])
    assert abs(saw.growth) < 10
    assert saw.problems() == []


def test_one_high_sample_at_the_end_is_no_growth():
    late = gauge([100.0] * 120 + [190.0])
    assert 0 < late.growth < 5
    assert late.problems() == []


def test_no_sample_may_be_beyond_the_most():
    assert gauge([100, 100, 520, 100, 100]).problems() == [
        "memory: 520.0 MB, 20.0 more than the 500.0 allowed"
    ]


def test_more_is_allowed_where_the_mean_is_larger():
    slower = Limit("ms", slack=10, an_hour=0, share=0.5)
    assert gauge([100, 110, 120, 130, 140], limit=slower).problems() == []
    assert gauge([10, 20, 30, 40, 50], limit=slower).problems() == [
        "memory: grew by 40.0 ms in 60.0 minutes, 15.0 more than the 25.0 allowed"
    ]


def test_files_threads_and_half_closed_sockets_of_a_process_are_seen():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = (
            "import socket, sys\n"
            "files = [open('/dev/null') for _ in range(50)]\n"
            f"taken = socket.create_connection(('127.0.0.1', {port}))\n"
            "taken.recv(1)\n"
            "print('ready', flush=True)\n"
            "sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            server.accept()[0].close()
            assert process.stdout.readline() == b"ready\n"
            found = gauges.held(process.pid)
            process.stdin.close()
    assert found.processes == 1
    assert found.files >= 54
    assert found.threads == 1
    assert 1 < found.memory < 100
    assert found.sockets["CLOSE_WAIT"] == 1


def test_a_process_that_is_gone_holds_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert gauges.held(process.pid).processes == 0


@pytest.mark.thorough
@pytest.mark.timeout(200)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_short_soak_answers_every_request(tmp_path, database):
    output = tmp_path / "soak.json"
    done = run(
        *(sys.executable, ROOT / "bench" / "soak.py", "--seconds", "15", "--warmup", "5"),
        *("--rate", "0.4", "--on", database, "--output", output),
        cwd=ROOT,
    )
    found = json.loads(output.read_text())
    assert found["run"] == "soak"
    assert found["database"] == database
    assert {name: one["failed"] for name, one in found["requests"].items() if one["failed"]} == {}
    assert all(one["requests"] for one in found["requests"].values())
    assert found["webhooks"] > 0
    assert found["gauges"]["server sockets in CLOSE_WAIT"]["most"] <= 3
    assert done.returncode == (1 if found["problems"] else 0)
