"""A row of a table: as values and parameters of a statement, as a record, as its next revision."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy import Boolean, Table, bindparam

from tenantry.core.times import now
from tenantry.db.sql.schema import Json, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import BindParameter

    from tenantry.db.engine import Row


class _Revised(Protocol):
    @property
    def revision(self) -> int: ...

    @property
    def update_time(self) -> int: ...


_Record = TypeVar("_Record", bound=_Revised)


def bound(
    columns: Table | Iterable[str], prefix: str = "p_", *, but: Collection[str] = ()
) -> dict[str, BindParameter[Any]]:
    """Return the values of an insert or update: a bind parameter for each column ``but`` these."""
    names = columns.c.keys() if isinstance(columns, Table) else columns
    return {name: bindparam(f"{prefix}{name}") for name in names if name not in but}


def prefixed(row: Mapping[str, Any], prefix: str = "p_") -> dict[str, Any]:
    """Return what the bind parameters of `bound` are for this row."""
    return {f"{prefix}{name}": value for name, value in row.items()}


def row_of(record: Any, table: Table, *, but: Collection[str] = ()) -> dict[str, Any]:
    """Return the row of a record whose members are the columns ``but`` these; JSON as text."""
    row = {}
    for name, kind in _kinds(table):
        if name not in but:
            value = getattr(record, name)
            row[name] = to_json(value) if kind is Json and value is not None else value
    return row


def members(row: Row, table: Table, *, but: Collection[str] = ()) -> dict[str, Any]:
    """Return what a record has of the columns ``but`` these: JSON is read, a list as a tuple."""
    read = {}
    for name, kind in _kinds(table):
        if name not in but:
            value = row[name]
            if kind is Boolean:
                value = bool(value)  # SQLite has numbers
            elif kind is Json and value is not None:
                value = from_json(value)
                value = tuple(value) if isinstance(value, list) else value
            read[name] = value
    return read


@functools.cache
def _kinds(table: Table) -> tuple[tuple[str, type[Any]], ...]:
    """Return the names of the columns and the classes of their types."""
    return tuple((column.name, type(column.type)) for column in table.c)


def revised(before: _Record, *, at: int | None = None, **changes: Any) -> _Record:
    """Return a record after these changes, now or ``at`` a time: its next revision.

    Its time of update is later than the one before, regardless of the clock.
    """
    after: _Record = replace(
        cast("Any", before),
        **changes,
        revision=before.revision + 1,
        update_time=max(now() if at is None else at, before.update_time + 1),
    )
    return after
