"""Deleting the rows that refer to deleted ones, where the database itself would leave them.

A foreign key between kinds of tables is held by one database alone (`sharding.is_held`). Where they
are spread, the rows that it would have deleted are deleted by a statement. In one database that is
little work more, for the rule would have done it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Text, bindparam, delete, tuple_

from tenantry.db.sql.records import rows_of, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.sharding import left_behind
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ForeignKeyConstraint, Table

    from tenantry.db.engine import Session


async def delete_orphans(db: Session, table: Table, keys: Sequence[Mapping[str, Any]]) -> None:
    """Delete what refers to the rows of these keys; in the transaction that deletes them."""
    if keys:
        for statement, columns in _statements(table):
            names = [column.name for column in columns]
            values = to_json([key[names[0]] for key in keys])
            given = values if len(names) == 1 else spelled(columns, keys)
            await db.fetch_all(statement, given=given)


@functools.cache
def _statements(table: Table) -> list[tuple[Statement, list[Column[Any]]]]:
    # At the first deletion: by then each package has declared its tables.
    rules = left_behind(table)
    return [(_statement(rule), [part.column for part in rule.elements]) for rule in rules]


def _statement(rule: ForeignKeyConstraint) -> Statement:
    referring, referred = list(rule.columns), [part.column for part in rule.elements]
    if len(referring) == 1:
        keys = json_values(bindparam("given", type_=Text))
        return Statement(delete(rule.table).where(referring[0].in_(keys)))
    rows = rows_of("given", referred)
    return Statement(delete(rule.table).where(tuple_(*referring).in_(rows)))
