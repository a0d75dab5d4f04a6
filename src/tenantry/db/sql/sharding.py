"""How each table lies where one database is spread over several machines.

Each table says it where it is declared, as `info`, and one that does not is refused. The kinds are
those of Citus, whose words are distributed, reference and local table
(docs/decisions/0015-citus-distribution.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ForeignKeyConstraint, Index, Table


class Kind(Enum):
    """How the rows of a table lie on the machines."""

    ORGANIZATION = "organization"  # with their organization
    REFERENCE = "reference"  # all of them on each machine
    ENVIRONMENT = "environment"  # on one machine


@dataclass(frozen=True, slots=True)
class Sharding:
    """Of which kind a table is, and for one of an organization by which column it is spread."""

    kind: Kind
    column: str = ""

    @property
    def is_of_organization(self) -> bool:
        """Whether its rows lie with their organization."""
        return self.kind == Kind.ORGANIZATION

    @property
    def is_reference(self) -> bool:
        """Whether each machine has all of its rows."""
        return self.kind == Kind.REFERENCE


def of_organization(column: str = "organization_id", **info: Any) -> dict[str, Any]:
    """Return the `info` of a table whose rows lie with their organization, which this one names."""
    return {"spread": Sharding(Kind.ORGANIZATION, column), **info}


# The `info` of a table that each machine has whole: few rows, seldom written, and joined with those
# of organizations.
REFERENCE = {"spread": Sharding(Kind.REFERENCE)}
# The `info` of a table that one machine has.
OF_ENVIRONMENT = {"spread": Sharding(Kind.ENVIRONMENT)}
# The `info` of an index whose rule one database alone can hold, and that nothing but its planner
# relies on: where the table is spread a plain one takes its place.
FOR_THE_PLANNER = {"for_the_planner": True}


def sharding_of(table: Table) -> Sharding:
    """Return how a table is spread.

    Raises:
        LookupError: it does not say so.

    """
    spread: Sharding | None = table.info.get("spread")
    if spread is None:
        raise LookupError(
            f"table {table.name} does not say how it is spread (tenantry.db.sql.sharding)"
        )
    return spread


def is_held(rule: ForeignKeyConstraint) -> bool:
    """Whether a foreign key is held where its table is spread.

    Citus holds one between tables of organizations that goes by the organization, one from them or
    from a reference table to a reference table, and those of local tables among each other and to
    reference tables. Any other is held by one database alone; so what deletes a row there deletes
    what refers to it itself (`writes.orphans`).
    """
    from_, to = sharding_of(rule.table), sharding_of(rule.referred_table)
    if to.is_reference:
        return True
    if from_.is_of_organization and to.is_of_organization:
        pairs = [(part.parent.name, part.column.name) for part in rule.elements]
        return (from_.column, to.column) in pairs
    return from_.kind == to.kind


def left_behind(table: Table) -> list[ForeignKeyConstraint]:
    """Return the foreign keys to a table that no longer delete anything where it is spread."""
    tables = sorted(table.metadata.tables.values(), key=lambda referring: referring.name)
    return [rule for referring in tables for rule in _foreign_keys(referring, to=table)]


def _foreign_keys(table: Table, *, to: Table) -> list[ForeignKeyConstraint]:
    rules = sorted(table.foreign_key_constraints, key=lambda rule: str(rule.name))
    return [rule for rule in rules if rule.referred_table is to and not is_held(rule)]


def unheld(tables: Iterable[Table]) -> list[ForeignKeyConstraint]:
    """Return all foreign keys of these tables that are not held where they are spread."""
    return [
        rule
        for table in tables
        for rule in sorted(table.foreign_key_constraints, key=lambda rule: str(rule.name))
        if not is_held(rule)
    ]


def planner_indexes(tables: Iterable[Table]) -> list[Index]:
    """Return the unique indexes whose rule is dropped where their tables are spread."""
    return [
        index
        for table in tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
        if index.info.get("for_the_planner")
    ]
