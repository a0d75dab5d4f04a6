"""The log of sign-ins: auth requests, newest first, a page at a time, counted up to a limit.

Each list goes by the index of its filter: an address, an application with statuses, or statuses
alone. With several statuses, a list of each is read, and they are merged.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select, true

from tenantry.access.clients.model import clients
from tenantry.core import errors, ids
from tenantry.core.times import check_span
from tenantry.db.lists import key_ranges, pages
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import connections
from tenantry.identity.sign_in.model import (
    FAILED,
    INITIATED,
    PENDING,
    SUCCESS,
    Facts,
    auth_requests,
)
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row

STATUSES = (INITIATED, PENDING, SUCCESS, FAILED)
_LAST_TIME = 2**63 - 1

_a = auth_requests.c


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a list; every member that is set must hold."""

    email: str = ""
    statuses: tuple[str, ...] = ()  # () for all
    client_id: str = ""
    start_time: int | None = None  # microseconds since 1970, both included
    end_time: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log; its time in microseconds since 1970, UTC."""

    id: str
    status: str
    email: str
    user_id: str
    organization_id: str
    connection_id: str
    connection_type: str
    connection_provider: str
    client_id: str
    client_name: str
    client_type: str
    intent: str
    proofs: tuple[str, ...]
    time: int


async def page(call: Call, narrow: Filter, *, page_size: int, page_token: str) -> pages.Page[Entry]:
    """Return one page of the log; ``page_size`` 0 is the default of 10, more than 100 is 100."""
    if call.caller.organization_id is not None:
        raise errors.PermissionDenied
    statuses = _known(narrow)
    listing = "auth requests" + json.dumps(
        [narrow.email, statuses, narrow.client_id, narrow.start_time, narrow.end_time]
    )
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    bounds = position.bounds(
        *key_ranges.between(ids.AUTH_REQUEST, narrow.start_time, narrow.end_time)
    )
    shape = _Shape(
        statuses=len(statuses),
        by_email=bool(narrow.email),
        by_client=bool(narrow.client_id),
        timed=narrow.start_time is not None or narrow.end_time is not None,
    )
    rows = await call.db.fetch_all(
        _statement(shape, backward=position.backward),
        **position.params,
        **bounds,
        email_key=email_addresses.key(narrow.email),
        client_id=narrow.client_id,
        since=0 if narrow.start_time is None else narrow.start_time,
        until=_LAST_TIME if narrow.end_time is None else narrow.end_time,
        **{f"status_{number}": status for number, status in enumerate(statuses)},
    )
    return position.page(rows, rows[0]["total"]).of(_entry)


def _known(narrow: Filter) -> tuple[str, ...]:
    """Return the statuses to look for in order, each once.

    () when all are wanted: then no filter is needed. An application's list goes by its index with
    the status, so it names all of them.
    """
    check_span(narrow.start_time, narrow.end_time)
    for index, status in enumerate(narrow.statuses):
        if status not in STATUSES:
            raise errors.InvalidArgument.field(
                f"status[{index}]", "in", f"must be one of {', '.join(STATUSES)}"
            )
    statuses = tuple(sorted(set(narrow.statuses)))
    if narrow.client_id and not narrow.email:
        return statuses or STATUSES
    return () if len(statuses) == len(STATUSES) else statuses


def _entry(row: Row) -> Entry:
    facts = Facts.stored(from_json(row["facts"]))
    return Entry(
        **{
            name: row[name] or ""
            for name in (
                *("id", "status", "email", "user_id", "organization_id", "connection_id"),
                *("connection_type", "connection_provider"),
                *("client_id", "client_name", "client_type"),
            )
        },
        intent=facts.intent,
        proofs=facts.proofs,
        time=row["create_time"],
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """The shape of a statement; there are few, and each is built and compiled once."""

    statuses: int
    by_email: bool
    by_client: bool
    timed: bool


@functools.cache
def _statement(shape: _Shape, *, backward: bool) -> Statement:
    """Return the statement of a page; it has one row with the total at least."""
    keys = _keys(shape, backward=backward, most=pages.MAX_SIZE + 1).subquery("keys")
    some = pages.few(select(keys.c.id).order_by(pages.order(keys.c.id, backward=backward)))
    total = pages.counted(_keys(shape, prefix="all_", most=pages.MOST_COUNTED))
    shown = select(
        total.c.total,
        *(column for column in _a if column.name not in {"params", "error"}),
        clients.c.name.label("client_name"),
        clients.c.client_type,
        connections.c.type.label("connection_type"),
        connections.c.provider.label("connection_provider"),
    ).select_from(
        total.outerjoin(some, true())
        .outerjoin(auth_requests, _a.id == some.c.id)
        .outerjoin(clients, clients.c.id == _a.client_id)
        .outerjoin(connections, connections.c.id == _a.connection_id)
    )
    return Statement(shown.order_by(pages.order(some.c.id, backward=backward)))


def _keys(
    shape: _Shape, *, most: int, backward: bool = False, prefix: str = ""
) -> Select[tuple[str]]:
    """Return the ids of a number of requests, each list found by its index."""
    given: list[tuple[ColumnElement[Any], ColumnElement[Any]]] = []
    keyed = select(_a.id)
    statuses: Sequence[ColumnElement[Any]] = [
        bindparam(f"status_{number}", type_=Text) for number in range(shape.statuses)
    ]
    client_id = bindparam("client_id", type_=Text)
    if shape.by_email:
        given.append((_a.email_key, bindparam("email_key", type_=Text)))
        if shape.by_client:
            keyed = keyed.where(_a.client_id == client_id)
        if statuses:
            keyed = keyed.where(_a.status.in_(statuses))
            statuses = []
    elif shape.by_client:
        given.append((_a.client_id, client_id))
    if shape.timed:
        # Not by an index: ids bring us near (see `key_ranges`).
        keyed = keyed.where(
            _a.create_time + 0 >= bindparam("since"), _a.create_time + 0 <= bindparam("until")
        )
    paths = [[*given, (_a.status, status)] for status in statuses] or [given]
    return key_ranges.merged(
        key_ranges.nearest(
            keyed,
            *path,
            (_a.id, None),
            low=f"{prefix}low",
            high=f"{prefix}high",
            most=most,
            backward=backward,
        )
        for path in paths
    )
