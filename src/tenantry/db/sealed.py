"""Which columns the vault seals: each says it where it is declared, as `info`.

All of them are known so: a value that stays is sealed anew when another data key is active
(`tenantry.db.resealing`), and for a value that is over soon nothing has to be done, since a data
key outlives it. See docs/decisions/0036-data-keys.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Table

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Sealed:
    """For which purpose a column is sealed: a text, with the names of columns of its row in it."""

    purpose: str

    @property
    def columns(self) -> list[str]:
        """The names of the columns that the purpose holds."""
        return _PLACE.findall(self.purpose)

    def of(self, row: Mapping[str, Any]) -> str:
        """Return the purpose of a row."""
        return self.purpose.format_map(row)


def sealed(purpose: str) -> dict[str, Any]:
    """Return the `info` of a column whose values the vault seals for a purpose."""
    return {"sealed": Sealed(purpose)}


# The `info` of a column that holds sealed values, or texts with sealed values in them, which nobody
# reads any more after a day.
SEALED_FOR_A_DAY = {"sealed": None}


def sealed_columns(table: Table) -> list[Column[Any]]:
    """Return the columns of a table that are sealed, and stay."""
    return [column for column in table.columns if column.info.get("sealed") is not None]
