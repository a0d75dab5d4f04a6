"""Encrypted columns, declared by the `info` of a column, and what their values are bound to.

A value is bound to its table, its column, the primary key of its row and the organization of the
row: a value that is copied to another place is refused. See docs/decisions/0043-bound-values.md.

Values that stay are re-encrypted when another data key is active
(`tenantry.db.encryption.reencryption`). Those that are over within a day are not, since a data key
outlives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.crypto.vault import Binding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Table

_INFO = "encrypted"
_ORGANIZATION = "organization_id"


@dataclass(frozen=True, slots=True)
class Encrypted:
    """How a column is encrypted.

    ``former`` is the associated data of values that data keys without binding encrypted, with names
    of columns in braces. ``of_organization`` says that the row's organization is bound as well:
    wherever the table has the column, but where a row gets its organization later.
    """

    former: str
    stays: bool
    of_organization: bool


def encrypted(former: str) -> dict[str, Any]:
    """Return the `info` of a column whose values stay."""
    return {_INFO: Encrypted(former, stays=True, of_organization=True)}


def encrypted_for_a_day(former: str, *, of_organization: bool = True) -> dict[str, Any]:
    """Return the `info` of a column that nobody reads any more a day after it was written.

    Its values, or a part of each.
    """
    return {_INFO: Encrypted(former, stays=False, of_organization=of_organization)}


def encrypted_columns(table: Table, *, stays: bool | None = None) -> list[Column[Any]]:
    """Return the encrypted columns of a table: those that stay, the others, or all of them."""
    return [
        column
        for column in table.columns
        if _INFO in column.info and stays in {None, column.info[_INFO].stays}
    ]


def bound_columns(column: Column[Any]) -> list[str]:
    """Return the names of the columns whose values `binding` needs of a row."""
    table, how = column.table, column.info[_INFO]
    names = [one.name for one in table.primary_key]
    if how.of_organization and _ORGANIZATION in table.c and _ORGANIZATION not in names:
        names.append(_ORGANIZATION)
    return names


def binding(column: Column[Any], row: Mapping[str, Any]) -> Binding:
    """Return what the value of a column is bound to in a row.

    Raises:
        KeyError: a column of `bound_columns` is missing in the row.

    """
    how, names = column.info[_INFO], bound_columns(column)
    return Binding(
        f"{column.table.name}.{column.name}",
        tuple(row[one.name] for one in column.table.primary_key),
        (row[_ORGANIZATION] or "") if _ORGANIZATION in names else "",
        former=how.former.format_map(row),
        stays=how.stays,
    )
