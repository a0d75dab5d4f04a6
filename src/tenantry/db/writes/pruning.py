"""Deletion of old rows, in batches so small that none takes long or holds many locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, literal_column, select, true, tuple_

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy import Column, TextClause

    from tenantry.db.engine import Session

AT_ONCE = 1000


class Prune:
    """Deletes the rows whose ``time`` is more than ``keep`` microseconds ago, a batch at a time.

    The column of the time leads the index that finds them; the index of a table of which only some
    rows end has the condition ``where`` too.
    """

    def __init__(
        self, time: Column[Any], *, keep: int = 0, where: TextClause | None = None
    ) -> None:
        key = list(time.table.primary_key)
        old = time < bindparam("p_before")
        some = select(*key).where(old, true() if where is None else where).order_by(time)
        few = some.limit(literal_column(str(AT_ONCE)))
        this = key[0] if len(key) == 1 else tuple_(*key)
        self.keep = keep
        self.statement = Statement(delete(time.table).where(this.in_(few)).returning(*key))

    async def __call__(self, db: Session) -> bool:
        """Delete the oldest `AT_ONCE` of them; return whether there may be more."""
        return len(await db.fetch_all(self.statement, p_before=now() - self.keep)) == AT_ONCE
