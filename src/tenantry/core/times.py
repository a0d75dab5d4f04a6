"""Times: microseconds since 1970, UTC, here; a text in events; a Timestamp in the contract."""

from __future__ import annotations

import functools
import time
from datetime import UTC, datetime, timedelta

from protobuf.wkt import Timestamp

from tenantry.core import errors

SECOND = 1_000_000  # microseconds
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 to 9999
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, written without offset


def now() -> int:
    """Return the time in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


# A bulk load has one time for each thousand rows.
@functools.lru_cache(maxsize=1024)
def rfc3339(microseconds: int) -> str:
    """Return a time in RFC 3339, with all six digits of its fraction."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="microseconds") + "Z"


def proto_json(microseconds: int) -> str:
    """Return a time as in the JSON of a Timestamp: with three or six digits, or none."""
    second, rest = microseconds // SECOND, microseconds % SECOND  # faster than `divmod`
    if not rest:
        return _whole(second) + "Z"
    if rest % 1000:
        return f"{_whole(second)}.{rest:06}Z"
    return f"{_whole(second)}.{rest // 1000:03}Z"


# Many rows of one list were made within one second.
@functools.lru_cache(maxsize=1024)
def _whole(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()


# Shared by answers: nothing changes one.
@functools.lru_cache(maxsize=1024)
def timestamp(microseconds: int) -> Timestamp:
    """Return a time as messages hold it."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def microseconds(
    moment: Timestamp | None,
    field: str,
    *,
    up: bool = False,
    first: int = _FIRST_SECOND,
    refusal: str = "must be a time of the years 1 to 9999",
) -> int | None:
    """Return a time of a message in microseconds since 1970, rounded down or ``up``; None for
    none.
    """
    if moment is None:
        return None
    if not first <= moment.seconds <= _LAST_SECOND or not 0 <= moment.nanos < 1_000_000_000:
        raise errors.InvalidArgument.field(field, "timestamp", refusal)
    return moment.seconds * SECOND + (moment.nanos + (999 if up else 0)) // 1000


def check_span(start: int | None, end: int | None, field: str = "end_time") -> None:
    """Refuse a span of time that ends before it starts; None is an open end."""
    if start is not None and end is not None and end < start:
        raise errors.InvalidArgument.field(field, "timestamp.gte", "must not be before start_time")


def plainly(microseconds: int) -> str:
    """Return a time since 1970 for people, on a page: 2026-11-05 14:05 UTC."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def clock(seconds: int) -> str:
    """Return a length of time as clocks show it: 0:37, 14:05, 1:00:00."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
