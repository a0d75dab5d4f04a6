"""Rows of any table, with the rows that they refer to."""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary

from tenantry.db.sql.schema import Json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

    from tenantry.db.engine import Session

_NUMBERS = itertools.count(1)


async def fill(db: Session, table: Table, **given: Any) -> dict[str, Any]:
    """Insert a row with these values and others that nothing is asked of; return it."""
    row = dict(given)
    for column in table.columns:
        if column.name in row:
            continue
        needed = not column.nullable
        if needed and column.foreign_keys:
            parent = next(iter(column.foreign_keys)).column
            row[column.name] = (await fill(db, parent.table))[parent.name]
        else:
            row[column.name] = _value(column) if needed else None
    await db.fetch_all(_insert(table), **prefixed(row))
    return row


def _value(column: Column[Any]) -> Any:
    number = next(_NUMBERS)
    if isinstance(column.type, Json):
        return "{}"
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, LargeBinary):
        return b""
    return number if isinstance(column.type, BigInteger | Integer) else f"{column.name}_{number}"


@cache
def _insert(table: Table) -> Statement:
    return Statement(table.insert().values(bound(table)).returning(*table.primary_key))
