"""The figures of several processes: summed, and never fewer because one has died."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tenantry.telemetry.metrics import files, kinds, table
from tenantry.telemetry.metrics.files import Writer

_PROCESS = """
import sys
from pathlib import Path
from tenantry.telemetry.metrics import kinds, table
from tenantry.telemetry.metrics.files import Writer
sheet = kinds.begin()
writer = Writer(Path(sys.argv[1]), sheet)
for line in sys.stdin:
    table.SIGN_INS.add("password", "failed", by=float(line))
    table.ATTEMPT_SECONDS.observe(0.3, "refused")
    table.DATABASE_WAITING.add(by=1)
    writer.write()
    print("written", flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "run" / "metrics"


@pytest.fixture
def sheet():
    return kinds.begin()


@pytest.fixture
def start(folder):
    """Start a process that counts so many failed sign-ins as each line says."""
    started = []

    def begin():
        process = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def count(process, number):
    process.stdin.write(f"{number}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "written\n"


def kill(process):
    process.kill()
    process.wait()


def read(folder):
    totals, alive = files.read(folder)
    failed = totals.get(table.SIGN_INS, {}).get(("password", "failed"), [0.0])
    waiting = totals.get(table.DATABASE_WAITING, {}).get((), [0.0])
    attempts = totals.get(table.ATTEMPT_SECONDS, {}).get(("refused",), [0.0])
    return failed[0], sum(attempts[:-1]), waiting[0], alive


def test_processes_are_summed(folder, start):
    one, other = start(), start()
    count(one, 3)
    count(other, 4)
    count(one, 1)
    assert read(folder) == (8, 3, 3, 2)
    for one in (folder.parent.parent, folder.parent, folder, *folder.iterdir()):
        assert one.stat().st_mode & 0o077 == 0


def test_counters_do_not_go_back_when_a_process_dies_and_its_gauges_are_gone(folder, start):
    one, other = start(), start()
    count(one, 3)
    count(other, 4)
    kill(one)
    assert read(folder) == (7, 2, 1, 1)
    third = start()
    count(third, 1)  # it has added up the dead
    assert read(folder) == (8, 3, 2, 2)
    kill(third)
    assert read(folder) == (8, 3, 1, 1)
    for _ in range(3):
        again = start()
        count(again, 1)
        kill(again)
    assert read(folder) == (11, 6, 1, 1)
    assert len(list(folder.glob("*.values"))) == 2  # of the dead, only the last


def test_all_begins_anew_when_no_process_lived(folder, start):
    one, other = start(), start()
    count(one, 3)
    count(other, 4)
    kill(one)
    kill(other)
    assert files.is_used(folder) is False
    assert read(folder) == (7, 2, 0, 0)
    count(start(), 1)
    assert read(folder) == (1, 1, 1, 1)
    assert files.is_used(folder)


def test_a_process_that_was_killed_while_it_added_up_the_dead_counts_them_once(folder, start):
    living, dead = start(), start()
    count(living, 3)
    count(dead, 4)
    kill(dead)
    (path,) = [p for p in folder.glob("*.values") if not files._lives(p)]
    left = {p: p.read_bytes() for p in (path, path.with_suffix(".series"))}
    third = start()
    count(third, 1)
    for one, content in left.items():  # as if it had not come to deleting them
        one.write_bytes(content)
    assert read(folder)[0] == 8
    count(start(), 1)
    assert read(folder)[0] == 9


def test_what_is_half_written_is_left_out(folder, sheet):
    writer = Writer(folder, sheet)
    table.SIGN_INS.add("password", "failed")
    writer.write()
    table.HTTP_ERRORS.add("X")
    writer.write()
    (series,) = folder.glob("*.series")
    (values,) = folder.glob("*.values")
    whole = series.read_bytes()
    series.write_bytes(whole[:-3])
    assert read(folder)[0] == 1
    assert table.HTTP_ERRORS not in files.read(folder)[0]
    series.write_bytes(whole)
    values.write_bytes(values.read_bytes()[:11])
    assert read(folder)[0] == 1
    assert table.HTTP_ERRORS not in files.read(folder)[0]
    writer.close()


def test_a_full_disk_leaves_the_figures_of_before(folder, sheet, monkeypatch):
    writer = Writer(folder, sheet)
    table.SIGN_INS.add("password", "failed")
    writer.write()
    table.SIGN_INS.add("password", "failed")
    table.SIGN_INS.add("email", "failed")
    monkeypatch.setattr(files.os, "pwrite", lambda _file, _data, _at: 1)
    with pytest.raises(OSError, match="full"):
        writer.write()
    assert read(folder)[0] == 1
    monkeypatch.undo()
    writer.write()
    assert read(folder)[0] == 2
    assert files.read(folder)[0][table.SIGN_INS]["email", "failed"] == [1]
    writer.close()


def test_series_of_another_version_are_left_out(folder, sheet):
    writer = Writer(folder, sheet)
    table.SIGN_INS.add("password", "failed")
    writer.write()
    (series,) = folder.glob("*.series")
    series.write_bytes(b'["tenantry_of_tomorrow_total"]\n' + series.read_bytes())
    assert files.read(folder)[0] == {}
    writer.close()


def test_without_counting_nothing_is_kept():
    table.SIGN_INS.add("password", "failed")
    table.ATTEMPT_SECONDS.observe(1.0, "refused")
    sheet = kinds.begin()
    assert sheet.series == []


def test_a_metric_has_no_more_series_than_it_may(sheet, monkeypatch):
    monkeypatch.setattr(kinds, "MOST_SERIES", 3)
    for number in range(10):
        table.HTTP_ERRORS.add(f"ERROR_{number}")
    table.HTTP_ERRORS.add("ERROR_1")
    found = {labels: sheet.values[n] for n, (_, labels) in enumerate(sheet.series)}
    assert found == {("ERROR_0",): 1, ("ERROR_1",): 2, ("ERROR_2",): 1, ("other",): 7}
