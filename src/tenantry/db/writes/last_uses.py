"""When rows were last used: noted on the way of a request, written about a second later."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from tenantry.core.times import now
from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.write_behind import WriteBehindBuffer

if TYPE_CHECKING:
    from sqlalchemy import Table

    from tenantry.db.engine import Session

_AT_ONCE = 1000  # rows of a statement


class LastUses:
    """Keeps a column of a table whose key is `id`: the time at which a row was last used.

    A time never moves backwards, whichever process is the last to write.
    """

    def __init__(self, db: Session, table: Table, column: str = "last_used_time") -> None:
        self._db = db
        self._table = table
        self._column = column
        self._later = WriteBehindBuffer[str, int](
            self._write, name=f"{table.name}.{column}", at_once=_AT_ONCE
        )

    @property
    def waiting(self) -> int:
        """How many rows wait to be written."""
        return self._later.waiting

    def note(self, id_: str) -> None:
        """Note that a row was used just now; beyond 20,000 that wait, none is added."""
        self._later.add(id_, now())

    async def close(self) -> None:
        """Write waiting notes, if the database lets us; to be called before it is closed."""
        await self._later.close()

    async def _write(self, noted: dict[str, int]) -> None:
        rows = [{"id": id_, self._column: time} for id_, time in noted.items()]
        columns = [self._table.c.id, self._table.c[self._column]]
        statement = _statement(self._table, self._column)
        await self._db.fetch_all(statement, given=spelled(columns, rows))


@functools.cache
def _statement(table: Table, column: str) -> Statement:
    id_, last = table.c.id, table.c[column]
    given = records("given", [id_, last])
    # Locked in the order of the ids, so that two processes wait for each other in one direction.
    earlier = (
        select(id_, given.c[column].label("time"))
        .join(given, given.c.id == id_)
        .where(or_(last.is_(None), last < given.c[column]))
        .order_by(id_)
        .with_for_update(of=table)
        .subquery("earlier")
    )
    return Statement(
        update(table).where(id_ == earlier.c.id).values({column: earlier.c.time}).returning(id_)
    )
