"""Statements that delete old rows, in batches so small that none takes long or holds many locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, literal_column, select, true, tuple_

from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy import Column, TextClause

AT_ONCE = 1000


def prune(time: Column[Any], *, where: TextClause | None = None) -> Statement:
    """Return a statement that deletes the oldest `AT_ONCE` rows whose time is before `p_before`.

    It returns their keys. The column of the time leads the index that finds them; the index of a
    table of which only some rows end has the condition ``where`` too.
    """
    key = list(time.table.primary_key)
    old = time < bindparam("p_before")
    some = select(*key).where(old, true() if where is None else where).order_by(time)
    few = some.limit(literal_column(str(AT_ONCE)))
    this = key[0] if len(key) == 1 else tuple_(*key)
    return Statement(delete(time.table).where(this.in_(few)).returning(*key))
