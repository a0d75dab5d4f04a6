"""Events of a span of time: a range of ids, and the few whose time is not that of their id.

An id and a time are made one after the other, so a range of ids that is a little wider than the
span has nearly all of its events. The others, between whose id and time the clock was set or the
writer was stopped, have an index by their time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from tenantry.core import ids
from tenantry.db.lists import key_ranges
from tenantry.db.sql.schema import NEAR_MILLISECONDS, events, events_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

_e = events.c
_NEAR_MICROSECONDS = (NEAR_MILLISECONDS + 1) * 1000  # bounds are left out
SINCE, UNTIL = (bindparam(name, type_=BigInteger) for name in ("since", "until"))
_NEAR_LOW, _NEAR_HIGH = (bindparam(name, type_=Text) for name in ("near_low", "near_high"))


def between(start: int | None, end: int | None) -> tuple[str, str]:
    """Return the ids between which all events of a span are, but for those of `listed`."""
    return key_ranges.between(ids.EVENT, start, end, apart=_NEAR_MICROSECONDS)


def params(start: int | None, end: int | None, *, after: str, before: str) -> dict[str, str]:
    """Return the bind parameters of `listed`; ``after`` and ``before`` are ids, "" for no bound."""
    low, high = key_ranges.between(ids.EVENT, None, None)
    near_low, near_high = between(start, end)
    return {
        "apart_low": after or low,
        "apart_high": before or high,
        "all_apart_low": low,
        "all_apart_high": high,
        "near_low": near_low,
        "near_high": near_high,
    }


def listed(
    wanted: Sequence[ColumnElement[bool]], *, most: int, backward: bool = False, prefix: str = ""
) -> Select[tuple[str]]:
    """Return the ids of events of a span that are not `between`, with these conditions, in order.

    It takes the parameters of `params`, and of the span: `since` and `until`. With the ``prefix``
    "all_" it is of all pages.
    """
    # Within a case, so that PostgreSQL goes by no index of these.
    all_ = and_(
        _e.id > bindparam(f"{prefix}apart_low", type_=Text),
        _e.id < bindparam(f"{prefix}apart_high", type_=Text),
        or_(_e.id <= _NEAR_LOW, _e.id >= _NEAR_HIGH),
        *wanted,
    )
    found = select(_e.id).where(events_apart, _e.occurred_at >= SINCE, _e.occurred_at <= UNTIL)
    found = found.where(case((all_, true()), else_=false()))
    id_ = func.coalesce(_e.id, _e.id)  # nor by one that has this order
    return found.order_by(id_ if backward else id_.desc()).limit(literal_column(str(most)))
