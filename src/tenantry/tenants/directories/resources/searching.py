"""Searching a directory (RFC 7644 section 3.4.2): by one statement, if rows can answer the query.

Pages go by index (section 3.4.2.4) or by cursor (RFC 9865), in the order of the ids unless sorted.
If only documents can answer it, a limited number of them is scanned, or the search is refused.
"""

from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson
from sqlalchemy import Text, and_, bindparam, func, literal_column, select, tuple_

from tenantry.core import errors
from tenantry.core.times import rfc3339
from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.tenants.directories.model import (
    DirectoryGroup,
    DirectoryUser,
    directory_groups,
    directory_users,
    names_are_due,
    user_tally,
)
from tenantry.tenants.directories.resources.conditions import (
    condition,
    has_prefix,
    is_selective,
    narrowed,
    sorted_alone,
    sorted_apart,
)
from tenantry.tenants.directories.resources.holding import (
    DIRECTORY_ID,
    ORGANIZATION_ID,
    groups_of,
    key,
    of_directory,
)
from tenantry.tenants.directories.resources.marks import Marks
from tenantry.tenants.directories.scim import filters
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.schemas import AttributePath, definition, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, Table

    from tenantry.db.engine import Row, Session
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.resources.conditions import Narrowed, Shape
    from tenantry.tenants.directories.scim.filters import Filter

MOST = 200  # resources of one page
# Resources whose documents one search looks into at most.
MOST_LOOKED_INTO = 10_000
_AT_ONCE = 200
_SHARE_SECONDS = 0.005  # after which others have their turn

_R = TypeVar("_R", DirectoryUser, DirectoryGroup)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search; ``cursor`` None is a page by index, and "" the first one by cursor."""

    filter: Filter | None = None
    sort_by: AttributePath | None = None
    descending: bool = False
    start_index: int = 1
    count: int = 100
    cursor: str | None = None

    @property
    def size(self) -> int:
        """How many resources the page has at most: less than nothing is nothing."""
        return max(0, min(self.count, MOST))

    @property
    def skipped(self) -> int:
        """How many resources come before the page: an index less than 1 is 1."""
        return max(0, self.start_index - 1)

    def listing(self, directory: Directory, table: Table) -> str:
        """Return which list this is, which a cursor goes with."""
        asked = [directory.id, str(self.filter or ""), str(self.sort_by or ""), self.descending]
        return table.name + orjson.dumps(asked).decode()


@dataclass(frozen=True, slots=True)
class Found(Generic[_R]):
    """A page of resources, and how many there are in all; a cursor is "" where there is no page."""

    resources: list[_R]
    total: int
    start_index: int = 1
    next_cursor: str = ""
    previous_cursor: str = ""


@dataclass(frozen=True, slots=True)
class _Order:
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


_NAMES = {
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


async def users(db: Session, directory: Directory, query: Query) -> Found[DirectoryUser]:
    """Return the people of a directory that a query finds, one page of them.

    Raises:
        Fault: 400 tooMany, the documents of more people than `MOST_LOOKED_INTO` would have to be
            looked into; invalidCursor, the cursor is not of this list.

    """
    return await _search(db, directory, query, directory_users, DirectoryUser.with_groups)


async def groups(db: Session, directory: Directory, query: Query) -> Found[DirectoryGroup]:
    """Return the groups of a directory that a query finds, one page of them.

    Raises:
        Fault: as for `users`; 400 invalidFilter, it asks more of members than who they are.

    """
    return await _search(db, directory, query, directory_groups, DirectoryGroup.from_row)


async def _search(
    db: Session,
    directory: Directory,
    query: Query,
    table: Table,
    record: Callable[[Row], _R],
) -> Found[_R]:
    found = narrowed(table, query.filter)
    if found.has_names and await db.fetch_one(_NAMES_DUE, **key(directory)) is not None:
        found = narrowed(table, query.filter, by_names=False)
    search = _Search[_R](db, directory, query, table, found)
    if search.is_exact:
        return await search.by_rows(record)
    return await search.by_documents(record)


@dataclass(slots=True)
class _Search(Generic[_R]):
    db: Session
    directory: Directory
    query: Query
    table: Table
    narrowed: Narrowed
    params: dict[str, Any] = field(init=False)
    order: _Order | None = field(init=False)  # None: documents know it

    def __post_init__(self) -> None:
        self.params = {**key(self.directory), **self.narrowed.params}
        self.order = _order(self.table, self.query)

    @property
    def _listing(self) -> str:
        return self.query.listing(self.directory, self.table)

    @property
    def _marks(self) -> Marks:
        if self.db.remembered is None:
            return Marks()
        marks: Marks = self.db.remembered.setdefault(Marks, Marks())
        return marks

    @property
    def is_exact(self) -> bool:
        """Whether rows alone tell which resources are found, and in which order."""
        return self.narrowed.exact and self.order is not None

    async def by_rows(self, record: Callable[[Row], _R]) -> Found[_R]:
        query, order = self.query, self.order
        assert order is not None
        way, values, skip = self._place(order)
        rows: list[Row] = []
        if query.size:
            statement = _page(self.table.name, self.narrowed.shape, order, way)
            after = {f"after{number}": value for number, value in enumerate(values)}
            paged = {"take": query.size + 1, "skip": skip}  # one more tells of a next page
            rows = list(await self.db.fetch_all(statement, **paged, **after, **self.params))
        more, rows = len(rows) > query.size, rows[: query.size]
        total = len(rows) + skip
        if more or values or query.size == 0 or (skip and not rows):
            total = await self._total()
        if way == "backward":
            rows.reverse()
        found = [record(row) for row in rows]
        if query.cursor is None:
            if rows and order.is_plain:
                last = [rows[-1][column.name] for column in order.keys(self.table)]
                self._marks.note(self._listing, query.skipped + len(rows), last)
            return Found(found, total, query.skipped + 1)
        return Found(found, total, 1, *self._cursors(rows, order, skip, way, more=more))

    def _place(self, order: _Order) -> tuple[str, list[Any], int]:
        """Return where the page is: which way, behind which values, and how many rows further."""
        values: list[Any] = []
        skip, backward = 0, False
        if self.query.cursor:
            backward, values, skip = self._start()
        elif self.query.cursor is None:
            skip = self.query.skipped
            if order.is_plain:
                marked, values = self._marks.before(self._listing, skip)
                skip -= marked
        if values:
            return "skip" if skip else "backward" if backward else "forward", values, skip
        return "far" if skip else "first", values, skip

    def _cursors(
        self, rows: Sequence[Row], order: _Order, skip: int, way: str, *, more: bool
    ) -> tuple[str, str]:
        """Return the cursors of the next page and of the one before."""
        if not rows:
            return "", ""
        has_next = more or way == "backward"
        has_previous = more if way == "backward" else way != "first"
        if not order.is_plain:
            behind = self._cursor([skip + len(rows)]) if has_next else ""
            return behind, self._cursor([max(0, skip - self.query.size)]) if has_previous else ""
        first, last = ([row[c.name] for c in order.keys(self.table)] for row in (rows[0], rows[-1]))
        behind = self._cursor(last) if has_next else ""
        return behind, self._cursor(first, backward=True) if has_previous else ""

    def _cursor(self, values: list[Any], *, backward: bool = False) -> str:
        text = orjson.dumps(values).decode()
        return self.db.page_tokens.encode(self._listing, backward=backward, id_=text)

    def _start(self) -> tuple[bool, list[Any], int]:
        """Return which way the page of a cursor lies, from which values, or behind how many."""
        try:
            backward, text, _ = self.db.page_tokens.decode(self._listing, self.query.cursor or "")
        except errors.InvalidArgument:
            sentence = "The cursor is not one of this list with this filter and order."
            raise Fault(400, "invalidCursor", sentence) from None
        values = orjson.loads(text)
        if self.order is not None and self.order.is_plain and self.narrowed.exact:
            return backward, values, 0
        return False, [], values[0]

    async def _total(self) -> int:
        statement = _total(self.table.name, self.narrowed.shape)
        row = await self.db.fetch_one(statement, **self.params)
        return int(row["total"] or 0) if row else 0

    async def by_documents(self, record: Callable[[Row], _R]) -> Found[_R]:
        row = await self.db.fetch_one(_few(self.table.name, self.narrowed.shape), **self.params)
        if row is None or row["total"] > MOST_LOOKED_INTO:
            raise Fault(
                *(400, "tooMany"),
                f"Only what {MOST_LOOKED_INTO} resources say can be looked into: narrow the filter "
                "by userName, externalId, emails.value, displayName, name.familyName, "
                "name.givenName, id, active, groups, members or meta.lastModified.",
            )
        descending = self.query.descending and self.query.sort_by is not None
        found = [pair async for pair in self._matching(record)]
        found.sort(key=lambda pair: pair[0], reverse=descending)
        query = self.query
        skip = query.skipped if query.cursor is None else self._start()[2] if query.cursor else 0
        ids = [id_ for _, id_ in found[skip : skip + query.size]]
        rows = await self.db.fetch_all(
            _by_id(self.table.name), given=to_json(ids), **key(self.directory)
        )
        by_id = {row["id"]: record(row) for row in rows}
        resources = [by_id[id_] for id_ in ids if id_ in by_id]
        if query.cursor is None:
            return Found(resources, len(found), skip + 1)
        behind = self._cursor([skip + len(ids)]) if skip + len(ids) < len(found) and ids else ""
        before = self._cursor([max(0, skip - query.size)]) if skip else ""
        return Found(resources, len(found), 1, behind, before)

    async def _matching(self, record: Callable[[Row], _R]) -> AsyncIterator[tuple[Any, str]]:
        """Look into documents; return what each found one is sorted by, and its id."""
        query = self.query
        matches = filters.matcher(query.filter) if query.filter else None
        statement = _page(self.table.name, self.narrowed.shape, _Order(), "forward")
        after, until = "", time.perf_counter() + _SHARE_SECONDS
        while True:
            rows = await self.db.fetch_all(statement, take=_AT_ONCE, after0=after, **self.params)
            for row in rows:
                one = record(row)
                resource = _resource(one)
                if matches is None or matches(resource):
                    place: tuple[Any, ...] = _sorted_by(query.sort_by, resource)
                    yield (place, one.id), one.id
                if time.perf_counter() > until:
                    await asyncio.sleep(0)
                    until = time.perf_counter() + _SHARE_SECONDS
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1]["id"]


def _order(table: Table, query: Query) -> _Order | None:
    if query.sort_by is None:
        return _Order()
    path = query.sort_by
    name = _NAMES.get(f"{path.name}.{path.sub}" if path.sub else path.name)
    if path.schema or name is None or name not in table.c:
        return None
    return _Order(name, query.descending)


def _resource(one: DirectoryUser | DirectoryGroup) -> dict[str, Any]:
    meta = {
        "resourceType": "User" if isinstance(one, DirectoryUser) else "Group",
        "created": rfc3339(one.create_time),
        "lastModified": rfc3339(one.update_time),
        "version": f'W/"{one.revision}"',
    }
    resource = {**one.document, "id": one.id, "meta": meta}
    if isinstance(one, DirectoryUser):
        resource["active"] = one.active
        resource["groups"] = [{"value": id_, "display": name} for id_, name in one.groups or ()]
    return resource


def _sorted_by(path: AttributePath | None, resource: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a resource is sorted by: without a value it comes last.

    Of several values the primary one counts, or else the first (RFC 7644 section 3.4.2.3).
    """
    if path is None:
        return ()
    values = list(_values(resource, path))
    value = min(values, key=lambda pair: not pair[0])[1] if values else None
    if value is None:
        return True, ""
    if isinstance(value, str):
        known = definition(path)
        return False, value if known and known.case_exact else fold(value)
    return False, str(value) if not isinstance(value, bool) else str(int(value))


def _values(resource: Mapping[str, Any], path: AttributePath) -> Iterator[tuple[bool, Any]]:
    """Return the values at a path, each with whether it is the primary one."""
    holder = resource.get(path.schema, {}) if path.schema else resource
    found = holder.get(path.name) if isinstance(holder, dict) else None
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict):
            value = one.get(path.sub or "value")
            if value is not None and not isinstance(value, dict | list):
                yield one.get("primary") is True, value
        elif one is not None and not path.sub:
            yield False, one


# Whether the keys of any name are not those of its revision: before the back-fill of 0041 is done.
_NAMES_DUE = Statement(
    select(directory_users.c.id)
    .where(*of_directory(directory_users), names_are_due)
    .limit(literal_column("1"))
)
_TABLES = {table.name: table for table in (directory_users, directory_groups)}


# As many as there are kinds of filters: a further one takes the place of the oldest.
@functools.lru_cache(maxsize=256)
def _page(table_name: str, shape: Shape | None, order: _Order, way: str) -> Statement:
    """Return the statement of a page.

    It is the "first" one, or one "forward" or "backward" of values; or a number of rows further,
    the "skip" behind values, and the "far" one behind none.
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
def _total(table_name: str, shape: Shape | None) -> Statement:
    """Return the statement that counts all resources that are found."""
    if shape is None and table_name == directory_users.name:
        return Statement(select(user_tally.of(ORGANIZATION_ID, DIRECTORY_ID).label("total")))
    found = _found(_TABLES[table_name], shape).subquery("found")
    return Statement(select(func.count().label("total")).select_from(found))


@functools.lru_cache(maxsize=256)
def _few(table_name: str, shape: Shape | None) -> Statement:
    """Return the statement that counts them, up to one more than may be looked into."""
    limited = _found(_TABLES[table_name], shape).limit(literal_column(str(MOST_LOOKED_INTO + 1)))
    return Statement(select(func.count().label("total")).select_from(limited.subquery("found")))


@functools.cache
def _by_id(table_name: str) -> Statement:
    table = _TABLES[table_name]
    given = json_values(bindparam("given", type_=Text))
    found = select(table, *_beside(table, table.c.id))
    return Statement(found.where(and_(*of_directory(table), table.c.id.in_(given))))
