"""Notices to applications that a session has ended, until they are sent.

They are queued with the end itself, and claimed by workers: one whose worker died is due again by
itself, and a late word of that worker about it has the wrong number of attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Integer, Text, bindparam, func, select, update

from tenantry.access.clients.model import clients
from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.lists import pages
from tenantry.db.sql.records import named, spelled
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.scheduling import NOW, Due
from tenantry.identity.sessions.model import logout_notices, session_clients, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Session

# Longer than an attempt may take: a worker that is not done with it by then is thought dead.
LEASE_SECONDS = 30
AT_AN_ADDRESS = 10  # that are claimed at once

_n, _s, _k, _c = logout_notices.c, sessions.c, session_clients.c, clients.c
_ID = bindparam("p_id", type_=Text)
_ATTEMPTS = bindparam("p_attempts", type_=Integer)

_TO_TELL = Statement(
    select(_s.id, _s.user_id, _s.sub, _c.id.label("client_id"), _c.back_channel_logout_uris)
    .join(session_clients, _k.session_id == _s.id)
    .join(clients, _c.id == _k.client_id)
    .where(
        _s.id.in_(json_values(bindparam("p_ids", type_=Text))),
        _c.back_channel_logout_uris != "[]",
    )
    .distinct()
    .order_by(_s.id, _c.id)
)
_COLUMNS = named(logout_notices)
_QUEUE = crud.insert_all(logout_notices)

# A few of each address, the longest due first, so that none is behind another one's line.
_lines = (
    select(
        _n.id,
        _n.due_time,
        func.row_number().over(partition_by=_n.uri, order_by=_n.due_time).label("place"),
    )
    .where(
        _n.due_time <= NOW,
        _n.uri.not_in(json_values(bindparam("p_full", type_=Text))),
    )
    .subquery("lines")
)
_next = (
    select(_lines.c.id)
    .where(_lines.c.place <= AT_AN_ADDRESS)
    .order_by(_lines.c.due_time)
    .limit(bindparam("take"))
)
_DUE = Due(logout_notices, _n.due_time, lease_seconds=LEASE_SECONDS, ids=_next)
_all = pages.counted(select(_n.id))
_WAITING = Statement(
    select(
        select(_all.c.total).scalar_subquery().label("waiting"),
        select(func.min(_n.due_time)).scalar_subquery().label("since"),
    )
)
_mine = (_n.id == _ID) & (_n.attempts == _ATTEMPTS)
_DONE = crud.delete(logout_notices, by=(_mine,))
_AGAIN = Statement(
    update(logout_notices)
    .where(_mine)
    .values(due_time=bindparam("p_due_time", type_=BigInteger))
    .returning(_n.id)
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is to be sent now; ``attempts`` counts this one."""

    id: str
    session_id: str
    user_id: str
    sub: str | None
    client_id: str
    uri: str
    attempts: int


async def waiting(db: Session) -> tuple[int, int | None]:
    """Return how many notices wait, up to `pages.MOST_COUNTED`, and when the first is due.

    The time is in microseconds since 1970, None where no notice waits.
    """
    row = await db.fetch_one(_WAITING)
    assert row is not None
    return row["waiting"], row["since"]


async def queue(db: Session, session_ids: str) -> None:
    """Queue a notice for each address of each application of these sessions, a JSON list."""
    at = now()
    queued = [
        {
            "id": db.new_id(ids.LOGOUT_NOTICE),
            "session_id": row["id"],
            "user_id": row["user_id"],
            "sub": row["sub"],
            "client_id": row["client_id"],
            "uri": uri,
            "attempts": 0,
            "due_time": at,
            "create_time": at,
        }
        for row in await db.fetch_all(_TO_TELL, p_ids=session_ids)
        for uri in dict.fromkeys(from_json(row["back_channel_logout_uris"]))
    ]
    if queued:
        await db.fetch_all(_QUEUE, given=spelled(_COLUMNS, queued))


async def claim(db: Session, *, most: int, full: Iterable[str]) -> list[Notice]:
    """Take some notices that are due, none to the addresses that are full, for `LEASE_SECONDS`."""
    rows = await _DUE.claim(db, p_full=to_json(sorted(full)), take=most)
    return [Notice(**{name: row[name] for name in Notice.__slots__}) for row in rows]


async def done(db: Session, notice: Notice) -> None:
    """Forget a notice that was delivered or has failed."""
    await db.fetch_all(_DONE, p_id=notice.id, p_attempts=notice.attempts)


async def again(db: Session, notice: Notice, *, seconds: float) -> None:
    """Have a notice sent again after some time."""
    await db.fetch_all(
        _AGAIN,
        p_id=notice.id,
        p_attempts=notice.attempts,
        p_due_time=now() + int(seconds * 1_000_000),
    )
