"""Listing interceptors: by id, newest first."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, select

from tenantry.db.statements import Statement
from tenantry.events.interceptors.model import Interceptor, interceptors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from tenantry.call import Call
    from tenantry.db.engine import Row

DEFAULT_PAGE = 10
MAX_PAGE = 100

_i = interceptors.c


@dataclass(frozen=True, slots=True)
class Page:
    """One page of interceptors; a token is "" where there is no page."""

    interceptors: list[Interceptor]
    total_size: int
    next_page_token: str
    prev_page_token: str


async def page(
    call: Call,
    *,
    trigger_point: str | None,
    enabled: bool | None,
    page_size: int,
    page_token: str,
) -> Page:
    """Return one page, of one trigger, or of those that are enabled or not, if that is given.

    Raises:
        errors.InvalidArgument: the page token is not of this list and filter.

    """
    narrow = (trigger_point is not None, enabled is not None)
    listing = "interceptors" + json.dumps([trigger_point, enabled])
    params = {"p_trigger_point": trigger_point, "p_enabled": enabled}
    size = min(page_size or DEFAULT_PAGE, MAX_PAGE)
    backward, start = False, ""
    if page_token:
        backward, start = call.db.page_tokens.decode(listing, page_token)
    direction = ("backward" if backward else "forward") if page_token else "first"
    rows: Sequence[Row] = await call.db.fetch_all(
        _statement(narrow, direction), start=start, take=size + 1, **params
    )
    more, rows = len(rows) > size, rows[:size]
    if backward:
        rows = rows[::-1]
    total = await call.db.fetch_one(_count(narrow), **params)
    token = functools.partial(call.db.page_tokens.encode, listing)
    has_next = more or backward
    has_previous = more if backward else bool(page_token)
    return Page(
        [Interceptor.from_row(row) for row in rows],
        total["n"] if total is not None else 0,
        token(backward=False, id_=rows[-1]["id"]) if rows and has_next else "",
        token(backward=True, id_=rows[0]["id"]) if rows and has_previous else "",
    )


@functools.cache
def _statement(narrow: tuple[bool, bool], direction: str) -> Statement:
    statement = _narrowed(select(interceptors), narrow)
    if direction != "first":
        start = bindparam("start", type_=Text)
        statement = statement.where(_i.id > start if direction == "backward" else _i.id < start)
    order = _i.id if direction == "backward" else _i.id.desc()
    return Statement(statement.order_by(order).limit(bindparam("take")))


@functools.cache
def _count(narrow: tuple[bool, bool]) -> Statement:
    return Statement(_narrowed(select(func.count().label("n")).select_from(interceptors), narrow))


def _narrowed(statement: Select[Any], narrow: tuple[bool, bool]) -> Select[Any]:
    by_trigger, by_enabled = narrow
    if by_trigger:
        statement = statement.where(_i.trigger_point == bindparam("p_trigger_point"))
    if by_enabled:
        statement = statement.where(_i.enabled == bindparam("p_enabled"))
    return statement
