"""A row of a table: as values and parameters of a statement, as a record, as its next revision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy import Table, bindparam

from tenantry.times import now

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


def row_of(
    record: Any, columns: Table | Iterable[str], *, but: Collection[str] = ()
) -> dict[str, Any]:
    """Return the members of a record that are columns ``but`` these, as they are."""
    names = columns.c.keys() if isinstance(columns, Table) else columns
    return {name: getattr(record, name) for name in names if name not in but}


def cells(row: Row, table: Table) -> dict[str, Any]:
    """Return the columns of a table that were read, as they are."""
    return {name: row[name] for name in table.c.keys()}  # noqa: SIM118 - of columns, not of a dict


def revised(before: _Record, *, at: int | None = None, **changes: Any) -> _Record:
    """Return a record after these changes, now or ``at`` a time: its next revision.

    Its time of update is later than the one before, whatever the clock says.
    """
    after: _Record = replace(
        cast("Any", before),
        **changes,
        revision=before.revision + 1,
        update_time=max(now() if at is None else at, before.update_time + 1),
    )
    return after
