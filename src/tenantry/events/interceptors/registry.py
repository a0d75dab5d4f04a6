"""The rules of interceptors: one transaction for each change, in which the row is held."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.writes.rows import prefixed
from tenantry.events import signing
from tenantry.events.interceptors import authorization, values
from tenantry.events.interceptors.model import FAIL_CLOSED, Interceptor, interceptors
from tenantry.net import outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session

MOST = 10  # of one trigger: people wait for all of them
_SUFFIX = 4
# The last is written by those who ask, at any time.
_FIND = crud.get(interceptors)
_HOLD = crud.hold(interceptors)
_COUNT = crud.count(interceptors, by=("trigger_point",))
_INSERT = crud.insert(interceptors)
_UPDATE = crud.update(interceptors, fixed=("last_executed_time",))
_DELETE = crud.delete(interceptors)


async def create(
    call: Call, members: Mapping[str, Any], *, allow: tuple[str, ...]
) -> tuple[Interceptor, str]:
    """Create an interceptor, disabled, and return it with its secret, which is not shown again.

    ``members`` are ``display_name``, ``description``, ``trigger_point``, ``api_url``,
    ``timeout_ms``, ``failure_policy`` and ``auth_config``; ``allow`` are the private networks that
    may be asked.
    """
    plain, at = signing.new_secret(), now()
    given = {
        "display_name": "",
        "trigger_point": "",
        "api_url": "",
        "timeout_ms": values.TIMEOUT_DEFAULT,
        "failure_policy": FAIL_CLOSED,
        **members,
    }
    id_ = call.db.new_id(ids.INTERCEPTOR)
    interceptor = Interceptor(
        id=id_,
        **_checked(call.db, id_, given, allow),
        **_named(call.db, plain),
        secret_sealed=signing.encrypted(call.db.vault, interceptors, {"id": id_}, plain),
        create_time=at,
        update_time=at,
    )
    event = call.event("interceptor.created", after=interceptor.to_event())
    async with call.db.transaction() as db:
        await _check_limit(db, interceptor.trigger_point)
        await db.apply(_INSERT, event, **prefixed(interceptor.to_row()))
    return interceptor, plain


async def get(db: Session, interceptor_id: str) -> Interceptor:
    """Return an interceptor."""
    return _found(await db.fetch_one(_FIND, p_id=interceptor_id))


async def change(
    call: Call, interceptor_id: str, members: Mapping[str, Any], *, allow: tuple[str, ...]
) -> Interceptor:
    """Change the given members, by the names that `create` takes."""
    checked = _checked(call.db, interceptor_id, members, allow)
    async with call.db.transaction() as db:
        before = await _hold(db, interceptor_id)
        after = replace(before, **checked)
        if "auth_config" not in members:
            _check_credentials(before, after)
        if after.trigger_point != before.trigger_point:
            await _check_limit(db, after.trigger_point)
        return await _save(call, db, before, after, "interceptor.updated")


async def enable(call: Call, interceptor_id: str) -> Interceptor:
    """Ask an interceptor from now on."""
    async with call.db.transaction() as db:
        before = await _hold(db, interceptor_id)
        return await _save(call, db, before, replace(before, enabled=True), "interceptor.enabled")


async def disable(call: Call, interceptor_id: str) -> Interceptor:
    """Ask an interceptor no more."""
    async with call.db.transaction() as db:
        before = await _hold(db, interceptor_id)
        return await _save(call, db, before, replace(before, enabled=False), "interceptor.disabled")


async def rotate_secret(call: Call, interceptor_id: str) -> tuple[Interceptor, str]:
    """Give an interceptor a new secret, and return it with the secret, which is not shown again.

    Requests are signed by the one before as well for 24 hours from now; one that was the one
    before already ends at once.
    """
    plain = signing.new_secret()
    async with call.db.transaction() as db:
        before = await _hold(db, interceptor_id)
        signs = signing.rotated(db.vault, interceptors, before, plain)
        after = replace(before, **_named(db, plain), **signs)
        after = await _save(call, db, before, after, "interceptor.updated")
    return after, plain


async def remove(call: Call, interceptor_id: str) -> None:
    """Delete an interceptor."""
    async with call.db.transaction() as db:
        interceptor = await _hold(db, interceptor_id)
        event = call.event("interceptor.deleted", before=interceptor.to_event())
        await db.apply(_DELETE, event, p_id=interceptor_id)


async def _check_limit(db: Session, trigger_point: str) -> None:
    """Refuse one more than may be, also of two that are made at once."""
    await db.serialize("interceptors")
    row = await db.fetch_one(_COUNT, p_trigger_point=trigger_point)
    if row is not None and row["n"] >= MOST:
        raise errors.InvalidArgument(
            f"{trigger_point} has reached its limit of {MOST} interceptors; delete one first"
        )


def _check_credentials(before: Interceptor, after: Interceptor) -> None:
    """Refuse to send the credentials that are kept to another server than they were given for."""
    moved = not outgoing.is_same_server(before.api_url, after.api_url)
    if moved and before.auth_config_sealed is not None:
        raise errors.InvalidArgument.field(
            "interceptor.config.auth_config",
            "required",
            "is required when the host or port of api_url changes",
        )


async def _hold(db: Session, interceptor_id: str) -> Interceptor:
    """Return an interceptor as nobody else changes it until this transaction ends."""
    return _found(await db.fetch_one(_HOLD, p_id=interceptor_id))


async def _save(
    call: Call, db: Session, before: Interceptor, after: Interceptor, type_: str
) -> Interceptor:
    if after == before:
        return before
    after = replace(after, update_time=max(now(), before.update_time + 1))
    event = call.event(type_, before=before.to_event(), after=after.to_event())
    await db.apply(_UPDATE, event, **prefixed(after.to_row()))
    return after


def _found(row: Any) -> Interceptor:
    if row is None:
        raise errors.NotFound("interceptor")
    return Interceptor.from_row(row)


def _checked(
    db: Session, interceptor_id: str, members: Mapping[str, Any], allow: tuple[str, ...]
) -> dict[str, Any]:
    """Return members as columns; those that are not given are left out."""
    checked = dict(members)
    for name in ("display_name", "description", "trigger_point"):
        if name in checked:
            checked[name] = getattr(values, name)(checked[name])
    if "api_url" in checked:
        checked["api_url"] = values.api_url(checked["api_url"], allow=allow)
    if "auth_config" in checked:
        config = checked.pop("auth_config")
        if config is not None:
            config = values.auth_config(config, allow=allow)
        checked["auth_config_type"] = None if config is None else config["type"]
        checked["auth_config_sealed"] = (
            None if config is None else authorization.encrypted(db.vault, interceptor_id, config)
        )
    return checked


def _named(db: Session, plain: str) -> dict[str, Any]:
    """Return the members that tell a secret from others."""
    return {"secret_id": db.new_id(ids.CLIENT_SECRET), "secret_suffix": plain[-_SUFFIX:]}
