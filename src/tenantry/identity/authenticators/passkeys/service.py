"""The rules of passkeys: registering one, signing in by one, listing, renaming, deleting."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, or_, select, update

from tenantry.core import errors, ids
from tenantry.core.addresses import network
from tenantry.core.caller import Kind
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passkeys import authenticators, ceremonies, challenges
from tenantry.identity.authenticators.passkeys.model import Passkey, passkeys
from tenantry.identity.authenticators.totp import step_up
from tenantry.identity.security_notices import service as security_notices
from tenantry.identity.sessions import devices
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
    from tenantry.identity.sessions.freshness import Freshness
    from tenantry.identity.sessions.model import Session as SignedInSession
    from tenantry.tenants.users.model import User

MOST = 20  # passkeys of one person
# To one network. Each view of a sign-in page requests one.
CHALLENGES_A_MINUTE, CHALLENGES_OF_SIGN_INS_A_MINUTE = 300, 1200
NAME_MAX = 120  # characters, the contract's
_MINUTE = 60

_log = logging.getLogger(__name__)

_p = passkeys.c
_INSERT = crud.insert(passkeys)
_LIST = Statement(
    select(passkeys).where(_p.user_id == bindparam("p_user_id")).order_by(_p.id).limit(MOST)
)
_COUNT = crud.count(passkeys, by=("user_id",))
_GET = crud.get(passkeys)
_FIND = crud.get(passkeys, by=("credential_id",))
_USE = Statement(
    update(passkeys)
    .where(
        _p.id == bindparam("p_id"),
        # It grows with each use, or the authenticator does not count (WebAuthn section 6.1.1).
        or_(
            _p.sign_count < bindparam("p_sign_count"),
            (_p.sign_count == 0) & (bindparam("p_sign_count") == 0),
        ),
    )
    .values(bound(("sign_count", "user_verified", "backup_state", "last_used_time")))
    .returning(passkeys)
)
_RENAME = crud.update(passkeys, set_=("display_name", "update_time"))
_DELETE = crud.delete(passkeys)
_USER = crud.get(users, columns=("id",))


async def begin_registration(
    call: Call, user: User, relying_party: RelyingParty
) -> tuple[str, dict[str, Any]]:
    """Return a challenge's id, and the options for `navigator.credentials.create`."""
    await attempts.take(call.db, "passkey registration", user.id, most=60, seconds=60 * _MINUTE)
    existing = await list_of(call.db, user.id)
    _check_room(len(existing))
    challenge = await challenges.issue(call.db, challenges.REGISTRATION, user_id=user.id)
    options = ceremonies.creation_options(
        relying_party,
        challenge.text,
        user_id=user.id,
        name=user.email,
        display_name=user.profile.get("name") or user.email,
        existing=existing,
    )
    return challenge.id, options


async def finish_registration(
    call: Call, user_id: str, relying_party: RelyingParty, credential: Mapping[str, Any]
) -> Passkey:
    """Keep the passkey that an authenticator made for this person."""
    challenge = ceremonies.challenge_of(credential)
    await challenges.take_of_user(call.db, challenge, user_id=user_id)
    made = ceremonies.verify_registration(
        credential, challenge=challenge, relying_party=relying_party
    )
    device = devices.describe(call.origin.user_agent, call.origin.address)
    at = now()
    passkey = Passkey(
        id=call.db.new_id(ids.PASSKEY),
        user_id=user_id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        display_name=authenticators.display_name(made.aaguid, device["os"]),
        attestation_type=made.attestation_type,
        aaguid=made.aaguid,
        attachment=made.attachment,
        transports=made.transports,
        user_verified=made.user_verified,
        backup_eligible=made.backup_eligible,
        backup_state=made.backup_state,
        user_agent={
            "raw": device["user_agent"],
            **{
                name: device[name]
                for name in ("browser", "browser_version", "os", "os_version", "device_type")
            },
        },
        client_info={"ip": device["ip"], **device["location"]},
        create_time=at,
        update_time=at,
        last_used_time=None,
    )
    created = call.event("passkey.created", after=passkey.to_event())
    row = prefixed(passkey.to_row())
    try:
        async with call.db.transaction() as db:
            await db.serialize(f"passkeys of {user_id}")
            count = await db.fetch_one(_COUNT, p_user_id=user_id)
            _check_room(count["n"] if count else 0)
            await db.apply(_INSERT, created, **row)
            held, name = replace(call, db=db), passkey.display_name
            await security_notices.queue(held, user_id, security_notices.PASSKEY_ADDED, name=name)
    except DuplicateKey:
        raise errors.Duplicate("credential_id") from None
    return passkey


async def begin_own_registration(
    call: Call, relying_party: RelyingParty, freshness: Freshness
) -> tuple[str, dict[str, Any]]:
    """Begin a registration for the signed-in person: see `begin_registration`."""
    await freshness.check(call)
    user = await reading.find(call.db, id_=_person(call), external_id=None)
    if user is None:
        raise errors.NotFound("user")
    return await begin_registration(call, user, relying_party)


async def begin_registration_after_step_up(
    call: Call,
    session: SignedInSession,
    user: User,
    relying_party: RelyingParty,
    *,
    freshness: Freshness,
    code: str,
) -> dict[str, Any]:
    """Return the options of `begin_registration` to the user of a session, after
    `step_up.check`.
    """
    await step_up.check(call, session, freshness, code)
    _, options = await begin_registration(call, user, relying_party)
    return options


async def finish_own_registration(
    call: Call, relying_party: RelyingParty, credential: Mapping[str, Any]
) -> Passkey:
    """Finish a registration for the signed-in person: see `finish_registration`."""
    return await finish_registration(call, _person(call), relying_party, credential)


def _person(call: Call) -> str:
    if call.caller.kind is not Kind.USER_SESSION:
        raise errors.PermissionDenied(
            "users must register their own passkeys, with their session cookie"
        )
    return call.caller.id


async def begin_authentication(
    call: Call,
    relying_party: RelyingParty,
    *,
    email: str | None = None,  # noqa: ARG001 - see below
    auth_request_id: str | None = None,
) -> tuple[str, dict[str, Any]]:
    """Return a challenge's id, and the options for `navigator.credentials.get`.

    Which passkey answers is the person's choice: an e-mail address changes nothing, so that nobody
    learns from the options which people have passkeys.
    """
    if call.origin.address:
        kind, most = "passkey challenge", CHALLENGES_A_MINUTE
        if auth_request_id is not None:
            kind, most = f"{kind} of a sign-in", CHALLENGES_OF_SIGN_INS_A_MINUTE
        origin = network(call.origin.address)
        await attempts.take(call.db, kind, origin, most=most, seconds=_MINUTE)
    challenge = await challenges.issue(
        call.db, challenges.AUTHENTICATION, auth_request_id=auth_request_id
    )
    return challenge.id, ceremonies.request_options(relying_party, challenge.text)


async def finish_authentication(
    call: Call,
    relying_party: RelyingParty,
    challenge_id: str,
    credential: Mapping[str, Any],
    *,
    auth_request_id: str | None = None,
) -> Passkey:
    """Return the passkey that answered a challenge: its user has signed in.

    ``user_verified`` of it says whether the authenticator knew the person this time.
    """
    challenge = await challenges.take(call.db, challenge_id, auth_request_id=auth_request_id)
    credential_id = ceremonies.credential_id_of(credential)
    row = await call.db.fetch_one(_FIND, p_credential_id=credential_id)
    if row is None:
        raise ceremonies.VerificationError("this passkey is not registered")
    passkey = Passkey.from_row(row)
    ceremonies.challenge_of(credential)
    proof = ceremonies.verify_authentication(
        credential, challenge=challenge, relying_party=relying_party, passkey=passkey
    )
    used = await call.db.fetch_one(
        _USE,
        p_id=passkey.id,
        p_sign_count=proof.sign_count,
        p_user_verified=proof.user_verified,
        p_backup_state=proof.backup_state,
        p_last_used_time=now(),
    )
    if used is None:
        fields = {"passkey": passkey.id, "user": passkey.user_id, "sign_count": proof.sign_count}
        _log.warning(
            "passkey signature counter decreased; it may have been cloned", extra={"fields": fields}
        )
        raise ceremonies.VerificationError(
            "its signature counter decreased; it may have been cloned"
        )
    return Passkey.from_row(used)


async def list_of(db: Session, user_id: str) -> list[Passkey]:
    """Return a person's passkeys, the oldest first."""
    return [Passkey.from_row(row) for row in await db.fetch_all(_LIST, p_user_id=user_id)]


async def list_all(call: Call, user_id: str) -> tuple[str, list[Passkey]]:
    """Return the owner of these passkeys, and them: a signed-in person's own when no id is
    given.
    """
    if call.caller.kind is Kind.USER_SESSION:
        if user_id not in {"", call.caller.id}:
            raise errors.NotFound("user")
        return call.caller.id, await list_of(call.db, call.caller.id)
    if not user_id:
        raise errors.InvalidArgument.field("user_id", "required", "is required")
    found = await list_of(call.db, user_id)
    if not found and await call.db.fetch_one(_USER, p_id=user_id) is None:
        raise errors.NotFound("user")
    return user_id, found


async def rename(call: Call, passkey_id: str, display_name: str) -> Passkey:
    """Give a passkey another name."""
    name = display_name.strip()
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise errors.InvalidArgument.field(
            "display_name", "string.pattern", f"must be 1 to {NAME_MAX} characters in one line"
        )
    before = await _get(call, passkey_id)
    after = replace(before, display_name=name, update_time=now())
    event = call.event("passkey.updated", before=before.to_event(), after=after.to_event())
    renamed = await call.db.apply(
        _RENAME,
        event,
        p_id=after.id,
        p_display_name=after.display_name,
        p_update_time=after.update_time,
    )
    if renamed is None:
        raise errors.NotFound("passkey")
    return after


async def remove(call: Call, passkey_id: str, freshness: Freshness | None) -> Passkey:
    """Delete a passkey, and return it.

    Without ``freshness`` the caller has seen to it that the person authenticated.
    """
    passkey = await _get(call, passkey_id)
    if freshness is not None:
        await freshness.check(call)
    event = call.event("passkey.deleted", before=passkey.to_event())
    async with call.db.transaction() as db:
        if await db.apply(_DELETE, event, p_id=passkey.id) is None:
            raise errors.NotFound("passkey")
        held, name = replace(call, db=db), passkey.display_name
        await security_notices.queue(
            held, passkey.user_id, security_notices.PASSKEY_REMOVED, name=name
        )
    return passkey


async def remove_after_step_up(
    call: Call,
    session: SignedInSession,
    passkey_id: str,
    *,
    freshness: Freshness,
    code: str,
) -> None:
    """Delete a passkey of the user of a session, after `step_up.check`."""
    await step_up.check(call, session, freshness, code)
    await remove(call, passkey_id, None)


async def _get(call: Call, passkey_id: str) -> Passkey:
    row: Row | None = await call.db.fetch_one(_GET, p_id=passkey_id)
    if row is None or (call.caller.kind is Kind.USER_SESSION and row["user_id"] != call.caller.id):
        raise errors.NotFound("passkey")
    return Passkey.from_row(row)


def _check_room(count: int) -> None:
    if count >= MOST:
        raise errors.InvalidArgument.field(
            "credential", "max_items", f"a user can have at most {MOST} passkeys; delete one first"
        )
