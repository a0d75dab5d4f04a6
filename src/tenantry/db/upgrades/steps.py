"""The steps of an upgrade that run outside of its transaction, as migrations declare them.

A migration changes the schema in its `upgrade` function. It can also declare:

- ``locks``: the tables that `upgrade` locks; without it, all tables are locked
- ``indexes``: indexes that are built while calls are served, before this version serves any
- ``back_fills``: values for existing rows, which the worker writes in batches
- ``contract()``: removes what earlier versions need, after their last process has stopped

Each step has a row in `schema_steps`, before and after it is done. See
docs/decisions/0034-upgrades.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType  # noqa: TC003 - a record's field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INDEX, BACK_FILL, CONTRACT = "index", "back-fill", "contract"
WAITING, RUNNING, DONE = "waiting", "running", "done"

_VERSIONS = Path(__file__).parents[1] / "migrations" / "versions"


@dataclass(frozen=True, slots=True)
class Index:
    """An index by columns or expressions of SQL; it may be unique, partial, not on SQLite."""

    name: str
    table: str
    columns: str
    where: str = ""
    unique: bool = False
    on_sqlite: bool = True

    def statement(self, *, name: str = "", on: str = "", concurrently: bool = False) -> str:
        """Return its statement, under another name or on another relation where these are given."""
        kind = f"{'UNIQUE ' if self.unique else ''}INDEX{' CONCURRENTLY' if concurrently else ''}"
        where = f" WHERE {self.where}" if self.where else ""
        return f"CREATE {kind} {name or self.name} ON {on or self.table} ({self.columns}){where}"


@dataclass(frozen=True, slots=True)
class BackFill:
    """Values for rows that lack them: ``values`` as in UPDATE, ``missing`` a condition.

    The rows are walked by ``key``, the columns of the table's primary key, which are texts. A row
    that an earlier process writes is ``missing``, and no other one.

    ``computed`` has further columns, whose values no SQL makes: each with the expression of a text
    that ``compute`` makes its value of, which is a text or None.
    """

    table: str
    key: tuple[str, ...]
    values: str
    missing: str
    computed: Mapping[str, str] = field(default_factory=dict)
    compute: Callable[[str | None], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """The steps of one migration, by the names of their rows."""

    module: ModuleType

    @property
    def indexes(self) -> dict[str, Index]:
        return {index.name: index for index in getattr(self.module, "indexes", ())}

    @property
    def back_fills(self) -> dict[str, BackFill]:
        """Return the back-fills; a number tells two of one table apart."""
        found = getattr(self.module, "back_fills", ())
        return {f"{one.table} {number}": one for number, one in enumerate(found, 1)}

    @property
    def locks(self) -> tuple[str, ...] | None:
        """Return the tables that are locked; None for all."""
        return getattr(self.module, "locks", None)

    def rows(self) -> list[tuple[str, str]]:
        """Return the kind and the name of each step."""
        found = [(INDEX, name) for name in self.indexes]
        found += [(BACK_FILL, name) for name in self.back_fills]
        return found + ([(CONTRACT, CONTRACT)] if hasattr(self.module, "contract") else [])


def declared_by(revision: str) -> Declared:
    """Read the steps of a migration from its file. It imports Alembic: not in an event loop."""
    (file,) = _VERSIONS.glob(f"{revision}_*.py")
    return Declared(import_module(f"tenantry.db.migrations.versions.{file.stem}"))
