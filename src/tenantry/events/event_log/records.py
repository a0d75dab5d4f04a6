"""Events as they are recorded: one, and a search of all, by actor, object or request too."""

from __future__ import annotations

import functools
import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, or_, select

from tenantry.core import errors, ids
from tenantry.core.times import check_span
from tenantry.db.lists import key_ranges, scanning
from tenantry.db.sql.schema import event_columns, event_organization, events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import time_ranges
from tenantry.events.event_log.listing import known_types

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row
    from tenantry.db.lists.pages import Page

# Members by which events name their object, the first that is there.
OBJECT_IDS = ("id", "client_id", "token_id")
_LAST_TIME = 2**63 - 1

_e = events.c
_FIND = Statement(select(*event_columns).where(_e.id == bindparam("p_id", type_=Text)))


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a search; everything that is set must hold."""

    types: tuple[str, ...] = ()  # () for all
    organization_id: str = ""
    actor_id: str = ""
    object_id: str = ""
    request_id: str = ""
    start_time: int | None = None  # microseconds since 1970, both included
    end_time: int | None = None


async def find(call: Call, event_id: str) -> Row:
    """Return one event, a row of `events`."""
    row = None
    if ids.well_formed(ids.EVENT, event_id):
        row = await call.db.fetch_one(_FIND, p_id=event_id)
    if row is None:
        raise errors.NotFound("event")
    return row


async def search(call: Call, narrow: Filter, *, page_size: int, page_token: str) -> Page[Row]:
    """Return one page, the newest first: rows of `events` (see `tenantry.db.lists.scanning`)."""
    check_span(narrow.start_time, narrow.end_time)
    types = narrow.types and known_types(narrow.types, "event_types")
    timed = narrow.start_time is not None or narrow.end_time is not None
    conditions = tuple(
        name for name in ("actor_id", "object_id", "request_id") if getattr(narrow, name)
    ) + (("time",) if timed else ())
    start = scanning.start(
        call.db,
        "event records" + json.dumps(astuple(narrow)),
        page_size=page_size,
        page_token=page_token,
        searches=bool(conditions),
    )
    params = start.params(*time_ranges.between(narrow.start_time, narrow.end_time))
    if timed:
        before = start.position.start
        params |= time_ranges.params(narrow.start_time, narrow.end_time, after="", before=before)
    rows = await call.db.fetch_all(
        _statement(len(types), bool(narrow.organization_id), conditions, start.most),
        **params,
        **{f"type_{number}": type_ for number, type_ in enumerate(types)},
        organization_id=narrow.organization_id,
        actor_id=narrow.actor_id,
        object_id=narrow.object_id,
        request_id=narrow.request_id,
        since=narrow.start_time or 0,
        until=_LAST_TIME if narrow.end_time is None else narrow.end_time,
    )
    return start.page(rows)


@functools.cache
def _statement(
    types: int, of_organization: bool, conditions: tuple[str, ...], most: int
) -> Statement:
    owner = (_e.organization_id, bindparam("organization_id", type_=Text))
    owned = [owner] if of_organization else []
    typed = [[(_e.type, bindparam(f"type_{number}", type_=Text))] for number in range(types)]
    lists = [
        key_ranges.nearest(
            select(_e.id), *owned, *type_, (_e.id, None), low="low", high="high", most=most
        )
        for type_ in typed or [[]]
    ]
    if "time" in conditions:
        here = [_e.organization_id == owner[1]] if of_organization else []
        if types:
            here.append(_e.type.in_([value for [(_, value)] in typed]))
        lists.append(time_ranges.listed(here, most=most))
    wanted = [condition for name in conditions for condition in _wanted(name)]
    place = scanning.found(lists, events, _e.id, wanted, most=most)
    shown: Select[Any] = select(
        place.c.looked,
        place.c.reached,
        *(_e.id, _e.type, _e.object, _e.occurred_at, event_organization, _e.actor, _e.request_id),
        *(
            scanning.member(column, name).label(f"{column.name}_{name}")
            for column in (_e.before, _e.after)
            for name in OBJECT_IDS
        ),
    ).select_from(place.outerjoin(events, _e.id == place.c.hit_id))
    return Statement(shown.order_by(place.c.hit_id.desc()))


def _wanted(name: str) -> list[ColumnElement[bool]]:
    if name == "time":
        return [_e.occurred_at >= time_ranges.SINCE, _e.occurred_at <= time_ranges.UNTIL]
    value = bindparam(name, type_=Text)
    if name == "request_id":
        return [_e.request_id == value]
    if name == "actor_id":
        named = (scanning.member(_e.actor, each) == value for each in ("id", "impersonator"))
        return [or_(*named)]
    return [
        or_(
            *(
                scanning.member(column, each) == value
                for column in (_e.before, _e.after)
                for each in OBJECT_IDS
            )
        )
    ]
