"""Authorization codes (RFC 6749 section 4.1): given once, redeemed once, within ten minutes.

A code is bound to its client, redirect_uri, PKCE challenge and session. One that comes a second
time was stolen, or its tokens were: all of them are revoked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, insert, update

from tenantry.access.clients.credentials import revocations
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.grants import pkce, refresh_tokens
from tenantry.identity.grants.model import InvalidGrant, authorization_codes
from tenantry.identity.grants.subjects import subject_of, with_subject, with_subject_alone
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db import engine
    from tenantry.db.engine import Row
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sessions.subject import Subject

SECONDS = 600
_GRANT_MINUTES = 366 * 24 * 60  # of the session of a client of a resource, at most
_KEPT_SECONDS = 24 * 3600  # after its end, for a code that comes again to be known

_c = authorization_codes.c
_DIGEST = bindparam("p_digest", type_=Text)
INSERT = insert(authorization_codes).values(bound(authorization_codes)).returning(_c.digest)
_INSERT = Statement(INSERT)
_FIND = Statement(with_subject(authorization_codes).where(_c.digest == _DIGEST))
_USE = Statement(
    update(authorization_codes)
    .where(_c.digest == _DIGEST, _c.use_time.is_(None))
    .values(
        use_time=bindparam("p_now", type_=BigInteger),
        refresh_token_id=bindparam("p_refresh_token_id", type_=Text),
        token_id=bindparam("p_token_id", type_=Text),
        token_expire_time=bindparam("p_token_expire_time", type_=BigInteger),
    )
    .returning(_c.digest)
)
prune = pruning.Prune(_c.expire_time, keep=_KEPT_SECONDS * 1_000_000)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The grant of a code that was redeemed."""

    subject: Subject
    scopes: tuple[str, ...]
    nonce: str | None
    auth_time: int  # microseconds since 1970, UTC
    refresh_token: str | None
    resource_id: str | None


def new(
    *,
    session: Session,
    client_id: str,
    redirect_uri: str,
    scope: str,
    nonce: str | None,
    code_challenge: str | None,
    resource_id: str | None = None,
) -> tuple[str, dict[str, Any]]:
    """Return a new code, which a client may redeem for tokens of the session's organization.

    And its parameters for `INSERT`. ``code_challenge`` is one of the method S256.
    """
    code, at = vault.new_secret(), now()
    given: dict[str, Any] = {
        "digest": vault.digest(code),
        "session_id": session.id,
        "client_id": client_id,
        "user_id": session.user_id,
        "organization_id": session.organization_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "nonce": nonce,
        "code_challenge": code_challenge,
        "auth_time": session.auth_time,
        "create_time": at,
        "expire_time": at + SECONDS * 1_000_000,
        "use_time": None,
        "refresh_token_id": None,
        "token_id": None,
        "token_expire_time": None,
        "resource_id": resource_id,
    }
    return code, prefixed(given)


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of a resource for its codes."""

    check: Callable[[Subject, Sequence[str]], Awaitable[None]]  # raises, before the code is used up
    refresh_seconds: int  # after which an unused refresh token expires


async def add(db: engine.Session, row: Mapping[str, Any], *events: Event) -> None:
    """Store a new code, of the parameters that `new` returned, with the events of a sign-in."""
    await db.apply(_INSERT, *events, **row)


async def redeem(
    call: Call,
    client: Client,
    code: str,
    *,
    redirect_uri: str,
    code_verifier: str,
    token_id: str,
    token_expire_time: int,
    may_refresh: bool,
    admission: Admission | None = None,
) -> Redeemed:
    """Use a code up, for an access token of this id that ends at this time in microseconds.

    With a refresh token if the client may use one and the code is for a resource, or its scope has
    `offline_access`: that scope is of OpenID Connect, and clients of resources often leave it out.

    ``admission`` is of a code for a resource. The refresh token then has a separate session, so
    that the client goes on after the user has signed out in the browser.

    Raises:
        InvalidGrant: there is no such code for this client, it has expired or was used before,
            it was given for another redirect_uri or another verifier, or its session is over.

    """
    digest, at = vault.digest(code), now()
    row = await call.db.fetch_one(_FIND, p_digest=digest, p_now=at)
    if row is None or row["client_id"] != client.id:
        # Another client does not use it up: it is still good for the right one.
        raise InvalidGrant("the code is unknown, or was given to another client")
    if row["use_time"] is not None:
        await _take_back(call, client, row)
    if row["expire_time"] <= at:
        raise InvalidGrant("the code has expired")
    if row["redirect_uri"] != redirect_uri:
        raise InvalidGrant("redirect_uri is not the one that the code was sent to")
    _check_verifier(client, row["code_challenge"], code_verifier)
    subject = await subject_of(call.db, await with_subject_alone(call.db, row))
    if subject is None:
        raise InvalidGrant("the session has ended, or its user is no longer a member")
    await refresh_tokens.check_policy(call, client, subject, access="code")
    scopes = tuple(row["scope"].split())
    if admission is not None:
        await admission.check(subject, scopes)
    family = None
    used = {"p_digest": digest, "p_now": at, "p_token_id": token_id}
    used["p_token_expire_time"] = token_expire_time
    if may_refresh and (row["resource_id"] is not None or "offline_access" in scopes):
        async with call.db.transaction() as db:
            family = refresh_tokens.new_id(db)
            won = await db.fetch_one(_USE, **used, p_refresh_token_id=family)
            if won is not None:
                subject = await _begin_family(
                    replace(call, db=db), family, client, subject, row=row, admission=admission
                )
    else:
        won = await call.db.fetch_one(_USE, **used, p_refresh_token_id=None)
    if won is None:
        again = await call.db.fetch_one(_FIND, p_digest=digest, p_now=at)
        await _take_back(call, client, again or row)
    return Redeemed(
        subject=subject,
        scopes=scopes,
        nonce=row["nonce"],
        auth_time=row["auth_time"],
        refresh_token=None if family is None else refresh_tokens.first(call.db, family),
        resource_id=row["resource_id"],
    )


async def _begin_family(
    call: Call,
    family: str,
    client: Client,
    subject: Subject,
    *,
    row: Row,
    admission: Admission | None,
) -> Subject:
    """Begin the refresh tokens of a code; return their subject.

    Those for a resource have a separate session, which ends when they are not used. It keeps the
    evidence of the sign-in, because the policy of the organization is checked at each refresh.
    """
    if admission is not None:
        session, _ = await sessions.begin(
            call,
            user_id=subject.user.id,
            organization_id=subject.organization_id,
            client_id=client.id,
            amr=subject.amr,
            bounds=Bounds(_GRANT_MINUTES, max(1, admission.refresh_seconds // 60)),
            custom_claims=subject.custom_claims,
            sub=None if subject.sub == subject.user.id else subject.sub,
            auth_time=row["auth_time"],
            address=subject.address,
            has_second_factor=subject.second_factor_time is not None,
        )
        subject = replace(subject, session_id=session.id, auth_time=row["auth_time"])
    await refresh_tokens.begin(
        call.db, family, client, subject, scope=row["scope"], resource_id=row["resource_id"]
    )
    return subject


def _check_verifier(client: Client, challenge: str | None, verifier: str) -> None:
    if challenge is None:
        if client.is_public:
            # Nothing else proves the bearer of the code (RFC 9700 section 2.1.1).
            raise InvalidGrant(
                "this client must send a code_challenge in the authorization request"
            )
        # Somebody left the challenge out of the request (RFC 9700 section 4.8.2).
        if verifier:
            raise InvalidGrant("code_verifier: the code was asked for without a code_challenge")
    elif not verifier:
        raise InvalidGrant("code_verifier is required: the code has a code_challenge")
    elif not pkce.verifies(verifier, challenge):
        raise InvalidGrant("code_verifier is not the one of the code_challenge")


async def _take_back(call: Call, client: Client, row: Row) -> None:
    """Revoke the tokens that a code gave, and refuse it (RFC 6749 section 4.1.2)."""
    if row["refresh_token_id"] is not None:
        await refresh_tokens.revoke(call, client, row["refresh_token_id"])
    if row["token_id"] is not None and row["token_expire_time"] > now():
        expires = -(-row["token_expire_time"] // 1_000_000)
        await revocations.revoke(call, client, jti=row["token_id"], expires=expires)
    raise InvalidGrant("the code was used before; what it gave is revoked")
