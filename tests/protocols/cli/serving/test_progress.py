"""The progress of long commands: the remaining time follows from what is done, not from what is
read.
"""

from __future__ import annotations

import pytest

from tenantry.cli import progress
from tenantry.cli.progress import Progress, duration, seconds_left


@pytest.mark.parametrize(
    ("done", "total", "elapsed", "left"),
    [
        (2_000, 100_000, 2_000 / 189, 98_000 / 189),  # 98,000 rows left at 189 rows a second
        (50, 100, 10, 10),
        (100, 100, 10, 0),
        (120, 100, 10, 0),  # a file that grew
        (0, 100, 10, None),
        (10, None, 10, None),  # standard input
        (10, 0, 10, None),
    ],
)
def test_the_remaining_time_is_that_of_the_average_rate(done, total, elapsed, left):
    assert seconds_left(done, total, elapsed) == (left if left is None else pytest.approx(left))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (41, "41 s"), (59.7, "1 min 0 s"), (518.5, "8 min 38 s"), (7500, "2 h 5 min")],
)
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


def test_rows_that_are_only_read_do_not_count(monkeypatch, capsys):
    """The whole file is read before the first batch is written."""
    seconds = iter([0.0, 10.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    shown = Progress(100_000)
    shown.read(100_000)
    shown.rows(2_000, 0, 2_000)
    assert capsys.readouterr().err == "2%, 2,000 rows, 200 a second, 8 min 10 s left\n"
