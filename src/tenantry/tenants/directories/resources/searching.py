"""Searching a directory (RFC 7644 section 3.4.2): by one statement, if rows can answer the query.

Pages go by index (section 3.4.2.4) or by cursor (RFC 9865), in the order of the ids unless sorted.
If only documents can answer it, a limited number of them is scanned, or the search is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson

from tenantry.core import errors
from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import to_json
from tenantry.tenants.directories.model import (
    DirectoryGroup,
    DirectoryUser,
    directory_groups,
    directory_users,
    key,
)
from tenantry.tenants.directories.resources import search_statements
from tenantry.tenants.directories.resources.conditions import Narrowed
from tenantry.tenants.directories.resources.search_statements import (
    MOST,
    NAMES,
    NAMES_DUE,
    Order,
    by_id_statement,
    few_statement,
    page_statement,
    total_statement,
)
from tenantry.tenants.directories.scim import matching
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.schemas import AttributePath, definition, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Table

    from tenantry.db.engine import Row, Session
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.scim.filters import Filter

_AT_ONCE = 200
_SHARE_SECONDS = 0.005  # after which others have their turn

# A mark says where a page of a long list ended, so that the next one does not count from the start:
# a provider reads a list by index from its first page to its last (RFC 7644 section 3.4.2.4). It
# holds for two minutes, also if something before it is deleted: the reader misses nothing.
FAR = 1000  # resources, which are counted each time
SECONDS = 120.0
_MOST_LISTS = 500
_MOST_OF_ONE = 8

_Mark = tuple[float, list[Any]]  # when it ends, and what the last row is sorted by

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


@dataclass(frozen=True, slots=True)
class Found(Generic[_R]):
    """A page of resources, and how many there are in all; a cursor is "" where there is no page."""

    resources: list[_R]
    total: int
    start_index: int = 1
    next_cursor: str = ""
    previous_cursor: str = ""


async def users(db: Session, directory: Directory, query: Query) -> Found[DirectoryUser]:
    """Return the people of a directory that a query finds, one page of them."""
    return await _search(db, directory, query, directory_users, DirectoryUser.with_groups)


async def groups(db: Session, directory: Directory, query: Query) -> Found[DirectoryGroup]:
    """Return the groups of a directory that a query finds, one page of them."""
    return await _search(db, directory, query, directory_groups, DirectoryGroup.from_row)


async def _search(
    db: Session, directory: Directory, query: Query, table: Table, record: Callable[[Row], _R]
) -> Found[_R]:
    found = Narrowed(table, query.filter)
    if found.has_names and await db.fetch_one(NAMES_DUE, **key(directory)) is not None:
        found = Narrowed(table, query.filter, by_names=False)
    search = _Search[_R](db, directory, query, table, found)
    if search.is_exact:
        return await search.by_rows(record)
    return await search.by_documents(record)


class Marks:
    """The marks of one process, those of the lists that were read last."""

    def __init__(self) -> None:
        self._lists: OrderedDict[str, OrderedDict[int, _Mark]] = OrderedDict()

    def note(self, listing: str, position: int, values: list[Any]) -> None:
        """Note what a row is sorted by, after a number of rows of a list."""
        if position < FAR:
            return
        marks = self._lists.setdefault(listing, OrderedDict())
        self._lists.move_to_end(listing)
        marks[position] = monotonic() + SECONDS, values
        marks.move_to_end(position)
        if len(marks) > _MOST_OF_ONE:
            marks.popitem(last=False)
        if len(self._lists) > _MOST_LISTS:
            self._lists.popitem(last=False)

    def before(self, listing: str, position: int) -> tuple[int, list[Any]]:
        """Return the nearest mark at or before a position: 0 and nothing where there is none."""
        at = monotonic()
        marks = self._lists.get(listing, OrderedDict())
        near = [where for where, (until, _) in marks.items() if where <= position and at < until]
        return (max(near), marks[max(near)][1]) if near else (0, [])


@dataclass(slots=True)
class _Search(Generic[_R]):
    db: Session
    directory: Directory
    query: Query
    table: Table
    narrowed: Narrowed
    params: dict[str, Any] = field(init=False)
    order: Order | None = field(init=False)  # None: documents know it

    def __post_init__(self) -> None:
        self.params = {**key(self.directory), **self.narrowed.params}
        self.order = _order(self.table, self.query)

    @property
    def _listing(self) -> str:
        """Which list this is, which a cursor goes with."""
        query = self.query
        found, order = str(query.filter or ""), str(query.sort_by or "")
        asked = [self.directory.id, found, order, query.descending]
        return self.table.name + orjson.dumps(asked).decode()

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
            statement = page_statement(self.table.name, self.narrowed.shape, order, way)
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

    def _place(self, order: Order) -> tuple[str, list[Any], int]:
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
        self, rows: Sequence[Row], order: Order, skip: int, way: str, *, more: bool
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
            sentence = "The cursor does not belong to this list, filter and sort order."
            raise Fault(400, "invalidCursor", sentence) from None
        values = orjson.loads(text)
        if self.order is not None and self.order.is_plain and self.narrowed.exact:
            return backward, values, 0
        return False, [], values[0]

    async def _total(self) -> int:
        statement = total_statement(self.table.name, self.narrowed.shape)
        row = await self.db.fetch_one(statement, **self.params)
        return int(row["total"] or 0) if row else 0

    async def by_documents(self, record: Callable[[Row], _R]) -> Found[_R]:
        row = await self.db.fetch_one(
            few_statement(self.table.name, self.narrowed.shape), **self.params
        )
        most = search_statements.MOST_LOOKED_INTO
        if row is None or row["total"] > most:
            raise Fault(
                *(400, "tooMany"),
                f"The filter would read more than {most} resources: narrow it "
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
            by_id_statement(self.table.name), given=to_json(ids), **key(self.directory)
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
        matches = matching.matcher(query.filter) if query.filter else None
        statement = page_statement(self.table.name, self.narrowed.shape, Order(), "forward")
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


def _order(table: Table, query: Query) -> Order | None:
    if query.sort_by is None:
        return Order()
    path = query.sort_by
    name = NAMES.get(f"{path.name}.{path.sub}" if path.sub else path.name)
    if path.schema or name is None or name not in table.c:
        return None
    return Order(name, query.descending)


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
