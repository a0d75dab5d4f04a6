"""Counts as series: a number for each hour or day, in total and for the keys with most.

A range of the primary key is read: 24 or at most 30 periods, with the keys counted in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, cast, func, literal_column, or_, select

from tenantry.db.activity.model import DAYS, HOURS, TOTAL, activity_counts
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.activity.model import Kind, Period
    from tenantry.db.engine import Session

MOST_KEYS = 10  # with a separate series
_c = activity_counts.c
_in_range = (
    _c.kind == bindparam("p_kind", type_=Text),
    _c.period == bindparam("p_period", type_=Text),
    _c.start_time >= bindparam("p_low", type_=BigInteger),
    _c.start_time <= bindparam("p_high", type_=BigInteger),
)
_numbers = select(_c.start_time, _c.key, _c.n, _c.failed, _c.milliseconds).where(*_in_range)
_total = cast(func.sum(_c.n), BigInteger)
_largest = (
    select(_c.key)
    .where(*_in_range, _c.key != literal_column(f"'{TOTAL}'"))
    .group_by(_c.key)
    .order_by(_total.desc(), _c.key)
    .limit(literal_column(str(MOST_KEYS)))
)
_TOP = Statement(_numbers.where(or_(_c.key == literal_column(f"'{TOTAL}'"), _c.key.in_(_largest))))
# Of one key: by the whole primary key, for each start.
_ONE = Statement(_numbers.where(_c.key == bindparam("p_key", type_=Text)))


class Range(Enum):
    """How far back, in which periods."""

    DAY = (HOURS, 24)
    WEEK = (DAYS, 7)
    MONTH = (DAYS, 30)

    def __init__(self, period: Period, number: int) -> None:
        self.period = period
        self.number = number


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one key, one for each period; "" is the total of all keys."""

    key: str
    n: tuple[int, ...]
    failed: tuple[int, ...]
    milliseconds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """The starts of the periods, oldest first, and the series: the total, then the largest keys."""

    starts: tuple[int, ...]
    series: tuple[Series, ...]


async def read(db: Session, kind: Kind, range_: Range, at: int, *, key: str = "") -> Activity:
    """Return the series of a kind over a range up to a time; with ``key``, only that one."""
    starts = range_.period.starts(at, range_.number)
    given = {
        "p_kind": str(kind),
        "p_period": range_.period.name,
        "p_low": starts[0],
        "p_high": starts[-1],
    }
    rows = await (db.fetch_all(_ONE, **given, p_key=key) if key else db.fetch_all(_TOP, **given))
    by_key: dict[str, dict[int, tuple[int, int, int]]] = {key: {}}
    for row in rows:
        numbers = by_key.setdefault(row["key"], {})
        numbers[row["start_time"]] = (row["n"], row["failed"], row["milliseconds"])
    series = [_series(each, starts, numbers) for each, numbers in by_key.items()]
    series.sort(key=lambda one: (one.key != TOTAL, -sum(one.n), one.key))
    return Activity(tuple(starts), tuple(series))


def _series(key: str, starts: Sequence[int], numbers: Mapping[int, tuple[int, int, int]]) -> Series:
    n, failed, milliseconds = zip(*(numbers.get(start, (0, 0, 0)) for start in starts), strict=True)
    return Series(key, n, failed, milliseconds)
