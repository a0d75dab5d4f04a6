"""Listing interceptors: by id, newest first."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from tenantry.db import crud
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.events.interceptors.model import Interceptor, interceptors

if TYPE_CHECKING:
    from sqlalchemy import Select

    from tenantry.call import Call

_i = interceptors.c


async def page(
    call: Call,
    *,
    trigger_point: str | None,
    enabled: bool | None,
    page_size: int,
    page_token: str,
) -> pages.Page[Interceptor]:
    """Return one page, of one trigger, or of those that are enabled or not, if that is given."""
    narrow = (trigger_point is not None, enabled is not None)
    listing = "interceptors" + json.dumps([trigger_point, enabled])
    params = {"p_trigger_point": trigger_point, "p_enabled": enabled}
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _statement(narrow, position.direction), **position.params, **params
    )
    total = await call.db.fetch_one(_count(narrow), **params)
    assert total is not None
    return position.page(rows, total["n"]).of(Interceptor.from_row)


@functools.cache
def _statement(narrow: tuple[bool, bool], direction: str) -> Statement:
    return crud.list_page(_narrowed(select(interceptors), narrow), _i.id, direction)


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
