"""Listing the sessions of a person: by id, newest first, with an exact total."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, case, func, select, true

from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.core.times import check_span, now
from tenantry.db.lists import pages
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.sessions.model import ACTIVE, EXPIRED, LOGOUT, REVOKED, Session, sessions
from tenantry.identity.sessions.reading import NOW, sessions_with_places
from tenantry.tenants.users import reading as users_reading
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from tenantry.call import Call

STATUSES = (ACTIVE, EXPIRED, REVOKED, LOGOUT)
_LARGEST = 2**63 - 1

_s = sessions.c
_USER_ID: ColumnElement[str] = bindparam("p_user_id", type_=Text)
# As callers see it: one that has lapsed is expired, also before the worker comes to it.
_status = case(((_s.status == ACTIVE) & (_s.lapse_time <= NOW), EXPIRED), else_=_s.status)


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a list; every member that is set must hold."""

    statuses: tuple[str, ...] = ()  # any of these; () for all
    start_time: int | None = None  # of the beginning, in microseconds since 1970, both included
    end_time: int | None = None


def check_visible(call: Call, user_id: str) -> None:
    """Let the caller see a person's sessions: a person only their own."""
    if call.caller.kind is not Kind.USER_SESSION:
        users_reading.check_scope(call)
    elif call.caller.id != user_id:
        raise errors.NotFound("user")


async def of_user(
    call: Call, user_id: str, narrow: Filter, *, page_size: int, page_token: str
) -> pages.Page[Session]:
    """Return one page; ``page_size`` 0 is the default of 10, more than 100 is 100."""
    check_visible(call, user_id)
    statuses = _known(narrow.statuses)
    check_span(narrow.start_time, narrow.end_time, "filter.end_time")
    listing = "sessions" + json.dumps([user_id, statuses, narrow.start_time, narrow.end_time])
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _LIST[position.direction],
        p_user_id=user_id,
        p_statuses=to_json(statuses),
        p_since=0 if narrow.start_time is None else narrow.start_time,
        p_until=_LARGEST if narrow.end_time is None else narrow.end_time,
        p_now=now(),
        **position.params,
    )
    if not rows:
        raise errors.NotFound("user")
    return position.page(rows, rows[0]["total"]).of(Session.from_row)


def _known(statuses: Sequence[str]) -> tuple[str, ...]:
    """Return the statuses that are meant, all of them without any; capitals make no difference."""
    for index, status in enumerate(statuses):
        if status.lower() not in STATUSES:
            raise errors.InvalidArgument.field(
                f"filter.status[{index}]",
                "in",
                f"{status[:60]!r} is not a status; must be one of {', '.join(STATUSES)}",
            )
    wanted = {status.lower() for status in statuses} or set(STATUSES)
    return tuple(status for status in STATUSES if status in wanted)


def _list(direction: str) -> Statement:
    wanted = (
        _s.user_id == _USER_ID,
        _s.create_time >= bindparam("p_since", type_=BigInteger),
        _s.create_time <= bindparam("p_until", type_=BigInteger),
        _status.in_(json_values(bindparam("p_statuses", type_=Text))),
    )
    total = select(func.count()).select_from(sessions).where(*wanted).scalar_subquery()
    page = pages.part(sessions_with_places().where(*wanted), _s.id, direction)
    few = page.limit(bindparam("take")).subquery("page")
    # A row for the user at least: without one, there is no such user.
    statement = (
        select(total.label("total"), *few.c)
        .select_from(users.outerjoin(few, true()))
        .where(users.c.id == _USER_ID)
    )
    return Statement(statement.order_by(pages.order(few.c.id, backward=direction == "backward")))


_LIST = {direction: _list(direction) for direction in pages.DIRECTIONS}
