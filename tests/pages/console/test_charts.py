"""Charts: scales, columns and lines for any values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.web.charts import (
    HEIGHT,
    MOST_SERIES,
    WIDTH,
    Series,
    columns,
    compact,
    grouped,
    lines,
    scale,
)

_counts = st.integers(0, 2**63)
_values = st.lists(st.one_of(st.none(), _counts), min_size=1, max_size=30)


def _laid_out(kind, *values: object, unit: str = ""):
    labels = [f"period {number}" for number in range(len(values[0]))]
    series = [Series(f"series {number}", each) for number, each in enumerate(values)]
    return kind(labels, labels[:1], series, unit=unit)


@given(st.lists(st.lists(_counts, min_size=7, max_size=7), min_size=1, max_size=6))
def test_columns_stay_within_the_chart_and_are_stacked(values):
    chart = _laid_out(columns, *values)
    assert len(chart.columns) == 7
    for column in chart.columns:
        assert column.left <= column.x
        assert column.x + column.width <= column.left + column.space + 0.02
        assert column.left + column.space <= WIDTH + 0.05
        bottom = HEIGHT
        for part in column.parts:
            assert part.height > 0
            assert part.y >= 0
            # Values that are too small to be seen are drawn a little higher than they are.
            assert part.y + part.height <= max(bottom, part.height) + 0.05
            bottom = part.y
    highest = max(sum(each) for each in zip(*values, strict=True))
    assert chart.is_empty is (highest == 0)


@given(_counts)
def test_ticks_are_few_and_end_at_or_above_the_highest_value(highest):
    top, ticks = scale(float(highest))
    assert top >= highest * (1 - 1e-9)
    assert top <= max(1, 2.6 * highest)
    assert 2 <= len(ticks) <= 6
    heights = [y for y, _ in ticks]
    assert heights[0] == 0
    assert heights[-1] == HEIGHT
    assert heights == sorted(heights)
    assert ticks[-1][1] == "0"
    assert len({text for _, text in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("highest", "texts"),
    [
        (0, ["1", "0"]),
        (1, ["1", "0"]),
        (3, ["3", "2", "1", "0"]),
        (7, ["8", "6", "4", "2", "0"]),
        (100, ["100", "50", "0"]),
        (1240, ["1.5k", "1k", "500", "0"]),
        (4_000_000, ["4M", "3M", "2M", "1M", "0"]),
    ],
)
def test_ticks_are_round_numbers(highest, texts):
    assert [text for _, text in scale(float(highest))[1]] == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (7, "7"), (999, "999"), (1000, "1k"), (1250, "1.2k"), (999_960, "1M")),
        *((3_000_000, "3M"), (5e9, "5B"), (2e12, "2T"), (9.2e18, "9.2e18")),
    ],
)
def test_numbers_are_short(value, text):
    assert compact(value) == text


@given(_counts)
def test_any_number_is_short(value):
    assert len(compact(value)) <= 6


@given(_values)
def test_lines_stay_within_the_chart_and_have_gaps(values):
    (line,) = _laid_out(lines, values).lines
    steps = re.findall(r"([MLh])(-?[\d.e+]+)(?: (-?[\d.e+]+))?", line.path)
    points = [(float(x), float(y)) for verb, x, y in steps if verb != "h"]
    assert len(points) == len([value for value in values if value is not None])
    for x, y in points:
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    runs = re.sub(r"v+", "v", "".join("n" if value is None else "v" for value in values))
    assert [verb for verb, *_ in steps].count("M") == runs.count("v")


def test_a_single_value_of_a_line_is_visible():
    (line,) = _laid_out(lines, [None, 5, None]).lines
    assert line.path == "M240 26.67h120"


def test_one_column_has_all_values_as_text():
    chart = _laid_out(columns, [1_234_567], [None], unit=" ms")
    (column,) = chart.columns
    assert column.title == "period 0\nseries 0: 1,234,567 ms\nseries 1: –"
    assert chart.rows == [("period 0", ["1,234,567 ms", "–"])]


def test_values_have_no_more_digits_than_they_need():
    assert _laid_out(lines, [99.5, 100, 0.1]).rows[0][1] == ["99.5"]
    assert _laid_out(columns, [2**63]).rows[0][1] == ["9,223,372,036,854,775,808"]


def test_a_chart_without_values_is_empty():
    for kind in (columns, lines):
        assert kind([], [], []).is_empty
        assert kind(["one"], ["one"], []).is_empty
        assert kind(["one"], ["one"], [Series("none", [None])]).is_empty
        assert kind(["one"], ["one"], [Series("none", [0])]).is_empty
        assert kind(["one"], ["one"], [Series("none", [None], is_rate=True)]).is_empty


def test_a_rate_of_zero_is_drawn():
    chart = lines(["one"], ["one"], [Series("rate", [0], is_rate=True)])
    assert not chart.is_empty
    assert chart.lines


def test_a_small_value_beside_a_huge_one_is_visible():
    chart = _laid_out(columns, [10**12, 1])
    assert all(column.parts[0].height >= 1 for column in chart.columns)


def test_each_series_has_its_class():
    chart = columns(
        ["one"],
        ["one"],
        [Series("a", [1]), Series("b", [1]), Series("c", [1], "bad"), Series("d", [1])],
    )
    assert chart.styles == ("series-1", "series-2", "bad", "series-3")


def test_small_series_are_combined_into_one():
    series = [Series(str(number), [number, 1]) for number in range(9)]
    found = grouped(series, others="Other")
    assert [one.name for one in found] == ["0", "1", "2", "3", "4", "Other"]
    assert found[-1].values == [5 + 6 + 7 + 8, 4]
    assert grouped(series[:MOST_SERIES], others="Other") == series[:MOST_SERIES]
