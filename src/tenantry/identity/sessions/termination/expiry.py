"""The worker's part in sessions by the clock: it ends those that lapse, and forgets old ones.

That a session has lapsed, everybody sees by its times; here its end is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, func, literal_column, select

from tenantry.call import Call
from tenantry.core import ids
from tenantry.core.caller import SYSTEM
from tenantry.core.times import DAY, now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.identity.sessions.model import ACTIVE, EXPIRED, sessions
from tenantry.identity.sessions.reading import IS_ACTIVE, NOW
from tenantry.identity.sessions.termination import ending

if TYPE_CHECKING:
    from tenantry.db.engine import Session

IDLE_SECONDS = 5.0
_SHORTEST_SECONDS = 0.05
_PRUNED_AT_ONCE = 500  # sessions, each with all that hangs on it

_s = sessions.c
_DUE = Statement(
    select(_s.id)
    .where(IS_ACTIVE, _s.lapse_time <= NOW)
    .order_by(_s.lapse_time)
    .limit(literal_column(str(ending.AT_ONCE)))
)
_NEXT = Statement(select(func.min(_s.lapse_time).label("lapse_time")).where(IS_ACTIVE))
_old = (
    select(_s.id)
    .where(
        _s.status != literal_column(f"'{ACTIVE}'"),
        _s.id < bindparam("p_last_id", type_=Text),
        func.coalesce(_s.logout_time, _s.expire_time) < bindparam("p_before", type_=BigInteger),
    )
    .order_by(_s.id)
    .limit(literal_column(str(_PRUNED_AT_ONCE)))
)
_PRUNE = crud.delete(sessions, by=(_s.id.in_(_old),))


async def run(db: Session) -> float:
    """End some of the sessions that have lapsed; return the seconds until the next look."""
    due = [row["id"] for row in await db.fetch_all(_DUE, p_now=now())]
    if due:
        await ending.end(Call(SYSTEM, db, request_id="worker"), due, status=EXPIRED)
        return 0.0
    row = await db.fetch_one(_NEXT)
    if row is None or row["lapse_time"] is None:
        return IDLE_SECONDS
    seconds: float = (row["lapse_time"] - now()) / 1_000_000
    return max(_SHORTEST_SECONDS, min(seconds, IDLE_SECONDS))


async def prune(db: Session, *, days: int) -> bool:
    """Forget some sessions that ended longer ago than this; return whether there may be more."""
    before = now() - days * DAY
    gone = await db.fetch_all(_PRUNE, p_before=before, p_last_id=ids.at(ids.SESSION, before))
    return len(gone) > 0
