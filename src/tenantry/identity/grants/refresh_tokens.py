"""Refresh tokens (RFC 6749 section 6): families whose token is another one after each use.

A family is a row with the number of its generation. The token is the family's id, a generation and
an HMAC over both by a key that the database has only encrypted: nobody can make one from the row,
and one of an earlier generation is still recognized as ours. Such a one was stolen, or its
successor was: the family is revoked (RFC 9700 section 4.14.2). But two tabs refresh at once, and
answers get lost: within `GRACE_SECONDS` the generation before is answered with the current token.

A family is good while its session is, and goes with the session's row.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Integer, Text, bindparam, case, cast, select, update

from tenantry.access.clients.model import PUBLIC
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.activity import counters
from tenantry.db.sql.statements import Batch, Statement
from tenantry.identity.grants.model import InvalidGrant, refresh_tokens
from tenantry.identity.grants.subjects import subject_of, with_subject, with_subject_alone
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sessions.model import sessions
from tenantry.identity.sessions.reading import IS_ACTIVE, NOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.identity.sessions.subject import Subject

PREFIX = "tnrt_"  # for secret scanners
GRACE_SECONDS = 30
_SHAPE = struct.Struct(">QI32s")  # the number of the id, the generation, the HMAC
_MOST_CHARACTERS = 100
_TRIES = 5

_r, _s = refresh_tokens.c, sessions.c
_ID = bindparam("p_id", type_=Text)
_SESSION_ID = bindparam("p_session_id", type_=Text)
_BEGIN = crud.insert(refresh_tokens)
_FIND = Statement(with_subject(refresh_tokens).where(_r.id == _ID), batch=Batch("p_id"))
# The session's row is held meanwhile: one that ends it has come before, and then nothing matches,
# or comes after, and then the token is worth nothing.
_live = (
    select(_s.id)
    .where(_s.id == _SESSION_ID, IS_ACTIVE, _s.lapse_time > NOW)
    .with_for_update(key_share=True)
    .scalar_subquery()
)
# NULL where idle time does not end it.
_slid = NOW + cast(_s.idle_minutes, BigInteger) * 60_000_000
# A refresh is activity, which puts off the idle end, and never the absolute one.
_ROTATE = Statement(
    update(refresh_tokens)
    .where(
        _r.id == _ID,
        _r.generation == bindparam("p_seen", type_=Integer),
        _r.revoke_time.is_(None),
        _r.session_id == _live,
    )
    .values(generation=_r.generation + 1, rotate_time=NOW)
    .returning(_r.id),
    update(sessions)
    .where(_s.id == _SESSION_ID, IS_ACTIVE, _s.lapse_time > NOW)
    .values(
        last_active_time=NOW,
        idle_expire_time=_slid,
        lapse_time=case((_slid < _s.absolute_expire_time, _slid), else_=_s.absolute_expire_time),
    ),
    batch=Batch("p_id", order="p_session_id"),
)
_REVOKE = Statement(
    update(refresh_tokens)
    .where(_r.id == _ID, _r.revoke_time.is_(None))
    .values(revoke_time=NOW)
    .returning(_r.id)
)


class ScopeNotGranted(Exception):
    """More is asked for than was granted; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A refresh token that we made, and its family as it is now; times in microseconds."""

    id: str  # of the family
    client_id: str
    user_id: str
    organization_id: str
    session_id: str
    scope: str
    generation: int  # of the token
    newest: int  # generation of the family
    rotate_time: int
    revoke_time: int | None
    lapse_time: int  # of the session; 0 if it is over
    row: Row

    @property
    def sub(self) -> str:
        """The subject of the tokens that it gives."""
        return self.row["subject_sub"] or self.user_id

    @property
    def is_good(self) -> bool:
        """Whether it may be used now, as the last one of its family."""
        in_force = self.revoke_time is None and self.generation == self.newest
        return in_force and self.lapse_time > 0

    def is_just_spent(self, at: int) -> bool:
        """Whether it was the last one until a moment ago."""
        recently = self.rotate_time + GRACE_SECONDS * 1_000_000 >= at
        return recently and self.generation + 1 == self.newest


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The grant of a refresh token that was renewed."""

    subject: Subject
    scopes: tuple[str, ...]
    refresh_token: str


def new_id(db: Session) -> str:
    """Return the id of a new family."""
    return db.new_id(ids.REFRESH_TOKEN)


async def begin(
    db: Session,
    id_: str,
    client: Client,
    subject: Subject,
    *,
    scope: str,
    resource_id: str | None = None,
) -> None:
    """Begin a family of this id; `first` is its token."""
    at = now()
    await db.fetch_all(
        _BEGIN,
        p_id=id_,
        p_session_id=subject.session_id,
        p_client_id=client.id,
        p_user_id=subject.user.id,
        p_organization_id=subject.organization_id,
        p_scope=scope,
        p_generation=1,
        p_rotate_time=at,
        p_create_time=at,
        p_revoke_time=None,
        p_resource_id=resource_id,
    )


def first(db: Session, id_: str) -> str:
    """Return the first token of a family."""
    return _text(db, id_, 1)


async def find(db: Session, text: str) -> Presented | None:
    """Return a text as the refresh token that it is, if we made it and its family is there."""
    read = _read(db, text)
    if read is None:
        return None
    id_, generation = read
    row = await db.fetch_one(_FIND, p_id=id_, p_now=now())
    if row is None:
        return None
    row = await with_subject_alone(db, row)
    return Presented(
        id=id_,
        client_id=row["client_id"],
        user_id=row["user_id"],
        organization_id=row["organization_id"],
        session_id=row["session_id"],
        scope=row["scope"],
        generation=generation,
        newest=row["generation"],
        rotate_time=row["rotate_time"],
        revoke_time=row["revoke_time"],
        lapse_time=row["subject_lapse_time"] or 0,
        row=row,
    )


async def refresh(
    call: Call,
    client: Client,
    text: str,
    *,
    scopes: Sequence[str] = (),
    seconds: int | None = None,
) -> Refreshed:
    """Use a refresh token up, for its successor; the access token may have fewer ``scopes``.

    One that has not been used for ``seconds`` has expired; None: it lives as long as its session.

    Raises:
        ScopeNotGranted: more scopes are asked for than were granted.
        InvalidGrant: it is not one of this client, was revoked, was used before, or its session
            is over.
        errors.Busy: others refreshed all the time; nothing was done.

    """
    for _ in range(_TRIES):
        token, at = await find(call.db, text), now()
        if token is None or token.client_id != client.id:
            raise InvalidGrant("the refresh token is unknown, or was given to another client")
        _check_in_force(token, at, seconds)
        is_last = token.generation == token.newest
        if not is_last and not token.is_just_spent(at):
            await _reused(call, token)
        subject = await subject_of(call.db, token.row)
        if subject is None:
            raise InvalidGrant("the session has ended, or its user is no longer a member")
        await check_policy(call, client, subject, access="refresh")
        granted = tuple(token.scope.split())
        foreign = [name for name in scopes if name not in granted]
        if foreign:
            raise ScopeNotGranted(f"the refresh token is not good for {' '.join(foreign)[:200]}")
        kept = recent(subject, tuple(scopes) or granted, at)
        if subject.impersonation is None:
            counters.active(subject.user.id, subject.organization_id)
        if not is_last:
            return Refreshed(subject, kept, _text(call.db, token.id, token.newest))
        rotated = await call.db.apply(
            _ROTATE,
            p_id=token.id,
            p_session_id=token.session_id,
            p_seen=token.generation,
            p_now=at,
        )
        if rotated is not None:
            return Refreshed(subject, kept, _text(call.db, token.id, token.generation + 1))
        # Another was faster, or ended it: how it is now, decides.
    raise errors.Busy


def _check_in_force(token: Presented, at: int, seconds: int | None) -> None:
    """Refuse a token of a family that was revoked, or not used for so long."""
    if token.revoke_time is not None:
        raise InvalidGrant("the refresh token was revoked")
    if seconds is not None and token.rotate_time + seconds * 1_000_000 <= at:
        raise InvalidGrant("the refresh token has expired")


async def check_policy(call: Call, client: Client, subject: Subject, *, access: str) -> None:
    """Enforce the sign-in policy of the subject's organization on a grant.

    The request of a public client comes from the user's device. That of any other comes from a
    server of the application, and the address is that of the user's last sign-in.

    Raises:
        InvalidGrant: the policy refuses it.

    """
    if subject.policy is None:
        return
    address = call.origin.address if client.client_type in PUBLIC else None
    refusal = await enforcement.of_subject(call.db, subject, address=address)
    if refusal is not None:
        await enforcement.record(
            call,
            refusal,
            organization_id=subject.organization_id,
            access=access,
            user_id=subject.user.id,
            client_id=client.id,
        )
        raise InvalidGrant(f"{refusal.sentence}: the user must sign in again")


def recent(subject: Subject, scopes: tuple[str, ...], at: int) -> tuple[str, ...]:
    """Return the scopes without those that take a more recent sign-in (RFC 6749 section 5.1)."""
    policy = subject.policy
    if policy is None or not policy.is_too_old(scopes, auth_time=subject.auth_time, at=at):
        return scopes
    return tuple(name for name in scopes if name not in policy.reauthentication_scopes)


async def revoke(call: Call, client: Client, id_: str) -> None:
    """End a family, if it has not ended; the client is the one that it is of."""
    about = {"client_id": client.id, "token_id": id_}
    event = call.event("client.token_revoked", organization_id=client.organization_id, after=about)
    await call.db.apply(_REVOKE, event, p_id=id_, p_now=now())


async def _reused(call: Call, token: Presented) -> None:
    """End the family of a spent token that has come, and refuse it."""
    about = {
        "id": token.session_id,
        "user_id": token.user_id,
        "organization_id": token.organization_id,
        "client_id": token.client_id,
        "refresh_token_id": token.id,
    }
    event = call.event(
        "session.refresh_token_reused",
        organization_id=token.organization_id or None,
        after=about,
    )
    await call.db.apply(_REVOKE, event, p_id=token.id, p_now=now())
    raise InvalidGrant("the refresh token was used before; all of its family are revoked")


def _text(db: Session, id_: str, generation: int) -> str:
    """Return the token of a generation of a family."""
    number = int(id_.removeprefix(ids.REFRESH_TOKEN))
    key = db.vault.derive("refresh-token")
    mac = hmac.digest(key, f"{id_}.{generation}".encode(), "sha256")
    packed = _SHAPE.pack(number, generation, mac)
    return PREFIX + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _read(db: Session, text: str) -> tuple[str, int] | None:
    """Return the family's id and the generation of a token that we made; None for any other."""
    if not text.startswith(PREFIX) or len(text) > _MOST_CHARACTERS or not text.isascii():
        return None
    try:
        packed = base64.urlsafe_b64decode(text.removeprefix(PREFIX) + "=")
        number, generation, _ = _SHAPE.unpack(packed)
    except (binascii.Error, struct.error):
        return None
    id_ = f"{ids.REFRESH_TOKEN}{number}"
    if not hmac.compare_digest(_text(db, id_, generation).encode(), text.encode()):
        return None
    return id_, generation
