"""Exact numbers of rows, kept by the statements that change how many there are.

A number is a sum of slots. A change is added to any slot that no other transaction holds, or to a
new one where all are held: so writers neither queue nor meet in a deadlock, and there are as many
slots as there ever were writers at once. SQLite, with its one writer, has one slot.

A number that goes with a row, as that of the members of an organization, is added to once that row
is known to stay: its deletion holds it and waits for the slots, so nobody may hold a slot and wait
for the row.
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

from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.statements import Statement, happened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Insert, ScalarSelect, Table
    from sqlalchemy.sql.compiler import SQLCompiler

    from tenantry.db.engine import Session


class Tally:
    """The numbers of a table with a `slot` and `n`, by the key that these columns have.

    A key of a statement is a parameter of it, or a name that is always the same; of several columns
    it is one for each.
    """

    def __init__(self, *key: Column[str]) -> None:
        self._table: Table = key[0].table
        self._key = key
        self._numbers: list[Column[Any]] = [
            *(Column(column.name, Text) for column in key),
            Column("n", BigInteger),
        ]
        *given, n = records("given", self._numbers).c
        # A condition, or SQLite would take the conflict for that of a join.
        free = _free_slot(key, given, None)
        self._add = Statement(self._added(select(*given, free, n).where(true())))

    def one_more(self, *key: ColumnElement[str] | str) -> Insert:
        """Return the further change of a statement that inserts a row of this key."""
        return self._step(key, 1, self._goes_with())

    def one_less(self, *key: ColumnElement[str] | str) -> Insert:
        """Return the further change of a statement that deletes a row of this key, or none."""
        return self._step(key, -1, None)

    def of(self, *key: ColumnElement[str] | str) -> ScalarSelect[int]:
        """Return the number of a key, NULL for one that was never counted."""
        total = select(cast(func.sum(self._table.c.n), BigInteger))
        pairs = zip(self._key, map(_spelled, key), strict=True)
        return total.where(*(column == value for column, value in pairs)).scalar_subquery()

    async def add(self, db: Session, numbers: Mapping[Any, int]) -> None:
        """Add these to the numbers of these keys; in the transaction that changes the rows.

        A key of several columns is a tuple.
        """
        names = [column.name for column in self._key]
        rows = [
            dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True), n=n)
            for key, n in sorted(numbers.items())
            if n
        ]
        if rows:
            await db.fetch_all(self._add, given=spelled(self._numbers, rows))

    def _goes_with(self) -> Column[str] | None:
        """Return the key of the row that the number goes with, by its first own column."""
        return next((foreign.column for foreign in self._key[0].foreign_keys), None)

    def _step(
        self, key: Sequence[ColumnElement[str] | str], n: int, goes_with: Column[str] | None
    ) -> Insert:
        of = [_spelled(part) for part in key]
        free = _free_slot(self._key, of, goes_with)
        one = select(*of, free, literal_column(str(n), BigInteger))
        return self._added(one.where(happened()))

    def _added(self, rows: Any) -> Insert:
        names = [*(column.name for column in self._key), "slot", "n"]
        added = insert(self._table).from_select(names, rows)
        return added.on_conflict_do_update(
            index_elements=[*self._key, self._table.c.slot],
            set_={"n": self._table.c.n + added.excluded.n},
        )


def _spelled(key: ColumnElement[str] | str) -> ColumnElement[str]:
    return literal_column(f"'{key}'", Text) if isinstance(key, str) else key


class _free_slot(GenericFunction[int]):  # noqa: N801 - named as it reads in a statement
    """A slot of a key that no other transaction holds.

    ``goes_with`` is the key of a row that is held from being deleted before any slot is.
    """

    type = Integer()

    def __init__(
        self,
        of: Sequence[Column[str]],
        key: Sequence[ColumnElement[str]],
        goes_with: Column[str] | None,
    ) -> None:
        super().__init__(*key)
        self.of, self.goes_with = of, goes_with  # no parts of the statement around it


@compiles(_free_slot, "postgresql")
def _free_slot_postgresql(element: _free_slot, compiler: SQLCompiler, **kw: Any) -> str:
    keys = [compiler.process(key, **kw) for key in element.clauses]
    pairs = zip(element.of, keys, strict=True)
    found = " AND ".join(f"t.{of.name} = {key}" for of, key in pairs)
    slot = f"SELECT t.slot FROM {element.of[0].table.name} AS t WHERE {found}"
    slot = f"{slot} LIMIT 1 FOR UPDATE SKIP LOCKED"
    if (row := element.goes_with) is not None:
        # As the foreign key does at the end of the statement; LATERAL, so that it comes first.
        held = f"SELECT 1 FROM {row.table.name} WHERE {row.name} = {keys[0]} FOR KEY SHARE"
        slot = f"SELECT s.slot FROM ({held}) AS r CROSS JOIN LATERAL ({slot}) AS s"
    return f"coalesce(({slot}), CAST(floor(random() * 2147483647) AS integer))"


@compiles(_free_slot, "sqlite")
def _free_slot_sqlite(_element: _free_slot, _compiler: SQLCompiler, **_: Any) -> str:
    return "0"
