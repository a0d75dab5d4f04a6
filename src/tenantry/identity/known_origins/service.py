"""Noting from where somebody signs in, and recognizing it later."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, delete, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from tenantry.core.addresses import network
from tenantry.core.times import DAY, now
from tenantry.crypto import vault
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.known_origins import cookies
from tenantry.identity.known_origins.model import DEVICE, NETWORK, known_origins
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.core.caller import Origin
    from tenantry.db.engine import Row, Session

MOST = 20  # of each kind, for a person
KEPT_DAYS = 400  # after it was last used

_k = known_origins.c
_USER_ID = bindparam("p_user_id", type_=Text)
_KIND = bindparam("p_kind", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_here = (
    select(_k.kind, _k.digest)
    .where(
        _k.digest.in_(json_values(bindparam("p_digests", type_=Text))),
        _k.last_use_time > bindparam("p_since", type_=BigInteger),
    )
    .order_by(_k.kind, _k.digest)  # a device before a network
)
_OF_USER = Statement(_here.where(_k.user_id == _USER_ID))
_OF_MAILBOX = Statement(
    _here.join(users, users.c.id == _k.user_id).where(
        users.c.email_key == bindparam("p_email_key", type_=Text)
    )
)
_NOTE = Statement(
    insert_or_update(known_origins)
    .values(
        user_id=_USER_ID,
        digest=bindparam("p_digest", type_=Text),
        kind=_KIND,
        create_time=_NOW,
        last_use_time=_NOW,
    )
    .on_conflict_do_update(index_elements=[_k.user_id, _k.digest], set_={"last_use_time": _NOW})
)
_newest = (
    select(_k.digest)
    .where(_k.user_id == _USER_ID, _k.kind == _KIND)
    .order_by(_k.last_use_time.desc(), _k.digest)
    .limit(literal_column(str(MOST)))
)
_USE = Statement(
    update(known_origins)
    .where(
        _k.user_id == _USER_ID,
        _k.digest.in_(json_values(bindparam("p_digests", type_=Text))),
        _k.last_use_time > bindparam("p_since", type_=BigInteger),
    )
    .values(last_use_time=_NOW)
    .returning(_k.digest)
)
_TRIM = Statement(
    delete(known_origins).where(_k.user_id == _USER_ID, _k.kind == _KIND, _k.digest.not_in(_newest))
)
_FORGET = Statement(delete(known_origins).where(_k.user_id == _USER_ID))


class Noted(NamedTuple):
    """Whether a person had signed in on this device before, and the secrets for its cookie."""

    is_known: bool
    secrets: tuple[str, ...]


async def note(db: Session, origin: Origin, user_id: str) -> Noted:
    """Note from where a person signs in; within the transaction of it."""
    given, at = cookies.read(origin.cookies), now()
    rows = await _known(db, _USE, origin, p_user_id=user_id, p_now=at)
    known = {row["digest"] for row in rows}
    own = next((one for one in given if _digest(db, DEVICE, one) in known), None)
    if own is None:
        secret = vault.new_secret()
        secrets = (secret, *given)[: cookies.MOST_SECRETS]
    else:
        secret, secrets = own, (own, *(one for one in given if one != own))
    found = {DEVICE: secret}
    if origin.address:
        found[NETWORK] = network(origin.address)
    for kind, value in found.items():
        digest = _digest(db, kind, value)
        if digest not in known:
            whose = {"p_user_id": user_id, "p_kind": kind}
            await db.fetch_all(_NOTE, **whose, p_digest=digest, p_now=at)
            await db.fetch_all(_TRIM, **whose)
    return Noted(own is not None, secrets)


async def of_user(db: Session, origin: Origin, user_id: str) -> str:
    """Return a name for the device or network if this person has signed in from it, else ""."""
    return _to_text(await _known(db, _OF_USER, origin, p_user_id=user_id))


async def of_mailbox(db: Session, origin: Origin, email_key: str) -> str:
    """Return a name for it if the person of this address has signed in from it, else "".

    It is looked for whether anybody has the address or not.
    """
    return _to_text(await _known(db, _OF_MAILBOX, origin, p_email_key=email_key))


async def forget(db: Session, user_id: str) -> None:
    """Have a person be new everywhere."""
    await db.fetch_all(_FORGET, p_user_id=user_id)


async def _known(db: Session, statement: Statement, origin: Origin, **whose: Any) -> Sequence[Row]:
    digests = [_digest(db, DEVICE, one) for one in cookies.read(origin.cookies)]
    if origin.address:
        digests.append(_digest(db, NETWORK, network(origin.address)))
    since = now() - KEPT_DAYS * DAY
    return await db.fetch_all(statement, p_digests=to_json(digests), p_since=since, **whose)


def _to_text(rows: Sequence[Row]) -> str:
    return f"{rows[0]['kind']} {rows[0]['digest']}" if rows else ""


def _digest(db: Session, kind: str, value: str) -> str:
    key = db.vault.derive("known-origins")
    return hmac.digest(key, f"{kind}|{value}".encode(), "sha256").hex()
