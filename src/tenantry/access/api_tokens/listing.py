"""Listing the tokens in force of an organization: by key, newest first, with an exact total."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, func, literal_column, select, true

from tenantry import errors
from tenantry.access.api_tokens.model import ApiToken, api_tokens
from tenantry.access.api_tokens.reading import LIVE, from_whole, whole
from tenantry.db.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Row

DEFAULT_PAGE = 10
MAX_PAGE = 30  # by the contract

_t, _o = api_tokens.c, organizations.c


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; a token of a page is "" where there is none."""

    tokens: list[ApiToken]
    total_count: int
    next_page_token: str
    prev_page_token: str


async def page(
    call: Call, organization_id: str, user_id: str | None, *, page_size: int, page_token: str
) -> Page:
    """Return one page, of one member's if a user is named; ``page_size`` 0 is the default of 10.

    Raises:
        errors.NotFound: there is no such organization.
        errors.InvalidArgument: the page token is not of this list and filter.

    """
    size = page_size or DEFAULT_PAGE
    listing = "api tokens" + json.dumps([organization_id, user_id])
    backward, start, direction = False, "", "first"
    if page_token:
        backward, start = call.db.page_tokens.decode(listing, page_token)
        direction = "backward" if backward else "forward"
    rows: Sequence[Row] = await call.db.fetch_all(
        _statement(user_id is not None, direction),
        p_organization_id=organization_id,
        p_user_id=user_id,
        p_at=now(),
        start=start,
        take=size + 1,
    )
    if not rows:
        raise errors.NotFound("organization")
    total = rows[0]["total"]
    rows = [row for row in rows if row["id"] is not None]
    more, rows = len(rows) > size, rows[:size]
    if backward:
        rows = rows[::-1]
    token = functools.partial(call.db.page_tokens.encode, listing)
    has_next = more or backward
    has_previous = more if backward else bool(page_token)
    return Page(
        [from_whole(row["token"]) for row in rows],
        total,
        token(backward=False, id_=rows[-1]["id"]) if rows and has_next else "",
        token(backward=True, id_=rows[0]["id"]) if rows and has_previous else "",
    )


@functools.cache
def _statement(of_member: bool, direction: str) -> Statement:
    """Return the statement: one row with the total at least, none without the organization."""
    live = select(_t.id).where(
        _t.organization_id == bindparam("p_organization_id", type_=Text), *LIVE
    )
    if of_member:
        live = live.where(_t.user_id == bindparam("p_user_id", type_=Text))
    counted = select(func.count()).select_from(live.subquery("live")).scalar_subquery()
    keys = live
    if direction == "forward":
        keys = keys.where(_t.id < bindparam("start", type_=Text))
    if direction == "backward":
        keys = keys.where(_t.id > bindparam("start", type_=Text))
    keys = keys.order_by(_t.id if direction == "backward" else _t.id.desc())
    # Planned for as few as this; see `users.listing.page_statement`.
    few = keys.limit(literal_column(str(MAX_PAGE + 1))).subquery("few")
    one = select(few).limit(bindparam("take")).subquery("page")
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
        .order_by(one.c.id if direction == "backward" else one.c.id.desc())
    )
    return Statement(statement)
