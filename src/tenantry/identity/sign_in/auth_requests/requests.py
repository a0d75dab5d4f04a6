"""Auth requests: making them, finding them, moving them from state to state.

A request lives for ten minutes from its last step, and half an hour in all. One that a session
proves ends with that session. A request belongs to the browser that began it, which a cookie's
secret tells. A move is made only from the very state and
time that was seen: of two steps at once, one is taken.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, exists, insert, literal_column, select, update

from tenantry.access.clients.model import clients
from tenantry.access.clients.uris import return_targets
from tenantry.core import errors, ids
from tenantry.core.times import SECOND, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.identity.sessions.model import Impersonation, sessions
from tenantry.identity.sessions.reading import IS_LIVE, IS_LIVE_ALONE, NOW
from tenantry.identity.sign_in.auth_requests import counting, states
from tenantry.identity.sign_in.model import AuthRequest, Facts, Params, auth_requests
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement

    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

STEP_SECONDS = 600
MOST_SECONDS = 1800
_MOST_STEPS = 20  # that the log has of one

_PARAMS = tuple(field.name for field in fields(Params))

_a = auth_requests.c
# The columns that a move may change.
_MOVED = (
    *("state", "status", "facts", "email", "email_key", "user_id"),
    *("organization_id", "connection_id", "session_id", "error", "update_time", "expire_time"),
)
INSERT = insert(auth_requests).values(bound(auth_requests, "a_")).returning(_a.id)
_INSERT = Statement(INSERT)
_DIGESTS = bindparam("p_digests", type_=Text)
_live = (
    _a.expire_time > NOW,
    *(_a.state != literal_column(f"'{state}'") for state in sorted(states.FINAL)),
)
_proof = auth_requests.outerjoin(sessions, sessions.c.id == _a.session_id)
_is_proved = _a.session_id.is_(None) | IS_LIVE | IS_LIVE_ALONE
_going_on = select(auth_requests, sessions.c.impersonation).select_from(_proof)
_FIND = Statement(_going_on.where(_a.id == bindparam("p_id", type_=Text), *_live, _is_proved))
_COMPLETED = Statement(
    select(_a.browser_digest).where(
        _a.id == bindparam("p_id", type_=Text),
        _a.state == literal_column(f"'{states.COMPLETED}'"),
    )
)
_RETURN_TARGET = Statement(
    select(*return_targets.COLUMNS)
    .join_from(
        auth_requests, clients, (clients.c.id == _a.client_id) & clients.c.resource_id.is_(None)
    )
    .where(_a.id == bindparam("p_id", type_=Text))
)
_NEWEST = Statement(
    _going_on.where(_a.browser_digest.in_(json_values(_DIGESTS)), *_live, _is_proved)
    .order_by(_a.id.desc())
    .limit(literal_column("1"))
)
_as_seen = (
    _a.id == bindparam("p_id", type_=Text),
    _a.state == bindparam("seen_state", type_=Text),
    _a.update_time == bindparam("seen_time", type_=BigInteger),
    _a.expire_time > NOW,
)
_is_proved_still = _a.session_id.is_(None) | exists().where(
    sessions.c.id == _a.session_id, IS_LIVE | IS_LIVE_ALONE
)
_HOLD = crud.hold(auth_requests, by=(*_as_seen, _is_proved_still), columns=("id",))


def _move(*columns: str, further: tuple[ColumnElement[bool], ...] = ()) -> Statement:
    return Statement(
        update(auth_requests)
        .where(*_as_seen, *further)
        .values(bound(columns, "a_"))
        .returning(_a.id)
    )


_MOVE = _move(*_MOVED, further=(_is_proved_still,))
_MOVE_BY_PROOF = _move(*_MOVED, "browser_digest", further=(_is_proved_still,))
_FAIL = _move(*_MOVED)


def new(
    db: Session,
    *way: str,
    secret: str | None,
    client_id: str,
    params: Params,
    facts: Facts,
    **members: Any,
) -> tuple[AuthRequest, dict[str, Any]]:
    """Return a request that has come this far, from its first state on, and its parameters.

    Those are for `INSERT`. Without a ``secret`` no browser comes back to it.
    """
    states.check(states.IN_PROGRESS, *way)
    at = now()
    state = way[-1] if way else states.IN_PROGRESS
    if state in states.FINAL:
        counting.ended(state, facts, (members.get("error") or {}).get("error", ""))
    request = AuthRequest(
        id=db.new_id(ids.AUTH_REQUEST),
        state=state,
        status=states.status(state),
        client_id=client_id,
        params=params,
        facts=facts,
        create_time=at,
        update_time=at,
        expire_time=at + STEP_SECONDS * SECOND,
        secret=secret,
        **{"email": None, "user_id": None, "organization_id": None, "connection_id": None}
        | members,
    )
    return request, _row(request) | {"a_browser_digest": vault.digest(secret) if secret else None}


async def add(db: Session, row: Mapping[str, Any]) -> None:
    """Store a new request, of the parameters that `new` returned."""
    await db.fetch_all(_INSERT, **row)


async def create(db: Session, *way: str, **members: Any) -> AuthRequest:
    """Store a new request that has come this far, and return it; for ``members`` see `new`."""
    request, row = new(db, *way, **members)
    await add(db, row)
    return request


async def find(db: Session, request_id: str, secret: str) -> AuthRequest | None:
    """Return a request that goes on, if this is the secret of its browser."""
    if not secret or not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return None
    row = await db.fetch_one(_FIND, p_id=request_id, p_now=now())
    if row is None or not row["browser_digest"] or not vault.matches(secret, row["browser_digest"]):
        return None
    return from_row(row)


async def is_completed(db: Session, request_id: str, secret: str) -> bool:
    """Whether a request has led to a code, if this is the secret of its browser."""
    if not secret or not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return False
    row = await db.fetch_one(_COMPLETED, p_id=request_id)
    return row is not None and vault.matches(secret, row["browser_digest"] or "")


async def find_of_any(db: Session, request_id: str) -> AuthRequest | None:
    """Return a request that goes on, whichever browser's it is."""
    if not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return None
    row = await db.fetch_one(_FIND, p_id=request_id, p_now=now())
    return from_row(row) if row else None


async def return_target(db: Session, request_id: str) -> ReturnTarget | None:
    """Return the way to the application that made an auth request, also of one that is over.

    Anybody may know it: an id alone tells nothing else. None for a request that was deleted, and
    where the application has told none.
    """
    if not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return None
    row = await db.fetch_one(_RETURN_TARGET, p_id=request_id)
    return None if row is None else return_targets.of_row(row)


async def newest(db: Session, secrets: Sequence[str]) -> AuthRequest | None:
    """Return the newest request that goes on, of those that a browser has the secrets of."""
    if not secrets:
        return None
    digests = to_json([vault.digest(secret) for secret in secrets])
    row = await db.fetch_one(_NEWEST, p_digests=digests, p_now=now())
    return from_row(row) if row else None


async def hold(db: Session, request: AuthRequest) -> None:
    """Let nobody else move a request before this transaction ends.

    Raises:
        states.OutOfStep: another step was faster, or time is up, or the session that proves the
            person has ended.

    """
    seen = {"seen_state": request.state, "seen_time": request.update_time}
    if await db.fetch_one(_HOLD, p_id=request.id, **seen, p_now=now()) is None:
        raise states.OutOfStep


async def move(
    db: Session, request: AuthRequest, *way: str, is_proof: bool = False, **changes: Any
) -> AuthRequest:
    """Take a request along this way, and return it as it is then.

    With a proof it has a new secret from here on, for the browser that gave the proof alone:
    another that knew the old one has no part in the rest.

    Raises:
        states.OutOfStep: the table has no such way, or another step was faster, or time is up, or
            the session that proves the person has ended.

    """
    states.check(request.state, *way)
    at, secret = now(), vault.new_secret() if is_proof else None
    facts: Facts = changes.get("facts", request.facts)
    after = (at - request.create_time) // 1000
    steps = (*request.facts.steps, *((state, after) for state in way))
    changes["facts"] = replace(
        facts,
        identity="" if way[-1] in states.FINAL else facts.identity,
        steps=steps[-_MOST_STEPS:],
    )
    most = request.create_time + MOST_SECONDS * SECOND
    moved = replace(
        request,
        state=way[-1],
        status=states.status(way[-1]),
        update_time=max(at, request.update_time + 1),
        expire_time=min(at + STEP_SECONDS * SECOND, most),
        secret=secret or request.secret,
        **changes,
    )
    # By a move that fails anyway an application is told of the end, also of that of the session.
    statement = _FAIL if moved.state == states.FAILED else _MOVE
    done = await db.apply(
        statement if secret is None else _MOVE_BY_PROOF,
        **_row(moved),
        a_browser_digest=vault.digest(secret) if secret else None,
        p_id=request.id,
        seen_state=request.state,
        seen_time=request.update_time,
        p_now=at,
    )
    if done is None:
        raise states.OutOfStep
    if moved.state == states.FAILED:
        counting.ended(moved.state, moved.facts, (moved.error or {}).get("error", ""))
    if states.SSO_AUTHENTICATED in way:
        counting.vouched()
    return moved


def as_person(call: Call, db: Session, request: AuthRequest, user_id: str) -> Call:
    """Return the call as one that the person of a sign-in makes, to change something.

    Every change that a sign-in makes goes through this function, except for its session and grants.
    """
    if request.impersonator:
        raise errors.Impersonated
    return call.as_user(db, user_id)


def problem(description: str, error: str = "access_denied") -> dict[str, str]:
    """Return the error that a request ends with."""
    return {"error": error, "error_description": description[:500]}


def from_row(row: Row) -> AuthRequest:
    """Return the request of one row, with the impersonation of its session."""
    error = row["error"]
    impersonation = Impersonation.of_column(row["impersonation"])
    return AuthRequest(
        **{
            name: row[name]
            for name in (
                *("id", "state", "status", "client_id", "email", "user_id", "organization_id"),
                *("connection_id", "create_time", "update_time", "expire_time"),
            )
        },
        params=_params(from_json(row["params"])),
        facts=Facts.stored(from_json(row["facts"])),
        error=from_json(error) if error else None,
        impersonator=impersonation.operator_id if impersonation else "",
    )


def _params(members: Mapping[str, Any]) -> Params:
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in members.items()
    }
    return Params(**given)


def _members(params: Params) -> dict[str, Any]:
    """Return the parameters that are set, few of all; the others are not stored."""
    members = ((name, getattr(params, name)) for name in _PARAMS)
    return {name: value for name, value in members if value not in (None, ())}


def _row(request: AuthRequest) -> dict[str, Any]:
    email = request.email
    return {
        "a_id": request.id,
        "a_state": request.state,
        "a_status": request.status,
        "a_client_id": request.client_id,
        "a_params": to_json(_members(request.params)),
        "a_facts": to_json(request.facts.to_row()),
        "a_email": email,
        "a_email_key": email_addresses.key(email) if email else None,
        "a_user_id": request.user_id,
        "a_organization_id": request.organization_id,
        "a_connection_id": request.connection_id,
        "a_session_id": request.facts.session_id or None,
        "a_error": None if request.error is None else to_json(request.error),
        "a_create_time": request.create_time,
        "a_update_time": request.update_time,
        "a_expire_time": request.expire_time,
    }
