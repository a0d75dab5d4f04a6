"""Times: microseconds since 1970, UTC, here; a text in events; a Timestamp in the contract."""

from __future__ import annotations

import functools
import time
from datetime import UTC, datetime, timedelta

from protobuf.wkt import Timestamp

SECOND = 1_000_000  # microseconds
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
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


# Shared by answers: nothing changes one.
@functools.lru_cache(maxsize=1024)
def timestamp(microseconds: int) -> Timestamp:
    """Return a time as messages hold it."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def plainly(microseconds: int) -> str:
    """Return a time since 1970 for people, on a page: 2026-11-05 14:05 UTC."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def clock(seconds: int) -> str:
    """Return a length of time as clocks show it: 0:37, 14:05, 1:00:00."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
