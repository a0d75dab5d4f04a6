"""Listing and searching organizations: by key, newest first, with an exact total."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, cast, func, select

from tenantry import errors
from tenantry.db.schema import json_has, tallies, text_has
from tenantry.db.statements import Statement
from tenantry.tenants.organizations.model import Organization, organizations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, ScalarSelect, Select

    from tenantry.call import Call

DEFAULT_PAGE = 10
MAX_PAGE = 100
MAX_METADATA_FILTERS = 10

_o = organizations.c


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; everything that is set must hold."""

    external_id: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    query: str | None = None  # a part of name, id or external id, 3 characters or more


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; a token is "" where there is no page."""

    organizations: list[Organization]
    total_size: int
    next_page_token: str
    prev_page_token: str


async def page(call: Call, narrow: Filter, *, page_size: int, page_token: str) -> Page:
    """Return one page.

    ``page_size`` 0 is the default of 10; more than 100 is 100.

    Raises:
        errors.InvalidArgument: the page token is not of this list and filter, or there are too
            many filters.
        errors.PermissionDenied: the caller is bound to one organization.

    """
    if call.caller.organization_id is not None:
        raise errors.PermissionDenied
    if len(narrow.metadata) > MAX_METADATA_FILTERS:
        raise errors.InvalidArgument.field(
            "metadata", "max_items", f"at most {MAX_METADATA_FILTERS} members can be filtered by"
        )
    size = min(page_size or DEFAULT_PAGE, MAX_PAGE)
    listing = "organizations" + json.dumps([narrow.external_id, narrow.metadata, narrow.query])
    backward, start = False, ""
    if page_token:
        backward, start = call.db.page_tokens.decode(listing, page_token)
    direction = ("backward" if backward else "forward") if page_token else "first"
    shape = (narrow.external_id is not None, len(narrow.metadata), narrow.query is not None)
    params: dict[str, Any] = {
        "external_id": narrow.external_id,
        "part": narrow.query,
        **{f"key_{n}": key for n, (key, _) in enumerate(narrow.metadata)},
        **{f"value_{n}": value for n, (_, value) in enumerate(narrow.metadata)},
    }
    rows: Sequence[Any] = await call.db.fetch_all(
        _page_statement(*shape, direction), start=start, take=size + 1, **params
    )
    total = rows[0]["total"] if rows else await _total(call, shape, params)
    more, rows = len(rows) > size, rows[:size]
    if backward:
        rows = rows[::-1]
    token = functools.partial(call.db.page_tokens.encode, listing)
    has_next = more or backward
    has_previous = more if backward else bool(page_token)
    return Page(
        [Organization.from_row(row) for row in rows],
        int(total or 0),
        token(backward=False, id_=rows[-1]["id"]) if rows and has_next else "",
        token(backward=True, id_=rows[0]["id"]) if rows and has_previous else "",
    )


async def _total(call: Call, shape: tuple[bool, int, bool], params: dict[str, Any]) -> int:
    row = await call.db.fetch_one(_total_statement(*shape), **params)
    return int(row["total"] or 0) if row else 0


# The number of shapes is small: each is built and compiled once.


@functools.cache
def _page_statement(
    by_external_id: bool, metadata_filters: int, by_text: bool, direction: str
) -> Statement:
    conditions = _conditions(by_external_id, metadata_filters, by_text)
    if not conditions:
        statement = _paged(select(organizations, _tally().label("total")), _o.id, direction)
        return Statement(statement)
    # Found once, by the filter's index; then counted, and one page of it is read. A limit right
    # on the table would tempt the planner to walk all of it in the order of the ids.
    found = select(_o.id).where(*conditions).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery().label("total")
    page = _paged(select(found.c.id), found.c.id, direction).subquery("page")
    statement = select(organizations, total).join(page, page.c.id == _o.id)
    return Statement(statement.order_by(_order(_o.id, direction)))


def _paged(statement: Select[Any], key: ColumnElement[str], direction: str) -> Select[Any]:
    if direction == "forward":
        statement = statement.where(key < bindparam("start"))
    if direction == "backward":
        statement = statement.where(key > bindparam("start"))
    return statement.order_by(_order(key, direction)).limit(bindparam("take"))


def _order(key: ColumnElement[str], direction: str) -> ColumnElement[str]:
    return key if direction == "backward" else key.desc()


@functools.cache
def _total_statement(by_external_id: bool, metadata_filters: int, by_text: bool) -> Statement:
    conditions = _conditions(by_external_id, metadata_filters, by_text)
    if not conditions:
        return Statement(select(_tally().label("total")))
    matching = select(func.count().label("total")).select_from(organizations)
    return Statement(matching.where(*conditions))


def _conditions(
    by_external_id: bool, metadata_filters: int, by_text: bool
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if by_external_id:
        conditions.append(_o.external_id == bindparam("external_id"))
    conditions += [
        json_has(
            _o.metadata,
            bindparam(f"key_{n}", type_=Text),
            bindparam(f"value_{n}", type_=Text),
        )
        for n in range(metadata_filters)
    ]
    if by_text:
        conditions.append(text_has(_o.id, bindparam("part")))
    return conditions


def _tally() -> ScalarSelect[int]:
    # All of them are never counted by walking: a trigger keeps the tally.
    total = select(cast(func.sum(tallies.c.n), BigInteger))
    return total.where(tallies.c.name == organizations.name).scalar_subquery()
