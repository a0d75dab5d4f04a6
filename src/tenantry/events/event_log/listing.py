"""Listing events: by id, newest first, a page at a time, with a total up to a limit."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Text,
    bindparam,
    case,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from tenantry.core import errors
from tenantry.core.event import KNOWN, PUBLISHED
from tenantry.core.times import check_span
from tenantry.db.lists import key_ranges, pages
from tenantry.db.sql.schema import event_columns, event_contexts, events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import time_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select, Table

    from tenantry.call import Call
    from tenantry.db.engine import Row

DIRECTORY = "DIR_SYNC"  # the one source that an event names
_SOURCE = ("source", DIRECTORY)
# Of several members of the context the list of one is gone through: of the first of these, since
# the fewest events have the same.
_NARROWEST = (
    *("auth_request_id", "connected_account_id", "connection_id"),
    *("interceptor_id", "interceptor_decision", "interceptor_status", "source"),
)

_e, _c = events.c, event_contexts.c


@dataclass(frozen=True, slots=True)
class Filter:
    """The filters of a list; everything that is set must hold."""

    types: tuple[str, ...] = ()  # () for all that are published
    start_time: int | None = None  # microseconds since 1970, both included
    end_time: int | None = None
    organization_id: str | None = None
    from_directory: bool | None = None  # whether directory sync made the change; None for either
    context: tuple[tuple[str, str], ...] = ()  # members of the event's context

    @property
    def is_timed(self) -> bool:
        """Whether there is a span of time."""
        return self.start_time is not None or self.end_time is not None


async def page(
    call: Call, narrow: Filter, *, page_size: int, page_token: str, counted: bool
) -> pages.Page[Row]:
    """Return one page; ``counted`` asks for the total as well.

    ``page_size`` 0 is the default of 10; more than 100 is 100. A caller that is bound to an
    organization gets the events of that one alone.
    """
    narrow = _for(call, replace(narrow, types=known_types(narrow.types)))
    listing = "events" + json.dumps(_spelled(narrow))
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    bounds = position.bounds(*time_ranges.between(narrow.start_time, narrow.end_time))
    if narrow.is_timed:
        start, backward = position.start, position.backward
        after, before = (start, "") if backward else ("", start)
        bounds |= time_ranges.params(narrow.start_time, narrow.end_time, after=after, before=before)
    shape = _Shape(
        types=len(narrow.types),
        timed=narrow.is_timed,
        of_organization=narrow.organization_id is not None,
        but_directory=narrow.from_directory is False,
        members=len(_members(narrow)),
    )
    rows = await call.db.fetch_all(
        _statement(shape, backward=position.backward, counted=counted),
        **position.params,
        **bounds,
        **_params(narrow),
    )
    return position.page(rows, rows[0]["total"] if counted else 0)


def known_types(types: Sequence[str], field: str = "filter.event_types") -> tuple[str, ...]:
    """Return these types in order, each once; without any, all that are published."""
    for index, name in enumerate(types):
        if name not in KNOWN:
            raise errors.InvalidArgument.field(
                f"{field}[{index}]", "in", "is not a recorded event type"
            )
    return tuple(sorted(set(types))) or tuple(PUBLISHED)


def _for(call: Call, narrow: Filter) -> Filter:
    check_span(narrow.start_time, narrow.end_time, "filter.end_time")
    bound = call.caller.organization_id
    if bound is None:
        return narrow
    if narrow.organization_id not in {None, bound}:
        raise errors.PermissionDenied
    return replace(narrow, organization_id=bound)


def _spelled(narrow: Filter) -> list[Any]:
    return [
        narrow.types,
        narrow.start_time,
        narrow.end_time,
        narrow.organization_id,
        narrow.from_directory,
        narrow.context,
    ]


def _members(narrow: Filter) -> list[tuple[str, str]]:
    """Return the members of the context that an event has to have, the narrowest first."""
    members = [*narrow.context, *([_SOURCE] if narrow.from_directory else [])]
    return sorted(members, key=lambda member: _NARROWEST.index(member[0]))


def _params(narrow: Filter) -> dict[str, Any]:
    params: dict[str, Any] = {f"type_{n}": type_ for n, type_ in enumerate(narrow.types)}
    for number, (key, value) in enumerate(_members(narrow)):
        params |= {f"key_{number}": key, f"value_{number}": value}
    return params | {
        "organization_id": narrow.organization_id,
        "since": 0 if narrow.start_time is None else narrow.start_time,
        "until": _LAST_TIME if narrow.end_time is None else narrow.end_time,
    }


_LAST_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Shape:
    """The shape of a statement; there are few, and each is built and compiled once."""

    types: int
    timed: bool
    of_organization: bool
    but_directory: bool
    members: int  # of the context


@functools.cache
def _statement(shape: _Shape, *, backward: bool, counted: bool) -> Statement:
    """Return the statement of a page; counted, it has one row with the total at least."""
    keyed = _by_context if shape.members else _by_type
    lists = keyed(shape, backward=backward, most=pages.MAX_SIZE + 1)
    if shape.timed:
        lists.append(_apart(shape, backward=backward, most=pages.MAX_SIZE + 1))
    keys = key_ranges.merged(lists, take="take")
    listed = keys.subquery("keys")
    some = pages.few(select(listed.c.id).order_by(pages.order(listed.c.id, backward=backward)))
    last = pages.order(some.c.id, backward=backward)
    if not counted:
        shown = select(*event_columns).select_from(some.join(events, _e.id == some.c.id))
        return Statement(shown.order_by(last))
    all_ = keyed(shape, prefix="all_", most=pages.MOST_COUNTED)
    if shape.timed:
        all_.append(_apart(shape, prefix="all_", most=pages.MOST_COUNTED))
    every = key_ranges.merged(all_)
    total = pages.counted(every)
    shown = select(total.c.total, *event_columns).select_from(
        total.outerjoin(some, true()).outerjoin(events, _e.id == some.c.id)
    )
    return Statement(shown.order_by(last))


def _by_type(
    shape: _Shape, *, most: int, backward: bool = False, prefix: str = ""
) -> list[Select[Any]]:
    """Return a list for each type: the ids of a number of events, found by the index of types."""
    owner = (_e.organization_id, bindparam("organization_id", type_=Text))
    keyed = select(_e.id)
    if shape.timed:
        keyed = keyed.where(_within_time())
    if shape.but_directory:
        keyed = keyed.where(_but_directory())
    return [
        key_ranges.nearest(
            keyed,
            *([owner] if shape.of_organization else []),
            (_e.type, bindparam(f"type_{n}", type_=Text)),
            (_e.id, None),
            low=f"{prefix}low",
            high=f"{prefix}high",
            most=most,
            backward=backward,
        )
        for n in range(shape.types)
    ]


def _by_context(
    shape: _Shape, *, most: int, backward: bool = False, prefix: str = ""
) -> list[Select[Any]]:
    """Return the same for the first member of the context, of events that have the others too."""
    keyed = select(_c.event_id.label("id"))
    others = (_member(number) for number in range(1, shape.members))
    keyed = keyed.where(*(_has(event_contexts, _c.event_id, *other) for other in others))
    if shape.timed:
        this = (
            _e.organization_id == _c.organization_id,
            _e.type == _c.type,
            _e.id == _c.event_id,
        )
        # By the key of each event: for an EXISTS PostgreSQL could read all events first.
        keyed = keyed.where(select(_within_time()).where(*this).scalar_subquery())
    if shape.but_directory:
        source = (literal_column(f"'{word}'", Text) for word in _SOURCE)
        keyed = keyed.where(~_has(event_contexts, _c.event_id, *source))
    owner = (_c.organization_id, bindparam("organization_id", type_=Text))
    return [
        key_ranges.nearest(
            keyed,
            *([owner] if shape.of_organization else []),
            (_c.key, bindparam("key_0", type_=Text)),
            (_c.value, bindparam("value_0", type_=Text)),
            (_c.type, bindparam(f"type_{n}", type_=Text)),
            (_c.event_id, None),
            low=f"{prefix}low",
            high=f"{prefix}high",
            most=most,
            backward=backward,
        )
        for n in range(shape.types)
    ]


def _apart(
    shape: _Shape, *, most: int, backward: bool = False, prefix: str = ""
) -> Select[tuple[str]]:
    """Return the list of the events of all types that the ids of the others do not find."""
    wanted: list[ColumnElement[bool]] = [
        _e.type.in_([bindparam(f"type_{n}", type_=Text) for n in range(shape.types)])
    ]
    if shape.of_organization:
        wanted.append(_e.organization_id == bindparam("organization_id", type_=Text))
    if shape.but_directory:
        wanted.append(_but_directory())
    wanted += [_has(events, _e.id, *_member(number)) for number in range(shape.members)]
    return time_ranges.listed(wanted, most=most, backward=backward, prefix=prefix)


def _within_time() -> ColumnElement[bool]:
    # Of a plain range PostgreSQL would expect next to no rows, and no list by type worth it.
    return case(
        (_e.occurred_at >= time_ranges.SINCE, _e.occurred_at <= time_ranges.UNTIL), else_=false()
    )


def _but_directory() -> ColumnElement[bool]:
    return or_(_e.context.is_(None), _source_of(_e.context) != DIRECTORY)


def _member(number: int) -> list[ColumnElement[str]]:
    return [bindparam(f"{name}_{number}", type_=Text) for name in ("key", "value")]


def _has(
    row: Table, event_id: ColumnElement[str], key: ColumnElement[str], value: ColumnElement[str]
) -> ColumnElement[bool]:
    """Return whether the event of a row, of events or of contexts, has this member as well."""
    other = event_contexts.alias("other").c
    return exists(
        select(other.key).where(
            other.organization_id == row.c.organization_id,
            other.key == key,
            other.value == value,
            other.type == row.c.type,
            other.event_id == event_id,
        )
    )


def _source_of(context: ColumnElement[str]) -> ColumnElement[str]:
    found: ColumnElement[str] = context.op("->>", return_type=Text())(literal_column("'source'"))
    return func.coalesce(found, "")
