"""The statements of a search for users or groups of a directory, and the orders of its lists."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, func, literal_column, select, tuple_

from tenantry.db.sql.schema import json_values
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import (
    DIRECTORY_ID,
    ORGANIZATION_ID,
    directory_groups,
    directory_users,
    names_are_due,
    of_directory,
    user_tally,
)
from tenantry.tenants.directories.resources.conditions import (
    condition,
    has_prefix,
    is_selective,
    sorted_alone,
    sorted_apart,
)
from tenantry.tenants.directories.resources.holding import groups_of

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, Table

    from tenantry.tenants.directories.resources.conditions import Shape

MOST = 200  # resources of one page
# Resources whose documents one search looks into at most.
MOST_LOOKED_INTO = 10_000
# Whether the keys of any name are not those of its revision: before the back-fill of 0041 is done.
NAMES_DUE = Statement(
    select(directory_users.c.id)
    .where(*of_directory(directory_users), names_are_due)
    .limit(literal_column("1"))
)
_TABLES = {table.name: table for table in (directory_users, directory_groups)}
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


# As many as there are kinds of filters: a further one takes the place of the oldest.
@functools.lru_cache(maxsize=256)
def page_statement(table_name: str, shape: Shape | None, order: Order, way: str) -> Statement:
    """Return the statement of a page.

    ``way`` is "first", "forward" or "backward" of values, "skip" for a number of rows after values,
    or "far" for a number of rows after the first.
    """
    table = _TABLES[table_name]
    take: BindParameter[int] = bindparam("take")
    backward = way == "backward"
    if way in {"skip", "far"}:
        # The index alone is walked, and not the rows.
        keys = _found(table, shape).order_by(*order.by(table))
        if way == "skip":
            keys = keys.where(order.behind(table, backward=False))
        few = keys.offset(bindparam("skip")).limit(take).subquery("few")
        page = select(table, *_beside(table, table.c.id)).where(*of_directory(table))
        page = page.join(few, few.c.id == table.c.id)
        return Statement(page.order_by(*order.by(table)))
    # Many texts may begin alike: they are sorted by the columns of an index alone.
    keyed = has_prefix(shape)
    found = _found(table, shape) if keyed else select(table).where(*_conditions(table, shape))
    if way != "first":
        found = found.where(order.behind(table, backward=backward))
    # Planned for as few: for a number that it does not know, PostgreSQL takes a tenth of the table.
    apart = sorted_apart if is_selective(shape) else sorted_alone if keyed else None
    found = found.order_by(*order.by(table, backward=backward, apart=apart))
    few = found.limit(literal_column(str(MOST + 1))).subquery("few")
    rows: FromClause = few
    if keyed:
        page = select(table).where(*of_directory(table)).join(few, few.c.id == table.c.id)
        rows = page.subquery("page")
    page = select(rows, *_beside(table, rows.c.id)).order_by(*order.by(rows, backward=backward))
    return Statement(page.limit(take))


def _beside(table: Table, id_: ColumnElement[str]) -> list[ColumnElement[Any]]:
    """Return the columns that are read beside a row: of a person the groups."""
    return [groups_of(id_)] if table is directory_users else []


def _found(table: Table, shape: Shape | None) -> Select[Any]:
    return select(table.c.id).where(*_conditions(table, shape))


def _conditions(table: Table, shape: Shape | None) -> list[ColumnElement[bool]]:
    return [*of_directory(table), condition(table, shape)]


@functools.lru_cache(maxsize=256)
def total_statement(table_name: str, shape: Shape | None) -> Statement:
    """Return the statement that counts all resources that are found."""
    if shape is None and table_name == directory_users.name:
        return Statement(select(user_tally.of(ORGANIZATION_ID, DIRECTORY_ID).label("total")))
    found = _found(_TABLES[table_name], shape).subquery("found")
    return Statement(select(func.count().label("total")).select_from(found))


@functools.lru_cache(maxsize=256)
def few_statement(table_name: str, shape: Shape | None) -> Statement:
    """Return the statement that counts them, up to one more than may be looked into."""
    limited = _found(_TABLES[table_name], shape).limit(literal_column(str(MOST_LOOKED_INTO + 1)))
    return Statement(select(func.count().label("total")).select_from(limited.subquery("found")))


@functools.cache
def by_id_statement(table_name: str) -> Statement:
    table = _TABLES[table_name]
    given = json_values(bindparam("given", type_=Text))
    found = select(table, *_beside(table, table.c.id))
    return Statement(found.where(and_(*of_directory(table), table.c.id.in_(given))))
