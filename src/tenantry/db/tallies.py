"""Exact numbers of rows, kept by the statements that change how many there are.

A number is a sum of slots. A change is added to any slot that no other transaction holds, or to a
new one where all are held: so writers neither queue nor meet in a deadlock, and there are as many
slots as there ever were writers at once. SQLite, with its one writer, has one slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    Text,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from tenantry.db.records import records, spelled
from tenantry.db.statements import Statement, happened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Insert, ScalarSelect, Table
    from sqlalchemy.sql.compiler import SQLCompiler

    from tenantry.db.engine import Session


_NUMBERS: list[Column[Any]] = [Column("key", Text), Column("n", BigInteger)]


class Tally:
    """The numbers of a table with a `slot` and `n`, by the key that this column has.

    A key of a statement is a parameter of it, or a name that is always the same.
    """

    def __init__(self, key: Column[str]) -> None:
        self._table: Table = key.table
        self._key = key
        given = records("given", _NUMBERS)
        # A condition, or SQLite would take the conflict for that of a join.
        rows = select(given.c.key, self._free(given.c.key), given.c.n).where(true())
        self._add = Statement(self._added(rows))

    def one_more(self, key: ColumnElement[str] | str) -> Insert:
        """Return the further change of a statement that inserts a row of this key."""
        return self._step(key, 1)

    def one_less(self, key: ColumnElement[str] | str) -> Insert:
        """Return the further change of a statement that deletes a row of this key, or none."""
        return self._step(key, -1)

    def of(self, key: ColumnElement[str] | str) -> ScalarSelect[int]:
        """Return the number of a key, NULL for one that was never counted."""
        total = select(cast(func.sum(self._table.c.n), BigInteger))
        return total.where(self._key == _spelled(key)).scalar_subquery()

    async def add(self, db: Session, numbers: Mapping[str, int]) -> None:
        """Add these to the numbers of these keys; in the transaction that changes the rows."""
        rows = [{"key": key, "n": n} for key, n in sorted(numbers.items()) if n]
        if rows:
            await db.fetch_all(self._add, given=spelled(_NUMBERS, rows))

    def _step(self, key: ColumnElement[str] | str, n: int) -> Insert:
        one = _spelled(key), literal_column(str(n), BigInteger)
        return self._added(select(one[0], self._free(one[0]), one[1]).where(happened()))

    def _added(self, rows: Any) -> Insert:
        added = insert(self._table).from_select([self._key.name, "slot", "n"], rows)
        return added.on_conflict_do_update(
            index_elements=[self._key, self._table.c.slot],
            set_={"n": self._table.c.n + added.excluded.n},
        )

    def _free(self, key: ColumnElement[str]) -> _free_slot:
        return _free_slot(self._key, key)


def _spelled(key: ColumnElement[str] | str) -> ColumnElement[str]:
    return literal_column(f"'{key}'", Text) if isinstance(key, str) else key


class _free_slot(GenericFunction[int]):  # noqa: N801 - named as it reads in a statement
    """A slot of a key that no other transaction holds."""

    type = Integer()

    def __init__(self, of: Column[str], key: ColumnElement[str]) -> None:
        super().__init__(key)
        self.of = of  # no part of the statement around it


@compiles(_free_slot, "postgresql")
def _free_slot_postgresql(element: _free_slot, compiler: SQLCompiler, **kw: Any) -> str:
    key = compiler.process(element.clause_expr.element, **kw)
    of = f"{element.of.table.name} AS t WHERE t.{element.of.name} = {key}"
    return (
        f"coalesce((SELECT t.slot FROM {of} LIMIT 1 FOR UPDATE SKIP LOCKED),"
        " CAST(floor(random() * 2147483647) AS integer))"
    )


@compiles(_free_slot, "sqlite")
def _free_slot_sqlite(_element: _free_slot, _compiler: SQLCompiler, **_: Any) -> str:
    return "0"
