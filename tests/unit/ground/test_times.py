"""Times of messages: what a Timestamp may hold, rounded to microseconds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from protobuf.wkt import Timestamp

from tenantry.core import errors
from tenantry.core.times import check_span, microseconds, timestamp


def violation(problem):
    (only,) = problem.value.violations
    return only.field, only.constraint, only.description


@pytest.mark.parametrize("time", [-62_135_596_800_000_000, -1, 0, 1, 253_402_300_799_999_999])
def test_a_time_comes_back_as_it_was_given(time):
    assert microseconds(timestamp(time), "start_time") == time
    assert microseconds(timestamp(time), "start_time", up=True) == time


def test_a_fraction_of_a_microsecond_is_rounded_down_or_up():
    moment = Timestamp(seconds=7, nanos=1001)
    assert microseconds(moment, "start_time") == 7_000_001
    assert microseconds(moment, "start_time", up=True) == 7_000_002


def test_without_a_time_there_is_none():
    assert microseconds(None, "start_time") is None


@pytest.mark.parametrize(
    "moment",
    [
        Timestamp(seconds=int(datetime(1, 1, 1, tzinfo=UTC).timestamp()) - 1),
        Timestamp(seconds=253_402_300_800),
        Timestamp(seconds=0, nanos=-1),
        Timestamp(seconds=0, nanos=1_000_000_000),
    ],
)
def test_what_is_no_time_of_the_years_1_to_9999_is_refused(moment):
    said = "must be a time of the years 1 to 9999"
    with pytest.raises(errors.InvalidArgument) as problem:
        microseconds(moment, "start_time")
    assert violation(problem) == ("start_time", "timestamp", said)


def test_a_room_may_begin_later():
    assert microseconds(Timestamp(seconds=0), "expiry", first=0) == 0
    with pytest.raises(errors.InvalidArgument) as problem:
        microseconds(Timestamp(seconds=-1), "expiry", first=0, refusal="must be a time from now on")
    assert violation(problem) == ("expiry", "timestamp", "must be a time from now on")


def test_a_span_does_not_end_before_it_starts():
    check_span(None, None)
    check_span(1, None)
    check_span(None, 1)
    check_span(1, 1)
    with pytest.raises(errors.InvalidArgument) as problem:
        check_span(2, 1, "filter.end_time")
    said = "must not be before start_time"
    assert violation(problem) == ("filter.end_time", "timestamp.gte", said)
