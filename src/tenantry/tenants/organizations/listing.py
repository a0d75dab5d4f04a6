"""Listing and searching organizations: by key, newest first, with an exact total."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, select, true

from tenantry.core import errors
from tenantry.db.lists import pages
from tenantry.db.search.paging import SearchPages
from tenantry.db.sql.schema import json_has
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import key_index
from tenantry.tenants.organizations.model import (
    ORGANIZATIONS,
    organization_search,
    organization_tally,
    organizations,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, ScalarSelect, Select, Subquery

    from tenantry.call import Call
    from tenantry.db.engine import Row

MAX_METADATA_FILTERS = 10

_o = organizations.c


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions of a list; all that are set must hold."""

    external_id: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    query: str | None = None  # a part of name, id or external id, 3 characters or more


async def page(call: Call, narrow: Filter, *, page_size: int, page_token: str) -> pages.Page[Row]:
    """Return one page, of rows of organizations with one column more: the total.

    ``page_size`` 0 is the default of 10; more than 100 is 100.
    """
    if call.caller.organization_id is not None:
        raise errors.PermissionDenied
    if len(narrow.metadata) > MAX_METADATA_FILTERS:
        raise errors.InvalidArgument.field(
            "metadata", "max_items", f"at most {MAX_METADATA_FILTERS} keys can be filtered by"
        )
    listing = "organizations" + json.dumps([narrow.external_id, narrow.metadata, narrow.query])
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    if narrow.query is not None and narrow.external_id is None and not narrow.metadata:
        found = await _SEARCH.read(call.db, position, narrow.query)
        call.tell_total(is_exact=found.total.is_exact)
        listed = position.page(found.rows, found.total.count, end=found.end)
        return replace(listed, is_exact=found.total.is_exact)
    shape = (narrow.external_id is not None, len(narrow.metadata), narrow.query is not None)
    params: dict[str, Any] = {
        "external_id": narrow.external_id,
        "part": narrow.query,
        **{f"key_{n}": key for n, (key, _) in enumerate(narrow.metadata)},
        **{f"value_{n}": value for n, (_, value) in enumerate(narrow.metadata)},
    }
    rows = await call.db.fetch_all(
        _page_statement(*shape, position.direction), **position.params, **params
    )
    total = rows[0]["total"] if rows else await _total(call, shape, params)
    return position.page(rows, int(total or 0))


async def _total(call: Call, shape: tuple[bool, int, bool], params: dict[str, Any]) -> int:
    row = await call.db.fetch_one(_total_statement(*shape), **params)
    return int(row["total"] or 0) if row else 0


# Hot path, written by hand. The number of shapes is small: each is built and compiled once.


@functools.cache
def _page_statement(
    by_external_id: bool, metadata_filters: int, by_text: bool, direction: str
) -> Statement:
    conditions = _conditions(by_external_id, metadata_filters)
    if not conditions and not by_text:
        statement = select(organizations, _tally().label("total"))
        return Statement(pages.part(statement, _o.id, direction).limit(bindparam("take")))
    # Found once, by the filter's index; then counted, and one page of it is read. A limit right
    # on the table would tempt the planner to walk all of it in the order of the ids.
    found = _found(conditions, by_text=by_text).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery().label("total")
    keys = pages.part(select(found.c.id), found.c.id, direction)
    page = keys.limit(bindparam("take")).subquery("page")
    statement = select(organizations, total).join(page, page.c.id == _o.id)
    return Statement(statement.order_by(pages.order(_o.id, backward=direction == "backward")))


@functools.cache
def _total_statement(by_external_id: bool, metadata_filters: int, by_text: bool) -> Statement:
    conditions = _conditions(by_external_id, metadata_filters)
    if not conditions and not by_text:
        return Statement(select(_tally().label("total")))
    found = _found(conditions, by_text=by_text).subquery("found")
    return Statement(select(func.count().label("total")).select_from(found))


def _found(conditions: list[ColumnElement[bool]], *, by_text: bool) -> Select[Any]:
    if not by_text:
        return select(_o.id).where(*conditions)
    matching = organization_search.matching(bindparam("part", type_=Text))
    if not conditions:
        return select(matching.c.id)
    return select(_o.id).join(matching, matching.c.id == _o.id).where(*conditions)


def _conditions(by_external_id: bool, metadata_filters: int) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if by_external_id:
        conditions.append(key_index.has("external_id", bindparam("external_id", type_=Text)))
    conditions += [
        json_has(
            _o.metadata,
            bindparam(f"key_{n}", type_=Text),
            bindparam(f"value_{n}", type_=Text),
        )
        for n in range(metadata_filters)
    ]
    return conditions


def _tally() -> ScalarSelect[int]:
    return organization_tally.of(ORGANIZATIONS)  # the whole table is never counted


def _searched(beside: Subquery, keys: Select[Any], direction: str) -> Statement:
    page = pages.few(keys)
    statement = select(organizations, *beside.c).select_from(
        beside.outerjoin(page, true()).outerjoin(organizations, _o.id == page.c.page_key)
    )
    return Statement(
        statement.order_by(pages.order(page.c.page_key, backward=direction == "backward"))
    )


_SEARCH = SearchPages(organization_search, _tally(), _searched)
