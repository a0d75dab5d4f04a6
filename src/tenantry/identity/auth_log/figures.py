"""Figures of the log of sign-ins: how many a day by how they ended, and the errors they ended with.

A day is a range of ids, which hold the time. So each figure is read off the index of statuses.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, func, literal_column, select

from tenantry.core import ids
from tenantry.core.times import DAY, rfc3339
from tenantry.db.lists import key_ranges, pages
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.sign_in.model import FAILED, INITIATED, PENDING, SUCCESS, auth_requests

if TYPE_CHECKING:
    from sqlalchemy import ScalarSelect, Select

    from tenantry.db.engine import Session

MOST_ERRORS = 1000  # sign-ins that failed, of which the errors are counted
_MOST_SHOWN = 10
_STATUSES = (SUCCESS, FAILED, INITIATED, PENDING)
_a = auth_requests.c


@dataclass(frozen=True, slots=True)
class Day:
    """The sign-ins that began on a day by UTC, each number up to `pages.MOST_COUNTED`."""

    date: str  # 2026-01-31
    succeeded: int
    failed: int
    open: int


async def days(db: Session, at: int, number: int) -> list[Day]:
    """Return the last days up to this time, in microseconds since 1970; the oldest first."""
    starts = _starts(at, number)
    bounds: dict[str, str] = {}
    for day, start in enumerate(starts):
        bounds |= {
            f"low_{day}": ids.at(ids.AUTH_REQUEST, start),
            f"high_{day}": ids.at(ids.AUTH_REQUEST, start + DAY),
        }
    row = await db.fetch_one(_by_day(number), **bounds)
    assert row is not None
    return [
        Day(
            rfc3339(start)[:10],
            row[f"{SUCCESS}_{day}"],
            row[f"{FAILED}_{day}"],
            row[f"{INITIATED}_{day}"] + row[f"{PENDING}_{day}"],
        )
        for day, start in enumerate(starts)
    ]


async def errors_since(db: Session, at: int, number: int) -> list[tuple[str, int]]:
    """Return the most frequent errors of the last days, each with how often it was met.

    Counted are those of the newest `MOST_ERRORS` sign-ins that failed.
    """
    low = ids.at(ids.AUTH_REQUEST, _starts(at, number)[0])
    rows = await db.fetch_all(_ERRORS, low=low, high=ids.at(ids.AUTH_REQUEST, at + DAY))
    counted = Counter(
        from_json(row["error"]).get("error", "") for row in rows if row["error"] is not None
    )
    return counted.most_common(_MOST_SHOWN)


def _starts(at: int, number: int) -> list[int]:
    today = at - at % DAY
    return [today - DAY * before for before in range(number - 1, -1, -1)]


def _of(
    columns: Select[tuple[str]], status: str, low: str, high: str, most: int
) -> Select[tuple[str]]:
    given = literal_column(f"'{status}'", Text)
    return key_ranges.nearest(
        columns, (_a.status, given), (_a.id, None), low=low, high=high, most=most
    )


@functools.cache
def _by_day(number: int) -> Statement:
    return Statement(
        select(
            *(
                _counted(status, f"low_{day}", f"high_{day}").label(f"{status}_{day}")
                for day in range(number)
                for status in _STATUSES
            )
        )
    )


def _counted(status: str, low: str, high: str) -> ScalarSelect[int]:
    found = _of(select(_a.id), status, low, high, pages.MOST_COUNTED)
    return select(func.count()).select_from(found.subquery()).scalar_subquery()


_ERRORS = Statement(_of(select(_a.error), FAILED, "low", "high", MOST_ERRORS))
