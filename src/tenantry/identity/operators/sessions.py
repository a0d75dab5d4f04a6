"""Sessions of operators at the console: begun by a proof, ended by time or by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, literal_column, select, update

from tenantry.core import errors, ids
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import MINUTE, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.operators.model import (
    Operator,
    OperatorSession,
    operator_sessions,
    operators,
)

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session

LIFE = 12 * 60 * MINUTE
IDLE = 60 * MINUTE
# One opened by a link: long enough to make a passkey, with which a full one begins.
LINK_LIFE = 30 * MINUTE
LINK, PASSKEY, PROVIDER = "link", "passkey", "provider"
_MOST = 100  # that are shown
_TOUCH = MINUTE  # how old the last use may be before it is written again

_s, _o = operator_sessions.c, operators.c
_ID, _OPERATOR_ID = bindparam("p_id", type_=Text), bindparam("p_operator_id", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_is_live = (_s.expire_time > _NOW) & (_s.last_use_time > bindparam("p_idle", type_=BigInteger))
_INSERT = crud.insert(operator_sessions)
_SIGNED_IN = Statement(
    update(operators).where(_o.id == _OPERATOR_ID).values(last_sign_in_time=_NOW).returning(_o.id)
)
_sessions = select(
    operators,
    _s.id.label("session_id"),
    _s.method,
    _s.address,
    _s.user_agent,
    _s.create_time.label("session_create_time"),
    _s.last_use_time,
    _s.expire_time,
).select_from(operator_sessions.join(operators, _o.id == _s.operator_id))
_FIND = Statement(_sessions.where(_s.digest == bindparam("p_digest", type_=Text), _is_live))
_LIST = Statement(
    _sessions.where(_s.operator_id == _OPERATOR_ID, _is_live)
    .order_by(_s.id.desc())
    .limit(literal_column(str(_MOST)))
)
_USE = Statement(
    update(operator_sessions).where(_s.id == _ID).values(last_use_time=_NOW).returning(_s.id)
)
_END = crud.delete(operator_sessions, by=("id", "operator_id"))
_END_OTHERS = crud.delete(
    operator_sessions, by=("operator_id", _s.id != bindparam("p_but", type_=Text))
)
prune = pruning.Prune(_s.expire_time)


async def begin(call: Call, db: Session, operator: Operator, *, method: str) -> str:
    """Return the secret of a new session of an operator, by a proof of this kind.

    To be called in the transaction that used the proof up.
    """
    at, secret = now(), vault.new_secret()
    await db.fetch_all(
        _INSERT,
        p_id=db.new_id(ids.OPERATOR_SESSION),
        p_operator_id=operator.id,
        p_digest=vault.digest(secret),
        p_method=method,
        p_address=call.origin.address,
        p_user_agent=call.origin.user_agent[:300],
        p_create_time=at,
        p_last_use_time=at,
        p_expire_time=at + (LINK_LIFE if method == LINK else LIFE),
    )
    await db.fetch_all(_SIGNED_IN, p_operator_id=operator.id, p_now=at)
    acting = replace(call, caller=Caller(Kind.OPERATOR, operator.id))
    await db.record(acting.event("operator.signed_in", after=operator.to_event()))
    return secret


async def find(db: Session, secret: str) -> OperatorSession | None:
    """Return the live session that has this secret, which this is a use of."""
    at = now()
    row = await db.fetch_one(_FIND, p_digest=vault.digest(secret), p_now=at, p_idle=at - IDLE)
    if row is None:
        return None
    found = OperatorSession.from_row(row)
    if found.last_use_time < at - _TOUCH:
        await db.fetch_all(_USE, p_id=found.id, p_now=at)
    return found


async def list_of(db: Session, operator_id: str) -> list[OperatorSession]:
    """Return an operator's live sessions, the newest first."""
    at = now()
    rows = await db.fetch_all(_LIST, p_operator_id=operator_id, p_now=at, p_idle=at - IDLE)
    return [OperatorSession.from_row(row) for row in rows]


async def end(db: Session, operator_id: str, session_id: str) -> None:
    """End a session of an operator."""
    if not await db.fetch_all(_END, p_id=session_id, p_operator_id=operator_id):
        raise errors.NotFound("session")


async def end_all(db: Session, operator_id: str, *, but: str = "") -> int:
    """End all sessions of an operator, ``but`` one; return how many there were."""
    return len(await db.fetch_all(_END_OTHERS, p_operator_id=operator_id, p_but=but))
