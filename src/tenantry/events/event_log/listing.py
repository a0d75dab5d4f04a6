"""Listing events: by id, newest first, a page at a time, with a total up to a limit."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Text,
    bindparam,
    case,
    false,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from tenantry import errors, ids
from tenantry.db import key_ranges, pages
from tenantry.db.schema import events, json_has, json_values, to_json
from tenantry.db.statements import Statement
from tenantry.event import KNOWN, PUBLISHED
from tenantry.times import check_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row

DIRECTORY = "DIR_SYNC"  # the one source that an event names

_e = events.c


@dataclass(frozen=True, slots=True)
class Filter:
    """The filters of a list; everything that is set must hold."""

    types: tuple[str, ...] = ()  # () for all that are published
    start_time: int | None = None  # microseconds since 1970, both included
    end_time: int | None = None
    organization_id: str | None = None
    from_directory: bool | None = None  # whether directory sync made the change; None for either
    context: tuple[tuple[str, str], ...] = ()  # members of the event's context


async def page(
    call: Call, narrow: Filter, *, page_size: int, page_token: str, counted: bool
) -> pages.Page[Row]:
    """Return one page; ``counted`` asks for the total as well.

    ``page_size`` 0 is the default of 10; more than 100 is 100. A caller that is bound to an
    organization gets the events of that one alone.

    Raises:
        errors.InvalidArgument: the page token is not of this list and filter, a type is not known,
            or the time ends before it starts.
        errors.PermissionDenied: another organization is asked for than the caller is bound to.

    """
    narrow = _for(call, replace(narrow, types=known_types(narrow.types)))
    listing = "events" + json.dumps(_spelled(narrow))
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    bounds = position.bounds(*key_ranges.between(ids.EVENT, narrow.start_time, narrow.end_time))
    shape = _Shape(
        types=len(narrow.types),
        timed=narrow.start_time is not None or narrow.end_time is not None,
        of_organization=narrow.organization_id is not None,
        from_directory=narrow.from_directory,
        members=len(narrow.context),
    )
    rows = await call.db.fetch_all(
        _statement(shape, backward=position.backward, counted=counted),
        **position.params,
        **bounds,
        **_params(narrow),
    )
    return position.page(rows, rows[0]["total"] if counted else 0)


def known_types(types: Sequence[str], field: str = "filter.event_types") -> tuple[str, ...]:
    """Return these types in order, each once; without any, all that are published.

    Raises:
        errors.InvalidArgument: a type is not known; it is named by its place in this field.

    """
    for index, name in enumerate(types):
        if name not in KNOWN:
            raise errors.InvalidArgument.field(
                f"{field}[{index}]", "in", "is no type of event that is recorded here"
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


def _params(narrow: Filter) -> dict[str, Any]:
    params: dict[str, Any] = {f"type_{n}": type_ for n, type_ in enumerate(narrow.types)}
    params |= {f"key_{n}": key for n, (key, _) in enumerate(narrow.context)}
    params |= {f"value_{n}": value for n, (_, value) in enumerate(narrow.context)}
    return params | {
        "types": to_json(narrow.types),
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
    from_directory: bool | None
    members: int


@functools.cache
def _statement(shape: _Shape, *, backward: bool, counted: bool) -> Statement:
    """Return the statement of a page; counted, it has one row with the total at least."""
    if shape.members or shape.from_directory:
        found = _by_context(shape)
        keys = select(found.c.id).where(
            found.c.id > bindparam("low", type_=Text), found.c.id < bindparam("high", type_=Text)
        )
        every = select(found.c.id)
    else:
        keys = _by_type(shape, backward=backward, most=pages.MAX_SIZE + 1)
        every = _by_type(shape, prefix="all_", most=pages.MOST_COUNTED)
    listed = keys.subquery("keys")
    some = pages.few(select(listed.c.id).order_by(pages.order(listed.c.id, backward=backward)))
    last = pages.order(some.c.id, backward=backward)
    if not counted:
        shown = select(events).select_from(some.join(events, _e.id == some.c.id))
        return Statement(shown.order_by(last))
    total = pages.counted(every)
    shown = select(total.c.total, events).select_from(
        total.outerjoin(some, true()).outerjoin(events, _e.id == some.c.id)
    )
    return Statement(shown.order_by(last))


def _by_type(shape: _Shape, *, most: int, backward: bool = False, prefix: str = "") -> Select[Any]:
    """Return the ids of so many events of each type, each found by the index of its type."""
    owner = (_e.organization_id, bindparam("organization_id", type_=Text))
    keyed = select(_e.id).where(*_conditions(shape))
    return key_ranges.merged(
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
    )


def _by_context(shape: _Shape) -> CTE:
    """Return the events that the index of contexts finds, looked up once."""
    members: list[ColumnElement[bool]] = [
        json_has(_e.context, bindparam(f"key_{n}", type_=Text), bindparam(f"value_{n}", type_=Text))
        for n in range(shape.members)
    ]
    if shape.from_directory:
        members.append(_of_directory())
    # By nothing else: for a range of ids, or a type, the planner would rather read all of these.
    columns = (_e.id, _e.type, _e.organization_id, _e.occurred_at, _e.context)
    by_index = select(*columns).where(*members).cte("by_index")
    by_index = by_index.prefix_with("MATERIALIZED", dialect="postgresql")
    event = by_index.c
    found = select(event.id).where(
        event.id > bindparam("all_low", type_=Text),
        event.id < bindparam("all_high", type_=Text),
        event.type.in_(json_values(bindparam("types", type_=Text))),
        *_conditions(shape, event),
    )
    if shape.of_organization:
        found = found.where(event.organization_id == bindparam("organization_id", type_=Text))
    return found.cte("found")


def _conditions(shape: _Shape, event: Any = _e) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if shape.timed:
        # Of a plain range PostgreSQL would expect next to no rows, and no list by type worth it.
        since, until = (bindparam(name, type_=BigInteger) for name in ("since", "until"))
        conditions.append(
            case((event.occurred_at >= since, event.occurred_at <= until), else_=false())
        )
    if shape.from_directory is False:
        conditions.append(or_(event.context.is_(None), not_(_of_directory(event))))
    return conditions


def _of_directory(event: Any = _e) -> ColumnElement[bool]:
    return json_has(
        event.context, literal_column("'source'", Text), literal_column(f"'{DIRECTORY}'", Text)
    )
