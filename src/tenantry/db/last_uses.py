"""When rows were last used: noted on the way of a request, written about a second later.

A hot row is so written once a second by each process, not once a request. What a process that is
killed has not written yet is lost, which is a second at most.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from tenantry.db.records import records, spelled
from tenantry.db.statements import Statement
from tenantry.times import now

if TYPE_CHECKING:
    from sqlalchemy import Table

    from tenantry.db.engine import Session

_SECONDS = 1.0  # between the first note and its writing, and between two attempts
_MOST = 20_000  # rows that wait
_AT_ONCE = 1000  # rows of a statement

_log = logging.getLogger(__name__)


class LastUses:
    """Keeps a column of a table whose key is `id`: the time at which a row was last used.

    A time never moves backwards, whichever process is the last to write.
    """

    def __init__(self, db: Session, table: Table, column: str = "last_used_time") -> None:
        self._db = db
        self._table = table
        self._column = column
        self._noted: dict[str, int] = {}
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, id_: str) -> None:
        """Note that a row was used just now; beyond 20,000 that wait, none is added."""
        if id_ not in self._noted and len(self._noted) >= _MOST:
            return
        self._noted[id_] = now()
        if self._due is None and self._writing is None:
            self._wait()

    async def close(self) -> None:
        """Write what is noted, if the database lets us; to be called before it is closed."""
        self._stop_waiting()
        if self._writing is not None:
            await self._writing
        await self._write()
        self._stop_waiting()

    def _wait(self) -> None:
        self._due = asyncio.get_running_loop().call_later(_SECONDS, self._begin)

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _begin(self) -> None:
        self._due = None
        self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        noted, self._noted = self._noted, {}
        ids = sorted(noted)
        try:
            for start in range(0, len(ids), _AT_ONCE):
                some = {id_: noted[id_] for id_ in ids[start : start + _AT_ONCE]}
                await self._write_some(some)
                for id_ in some:
                    del noted[id_]
        except Exception as problem:  # noqa: BLE001 - the requests go on, and so does this
            self._noted = noted | self._noted
            fields = {"table": self._table.name, "error": type(problem).__name__}
            _log.warning("last uses could not be written yet", extra={"fields": fields})
        finally:
            self._writing = None
            if self._noted:
                self._wait()

    async def _write_some(self, noted: dict[str, int]) -> None:
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
