"""The secrets of a client: added, taken out of force, deleted; several live during a rotation.

The client's row is held meanwhile, so that no two calls at once pass a limit or take the last two.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from tenantry.access.clients import changes, management_scopes
from tenantry.access.clients.model import (
    ACTIVE,
    ENV,
    INACTIVE,
    M2M,
    RESOURCE_CLIENT,
    WEB_APP,
    Client,
    Secret,
    client_secrets,
)
from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.access.clients.reading import ClientIdentifier
    from tenantry.call import Call
    from tenantry.db.engine import Session

IN_FORCE_MAX = {ENV: 5, M2M: 5, RESOURCE_CLIENT: 5, WEB_APP: 2}
KEPT_MAX = 20  # with those that are not in force
NEVER_WITHOUT = {ENV, M2M, RESOURCE_CLIENT}
LAST_CLIENT = "last client cannot be deleted"

_s = client_secrets.c
_of_client = _s.client_id == bindparam("p_client_id")
_this = _of_client & (_s.id == bindparam("p_id"))
_INSERT = Statement(changes.INSERT_SECRET.returning(_s.id))
# Never to a later time than it had.
_EXPIRE = Statement(
    update(client_secrets)
    .where(
        _of_client,
        _s.id != bindparam("p_newest"),
        _s.expire_time.is_(None) | (_s.expire_time > bindparam("p_expire_time")),
    )
    .values(expire_time=bindparam("p_expire_time"), update_time=bindparam("p_at"))
    .returning(_s.id)
)
_PRUNE = crud.delete(client_secrets, by=("client_id", _s.expire_time <= bindparam("p_at")))
_SET_STATUS = Statement(
    update(client_secrets)
    .where(_this)
    .values(status=bindparam("p_status"), update_time=bindparam("p_at"))
    .returning(_s.id)
)
_DELETE = crud.delete(client_secrets, by=("client_id", "id"))


async def add(
    call: Call,
    identity: ClientIdentifier,
    *,
    overlap_seconds: int | None = None,
    expires_in: int | None = None,
    type_: str = "client.secret_created",
) -> tuple[Secret, str]:
    """Add a secret, and return it with the secret itself, which is not shown again.

    The others expire after ``overlap_seconds``, the new one after ``expires_in``; None: never.
    Those that had expired before are forgotten.

    Raises:
        errors.InvalidArgument: the client is public, or has as many secrets as it may.

    """
    async with call.db.transaction() as db:
        before = await _hold(call, db, identity)
        if before.is_public:
            raise errors.InvalidArgument(
                f"a client of the type {before.client_type} is public and cannot have secrets"
                if before.resource_id is None
                else "this client is public and cannot have secrets"
            )
        secret, plain = changes.new_secret(call)
        at = secret.create_time
        if expires_in is not None:
            secret = replace(secret, expire_time=at + expires_in * 1_000_000)
        others = tuple(s for s in before.secrets if s.expire_time is None or s.expire_time > at)
        await db.fetch_all(_PRUNE, p_client_id=before.id, p_at=at)
        if overlap_seconds is not None:
            end = at + overlap_seconds * 1_000_000
            others = tuple(_ending(other, end, at) for other in others)
            await db.fetch_all(
                _EXPIRE, p_client_id=before.id, p_newest=secret.id, p_expire_time=end, p_at=at
            )
        after = replace(before, secrets=(*others, secret))
        _check_limit(after, at)
        await db.fetch_all(_INSERT, **changes.secret_row(before.id, secret))
        await changes.save(call, db, before, after, type_)
    return secret, plain


async def set_status(call: Call, identity: ClientIdentifier, secret_id: str, status: str) -> Secret:
    """Take a secret out of force, or put it back; return it.

    Raises:
        errors.InvalidArgument: it is the last one in force of a client that must have one, or
            there are as many in force as may be.

    """
    async with call.db.transaction() as db:
        before = await _hold(call, db, identity)
        secret, others = _taken_out(before, secret_id)
        if secret.status == status:
            return secret
        at = max(now(), secret.update_time + 1)
        if status == INACTIVE:
            _check_not_last(before, secret, others, at)
        changed = replace(secret, status=status, update_time=at)
        after = replace(
            before, secrets=tuple(changed if s is secret else s for s in before.secrets)
        )
        if status == ACTIVE and changed.in_force(at):
            _check_limit(after, at)
        await db.fetch_all(
            _SET_STATUS, p_client_id=before.id, p_id=secret.id, p_status=status, p_at=at
        )
        await changes.save(call, db, before, after, "client.secret_updated")
    return changed


async def remove(call: Call, identity: ClientIdentifier, secret_id: str) -> None:
    """Delete a secret.

    Raises:
        errors.InvalidArgument: it is the last one of a client that must have one.

    """
    async with call.db.transaction() as db:
        before = await _hold(call, db, identity)
        secret, others = _taken_out(before, secret_id)
        _check_not_last(before, secret, others, now())
        await db.fetch_all(_DELETE, p_client_id=before.id, p_id=secret.id)
        after = replace(before, secrets=others)
        await changes.save(call, db, before, after, "client.secret_deleted")


async def _hold(call: Call, db: Session, identity: ClientIdentifier) -> Client:
    """Return a client that is held, whose secrets the caller may change.

    `changes.save` checks that as well; here it comes before errors that tell of the secrets.
    """
    client = await changes.hold(call, db, identity)
    management_scopes.check_reach(call, client)
    return client


def _taken_out(client: Client, secret_id: str) -> tuple[Secret, tuple[Secret, ...]]:
    for secret in client.secrets:
        if secret.id == secret_id:
            return secret, tuple(other for other in client.secrets if other is not secret)
    raise errors.NotFound("secret")


def _ending(secret: Secret, end: int, at: int) -> Secret:
    if secret.expire_time is not None and secret.expire_time <= end:
        return secret
    return replace(secret, expire_time=end, update_time=at)


def _check_limit(client: Client, at: int) -> None:
    most = IN_FORCE_MAX[client.client_type]
    if sum(secret.in_force(at) for secret in client.secrets) > most:
        raise errors.InvalidArgument(
            f"client has reached its limit of {most} active secrets; "
            "delete one first, or let the others expire with overlap_seconds"
        )
    if len(client.secrets) > KEPT_MAX:
        raise errors.InvalidArgument(
            f"client has reached its limit of {KEPT_MAX} secrets; delete one first"
        )


def _check_not_last(client: Client, secret: Secret, others: tuple[Secret, ...], at: int) -> None:
    if client.client_type not in NEVER_WITHOUT:
        return
    if secret.in_force(at) and not any(other.in_force(at) for other in others):
        raise errors.InvalidArgument(LAST_CLIENT)
    if not others:
        raise errors.InvalidArgument(LAST_CLIENT)
