"""Forgetting a person: their sessions end, and nothing stays of the devices they were on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, literal, select, update

from tenantry.db.sql.schema import Json
from tenantry.db.sql.statements import Statement
from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import session_organizations, sessions

if TYPE_CHECKING:
    from tenantry.call import Call

_s = sessions.c
_USER_ID = bindparam("p_user_id", type_=Text)
_BLANK = Statement(
    update(sessions)
    .where(_s.user_id == _USER_ID)
    .values(device=literal("{}", type_=Json()), sub=None)
    .returning(_s.id)
)
_BLANK_ADDRESSES = Statement(
    update(session_organizations)
    .where(session_organizations.c.session_id.in_(select(_s.id).where(_s.user_id == _USER_ID)))
    .values(address=None)
    .returning(session_organizations.c.session_id)
)


async def forget(call: Call, user_id: str) -> None:
    """End the sessions of a person, and blank what they say of them; done again, as well.

    Their applications are told of the end. To be called before the user is deleted and the events
    are blanked: those of the end tell of the devices, too.
    """
    await service.end_all(call, user_id)
    for statement in (_BLANK, _BLANK_ADDRESSES):
        await call.db.fetch_all(statement, p_user_id=user_id)
