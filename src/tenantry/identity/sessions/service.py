"""Sessions: beginning, entering with another application or organization, finding, ending."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_replace

from tenantry.core import errors, ids
from tenantry.core.times import MINUTE, now
from tenantry.crypto import vault
from tenantry.db.sql.schema import Json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed, row_of
from tenantry.identity.sessions import devices
from tenantry.identity.sessions.model import (
    ACTIVE,
    NO_ORGANIZATION,
    REVOKED,
    Impersonation,
    Session,
    session_clients,
    session_organizations,
    sessions,
)
from tenantry.identity.sessions.reading import (
    IS_ACTIVE,
    IS_LIVE,
    IS_LIVE_ALONE,
    IS_THERE,
    NOW,
    sessions_with_places,
)
from tenantry.identity.sessions.termination import ending
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import ACTIVE as MEMBER
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement

    from tenantry.call import Call
    from tenantry.db import engine
    from tenantry.identity.sessions.model import Bounds


_s, _o = sessions.c, session_organizations.c
_ID = bindparam("p_id", type_=Text)
_ORGANIZATION_ID = bindparam("p_organization_id", type_=Text)
_CLIENT_ID = bindparam("p_client_id", type_=Text)
_CLAIMS = bindparam("p_custom_claims", type_=Json)
_ADDRESS = bindparam("p_address", type_=Text)

_begin = insert(sessions).values(bound(sessions)).returning(_s.id)
_first_organization = insert(session_organizations).values(
    session_id=_ID,
    organization_id=_ORGANIZATION_ID,
    custom_claims=_CLAIMS,
    create_time=NOW,
    address=_ADDRESS,
)
_first_client = insert(session_clients).values(
    session_id=_ID, client_id=_CLIENT_ID, organization_id=_ORGANIZATION_ID, create_time=NOW
)
_BEGIN = Statement(_begin, _first_organization)
_BEGIN_WITH_CLIENT = Statement(_begin, _first_organization, _first_client)


def _earlier(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the smaller of two values; NULL is one that does not count."""
    return case((one.is_(None), other), (other < one, other), else_=one)


_idle_minutes = _earlier(_s.idle_minutes, bindparam("p_idle_minutes", type_=Integer))
# Cast: PostgreSQL would multiply in 32 bits, which 36 minutes are too many for.
_idle_expire_time = NOW + cast(_idle_minutes, BigInteger) * MINUTE
_absolute_expire_time = _earlier(
    _s.absolute_expire_time, bindparam("p_absolute_expire_time", type_=BigInteger)
)
_given_time = bindparam("p_auth_time", type_=BigInteger)
_given_amr = bindparam("p_amr", type_=Json)
_given_factor_time = bindparam("p_second_factor_time", type_=BigInteger)
_is_member = (
    select(memberships.c.id)
    .where(
        memberships.c.organization_id == _ORGANIZATION_ID,
        memberships.c.user_id == _s.user_id,
        memberships.c.status == MEMBER,
    )
    .correlate(sessions)
    .exists()
)


def _enter(place: ColumnElement[bool], *, with_claims: bool) -> Statement:
    """Return the statement that lets a session into a place, which its person has to have."""
    may_enter = (_s.id == _ID) & IS_ACTIVE & (_s.lapse_time > NOW) & place
    enter = (
        update(sessions)
        .where(may_enter)
        .values(
            organization_id=_ORGANIZATION_ID,
            update_time=NOW,
            last_active_time=NOW,
            absolute_expire_time=_absolute_expire_time,
            idle_minutes=_idle_minutes,
            idle_expire_time=_idle_expire_time,
            lapse_time=_earlier(_absolute_expire_time, _idle_expire_time),
            digest=func.coalesce(bindparam("p_digest", type_=Text), _s.digest),
            auth_time=func.coalesce(_given_time, _s.auth_time),
            amr=func.coalesce(_given_amr, _s.amr),
            second_factor_time=func.coalesce(_given_factor_time, _s.second_factor_time),
        )
        .returning(sessions)
    )
    # On PostgreSQL further changes are made also where the first one matches nothing.
    entering = select(_s.id).where(may_enter)
    organization = insert_or_replace(session_organizations).from_select(
        ["session_id", "organization_id", "custom_claims", "create_time", "address"],
        entering.with_only_columns(_s.id, _ORGANIZATION_ID, _CLAIMS, NOW, _ADDRESS),
    )
    given = ("address", "custom_claims") if with_claims else ("address",)
    organization = organization.on_conflict_do_update(
        index_elements=[_o.session_id, _o.organization_id],
        set_={name: organization.excluded[name] for name in given},
    )
    client = (
        insert_or_replace(session_clients)
        .from_select(
            ["session_id", "client_id", "organization_id", "create_time"],
            entering.with_only_columns(_s.id, _CLIENT_ID, _ORGANIZATION_ID, NOW).where(
                _CLIENT_ID.is_not(None)
            ),
        )
        .on_conflict_do_nothing()
    )
    return Statement(enter, organization, client)


# By whether it is no organization, and whether the claims are given.
_ENTER = {
    (is_alone, with_claims): _enter(place, with_claims=with_claims)
    for is_alone, place in ((False, _is_member), (True, IS_THERE))
    for with_claims in (False, True)
}
_AUTHENTICATED = Statement(
    update(sessions)
    .where(_s.id == _ID, IS_ACTIVE, _s.lapse_time > NOW)
    .values(auth_time=NOW, update_time=NOW)
    .returning(_s.id)
)
# Hot path, written by hand. Of an organization first: nearly all are.
_LIVE = (IS_LIVE, IS_LIVE_ALONE)
_FIND_BY_SECRET = [
    Statement(sessions_with_places().where(_s.digest == bindparam("p_digest", type_=Text), is_live))
    for is_live in _LIVE
]
_FIND_LIVE = [Statement(sessions_with_places().where(_s.id == _ID, is_live)) for is_live in _LIVE]
_FIND = Statement(sessions_with_places().where(_s.id == _ID))
_ACTIVE_OF_USER = Statement(
    select(_s.id)
    .where(_s.user_id == bindparam("p_user_id", type_=Text), IS_ACTIVE, _s.lapse_time > NOW)
    .order_by(_s.id)
)
_IMPERSONATED = Statement(
    select(_s.id, _s.impersonation)
    .where(_s.impersonation.is_not(None), IS_ACTIVE, _s.lapse_time > NOW)
    .order_by(_s.id)
)


class SessionOver(errors.Error):
    """The session has ended, or its person is no member of the organization (any more)."""

    code = errors.Code.FAILED_PRECONDITION
    error_code = "SESSION_OVER"
    sentence = "this session is over, sign in again"


async def begin(
    call: Call,
    *,
    user_id: str,
    organization_id: str,
    client_id: str | None,
    amr: Sequence[str],
    bounds: Bounds,
    custom_claims: Mapping[str, Any],
    until: int | None = None,
    sub: str | None = None,
    auth_time: int | None = None,
    address: str | None = None,
    impersonation: Impersonation | None = None,
    has_second_factor: bool = False,
) -> tuple[Session, str]:
    """Begin a session; return it with the secret of its cookie, which is kept nowhere.

    The secret is always a new one: a browser's own never becomes that of a session. ``amr``
    are the ids of the connections by which the person has signed in; one that a social provider
    alone knows is of `model.NO_ORGANIZATION`. ``call.db`` may be a
    transaction; that the person is a member of the organization is the caller's to know. With
    ``until`` the session ends then at the latest, in microseconds since 1970, UTC. Applications
    know the person by ``sub``, or else by the id. ``auth_time`` and
    ``address`` are those of an earlier session whose sign-in it continues. ``impersonation``: an
    operator is in it. ``has_second_factor``: the person gave a second factor as well.
    """
    at, secret = now(), vault.new_secret()
    absolute = _first(at + bounds.absolute * MINUTE, until)
    idle = None if bounds.idle is None else at + bounds.idle * MINUTE
    # The parser compiles its rules at its first use, which takes half a second.
    device = await asyncio.to_thread(devices.describe, call.origin.user_agent, call.origin.address)
    session = Session(
        id=call.db.new_id(ids.SESSION),
        user_id=user_id,
        sub=sub,
        organization_id=organization_id,
        status=ACTIVE,
        device=device,
        amr=tuple(amr),
        auth_time=at if auth_time is None else auth_time,
        create_time=at,
        update_time=at,
        last_active_time=at,
        absolute_expire_time=absolute,
        idle_minutes=bounds.idle,
        idle_expire_time=idle,
        expire_time=None,
        logout_time=None,
        organizations=(organization_id,) if organization_id else (),
        clients=((client_id, organization_id),) if client_id else (),
        impersonation=impersonation,
        second_factor_time=at if has_second_factor else None,
    )
    row = row_of(session, sessions, but={"digest", "impersonation"})
    row |= {
        "digest": vault.digest(secret),
        "impersonation": None if impersonation is None else to_json(asdict(impersonation)),
    }
    await call.db.apply(
        _BEGIN_WITH_CLIENT if client_id else _BEGIN,
        **prefixed(row),
        p_client_id=client_id,
        p_custom_claims=to_json(dict(custom_claims)),
        p_address=address or call.origin.address or None,
        p_now=at,
    )
    return session, secret


async def enter(
    call: Call,
    session: Session,
    *,
    organization_id: str,
    client_id: str | None,
    bounds: Bounds,
    custom_claims: Mapping[str, Any] | None,
    amr: Sequence[str] | None = None,
    secret: str | None = None,
    until: int | None = None,
    has_second_factor: bool = False,
) -> Session:
    """Let another application or organization into a session, or the same one once more.

    It is the same session. Its limits only become tighter. With ``amr`` the person has
    authenticated just now. With ``secret`` that is its cookie's from here on. With ``until`` it
    ends then at the latest. Without ``custom_claims`` the earlier ones are kept. With
    ``has_second_factor`` the person gave a second factor just now.

    Raises:
        SessionOver: it has ended, or the person is no active member of the organization; or an
            operator is in it, and the organization is another one, or the person authenticated.

    """
    at = now()
    if session.impersonation is not None and (
        amr is not None or organization_id not in session.organizations
    ):
        raise SessionOver
    row = await call.db.apply(
        _ENTER[organization_id == NO_ORGANIZATION, custom_claims is not None],
        p_id=session.id,
        p_organization_id=organization_id,
        p_client_id=client_id,
        p_custom_claims=to_json(dict(custom_claims or {})),
        p_absolute_expire_time=_first(session.create_time + bounds.absolute * MINUTE, until),
        p_idle_minutes=bounds.idle,
        p_digest=None if secret is None else vault.digest(secret),
        p_auth_time=None if amr is None else at,
        p_amr=None if amr is None else to_json(tuple(amr)),
        p_second_factor_time=at if has_second_factor else None,
        p_address=call.origin.address or None,
        p_now=at,
    )
    if row is None:
        raise SessionOver
    clients = session.clients
    if client_id is not None and (client_id, organization_id) not in clients:
        clients = (*clients, (client_id, organization_id))
    organizations = session.organizations
    if organization_id and organization_id not in organizations:
        organizations = (*organizations, organization_id)
    return replace(
        session,
        **{
            name: row[name]
            for name in (
                *("organization_id", "auth_time", "update_time", "last_active_time"),
                *("absolute_expire_time", "idle_minutes", "idle_expire_time"),
                "second_factor_time",
            )
        },
        amr=session.amr if amr is None else tuple(amr),
        organizations=organizations,
        clients=clients,
    )


def _first(end: int, until: int | None) -> int:
    return end if until is None else min(end, until)


async def authenticated(call: Call, session: Session) -> None:
    """Note that the person of a session has authenticated once more just now.

    Raises:
        SessionOver: it has ended.

    """
    if await call.db.fetch_one(_AUTHENTICATED, p_id=session.id, p_now=now()) is None:
        raise SessionOver


async def find(db: engine.Session, secret: str) -> Session | None:
    """Return the live session whose cookie has this secret."""
    if not secret:
        return None
    return await _first_of(db, _FIND_BY_SECRET, p_digest=vault.digest(secret))


async def find_live(db: engine.Session, session_id: str) -> Session | None:
    """Return a session that has not ended, and whose person still is where it is signed in."""
    return await _first_of(db, _FIND_LIVE, p_id=session_id)


async def _first_of(
    db: engine.Session, statements: Sequence[Statement], **params: str
) -> Session | None:
    for statement in statements:
        row = await db.fetch_one(statement, **params, p_now=now())
        if row is not None:
            return Session.from_row(row)
    return None


async def get(call: Call, session_id: str) -> Session:
    """Return a session, live or not."""
    row = await call.db.fetch_one(_FIND, p_id=session_id)
    session = Session.from_row(row) if row else None
    if session is None or not ending.is_visible(call, session):
        raise errors.NotFound("session")
    return session


async def revoke(call: Call, session_id: str) -> Session:
    """Revoke a session; return it, also if it had ended before, as it is then."""
    session = await get(call, session_id)
    return await end(call, session.id, status=REVOKED) or await get(call, session_id)


async def revoke_all(call: Call, user_id: str) -> list[Session]:
    """Revoke all active sessions of a user; return them."""
    user = await users.get(call, users.UserIdentifier(user_id))
    return await end_all(call, user.id)


async def end(call: Call, session_id: str, *, status: str) -> Session | None:
    """End a session: LOGOUT, REVOKED or EXPIRED. Return it, or None if it was not active.

    In one transaction with its event and the notices to its applications.
    """
    ended = await ending.end(call, [session_id], status=status)
    return ended[0] if ended else None


async def end_all(call: Call, user_id: str, *, but: str | None = None) -> list[Session]:
    """Revoke the active sessions of a person, all but one if that is named; return them."""
    rows = await call.db.fetch_all(_ACTIVE_OF_USER, p_user_id=user_id, p_now=now())
    return await _revoked(call, [row["id"] for row in rows if row["id"] != but])


async def end_impersonations(call: Call, operator_id: str) -> list[Session]:
    """Revoke the active sessions that an operator is in, in place of people; return them."""
    rows = await call.db.fetch_all(_IMPERSONATED, p_now=now())
    held = ((row["id"], Impersonation.of_column(row["impersonation"])) for row in rows)
    return await _revoked(call, [id_ for id_, by in held if by and by.operator_id == operator_id])


async def _revoked(call: Call, left: Sequence[str]) -> list[Session]:
    ended: list[Session] = []
    for start in range(0, len(left), ending.AT_ONCE):
        ended += await ending.end(call, left[start : start + ending.AT_ONCE], status=REVOKED)
    return ended
