"""Passkeys of operators: made in the console, and the way to sign in to it.

Web Authentication works as it does for users (`authenticators.passkeys`), with a separate kind of
challenge, and always requires user verification.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, literal_column, or_, select
from sqlalchemy import update as update_table

from tenantry.core import errors, ids
from tenantry.core.addresses import network
from tenantry.core.times import MINUTE, now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed, row_of
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passkeys import authenticators, ceremonies, challenges
from tenantry.identity.operators import sessions
from tenantry.identity.operators.model import OperatorPasskey, operator_passkeys
from tenantry.identity.operators.service import get
from tenantry.identity.sessions import devices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
    from tenantry.identity.operators.model import Operator, OperatorSession

MOST = 20  # of one operator
NAME_MAX = 120  # characters
# For how long after a sign-in one may be added or removed: an open browser alone may not.
FRESH = 15 * MINUTE
ATTEMPTS_A_MINUTE = 30  # to sign in, from one network

_log = logging.getLogger(__name__)

_p = operator_passkeys.c
_ID, _OPERATOR_ID = bindparam("p_id", type_=Text), bindparam("p_operator_id", type_=Text)
_COUNT = bindparam("p_sign_count", type_=BigInteger)
_OWN = ("id", "operator_id")
_INSERT = crud.insert(operator_passkeys)
_LIST = Statement(
    select(operator_passkeys)
    .where(_p.operator_id == _OPERATOR_ID)
    .order_by(_p.id)
    .limit(literal_column(str(MOST)))
)
_FIND = crud.get(operator_passkeys, by=("credential_id",))
_USE = Statement(
    update_table(operator_passkeys)
    .where(
        _p.id == _ID,
        # It grows with each use, or the authenticator does not count (WebAuthn section 6.1.1).
        or_(_p.sign_count < _COUNT, (_p.sign_count == 0) & (_COUNT == 0)),
    )
    .values(bound(("sign_count", "last_use_time")))
    .returning(_p.id)
)
_RENAME = crud.update(operator_passkeys, by=_OWN, set_=("name",))
_DELETE = crud.delete(operator_passkeys, by=_OWN)


async def begin_registration(
    call: Call, session: OperatorSession, relying_party: RelyingParty
) -> dict[str, Any]:
    """Return the options for `navigator.credentials.create`."""
    operator = session.operator
    check_fresh(session)
    await attempts.take(call.db, "operator passkey", operator.id, most=60, seconds=3600)
    existing = await list_of(call.db, operator.id)
    _check_room(existing)
    challenge = await challenges.issue(
        call.db, challenges.OPERATOR_REGISTRATION, user_id=operator.id
    )
    shown = operator.name or operator.email or operator.id
    return ceremonies.creation_options(
        relying_party,
        challenge.text,
        user_id=operator.id,
        name=f"{shown} (console)",
        display_name=shown,
        existing=existing,
        verified=True,
    )


async def finish_registration(
    call: Call,
    session: OperatorSession,
    relying_party: RelyingParty,
    credential: Mapping[str, Any],
) -> str:
    """Keep a passkey that an authenticator made; return the secret of the session to go on with.

    It is a new one: that of a link lasts until there is a passkey.
    """
    operator = session.operator
    challenge = ceremonies.challenge_of(credential)
    await challenges.take_of_user(
        call.db, challenge, user_id=operator.id, kind=challenges.OPERATOR_REGISTRATION
    )
    made = ceremonies.verify_registration(
        credential, challenge=challenge, relying_party=relying_party
    )
    if not made.user_verified:
        raise ceremonies.VerificationError("the authenticator did not verify the user")
    device = devices.describe(call.origin.user_agent, call.origin.address)
    passkey = OperatorPasskey(
        id=call.db.new_id(ids.OPERATOR_PASSKEY),
        operator_id=operator.id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=made.transports,
        name=authenticators.display_name(made.aaguid, device["os"]),
        create_time=now(),
        last_use_time=None,
        backup_eligible=made.backup_eligible,
    )
    try:
        async with call.db.transaction() as db:
            await db.serialize(f"passkeys of {operator.id}")
            _check_room(await list_of(db, operator.id))
            await db.fetch_all(_INSERT, **prefixed(row_of(passkey, operator_passkeys)))
            await _record(call, db, operator)
            await sessions.end(db, operator.id, session.id)
            return await sessions.begin(call, db, operator, method=sessions.PASSKEY)
    except DuplicateKey:
        raise errors.Duplicate("credential_id") from None


async def begin_authentication(
    call: Call, relying_party: RelyingParty
) -> tuple[str, dict[str, Any]]:
    """Return a challenge's id, and the options for `navigator.credentials.get`."""
    await _take_attempt(call, "operator challenge")
    challenge = await challenges.issue(call.db, challenges.OPERATOR_AUTHENTICATION)
    return challenge.id, ceremonies.request_options(relying_party, challenge.text, verified=True)


async def finish_authentication(
    call: Call, relying_party: RelyingParty, challenge_id: str, credential: Mapping[str, Any]
) -> str:
    """Return the secret of the session of the operator whose passkey answered a challenge."""
    await _take_attempt(call, "operator sign-in")
    challenge = await challenges.take(
        call.db, challenge_id, auth_request_id=None, kind=challenges.OPERATOR_AUTHENTICATION
    )
    credential_id = ceremonies.credential_id_of(credential)
    row = await call.db.fetch_one(_FIND, p_credential_id=credential_id)
    if row is None:
        raise ceremonies.VerificationError("this passkey is not registered")
    passkey = OperatorPasskey.from_row(row)
    ceremonies.challenge_of(credential)
    proof = ceremonies.verify_authentication(
        credential, challenge=challenge, relying_party=relying_party, passkey=passkey
    )
    if not proof.user_verified:
        raise ceremonies.VerificationError("the authenticator did not verify the user")
    async with call.db.transaction() as db:
        used = await db.fetch_one(
            _USE, p_id=passkey.id, p_sign_count=proof.sign_count, p_last_use_time=now()
        )
        if used is None:
            fields = {"passkey": passkey.id, "operator": passkey.operator_id}
            _log.warning(
                "operator passkey signature counter decreased; it may have been cloned",
                extra={"fields": fields},
            )
            raise ceremonies.VerificationError(
                "its signature counter decreased; it may have been cloned"
            )
        operator = await get(db, passkey.operator_id)
        return await sessions.begin(call, db, operator, method=sessions.PASSKEY)


async def list_of(db: Session, operator_id: str) -> list[OperatorPasskey]:
    """Return an operator's passkeys, the oldest first."""
    rows = await db.fetch_all(_LIST, p_operator_id=operator_id)
    return [OperatorPasskey.from_row(row) for row in rows]


async def rename(call: Call, operator: Operator, passkey_id: str, name: str) -> None:
    """Give a passkey another name."""
    name = name.strip()
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise errors.InvalidArgument.field(
            "name", "string.pattern", f"must be 1 to {NAME_MAX} characters in one line"
        )
    async with call.db.transaction() as db:
        own = {"p_id": passkey_id, "p_operator_id": operator.id}
        if not await db.fetch_all(_RENAME, **own, p_name=name):
            raise errors.NotFound("passkey")
        await _record(call, db, operator)


async def remove(call: Call, session: OperatorSession, passkey_id: str) -> None:
    """Delete a passkey."""
    check_fresh(session)
    operator = session.operator
    async with call.db.transaction() as db:
        own = {"p_id": passkey_id, "p_operator_id": operator.id}
        if not await db.fetch_all(_DELETE, **own):
            raise errors.NotFound("passkey")
        await _record(call, db, operator)


def is_fresh(session: OperatorSession) -> bool:
    """Whether the operator of a session signed in so lately."""
    return now() - session.create_time <= FRESH


def check_fresh(session: OperatorSession) -> None:
    """Let an operator go on that signed in lately."""
    if not is_fresh(session):
        raise errors.ReauthenticationRequired


async def _record(call: Call, db: Session, operator: Operator) -> None:
    """Record that the passkeys of an operator are others now."""
    shown = [passkey.to_event() for passkey in await list_of(db, operator.id)]
    after = {**operator.to_event(), "passkeys": shown}
    await db.record(call.event("operator.updated", after=after))


async def _take_attempt(call: Call, what: str) -> None:
    if call.origin.address:
        origin = network(call.origin.address)
        await attempts.take(call.db, what, origin, most=ATTEMPTS_A_MINUTE, seconds=60)


def _check_room(existing: list[OperatorPasskey]) -> None:
    if len(existing) >= MOST:
        raise errors.InvalidArgument.field(
            "credential",
            "max_items",
            f"an operator can have at most {MOST} passkeys; remove one first",
        )
