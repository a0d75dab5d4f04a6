"""Listing clients: by key, newest first, with an exact total."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from tenantry import errors
from tenantry.access.clients import reading
from tenantry.access.clients.model import APPLICATIONS, ENV, Client, clients
from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row

DEFAULT_PAGE = 10
MAX_PAGE = 100
ALL = "ALL"
_OF_ENVIRONMENT = (ENV, *APPLICATIONS)

_c = clients.c


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; a token is "" where there is no page."""

    clients: list[Client]
    total_size: int
    next_page_token: str
    prev_page_token: str


async def of_environment(
    call: Call, types: Sequence[str], *, page_size: int, page_token: str
) -> Page:
    """Return one page of the environment's clients of these types; of no type means ENV.

    Raises:
        errors.InvalidArgument: there is no such type, or the page token is not of this list.

    """
    for index, type_ in enumerate(types):
        if type_ not in {*_OF_ENVIRONMENT, ALL}:
            raise errors.InvalidArgument.field(
                f"filter.client_type[{index}]",
                "in",
                f"must be {', '.join(_OF_ENVIRONMENT)} or {ALL}, got {type_[:60]!r}",
            )
    chosen = sorted(_OF_ENVIRONMENT if ALL in types else set(types) or {ENV})
    return await _page(
        call,
        "environment",
        f"clients {' '.join(chosen)}",
        page_size=page_size,
        page_token=page_token,
        types=to_json(chosen),
    )


async def of_organization(
    call: Call, organization_id: str, *, page_size: int, page_token: str
) -> Page:
    """Return one page of an organization's clients.

    Raises:
        errors.NotFound: there is no such organization that this caller may see.
        errors.InvalidArgument: the page token is not of this list.

    """
    page = await _page(
        call,
        "organization",
        f"clients of {organization_id}",
        page_size=page_size,
        page_token=page_token,
        organization_id=organization_id,
    )
    if not page.total_size:
        await organizations.get(call, Identity(organization_id))
    return page


async def _page(
    call: Call, place: str, listing: str, *, page_size: int, page_token: str, **narrow: str
) -> Page:
    size = min(page_size or DEFAULT_PAGE, MAX_PAGE)
    backward, start = False, ""
    if page_token:
        backward, start = call.db.page_tokens.decode(listing, page_token)
    direction = ("backward" if backward else "forward") if page_token else "first"
    # One more than is shown tells whether there is a further page.
    rows: Sequence[Row] = await call.db.fetch_all(
        _page_statement(place, direction), start=start, take=size + 1, **narrow
    )
    if rows:
        total = rows[0]["total"]
    else:
        row = await call.db.fetch_one(_total_statement(place), **narrow)
        total = row["total"] if row else 0
    more, rows = len(rows) > size, rows[:size]
    if backward:
        rows = rows[::-1]
    token = functools.partial(call.db.page_tokens.encode, listing)
    has_next = more or backward
    has_previous = more if backward else bool(page_token)
    return Page(
        [reading.from_row(row) for row in rows],
        total,
        token(backward=False, id_=rows[-1]["id"]) if rows and has_next else "",
        token(backward=True, id_=rows[0]["id"]) if rows and has_previous else "",
    )


@functools.cache
def _page_statement(place: str, direction: str) -> Statement:
    # Found once, by the index of the place; then counted, and one page of it is read.
    found = _narrowed(select(_c.id), place).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery().label("total")
    key = found.c.id
    page = select(key)
    if direction == "forward":
        page = page.where(key < bindparam("start"))
    if direction == "backward":
        page = page.where(key > bindparam("start"))
    one_page = page.order_by(_order(key, direction)).limit(bindparam("take")).subquery("page")
    return Statement(
        reading.with_secrets()
        .add_columns(total)
        .join(one_page, one_page.c.id == _c.id)
        .order_by(_order(_c.id, direction))
    )


@functools.cache
def _total_statement(place: str) -> Statement:
    return Statement(_narrowed(select(func.count().label("total")).select_from(clients), place))


def _narrowed(statement: Select[Any], place: str) -> Select[Any]:
    if place == "organization":
        return statement.where(_c.organization_id == bindparam("organization_id"))
    return statement.where(
        _c.organization_id.is_(None), _c.client_type.in_(json_values(bindparam("types")))
    )


def _order(key: ColumnElement[str], direction: str) -> ColumnElement[str]:
    return key if direction == "backward" else key.desc()
