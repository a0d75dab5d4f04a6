"""The operators there are, and the links that make one or let one back in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, literal_column, select

from tenantry.core import errors, ids
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import MINUTE, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.db.writes.rows import prefixed, row_of
from tenantry.identity.operators import grants, sessions
from tenantry.identity.operators.model import (
    OPERATOR,
    OWNER,
    READER,
    ROLES,
    Operator,
    operator_links,
    operators,
)
from tenantry.identity.sessions import service as people_sessions
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session

LINK_LIFE = 30 * MINUTE
NAME_MAX = 200  # characters
MOST = 500  # operators of a deployment

_l, _o = operator_links.c, operators.c
_ID, _DIGEST = bindparam("p_id", type_=Text), bindparam("p_digest", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_INSERT_LINK = crud.insert(operator_links)
_LIVE_LINK = (_l.digest == _DIGEST) & (_l.expire_time > _NOW)
_PEEK = Statement(
    select(operators.c.name, _l.operator_id)
    .select_from(operator_links.outerjoin(operators, _o.id == _l.operator_id))
    .where(_LIVE_LINK)
)
_TAKE_LINK = crud.delete(operator_links, by=(_LIVE_LINK,), whole_row=True)
_DROP_LINKS = crud.delete(operator_links, by=("operator_id",))
prune = pruning.Prune(_l.expire_time)
_INSERT = crud.insert(operators)
_GET = crud.get(operators)
_ANY = Statement(select(_o.id).limit(literal_column("1")))
_LIST = Statement(select(operators).order_by(_o.id).limit(literal_column(str(MOST))))
_UPDATE = crud.update(operators, set_=("name", "email", "role", "subject", "update_time"))
_DELETE = crud.delete(operators)
# An owner that never signed in may have no way to.
_OTHER_OWNERS = crud.count(
    operators,
    by=(_o.id != _ID, _o.role == literal_column(f"'{OWNER}'"), _o.last_sign_in_time.is_not(None)),
)


class LastOwner(errors.Error):
    """Nobody would be left to make operators."""

    code = errors.Code.FAILED_PRECONDITION
    error_code = "LAST_OWNER"
    sentence = "this is the last owner who has signed in: make another operator an owner first"


def link_address(public_url: str, token: str) -> str:
    """Return the address at which a link is opened."""
    return f"{public_url}/console/enter/{token}"


async def make_link(
    call: Call, *, role: str = OWNER, email: str = "", operator_id: str | None = None
) -> str:
    """Return the token of a new link, good once and for `LINK_LIFE`.

    It makes an operator with this role, or lets the one named in, whose earlier links end.
    """
    assert role in ROLES
    token, at = vault.new_secret(), now()
    async with call.db.transaction() as db:
        if operator_id is not None:
            await db.fetch_all(_DROP_LINKS, p_operator_id=operator_id)
        await db.fetch_all(
            _INSERT_LINK,
            p_digest=vault.digest(token),
            p_operator_id=operator_id,
            p_role=role,
            p_email=email,
            p_create_time=at,
            p_expire_time=at + LINK_LIFE,
        )
    return token


async def link_for(call: Call, *, email: str, name: str, role: str) -> str:
    """Return the token of a link for somebody: for the operator with this address, if there is
    one.
    """
    known = await find_by_email(call.db, email) if email else None
    if known is not None:
        return await make_link(call, operator_id=known.id)
    if email or name:
        return (await invite(call, email=email, name=name, role=role))[1]
    return await make_link(call, role=_checked_role(role))


async def peek(db: Session, token: str) -> str:
    """Return the name of the operator of a link, "" for none yet; it stays unopened."""
    row = await db.fetch_one(_PEEK, p_digest=vault.digest(token), p_now=now())
    if row is None:
        raise errors.NotFound("link")
    return row["name"] or ""


async def open_link(call: Call, token: str, *, name: str) -> str:
    """Open a link, once; return the secret of the session that it opens.

    ``name`` is that of an operator without one.
    """
    at = now()
    async with call.db.transaction() as db:
        link = await db.fetch_one(_TAKE_LINK, p_digest=vault.digest(token), p_now=at)
        if link is None:
            raise errors.NotFound("link")
        name = _checked_name(name)
        if link["operator_id"] is None:
            new_id = call.db.new_id(ids.OPERATOR)
            operator = Operator(new_id, name, link["email"], link["role"], None, at, at, None)
            acting = replace(call, caller=caller(operator))
            await db.fetch_all(_INSERT, **prefixed(row_of(operator, operators)))
            await db.record(acting.event("operator.created", after=operator.to_event()))
        else:
            operator = await get(db, link["operator_id"])
            if not operator.name and name:
                before, operator = operator, replace(operator, name=name, update_time=at)
                acting = replace(call, caller=caller(operator))
                await _change(acting, db, before, operator)
        return await sessions.begin(call, db, operator, method=sessions.LINK)


async def any_there(db: Session) -> bool:
    """Whether there is any operator."""
    return await db.fetch_one(_ANY) is not None


async def list_all(db: Session) -> list[Operator]:
    """Return all operators, the oldest first."""
    return [Operator.from_row(row) for row in await db.fetch_all(_LIST)]


async def find_by_email(db: Session, email: str) -> Operator | None:
    """Return the operator with an address: there is one at most."""
    key = email_addresses.key(email)
    known = (one for one in await list_all(db) if one.email)
    return next((one for one in known if email_addresses.key(one.email) == key), None)


async def get(db: Session, operator_id: str) -> Operator:
    """Return an operator."""
    row = await db.fetch_one(_GET, p_id=operator_id)
    if row is None:
        raise errors.NotFound("operator")
    return Operator.from_row(row)


async def invite(call: Call, *, email: str, name: str, role: str) -> tuple[Operator, str]:
    """Make an operator; return it, and the token of the link by which they come in."""
    at = now()
    made = Operator(
        call.db.new_id(ids.OPERATOR),
        _checked_name(name),
        email_addresses.checked(email, "operator.email") if email else "",
        _checked_role(role),
        None,
        at,
        at,
        None,
    )
    async with call.db.transaction() as db:
        await db.serialize("operators")
        there = await list_all(db)
        if len(there) >= MOST:
            raise errors.InvalidArgument.field(
                "operator", "max_items", f"there can be at most {MOST} operators; delete one first"
            )
        _check_unique(there, made)
        await db.fetch_all(_INSERT, **prefixed(row_of(made, operators)))
        await db.record(call.event("operator.created", after=made.to_event()))
        token = await make_link(replace(call, db=db), operator_id=made.id)
    return made, token


async def new_link(call: Call, operator_id: str) -> str:
    """Return the token of a link that lets an operator in; earlier ones end."""
    await get(call.db, operator_id)
    return await make_link(call, operator_id=operator_id)


async def update(
    call: Call,
    operator_id: str,
    *,
    name: str | None = None,
    email: str | None = None,
    role: str | None = None,
) -> Operator:
    """Change an operator; None leaves a field as it is. Another role holds from the next request.

    One that becomes a reader is in no person's session any more.
    """
    async with call.db.transaction() as db:
        await db.serialize("operators")
        before = await get(db, operator_id)
        after = replace(
            before,
            name=before.name if name is None else _checked_name(name),
            email=before.email
            if email is None
            else email and email_addresses.checked(email, "operator.email"),
            role=before.role if role is None else _checked_role(role),
            update_time=now(),
        )
        if email_addresses.key(after.email) != email_addresses.key(before.email):
            _check_unique(await list_all(db), after)
            # Their provider knows them by the address, until they have signed in by it.
            after = replace(after, subject=None)
        if before.role == OWNER and after.role != OWNER:
            await _check_not_last(db, before)
        if replace(after, update_time=before.update_time) == before:
            return before
        await _change(call, db, before, after)
        if after.role == READER:
            await people_sessions.end_impersonations(replace(call, db=db), after.id)
    return after


async def remove(call: Call, operator_id: str) -> None:
    """Delete an operator: their sessions, passkeys and links are gone at once.

    So are the sessions in which they stand in for a person.
    """
    async with call.db.transaction() as db:
        await db.serialize("operators")
        before = await get(db, operator_id)
        if before.role == OWNER:
            await _check_not_last(db, before)
        await db.apply(
            _DELETE, call.event("operator.deleted", before=before.to_event()), p_id=before.id
        )
        await people_sessions.end_impersonations(replace(call, db=db), before.id)


async def end_session(call: Call, operator_id: str, session_id: str) -> None:
    """End one session of an operator, and those that they are in for people."""
    async with call.db.transaction() as db:
        await sessions.end(db, operator_id, session_id)
        await people_sessions.end_impersonations(replace(call, db=db), operator_id)


async def sign_out(call: Call, operator_id: str, *, but: str = "") -> int:
    """End all sessions of an operator, ``but`` one, and those that they are in for people.

    Without ``but``, the operator's grants to MCP clients end, too. Return the number of the
    operator's own sessions.
    """
    async with call.db.transaction() as db:
        ended = await sessions.end_all(db, operator_id, but=but)
        if not but:
            await grants.end_all(db, operator_id)
        await people_sessions.end_impersonations(replace(call, db=db), operator_id)
    return ended


def caller(operator: Operator) -> Caller:
    """Return an operator as the caller of what the console asks of the API."""
    return Caller(
        Kind.OPERATOR,
        operator.id,
        reads_only=operator.role == READER,
        owns=operator.role == OWNER,
    )


async def _change(call: Call, db: Session, before: Operator, after: Operator) -> None:
    event = call.event("operator.updated", before=before.to_event(), after=after.to_event())
    await db.apply(
        _UPDATE,
        event,
        p_id=after.id,
        p_name=after.name,
        p_email=after.email,
        p_role=after.role,
        p_subject=after.subject,
        p_update_time=after.update_time,
    )


async def _check_not_last(db: Session, operator: Operator) -> None:
    others = await db.fetch_one(_OTHER_OWNERS, p_id=operator.id)
    if operator.last_sign_in_time is not None and not (others and others["n"]):
        raise LastOwner


def _check_unique(there: list[Operator], operator: Operator) -> None:
    key = email_addresses.key(operator.email)
    for other in there:
        if key and other.id != operator.id and email_addresses.key(other.email) == key:
            raise errors.Duplicate("operator.email", operator.email, other=other.id)


def _checked_role(role: str) -> str:
    if role not in ROLES:
        raise errors.InvalidArgument.field(
            "operator.role", "in", f"must be {OWNER}, {OPERATOR} or {READER}"
        )
    return role


def _checked_name(name: str) -> str:
    name = name.strip()
    if len(name) > NAME_MAX or not name.isprintable():
        raise errors.InvalidArgument.field(
            "operator.name", "string.pattern", f"must be up to {NAME_MAX} characters in one line"
        )
    return name
