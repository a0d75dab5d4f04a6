"""The chart of the overview: bars of days, each of its three parts on top of another."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.endpoints.console.overview import BROADEST, HEIGHT, WIDTH, bars
from tenantry.gen.tenantry.v1.overview_pb import SignInDay

_numbers = st.integers(0, 10_000)
_days = st.lists(
    st.builds(SignInDay, succeeded=_numbers, failed=_numbers, open=_numbers),
    min_size=1,
    max_size=30,
)


@given(_days)
def test_bars_stay_within_the_chart_and_stand_on_its_axis(days):
    drawn = bars(days)
    assert len(drawn) == 3 * len(days)
    for one in drawn:
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= WIDTH + 1
        assert one["width"] <= BROADEST
        assert -0.2 <= one["y"] <= HEIGHT
        assert one["height"] >= 0
    for lowest in drawn[::3]:
        assert lowest["y"] + lowest["height"] == pytest.approx(HEIGHT, abs=0.2)


def test_the_day_with_most_is_as_high_as_the_chart():
    drawn = bars([SignInDay(succeeded=30, failed=10), SignInDay(succeeded=5, failed=5)])
    assert [one["height"] for one in drawn[:3]] == [90, 30, 0]
    assert [one["height"] for one in drawn[3:]] == [15, 15, 0]


def test_bars_of_few_days_stay_narrow_in_the_middle_of_their_day():
    day = SignInDay(succeeded=3)
    (one, *_) = bars([day])
    assert (one["x"], one["width"]) == ((WIDTH - BROADEST) / 2, BROADEST)
    of_month = bars([day] * 30)[::3]
    assert all(a["x"] + a["width"] < b["x"] for a, b in pairwise(of_month))


def test_without_a_sign_in_there_is_no_bar():
    drawn = bars([SignInDay()] * 7)
    assert not any(one["height"] for one in drawn)
