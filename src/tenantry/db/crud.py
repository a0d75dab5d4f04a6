"""Plain statements over one table: insert, get, list, count, hold, update, delete.

``by`` selects rows. The name of a column stands for a comparison with the bind parameter
``p_<column>``; any other condition is used unchanged. The default is the primary key. Inserts and
updates take the values of columns from parameters named the same way
(`tenantry.db.writes.rows.bound`), those of many rows from the parameter ``given``
(`tenantry.db.sql.records.spelled`). A change of one row returns the last column of the primary key,
or with ``whole_row`` all columns.

With ``or_leave``, an insert leaves rows whose key exists as they are, and returns nothing for them.

`_matching` enforces tenant scoping: a statement on a table that is distributed by organization has
to name the organization in ``by``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import bindparam, func, select, true
from sqlalchemy.dialects.postgresql import insert as insert_or_leave  # its SQL is SQLite's as well

from tenantry.db.lists import pages
from tenantry.db.sql.records import named, rows_of
from tenantry.db.sql.sharding import sharding_of
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Column, ColumnElement, Select, Table

    By = Iterable[str | ColumnElement[bool]]

# Columns that no update changes.
_FIXED = ("organization_id", "create_time")


def insert(table: Table, *, whole_row: bool = False, or_leave: bool = False) -> Statement:
    """Return the insert of one row with all of its columns."""
    inserted = insert_or_leave(table).on_conflict_do_nothing() if or_leave else sa.insert(table)
    returned = _returned(table, whole_row=whole_row)
    return Statement(inserted.values(bound(table)).returning(*returned))


def insert_all(
    table: Table, columns: Sequence[Column[Any]] = (), *, or_leave: bool = False
) -> Statement:
    """Return the insert of many rows with these columns, or with all."""
    columns = columns or named(table)
    given = rows_of("given", columns)
    if or_leave:
        # Without a condition SQLite takes the conflict's ON for that of a join.
        inserted = insert_or_leave(table).from_select(columns, given.where(true()))
        return Statement(inserted.on_conflict_do_nothing())
    return Statement(sa.insert(table).from_select(columns, given))


def get(table: Table, by: By | None = None, *, columns: Collection[str] = ()) -> Statement:
    """Return the query of one row, or of some of its columns."""
    return Statement(_select(table, columns).where(*_matching(table, by)))


def hold(
    table: Table,
    by: By | None = None,
    *,
    columns: Collection[str] = (),
    allow_references: bool = False,
) -> Statement:
    """Return the query of one row that locks it until the end of the transaction.

    With ``allow_references``, other transactions can insert rows that refer to it meanwhile.
    """
    found = _select(table, columns).where(*_matching(table, by))
    return Statement(found.with_for_update(key_share=allow_references))


def list_all(table: Table, by: By = (), *, order_by: str = "id") -> Statement:
    """Return the query of all rows, in the order of a column."""
    return Statement(select(table).where(*_matching(table, by)).order_by(table.c[order_by]))


def list_page(rows: Select[Any], key: ColumnElement[str], direction: str) -> Statement:
    """Return the query of one page of a list; its parameters are those of `pages.Position`."""
    return Statement(pages.part(rows, key, direction).limit(bindparam("take")))


def count(table: Table, by: By = ()) -> Statement:
    """Return the query of the number `n` of rows."""
    counted = select(func.count().label("n")).select_from(table)
    return Statement(counted.where(*_matching(table, by)))


def update(
    table: Table,
    by: By | None = None,
    *,
    set_: Collection[str] = (),
    fixed: Collection[str] = (),
) -> Statement:
    """Return the update of one row: of the columns ``set_``, or of all columns that can change.

    The primary key, ``organization_id``, ``create_time`` and the ``fixed`` columns cannot change.
    """
    but = {*(column.name for column in table.primary_key), *_FIXED, *fixed}
    values = bound(set_) if set_ else bound(table, but=but)
    changed = sa.update(table).where(*_matching(table, by)).values(values)
    return Statement(changed.returning(*_returned(table)))


def delete(table: Table, by: By | None = None, *, whole_row: bool = False) -> Statement:
    """Return the delete of all rows that match."""
    deleted = sa.delete(table).where(*_matching(table, by))
    return Statement(deleted.returning(*_returned(table, whole_row=whole_row)))


def _matching(table: Table, by: By | None) -> list[ColumnElement[bool]]:
    """Return the conditions of ``by``.

    Raises:
        ValueError: the table is distributed by organization, and ``by`` does not name it.

    """
    given = [column.name for column in table.primary_key] if by is None else list(by)
    spread = sharding_of(table)
    names = [one for one in given if isinstance(one, str)]
    if spread.is_of_organization and spread.column not in names:
        raise ValueError(f"a statement on {table.name} names no {spread.column}")
    return [table.c[one] == bindparam(f"p_{one}") if isinstance(one, str) else one for one in given]


def _returned(table: Table, *, whole_row: bool = False) -> list[ColumnElement[Any]]:
    return [*table.c] if whole_row else [*table.primary_key][-1:]


def _select(table: Table, columns: Collection[str]) -> Select[Any]:
    return select(*(table.c[name] for name in columns)) if columns else select(table)
