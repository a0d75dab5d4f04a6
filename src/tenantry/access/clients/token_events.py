"""`client.token_issued`: how much of it is recorded, is a setting (TENANTRY_TOKEN_EVENTS).

`all`: one event for each token, committed before the token is handed out. `first`: one for each
client and day (UTC), regardless of the number of processes, written within a second or so; a
request writes nothing. `none`: none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.access.clients.model import clients, spent_assertions
from tenantry.core.times import DAY, now
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.write_behind import MOST, WriteBehindBuffer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session

_AT_ONCE = 500  # events of a transaction

# A client's first token of a day leaves a mark beside its spent assertions, whose ids are digests:
# a row that only one process can insert, and that goes when it is old.
_COLUMNS = named(spent_assertions)
_given = records("given", _COLUMNS)
_MARK = Statement(
    insert_or_leave(spent_assertions)
    .from_select(
        [column.name for column in _COLUMNS],
        # In their order, so that two processes wait for each other in one direction only.
        select(*_given.c)
        .join(clients, clients.c.id == _given.c.client_id)
        .order_by(_given.c.client_id),
    )
    .on_conflict_do_nothing()
    .returning(spent_assertions.c.client_id, spent_assertions.c.jti)
)


class TokenEvents:
    """Records the tokens that clients get."""

    def __init__(self, db: Session, policy: str) -> None:
        self._db = db
        self._policy = policy
        self._day = 0
        self._seen: set[str] = set()  # clients that got a token from this process on this day
        self._later = WriteBehindBuffer[tuple[str, int], "Event"](  # by client and day
            self._write, name="token events", at_once=_AT_ONCE
        )

    async def issued(
        self, call: Call, client: Client, *, token_id: str, scopes: Sequence[str]
    ) -> None:
        """Record that a client gets this token, as far as the setting says."""
        if self._policy == "none":
            return
        day = now() // DAY
        if self._policy == "first" and not self._is_first(client.id, day):
            return
        event = call.event(
            "client.token_issued",
            organization_id=client.organization_id,
            after={"client_id": client.id, "token_id": token_id, "scopes": list(scopes)},
        )
        if self._policy == "all":
            await self._db.record(event)
        else:
            self._later.add((client.id, day), event)

    async def close(self) -> None:
        """Write waiting rows, if the database lets us; to be called before it is closed."""
        await self._later.close()

    def _is_first(self, client_id: str, day: int) -> bool:
        """Whether this may be the first token of the client on this day; the table knows it."""
        if day != self._day or len(self._seen) >= MOST:
            self._day, self._seen = day, set()
        if client_id in self._seen or self._later.waiting >= MOST:
            return False
        self._seen.add(client_id)
        return True

    async def _write(self, some: Mapping[tuple[str, int], Event]) -> None:
        marks = {
            (client_id, f"first token of day {day}"): (day, event)
            for (client_id, day), event in some.items()
        }
        rows = [
            # A day longer than the day itself: clocks differ.
            {"client_id": client_id, "jti": mark, "expire_time": (day + 2) * DAY}
            for (client_id, mark), (day, _) in marks.items()
        ]
        async with self._db.transaction() as db:
            made = await db.fetch_all(_MARK, given=spelled(_COLUMNS, rows))
            await db.record_all(marks[row["client_id"], row["jti"]][1] for row in made)
