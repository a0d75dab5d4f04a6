"""The sessions of departed people: the worker ends them when a user, a membership or an
organization is gone, or a membership is switched off. Other packages are told of a member that
left.

It follows the event log by position, so that no departure is missed, however late it was committed.
Until it comes to one, a read of a session, and a renewal of tokens, looks at the membership.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, delete, literal_column, select, update

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import following
from tenantry.events.event_log.following import Narrow
from tenantry.identity.sessions.model import (
    REVOKED,
    session_departures,
    session_organizations,
    sessions,
)
from tenantry.identity.sessions.reading import IS_ACTIVE
from tenantry.identity.sessions.termination import ending
from tenantry.tenants.users.model import INACTIVE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import ColumnElement

    from tenantry.db.engine import Row, Session

    # User, organization, and when the one left the other.
    Left = Callable[[Session, str, str, int], Awaitable[None]]

IDLE_SECONDS = 0.5
# A worker that holds the position and is not done by then is thought dead.
LEASE_SECONDS = 60.0

_USER = "user.deleted"
_MEMBERSHIP = "user.organization_membership_deleted"
_CHANGED = "user.organization_membership_updated"
_ORGANIZATION = "organization.deleted"
_NARROW = Narrow(types=(_USER, _MEMBERSHIP, _CHANGED, _ORGANIZATION))

_d, _s, _o = session_departures.c, sessions.c, session_organizations.c
_NOW = bindparam("p_now", type_=BigInteger)
_DUE = bindparam("p_due", type_=BigInteger)
_USER_ID = bindparam("p_user_id", type_=Text)
_ORGANIZATION_ID = bindparam("p_organization_id", type_=Text)
_AFTER = bindparam("p_after", type_=Text)
# A session that came to the organization after the departure has nothing to do with it.
_AT = bindparam("p_at", type_=BigInteger)

_STATE = Statement(select(_d.position, _d.due_time))
_CLAIM = Statement(
    update(session_departures)
    .where(_d.due_time <= _NOW)
    .values(due_time=_DUE)
    .returning(_d.position)
)
_RELEASE = Statement(
    update(session_departures)
    .where(_d.due_time == bindparam("p_held", type_=BigInteger))
    .values(position=bindparam("p_position", type_=BigInteger), due_time=0)
    .returning(_d.position)
)
_few: ColumnElement[int] = literal_column(str(ending.AT_ONCE))
_OF_USER = Statement(
    select(_s.id)
    .where(_s.user_id == _USER_ID, _s.create_time <= _AT, _s.id > _AFTER, IS_ACTIVE)
    .order_by(_s.id)
    .limit(_few)
)
_in_organization = (
    select(_s.id, _s.organization_id)
    .join(session_organizations, _o.session_id == _s.id)
    .where(
        _o.organization_id == _ORGANIZATION_ID,
        _o.create_time <= _AT,
        _o.session_id > _AFTER,
        IS_ACTIVE,
    )
    .order_by(_o.session_id)
    .limit(_few)
)
_OF_ORGANIZATION = Statement(_in_organization)
_OF_MEMBER = Statement(
    select(_s.id, _s.organization_id)
    .join(session_organizations, _o.session_id == _s.id)
    .where(
        _s.user_id == _USER_ID,
        _o.organization_id == _ORGANIZATION_ID,
        _o.create_time <= _AT,
        _s.id > _AFTER,
        IS_ACTIVE,
    )
    .order_by(_s.id)
    .limit(_few)
)
_LEAVE = Statement(
    delete(session_organizations)
    .where(
        _o.organization_id == _ORGANIZATION_ID,
        _o.session_id.in_(json_values(bindparam("p_ids", type_=Text))),
    )
    .returning(_o.session_id)
)


async def run(db: Session, *, left: Left | None = None) -> float:
    """End the sessions of some departures; return the seconds until the next look.

    ``left`` is told of each membership that has ended; once more, if it is cut off.
    """
    state = await db.fetch_one(_STATE)
    assert state is not None
    if state["position"] >= await following.head(db) or state["due_time"] > now():
        return IDLE_SECONDS
    until = now() + int(LEASE_SECONDS * 1_000_000)
    held = await db.fetch_one(_CLAIM, p_now=now(), p_due=until)
    if held is None:
        return IDLE_SECONDS
    part = await following.part(db, _NARROW, held["position"])
    for row in part.rows:
        await _depart(db, row, left)
    await db.fetch_one(_RELEASE, p_held=until, p_position=part.position)
    return 0.0


async def _depart(db: Session, event: Row, left: Left | None) -> None:
    """End sessions that an event leaves without ground; once more, it finds nothing to do."""
    if event["type"] == _CHANGED and not _is_switched_off(event):
        return
    before: dict[str, Any] = from_json(event["before"])
    at: int = event["occurred_at"]
    if event["type"] == _USER:
        await _end(db, _OF_USER, p_user_id=before["id"], p_at=at)
    elif event["type"] == _ORGANIZATION:
        await _end(db, _OF_ORGANIZATION, p_organization_id=before["id"], p_at=at)
    else:
        user_id, organization_id = before["user"]["id"], before["organization"]["id"]
        await _end(db, _OF_MEMBER, p_user_id=user_id, p_organization_id=organization_id, p_at=at)
        if left is not None:
            await left(db, user_id, organization_id, at)


def _is_switched_off(event: Row) -> bool:
    after = from_json(event["after"])
    return bool(after["membership"]["membership_status"] == INACTIVE)


async def _end(db: Session, statement: Statement, **params: Any) -> None:
    """End the sessions of a statement that are in the organization, if it names one.

    Those that are in another one by now only lose it.
    """
    organization_id = params.get("p_organization_id")
    call = Call(SYSTEM, db, request_id="worker")
    after = ""
    while rows := await db.fetch_all(statement, p_after=after, **params):
        after = rows[-1]["id"]
        over = [
            row["id"]
            for row in rows
            if organization_id is None or row["organization_id"] == organization_id
        ]
        await ending.end(call, over, status=REVOKED)
        left = [row["id"] for row in rows if row["id"] not in set(over)]
        if left:
            await db.fetch_all(_LEAVE, p_organization_id=organization_id, p_ids=to_json(left))
