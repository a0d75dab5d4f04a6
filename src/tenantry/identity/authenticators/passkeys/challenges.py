"""Challenges for authenticators to sign, each good once and for five minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, func

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.authenticators.passkeys.ceremonies import CHALLENGE_SECONDS
from tenantry.identity.authenticators.passkeys.model import webauthn_challenges

if TYPE_CHECKING:
    from tenantry.db.engine import Session

REGISTRATION, AUTHENTICATION = "registration", "authentication"
# Those of an operator: neither will do for the other.
OPERATOR_REGISTRATION = "operator registration"
OPERATOR_AUTHENTICATION = "operator authentication"

_c = webauthn_challenges.c
_INSERT = crud.insert(webauthn_challenges)
_LIVE = (_c.kind == bindparam("p_kind")) & (_c.expire_time > bindparam("p_now"))
# An answer for another sign-in must not use it up either.
_OF = bindparam("p_auth_request_id", type_=Text)
_IS_OF = func.coalesce(_c.auth_request_id, "") == func.coalesce(_OF, "")
_TAKE = Statement(
    delete(webauthn_challenges)
    .where(_c.id == bindparam("p_id"), _LIVE, _IS_OF)
    .returning(_c.challenge)
)
_TAKE_OF_USER = Statement(
    delete(webauthn_challenges)
    .where(_c.challenge == bindparam("p_challenge"), _c.user_id == bindparam("p_user_id"), _LIVE)
    .returning(_c.challenge)
)
prune = pruning.Prune(_c.expire_time)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: its id, and 256 random bits in base64url."""

    id: str
    text: str


async def issue(
    db: Session, kind: str, *, user_id: str | None = None, auth_request_id: str | None = None
) -> Challenge:
    """Return a new challenge, for a registration of a user or for an authentication.

    The user is an operator where ``kind`` says so.
    """
    challenge = Challenge(db.new_id(ids.CHALLENGE), vault.new_secret())
    await db.fetch_one(
        _INSERT,
        p_id=challenge.id,
        p_kind=kind,
        p_challenge=challenge.text,
        p_user_id=user_id,
        p_auth_request_id=auth_request_id,
        p_expire_time=now() + CHALLENGE_SECONDS * 1_000_000,
    )
    return challenge


async def take(
    db: Session, challenge_id: str, *, auth_request_id: str | None, kind: str = AUTHENTICATION
) -> str:
    """Use up the challenge of an authentication, and return its text."""
    row = await db.fetch_one(
        _TAKE,
        p_id=challenge_id,
        p_auth_request_id=auth_request_id,
        p_kind=kind,
        p_now=now(),
    )
    if row is None:
        raise _over()
    text: str = row["challenge"]
    return text


async def take_of_user(
    db: Session, challenge: str, *, user_id: str, kind: str = REGISTRATION
) -> None:
    """Use up the challenge of a registration, which the answer names itself."""
    row = await db.fetch_one(
        _TAKE_OF_USER,
        p_challenge=challenge,
        p_user_id=user_id,
        p_kind=kind,
        p_now=now(),
    )
    if row is None:
        raise _over()


def _over() -> errors.InvalidArgument:
    return errors.InvalidArgument.field(
        "challenge",
        "live",
        "has expired, was already used or was issued to another user; start over",
    )
