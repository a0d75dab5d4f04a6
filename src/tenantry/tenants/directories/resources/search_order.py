"""The orders of a list of resources, and their statements' keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, tuple_

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

    from tenantry.tenants.directories.resources.conditions import (
        sorted_alone,
        sorted_apart,
    )


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: by a column, then the id; a row without a value comes last."""

    name: str = "id"
    descending: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether each row has a value, and an index the order."""
        return self.name in {"id", "user_name_key", "update_time", "active"}

    def keys(self, rows: FromClause) -> list[ColumnElement[Any]]:
        """Return what rows are sorted by."""
        column = rows.c[self.name]
        if self.name == "id":
            return [column]
        if self.is_plain:
            return [column, rows.c.id]
        lacking = column.is_(None) if self.name == "external_id" else column == ""
        return [lacking, column, rows.c.id]

    def by(
        self,
        rows: FromClause,
        *,
        backward: bool = False,
        apart: type[sorted_apart | sorted_alone] | None = None,
    ) -> list[ColumnElement[Any]]:
        """Return the same as directions, which are the opposite ones ``backward``.

        ``apart`` is for rows that are found first, and that no index need have in this order.
        """
        down = self.descending is not backward
        keys = self.keys(rows) if apart is None else [apart(column) for column in self.keys(rows)]
        return [column.desc() if down else column for column in keys]

    def behind(self, rows: FromClause, *, backward: bool) -> ColumnElement[bool]:
        """Return the condition of the rows behind these values: after0, after1, …."""
        keys = self.keys(rows)
        values = [bindparam(f"after{n}", type_=column.type) for n, column in enumerate(keys)]
        left, right = (keys[0], values[0]) if len(keys) == 1 else (tuple_(*keys), tuple_(*values))
        return left < right if self.descending is not backward else left > right


NAMES = {
    "id": "id",
    "meta.created": "id",  # ids have the order in which they were made
    "meta.lastModified": "update_time",
    "userName": "user_name_key",
    "displayName": "display_name_key",
    "externalId": "external_id",
    "active": "active",
    "emails": "email_key",
    "emails.value": "email_key",
}
