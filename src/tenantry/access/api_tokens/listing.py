"""Listing the tokens in force of an organization: by key, newest first, with an exact total."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, func, select, true

from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.api_tokens.reading import LIVE, from_whole, whole
from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import organizations

if TYPE_CHECKING:
    from tenantry.access.api_tokens.model import ApiToken
    from tenantry.call import Call

MAX_PAGE = 30  # by the contract

_t, _o = api_tokens.c, organizations.c


async def page(
    call: Call, organization_id: str, user_id: str | None, *, page_size: int, page_token: str
) -> pages.Page[ApiToken]:
    """Return one page, of one member's if a user is named; ``page_size`` 0 is the default of 10."""
    listing = "api tokens" + json.dumps([organization_id, user_id])
    position = pages.position(
        call.db, listing, page_size=page_size, page_token=page_token, most=MAX_PAGE
    )
    rows = await call.db.fetch_all(
        _statement(user_id is not None, position.direction),
        p_organization_id=organization_id,
        p_user_id=user_id,
        p_at=now(),
        **position.params,
    )
    if not rows:
        raise errors.NotFound("organization")
    return position.page(rows, rows[0]["total"]).of(lambda row: from_whole(row["token"]))


@functools.cache
def _statement(of_member: bool, direction: str) -> Statement:
    """Return the statement: one row with the total at least, none without the organization."""
    live = select(_t.id).where(
        _t.organization_id == bindparam("p_organization_id", type_=Text), *LIVE
    )
    if of_member:
        live = live.where(_t.user_id == bindparam("p_user_id", type_=Text))
    counted = select(func.count()).select_from(live.subquery("live")).scalar_subquery()
    one = pages.few(pages.part(live, _t.id, direction), MAX_PAGE)
    statement = (
        select(
            counted.label("total"),
            one.c.id,
            whole(_t.id == one.c.id).label("token"),
        )
        .select_from(
            select(_o.id)
            .where(_o.id == bindparam("p_organization_id", type_=Text))
            .subquery("owner")
            .outerjoin(one, true())
        )
        .order_by(pages.order(one.c.id, backward=direction == "backward"))
    )
    return Statement(statement)
