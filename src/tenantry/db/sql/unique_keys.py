"""The field that a violated unique rule is about, by the name that PostgreSQL tells."""

from __future__ import annotations

from tenantry.db.sql.schema import metadata

_PRIMARY = "pk_"


def field_of(constraint: str) -> str:
    """Return the column that a rule is named after; of a primary key the first one.

    A partition has its own name for the primary key; ids alone are unique there.
    """
    table = metadata.tables.get(constraint.removeprefix(_PRIMARY))
    if constraint.startswith(_PRIMARY) and table is not None:
        return next(iter(table.primary_key.columns)).name
    _, is_named, column = constraint.rpartition("__")
    return column if is_named else "id"
