"""Listing the sessions of a person: by id, newest first, with an exact total."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, case, func, select, true

from tenantry import errors
from tenantry.caller import Kind
from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.identity.sessions.model import ACTIVE, EXPIRED, LOGOUT, REVOKED, Session, sessions
from tenantry.identity.sessions.reading import NOW, sessions_with_places
from tenantry.tenants.users import reading as users_reading
from tenantry.tenants.users.model import users
from tenantry.times import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from tenantry.call import Call

DEFAULT_PAGE = 10
MAX_PAGE = 100
STATUSES = (ACTIVE, EXPIRED, REVOKED, LOGOUT)
_LARGEST = 2**63 - 1

_s = sessions.c
_USER_ID: ColumnElement[str] = bindparam("p_user_id", type_=Text)
# As whoever asks sees it: one that has lapsed is expired, also before the worker comes to it.
_status = case(((_s.status == ACTIVE) & (_s.lapse_time <= NOW), EXPIRED), else_=_s.status)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; everything that is set must hold."""

    statuses: tuple[str, ...] = ()  # any of these; () for all
    start_time: int | None = None  # of the beginning, in microseconds since 1970, both included
    end_time: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; a token is "" where there is no page."""

    sessions: list[Session]
    total_size: int
    next_page_token: str
    prev_page_token: str


def check_visible(call: Call, user_id: str) -> None:
    """Let the caller see a person's sessions: a person only their own.

    Raises:
        errors.NotFound: the caller is a person, and another one.
        errors.PermissionDenied: the caller is bound to one organization.

    """
    if call.caller.kind is not Kind.USER_SESSION:
        users_reading.check_scope(call)
    elif call.caller.id != user_id:
        raise errors.NotFound("user")


async def of_user(
    call: Call, user_id: str, narrow: Filter, *, page_size: int, page_token: str
) -> Page:
    """Return one page; ``page_size`` 0 is the default of 10, more than 100 is 100.

    Raises:
        errors.InvalidArgument: the page token is not of this list and filter, a status is not
            known, or the time ends before it starts.
        errors.NotFound: there is no such user that this caller may see.
        errors.PermissionDenied: the caller is bound to one organization.

    """
    check_visible(call, user_id)
    statuses = _known(narrow.statuses)
    if narrow.start_time is not None and narrow.end_time is not None:
        _check_times(narrow.start_time, narrow.end_time)
    size = min(page_size or DEFAULT_PAGE, MAX_PAGE)
    listing = "sessions" + json.dumps([user_id, statuses, narrow.start_time, narrow.end_time])
    backward, start = False, ""
    if page_token:
        backward, start = call.db.page_tokens.decode(listing, page_token)
    direction = ("backward" if backward else "forward") if page_token else "first"
    rows: Sequence[Any] = await call.db.fetch_all(
        _LIST[direction],
        p_user_id=user_id,
        p_statuses=to_json(statuses),
        p_since=0 if narrow.start_time is None else narrow.start_time,
        p_until=_LARGEST if narrow.end_time is None else narrow.end_time,
        p_now=now(),
        start=start,
        take=size + 1,
    )
    if not rows:
        raise errors.NotFound("user")
    total = int(rows[0]["total"])
    rows = [row for row in rows if row["id"] is not None]
    more, rows = len(rows) > size, rows[:size]
    if backward:
        rows = rows[::-1]
    token = functools.partial(call.db.page_tokens.encode, listing)
    has_next = more or backward
    has_previous = more if backward else bool(page_token)
    return Page(
        [Session.from_row(row) for row in rows],
        total,
        token(backward=False, id_=rows[-1]["id"]) if rows and has_next else "",
        token(backward=True, id_=rows[0]["id"]) if rows and has_previous else "",
    )


def _known(statuses: Sequence[str]) -> tuple[str, ...]:
    """Return the statuses that are meant, all of them without any; capitals make no difference."""
    for index, status in enumerate(statuses):
        if status.lower() not in STATUSES:
            raise errors.InvalidArgument.field(
                f"filter.status[{index}]",
                "in",
                f"{status[:60]!r} is not a status; there are {', '.join(STATUSES)}",
            )
    wanted = {status.lower() for status in statuses} or set(STATUSES)
    return tuple(status for status in STATUSES if status in wanted)


def _check_times(start_time: int, end_time: int) -> None:
    if end_time < start_time:
        raise errors.InvalidArgument.field(
            "filter.end_time", "timestamp.gte", "must not be before start_time"
        )


def _list(direction: str) -> Statement:
    wanted = (
        _s.user_id == _USER_ID,
        _s.create_time >= bindparam("p_since", type_=BigInteger),
        _s.create_time <= bindparam("p_until", type_=BigInteger),
        _status.in_(json_values(bindparam("p_statuses", type_=Text))),
    )
    total = select(func.count()).select_from(sessions).where(*wanted).scalar_subquery()
    page = sessions_with_places().where(*wanted)
    start = bindparam("start", type_=Text)
    if direction == "forward":
        page = page.where(_s.id < start)
    if direction == "backward":
        page = page.where(_s.id > start)
    page = page.order_by(_s.id if direction == "backward" else _s.id.desc())
    few = page.limit(bindparam("take")).subquery("page")
    # A row for the user at least: without one, there is no such user.
    statement = (
        select(total.label("total"), *few.c)
        .select_from(users.outerjoin(few, true()))
        .where(users.c.id == _USER_ID)
    )
    return Statement(statement.order_by(few.c.id if direction == "backward" else few.c.id.desc()))


_LIST = {direction: _list(direction) for direction in ("first", "forward", "backward")}
