"""The rules of one-time passwords by time (RFC 6238): registering an app, and codes, each once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, insert, select, update

from tenantry.core import errors, ids
from tenantry.core.caller import Kind
from tenantry.core.times import SECOND, now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.db.writes.rows import prefixed, row_of
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.totp import recovery
from tenantry.identity.authenticators.totp.model import (
    NOT_IN_FORCE,
    Registration,
    recovery_codes,
    totp_registrations,
)
from tenantry.identity.known_origins import service as known_origins
from tenantry.identity.security_notices import service as security_notices
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from pyotp import TOTP

    from tenantry.call import Call
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session

STEP_SECONDS = 30
PENDING_SECONDS = 7 * 86400  # that a registration waits for its first code
# Of one person, and once more of each device or network that they have signed in from before. More
# wrong ones lock the app's codes, not the recovery codes, for the rest of the hour.
MOST_ATTEMPTS, ATTEMPTS_SECONDS = 10, 3600
_ATTEMPTS = "totp"
_LONGEST_URI = 1024  # characters, the contract's
_WINDOW = 1  # steps before and after, for clocks that differ (RFC 6238 section 5.2)
_CODE = re.compile(r"[0-9]{6}")

_t = totp_registrations.c
_ENABLED = _t.enabled.is_(True)
_USER = crud.get(users, columns=("email",))
_INSERT = crud.insert(totp_registrations)
_FORGET_PENDING = crud.delete(totp_registrations, by=("user_id", _t.enabled.is_(False)))
_GET = crud.get(totp_registrations)
_OF_USER = crud.get(totp_registrations, by=("user_id", _ENABLED))
_ENABLE = Statement(
    update(totp_registrations)
    .where(_t.id == bindparam("p_id"), _t.enabled.is_(False))
    .values(
        enabled=True, last_step=bindparam("p_last_step"), update_time=bindparam("p_update_time")
    )
    .returning(_t.id)
)
_TAKE_STEP = Statement(
    update(totp_registrations)
    .where(_t.id == bindparam("p_id"), _ENABLED, _t.last_step < bindparam("p_step"))
    .values(last_step=bindparam("p_step"))
    .returning(_t.id)
)
_DELETE = crud.delete(totp_registrations)
prune = pruning.Prune(_t.create_time, keep=PENDING_SECONDS * SECOND, where=NOT_IN_FORCE)
_digests = json_values(bindparam("p_digests", type_=Text)).subquery("digests")
_KEEP_CODES = Statement(
    insert(recovery_codes).from_select(
        ["registration_id", "digest"],
        select(bindparam("p_registration_id", type_=Text), _digests.c.value),
    )
)
_TAKE_CODE = crud.delete(recovery_codes)
_HOLD = Statement(
    update(totp_registrations)
    .where(_t.id == bindparam("p_id"), _ENABLED)
    .values(last_step=_t.last_step)
    .returning(_t.id)
)
_FORGET_CODES = crud.delete(recovery_codes, by=("registration_id",))
_COUNT_CODES = crud.count(recovery_codes, by=("registration_id",))


async def register(
    call: Call, *, user_id: str | None = None, account_name: str | None = None
) -> Registration:
    """Begin a registration: it is not in force before `enable`.

    Of a user, or of an account that only the application knows, by its name. A user's earlier one
    that was never enabled is forgotten, and so is any that waits longer than a week.
    """
    if not user_id and not account_name:
        raise errors.InvalidArgument.field(
            "totp_registration", "required", "user_id or account_name is required"
        )
    if user_id:
        user = await call.db.fetch_one(_USER, p_id=user_id)
        if user is None:
            raise errors.NotFound("user")
        account_name = user["email"]
        await call.db.fetch_all(_FORGET_PENDING, p_user_id=user_id)
    from pyotp import random_base32

    at, id_ = now(), call.db.new_id(ids.TOTP_REGISTRATION)
    registration = Registration(
        id=id_,
        user_id=user_id or None,
        account_name=account_name or "",
        secret_sealed=call.db.vault.encrypt(random_base32(32).encode(), _binding(id_)),
        enabled=False,
        last_step=0,
        create_time=at,
        update_time=at,
    )
    row = prefixed(row_of(registration, totp_registrations))
    await call.db.fetch_one(_INSERT, **row)
    return registration


def uri(db: Session, registration: Registration, issuer: str) -> str:
    """Return the `otpauth://` URI that an app takes, mostly from a QR code; it holds the secret.

    Issuer and account, which the app shows beside its codes, are cut if the URI would be too long.
    """
    totp = _totp(db, registration)
    name = registration.account_name
    while len(made := totp.provisioning_uri(name=name, issuer_name=issuer)) > _LONGEST_URI and name:
        name = name[:-1]
    return made


def secret(db: Session, registration: Registration) -> str:
    """Return the secret in base32, for people to type."""
    return _totp(db, registration).secret


async def get(call: Call, registration_id: str) -> Registration:
    """Return a registration."""
    row = await call.db.fetch_one(_GET, p_id=registration_id)
    if row is None or (call.caller.kind is Kind.USER_SESSION and row["user_id"] != call.caller.id):
        raise errors.NotFound("TOTP registration")
    return Registration.from_row(row)


async def check_user(db: Session, user_id: str) -> None:
    """Raise NotFound if the user does not exist."""
    if await db.fetch_one(_USER, p_id=user_id) is None:
        raise errors.NotFound("user")


async def of_user(db: Session, user_id: str) -> Registration | None:
    """Return the registration of a user that is in force."""
    row = await db.fetch_one(_OF_USER, p_user_id=user_id)
    return Registration.from_row(row) if row else None


async def is_enabled(db: Session, user_id: str) -> bool:
    """Whether a user needs a second factor to sign in."""
    return await of_user(db, user_id) is not None


async def recovery_codes_left(db: Session, registration_id: str) -> int:
    """Return how many recovery codes were not used yet."""
    row = await db.fetch_one(_COUNT_CODES, p_registration_id=registration_id)
    return row["n"] if row else 0


async def enable(call: Call, registration_id: str, code: str) -> tuple[Registration, list[str]]:
    """Put a registration into force, and return its recovery codes, which are shown this once.

    It takes the place of the user's former one.
    """
    before = await get(call, registration_id)
    if before.enabled:
        raise errors.InvalidArgument.field("registration_id", "enabled", "is already enabled")
    guesser = await _count_attempt(call, before)
    step = _step(call.db, before, code)
    if step is None:
        raise wrong_code()
    after = replace(before, enabled=True, last_step=step, update_time=now())
    codes = recovery.new_codes()
    digests = [recovery.digest(call.db, after.id, one) for one in codes]
    try:
        async with call.db.transaction() as db:
            former = await of_user(db, after.user_id) if after.user_id else None
            if former is not None:
                gone = call.event("totp.disabled", before=former.to_event())
                await db.apply(_DELETE, gone, p_id=former.id)
            enabled = call.event("totp.enabled", before=before.to_event(), after=after.to_event())
            row = await db.apply(
                _ENABLE,
                enabled,
                p_id=after.id,
                p_last_step=after.last_step,
                p_update_time=after.update_time,
            )
            if row is None:  # it was enabled, or is gone, just now
                raise errors.NotFound("TOTP registration")
            await db.fetch_all(_KEEP_CODES, p_registration_id=after.id, p_digests=to_json(digests))
            await _tell(replace(call, db=db), after, security_notices.APP_ADDED)
    except DuplicateKey:  # another one of the user was enabled at the same time
        raise errors.InvalidArgument.field(
            "registration_id", "enabled", "another registration was just enabled"
        ) from None
    await attempts.clear(call.db, _ATTEMPTS, guesser)
    return after, codes


async def verify(call: Call, user_id: str, code: str) -> bool:
    """Use up a code of the user's app, or a recovery code; whether it was right."""
    registration = await of_user(call.db, user_id)
    return registration is not None and await _use(call, registration, code)


async def verify_registration(call: Call, registration_id: str, code: str) -> bool:
    """Use up a code of a registration in force; whether it was right."""
    registration = await get(call, registration_id)
    return registration.enabled and await _use(call, registration, code)


async def disable(call: Call, registration_id: str, code: str) -> None:
    """Delete a registration, for which it takes one more code."""
    registration = await get(call, registration_id)
    if not registration.enabled:
        raise errors.InvalidArgument.field("registration_id", "enabled", "is not enabled")
    if not await _use(call, registration, code):
        raise wrong_code()
    await _remove(call, registration)


async def renew_recovery_codes(call: Call, registration_id: str, code: str) -> list[str]:
    """Return new recovery codes, which are shown this once; the earlier ones are good no more.

    It takes one more code, of the app or one of them.
    """
    registration = await get(call, registration_id)
    if not registration.enabled:
        raise errors.NotFound("TOTP registration")
    if not await _use(call, registration, code):
        raise wrong_code()
    codes = recovery.new_codes()
    digests = [recovery.digest(call.db, registration.id, one) for one in codes]
    renewed = call.event("totp.recovery_codes_renewed", after=registration.to_event())
    async with call.db.transaction() as db:
        # It holds the registration, so that of two at once the later one has the last word.
        if await db.apply(_HOLD, renewed, p_id=registration.id) is None:
            raise errors.NotFound("TOTP registration")
        of_it = {"p_registration_id": registration.id}
        await db.fetch_all(_FORGET_CODES, **of_it)
        await db.fetch_all(_KEEP_CODES, **of_it, p_digests=to_json(digests))
        held = replace(call, db=db)
        await _tell(held, registration, security_notices.RECOVERY_CODES_RENEWED)
    return codes


async def reset(call: Call, user_id: str) -> None:
    """Take a user's registration away without a code, for a person that has lost all of them."""
    registration = await of_user(call.db, user_id)
    if registration is None:
        raise errors.NotFound("second factor")
    await _remove(call, registration)


async def _remove(call: Call, registration: Registration) -> None:
    gone = call.event("totp.disabled", before=registration.to_event())
    async with call.db.transaction() as db:
        if await db.apply(_DELETE, gone, p_id=registration.id) is not None:
            await _tell(replace(call, db=db), registration, security_notices.APP_REMOVED)


async def _use(call: Call, registration: Registration, code: str) -> bool:
    if recovery.looks_like_one(code):
        used = call.event("totp.recovery_code_used", after=registration.to_event())
        digest = recovery.digest(call.db, registration.id, code)
        async with call.db.transaction() as db:
            row = await db.apply(
                _TAKE_CODE, used, p_registration_id=registration.id, p_digest=digest
            )
            if row is not None:
                held = replace(call, db=db)
                await _tell(held, registration, security_notices.RECOVERY_CODE_USED)
        return row is not None
    guesser = await _count_attempt(call, registration)
    step = _step(call.db, registration, code)
    # Of two that come at once with one code, one finds the step still free.
    if step is None or not await call.db.fetch_one(_TAKE_STEP, p_id=registration.id, p_step=step):
        return False
    await attempts.clear(call.db, _ATTEMPTS, guesser)
    return True


async def _tell(call: Call, registration: Registration, activity: str) -> None:
    if registration.user_id is not None:
        await security_notices.queue(call, registration.user_id, activity)


async def _count_attempt(call: Call, registration: Registration) -> str:
    """Count one attempt at a code, before it is looked at; return the owner it counts for."""
    whose = registration.user_id or registration.id
    if registration.user_id is not None:
        known = await known_origins.of_user(call.db, call.origin, registration.user_id)
        whose = f"{whose} {known}" if known else whose
    await attempts.take(call.db, _ATTEMPTS, whose, most=MOST_ATTEMPTS, seconds=ATTEMPTS_SECONDS)
    return whose


def _step(db: Session, registration: Registration, code: str) -> int | None:
    """Return the time step that a code is of, None if it is wrong."""
    plain = code.replace(" ", "")
    if not _CODE.fullmatch(plain):
        return None
    from pyotp.exceptions import OTPVerificationError

    try:
        return _totp(db, registration).verify_and_get_timecode(
            plain, for_time=now() // 1_000_000, valid_window=_WINDOW
        )
    except OTPVerificationError:
        return None


def _totp(db: Session, registration: Registration) -> TOTP:
    from pyotp import TOTP

    secret = db.vault.decrypt(registration.secret_sealed, _binding(registration.id))
    return TOTP(secret.decode(), interval=STEP_SECONDS)


def _binding(registration_id: str) -> Binding:
    return binding(totp_registrations.c.secret_sealed, {"id": registration_id})


def wrong_code() -> errors.InvalidArgument:
    """Return the error of a code that is not right."""
    return errors.InvalidArgument.field("code", "valid", "is incorrect or was already used")
