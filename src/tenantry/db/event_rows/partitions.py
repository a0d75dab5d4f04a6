"""The monthly partitions of `events` on PostgreSQL; on SQLite there are none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from tenantry.core import ids
from tenantry.db.event_rows.snapshots import Spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Session

AHEAD = 3

_LIST = Spelled(
    postgresql=(
        "SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = CAST('events' AS regclass) ORDER BY relname"
    ),
    sqlite="SELECT '' AS name LIMIT 0",
)
_IN_DEFAULT = Spelled(
    postgresql="SELECT 1 FROM events_default WHERE id >= :start AND id < :end LIMIT 1",
    sqlite="SELECT 1 LIMIT 0",
)
# A wait for the table holds up all that come behind: better tried again later.
_BRIEFLY = Spelled(postgresql="SELECT set_config('lock_timeout', '1s', true)", sqlite="SELECT 1")


@dataclass(frozen=True, slots=True)
class Month:
    """One month, UTC."""

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The name of its partition."""
        return f"events_{self.start:%Y%m}"

    @property
    def first_id(self) -> str:
        """The smallest id of an event of it."""
        return first_id(self.start)

    @property
    def end_id(self) -> str:
        """The smallest id behind it."""
        return first_id(self.end)


def first_id(moment: datetime) -> str:
    """Return the smallest id that an event of this time could have."""
    return ids.at(ids.EVENT, int(moment.timestamp()) * 1_000_000)


def around(moment: datetime, *, ahead: int = 0) -> list[Month]:
    """Return the month of a moment, and as many behind it."""
    first = moment.year * 12 + moment.month - 1
    starts = [
        datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        for number in range(first, first + ahead + 2)
    ]
    return [Month(start, end) for start, end in pairwise(starts)]


async def there(db: Session) -> list[Month] | None:
    """Return the months that have a partition, the oldest first; None if there are never any."""
    names = [row["name"] for row in await db.fetch_all(_LIST)]
    if not names:
        return None
    found = (re.fullmatch(r"events_(\d{4})(\d{2})", name) for name in names)
    return [
        around(datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC))[0] for match in found if match
    ]


async def add(db: Session, months: Iterable[Month]) -> None:
    """Make the partitions of these months, but where events of the month went elsewhere already.

    Raises:
        Unavailable: the table is in use for longer than others can wait.

    """
    for month in months:
        async with db.transaction() as session:
            await session.serialize("months of events")
            await session.fetch_all(_BRIEFLY)
            bounds = {"start": month.first_id, "end": month.end_id}
            if not await session.fetch_all(_IN_DEFAULT, **bounds):
                await session.fetch_all(_create(month))


async def drop(db: Session, month: Month) -> None:
    """Drop a month with all its events.

    Raises:
        Unavailable: the table is in use for longer than others can wait.

    """
    async with db.transaction() as session:
        await session.fetch_all(_BRIEFLY)
        await session.fetch_all(_changing(f"DROP TABLE IF EXISTS {month.name}"))


def _create(month: Month) -> Spelled:
    return _changing(
        f"CREATE TABLE IF NOT EXISTS {month.name} PARTITION OF events"
        f" FOR VALUES FROM ('{month.first_id}') TO ('{month.end_id}')"
    )


def _changing(statement: str) -> Spelled:
    return Spelled(postgresql=statement, sqlite="SELECT 1", is_read=False)
