"""Reads of data keys and master keys: two tables with the same columns to list them by."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Text, bindparam, func, literal_column, select

from tenantry.core import errors
from tenantry.db import crud
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Select, Table

    from tenantry.access.data_keys.model import DataKey, MasterKey
    from tenantry.db.engine import Row, Session
    from tenantry.db.lists.pages import Page

_Key = TypeVar("_Key", bound="DataKey | MasterKey")


class Keys(Generic[_Key]):
    """The keys of a table, as records of the columns that are shown; ``name`` is that of one."""

    def __init__(self, table: Table, record: type[_Key], name: str) -> None:
        self._record = record
        self._name = name
        self._members = [one.name for one in fields(record)]
        shown = select(*(table.c[one] for one in self._members))
        state: BindParameter[str] = bindparam("p_state", type_=Text)
        is_wanted = (table.c.state == state) | (state == literal_column("''"))
        self._all = Statement(shown.order_by(table.c.version))
        self._find = Statement(shown.where(table.c.version == bindparam("p_version")))
        counted: Select[Any] = select(func.count().label("n")).select_from(table)
        self._count = Statement(counted.where(is_wanted))
        self._page = cache(lambda way: crud.list_page(shown.where(is_wanted), table.c.id, way))

    async def list_all(self, db: Session) -> list[_Key]:
        """Return all keys, the oldest first, also those that were destroyed."""
        return [self._read(row) for row in await db.fetch_all(self._all)]

    async def list_page(
        self, db: Session, *, state: str, page_size: int, page_token: str
    ) -> Page[_Key]:
        """Return a page of the keys in a state, of all when it is "", the newest first."""
        position = pages.position(
            db, f"{self._name}s {state}", page_size=page_size, page_token=page_token
        )
        listed = self._page(position.direction)
        rows = await db.fetch_all(listed, p_state=state, **position.params)
        count = await db.fetch_one(self._count, p_state=state)
        return position.page(rows, count["n"] if count is not None else 0).of(self._read)

    async def get(self, db: Session, version: int) -> _Key:
        """Return the key of a version."""
        row = await db.fetch_one(self._find, p_version=version)
        if row is None:
            raise errors.NotFound(self._name)
        return self._read(row)

    def _read(self, row: Row) -> _Key:
        return self._record(**{one: row[one] for one in self._members})
