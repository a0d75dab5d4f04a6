"""The end of sessions, any number of them: from active to an end, which stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, case, select, update

from tenantry.core.caller import Kind
from tenantry.core.times import now
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.sessions.model import EXPIRED, LOGOUT, Session, sessions
from tenantry.identity.sessions.reading import IS_ACTIVE, NOW, sessions_with_places
from tenantry.identity.sessions.termination import notices
from tenantry.tenants.users import reading as users_reading
from tenantry.tenants.users.model import User, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call

AT_ONCE = 500  # sessions of one transaction

_s = sessions.c
_STATUS = bindparam("p_status", type_=Text)
_IDS = json_values(bindparam("p_ids", type_=Text))
_has_lapsed = _s.lapse_time <= NOW
# A session that has lapsed can only expire, for any caller: that is how it ended, and when.
_may_end = IS_ACTIVE & case((_STATUS == EXPIRED, _has_lapsed), else_=_s.lapse_time > NOW)
# Held in the order of their ids, or two calls that end several could wait for each other.
_held = select(_s.id).where(_s.id.in_(_IDS), _may_end).order_by(_s.id).with_for_update().cte("held")
_END = Statement(
    update(sessions)
    .where(_s.id.in_(select(_held.c.id)), IS_ACTIVE)
    .values(
        status=_STATUS,
        update_time=NOW,
        expire_time=case((_STATUS == LOGOUT, None), (_STATUS == EXPIRED, _s.lapse_time), else_=NOW),
        logout_time=case((_STATUS == LOGOUT, NOW), else_=None),
    )
    .returning(_s.id)
)
_READ = Statement(sessions_with_places().where(_s.id.in_(_IDS)).order_by(_s.id))
_USERS = Statement(select(*users_reading.COLUMNS).where(users.c.id.in_(_IDS)))


def is_visible(call: Call, session: Session) -> bool:
    """Whether a session is one that this caller may see."""
    caller = call.caller
    if caller.kind is Kind.USER_SESSION:
        return session.user_id == caller.id
    return caller.organization_id is None or caller.organization_id in session.organizations


async def end(call: Call, session_ids: Sequence[str], *, status: str) -> list[Session]:
    """End those of these sessions that are active, `AT_ONCE` at most; return them, ended.

    Their applications are told by notices, which the worker sends, and everybody by an event each.
    Of a deleted person there is no event: it would name them.
    """
    async with call.db.transaction() as db:
        rows = await db.fetch_all(
            _END, p_ids=to_json(list(session_ids)), p_status=status, p_now=now()
        )
        if not rows:
            return []
        wanted = to_json([row["id"] for row in rows])
        ended = [Session.from_row(row) for row in await db.fetch_all(_READ, p_ids=wanted)]
        people = to_json(sorted({session.user_id for session in ended}))
        known = {row["id"]: User.from_row(row) for row in await db.fetch_all(_USERS, p_ids=people)}
        await notices.queue(db, wanted)
        await db.record_all(
            call.event(
                "user.logout",
                organization_id=session.organization_id or None,
                after={
                    "user": known[session.user_id].to_event(),
                    "user_session": session.to_event(),
                },
            )
            for session in ended
            if session.user_id in known
        )
    return ended
