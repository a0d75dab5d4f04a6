"""Links that let an operator in, and the sessions they open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, delete, insert, select

from tenantry import errors, ids, vault
from tenantry.caller import Caller, Kind
from tenantry.db.rows import bound, prefixed, row_of
from tenantry.db.statements import Statement
from tenantry.identity.operators.model import (
    OWNER,
    READER,
    ROLES,
    Operator,
    OperatorSession,
    operator_links,
    operator_sessions,
    operators,
)
from tenantry.times import MINUTE, now

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session

LINK_LIFE = 30 * MINUTE
SESSION_LIFE = 12 * 60 * MINUTE

_l, _s, _o = operator_links.c, operator_sessions.c, operators.c
_DIGEST, _NOW = bindparam("p_digest", type_=Text), bindparam("p_now", type_=BigInteger)
_INSERT_LINK = Statement(insert(operator_links).values(bound(operator_links)).returning(_l.digest))
_TAKE_LINK = Statement(
    delete(operator_links)
    .where(_l.digest == _DIGEST, _l.expire_time > _NOW)
    .returning(operator_links)
)
_INSERT = Statement(insert(operators).values(bound(operators)).returning(_o.id))
_GET = Statement(select(operators).where(_o.id == bindparam("p_id")))
_INSERT_SESSION = Statement(
    insert(operator_sessions).values(bound(operator_sessions)).returning(_s.id)
)
_FIND_SESSION = Statement(
    select(
        operators,
        _s.id.label("session_id"),
        _s.method,
        _s.create_time.label("session_create_time"),
        _s.expire_time,
    )
    .select_from(operator_sessions.join(operators, _o.id == _s.operator_id))
    .where(_s.digest == _DIGEST, _s.expire_time > _NOW)
)


async def make_link(
    call: Call, *, role: str = OWNER, email: str = "", operator_id: str | None = None
) -> str:
    """Return the token of a new link, good once and for `LINK_LIFE`.

    It makes an operator with this role, or lets the one named back in.
    """
    assert role in ROLES
    token, at = vault.new_secret(), now()
    await call.db.fetch_all(
        _INSERT_LINK,
        p_digest=vault.digest(token),
        p_operator_id=operator_id,
        p_role=role,
        p_email=email,
        p_create_time=at,
        p_expire_time=at + LINK_LIFE,
    )
    return token


async def open_link(call: Call, token: str, *, name: str) -> str:
    """Open a link, once; return the secret of the session that it opens.

    Raises:
        errors.NotFound: it was opened before, is over, or was never made.

    """
    at = now()
    async with call.db.transaction() as db:
        link = await db.fetch_one(_TAKE_LINK, p_digest=vault.digest(token), p_now=at)
        if link is None:
            raise errors.NotFound("link")
        if link["operator_id"] is not None:
            operator = await get(db, link["operator_id"])
        else:
            new_id = call.db.new_id(ids.OPERATOR)
            operator = Operator(new_id, name, link["email"], link["role"], None, at, at, None)
            await db.fetch_all(_INSERT, **prefixed(row_of(operator, operators)))
            await db.record(call.event("operator.created", after=operator.shown()))
        return await begin_session(call, db, operator, method="link")


async def begin_session(call: Call, db: Session, operator: Operator, *, method: str) -> str:
    """Return the secret of a new session at the console."""
    at, secret = now(), vault.new_secret()
    await db.fetch_all(
        _INSERT_SESSION,
        p_id=db.new_id(ids.OPERATOR_SESSION),
        p_operator_id=operator.id,
        p_digest=vault.digest(secret),
        p_method=method,
        p_address=call.origin.address,
        p_user_agent=call.origin.user_agent[:300],
        p_create_time=at,
        p_last_use_time=at,
        p_expire_time=at + SESSION_LIFE,
    )
    return secret


async def find_session(db: Session, secret: str) -> OperatorSession | None:
    """Return the live session that has this secret."""
    row = await db.fetch_one(_FIND_SESSION, p_digest=vault.digest(secret), p_now=now())
    if row is None:
        return None
    return OperatorSession(
        row["session_id"],
        Operator.from_row(row),
        row["method"],
        row["session_create_time"],
        row["expire_time"],
    )


async def get(db: Session, operator_id: str) -> Operator:
    """Return an operator.

    Raises:
        errors.NotFound: there is no such operator.

    """
    row = await db.fetch_one(_GET, p_id=operator_id)
    if row is None:
        raise errors.NotFound("operator")
    return Operator.from_row(row)


def caller(operator: Operator) -> Caller:
    """Return an operator as the caller of what the console asks of the API."""
    return Caller(Kind.OPERATOR, operator.id, reads_only=operator.role == READER)
