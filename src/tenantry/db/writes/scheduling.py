"""Work that is due: rows that workers claim for a time, each row one worker.

A claim moves the time at which a row is due to the end of a lease, and counts the attempt where
the table has a number of them. So a row whose worker died is due again by itself, and a worker
that lost its claim to another one finds another number of attempts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, bindparam, func, literal_column, select, update

from tenantry.core.times import SECOND, now
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from sqlalchemy import Column, ColumnElement, Select, Table

    from tenantry.db.engine import Row, Session

NOW: ColumnElement[int] = bindparam("p_now", type_=BigInteger)


class Due:
    """The rows of a table that wait, due at the time in a column.

    ``waiting`` are conditions of all that wait. ``ids`` selects those that the next claim takes
    of those that are due at `NOW`; without it they are the first ``most``.
    """

    def __init__(
        self,
        table: Table,
        column: Column[int],
        *waiting: ColumnElement[bool],
        lease_seconds: int,
        most: int = 1,
        ids: Select[Any] | None = None,
    ) -> None:
        self._lease = lease_seconds * SECOND
        self._next = Statement(select(func.min(column).label("due_time")).where(*waiting))
        id_, is_due = table.c.id, column <= NOW
        found = select(id_).where(*waiting, is_due)
        if ids is None:
            # Spelled out: by a parameter the planner thinks of many, and walks the whole table.
            found = found.order_by(column).limit(literal_column(str(most)))
        else:
            # Asked once more whether it is due, of the row that is held: another worker may have
            # had it.
            found = found.where(id_.in_(ids))
        # Workers pass each other by.
        due = found.with_for_update(skip_locked=True).cte("due")
        taken: dict[str, Any] = {column.name: bindparam("p_lease_end", type_=BigInteger)}
        if "attempts" in table.c:
            taken["attempts"] = table.c.attempts + 1
        self._claim = Statement(
            update(table).where(id_.in_(select(due.c.id))).values(taken).returning(table)
        )

    async def claim(self, db: Session, **params: Any) -> Sequence[Row]:
        """Take some rows that are due, up to the end of the lease; ``params`` are those of ids."""
        at = now()
        return await db.fetch_all(self._claim, p_now=at, p_lease_end=at + self._lease, **params)

    async def handle(
        self, db: Session, work: Callable[[Row], Awaitable[None]], *, idle_seconds: float
    ) -> float:
        """Do some rows that are due; return the seconds until the next look, the idle ones at most.

        Any number of workers may do this at once: each row is done by one of them.
        """
        seconds = await self._next_look(db, idle_seconds)
        if seconds > 0:
            return seconds
        rows = await self.claim(db)
        # All of them are done before the first problem is raised: each stands for itself.
        done = await asyncio.gather(*(work(row) for row in rows), return_exceptions=True)
        for problem in done:
            if isinstance(problem, BaseException):
                raise problem
        return await self._next_look(db, idle_seconds)

    async def _next_look(self, db: Session, idle_seconds: float) -> float:
        seconds = await self.seconds(db)
        return idle_seconds if seconds is None else min(max(seconds, 0.0), idle_seconds)

    async def seconds(self, db: Session) -> float | None:
        """Return when the next row is due, 0 or less for now; None when nothing waits."""
        found = await db.fetch_one(self._next)
        if found is None or found["due_time"] is None:
            return None
        return float(found["due_time"] - now()) / SECOND
