"""Data keys: made and published, active from a moment on, followed by others, destroyed."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal_column, text, update

from tenantry.access.data_keys.model import DataKey
from tenantry.access.data_keys.reading import Keys
from tenantry.call import Call
from tenantry.core import errors, ids
from tenantry.core.caller import SYSTEM
from tenantry.core.times import DAY, SECOND, now, plainly
from tenantry.db import crud, fence
from tenantry.db.encryption import key_rows, reencryption
from tenantry.db.encryption.key_rows import (
    ACTIVE,
    CREATED,
    DATA_KEYS,
    DATA_KEYS_LOCK,
    DEPRECATED,
    DESTROYED,
    PUBLISHED_SECONDS,
)
from tenantry.db.revisions import HEAD
from tenantry.db.sql.schema import data_keys
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.db.encryption.reencryption import Progress
    from tenantry.db.engine import Session

# From the moment that another key encrypts until one may be destroyed. Values that were encrypted
# for a while, in cookies, links and rows that are over soon, have had their time by then.
KEPT = 2 * DAY

_d = data_keys.c
_keys = Keys(data_keys, DataKey, "data key")
list_all, list_page, get = _keys.list_all, _keys.list_page, _keys.get
_CHANGE = crud.update(data_keys, set_=("state", "activate_time", "deprecate_time"))
_DESTROY = Statement(
    update(data_keys)
    .where(_d.version == bindparam("p_version"))
    .values(state=literal_column(f"'{DESTROYED}'"), wrapped=None, destroy_time=bindparam("p_at"))
    .returning(_d.version)
)
_OLDER = Statement(text(fence.RUNNING))


class KeyStateError(errors.Error):
    """A key is not in the state for this, or not yet: the text says which, and what to do."""

    code = errors.Code.FAILED_PRECONDITION
    error_code = "KEY_STATE"


async def create(call: Call) -> DataKey:
    """Make a data key that every process gets to know, and that encrypts once it is activated.

    Raises:
        KeyStateError: a former version of the program runs, which could not read what the first one
        encrypts.

    """
    async with call.db.transaction() as db:
        await db.serialize(DATA_KEYS_LOCK)
        return await _create(call, db)


async def activate(call: Call, version: int) -> DataKey:
    """Let a data key encrypt, as soon as every process knows it; the one that did so opens only.

    Raises:
        KeyStateError: it is not one that waits for its time.

    """
    async with call.db.transaction() as db:
        await db.serialize(DATA_KEYS_LOCK)
        return await _activate(call, db, await get(db, version))


async def rotate(call: Call) -> DataKey:
    """Make a data key and let it encrypt, as `create` and `activate` do; one that waits comes
    first.

    Raises:
        KeyStateError: a former version of the program runs; or a key was activated just now.

    """
    async with call.db.transaction() as db:
        await db.serialize(DATA_KEYS_LOCK)
        known = await list_all(db)
        coming = [one for one in known if one.state == ACTIVE and (one.activate_time or 0) > now()]
        if coming:
            raise KeyStateError(
                f"data key {coming[0].version} was activated just now: nothing was done"
            )
        waiting = [one for one in known if one.state == CREATED]
        return await _activate(call, db, waiting[0] if waiting else await _create(call, db))


async def destroy(call: Call, version: int) -> DataKey:
    """Forget a data key for good: all that it has encrypted is lost, as in copies of the database.

    Raises:
        KeyStateError: it encrypts, or a value may be left that it has encrypted.

    """
    async with call.db.transaction() as db:
        await db.serialize(DATA_KEYS_LOCK)
        key = await get(db, version)
        await _check_unused(db, key)
        await db.fetch_one(_DESTROY, p_version=version, p_at=now())
        after = await get(db, version)
        await db.record(
            call.event("data_key.destroyed", before=key.to_event(), after=after.to_event())
        )
    return after


async def reencrypt(call: Call, *, seconds: float) -> tuple[int, dict[str, int], bool]:
    """Re-encrypt what former keys have encrypted, for so long at most.

    Returns how many values were, how many of which tables no key opens, and whether that is all.
    """
    began, until = now(), time.monotonic() + seconds
    before = (await reencryption.progress(call.db)).resealed
    wait: float | None = 0.0
    while wait is not None and time.monotonic() < until:
        wait = await reencryption.batch(call.db, since=began)
        if wait is not None:
            await asyncio.sleep(min(wait, max(until - time.monotonic(), 0.0)))
    after = await reencryption.progress(call.db)
    return max(after.resealed - before, 0), dict(after.unreadable), wait is None


async def work(db: Session) -> float:
    """Re-encrypt values of former keys, after a key that binds them was made where that is due.

    The worker's job: do a little, and return the seconds to wait.
    """
    if not db.vault.binds:
        await _bind(db)
    return await reencryption.run(db)


async def _bind(db: Session) -> None:
    """Take a data key that binds values to their rows, once no earlier process may run."""
    if not await key_rows.may_bind(db):
        return
    await key_rows.read(db)
    if db.vault.binds:
        return
    with suppress(KeyStateError):  # one was activated just now
        await rotate(Call(SYSTEM, db, request_id="worker"))


async def progress(db: Session) -> Progress:
    """Return how far the values of former keys are encrypted anew."""
    return await reencryption.progress(db)


async def _create(call: Call, db: Session) -> DataKey:
    known = await list_all(db)
    # `sees_before` is what PostgreSQL does; SQLite does not tell its users.
    if not known and db.sees_before and (older := await db.fetch_all(_OLDER, below=HEAD)):
        phrases = "; ".join(fence.phrase(row) for row in older)
        raise KeyStateError(
            f"an earlier version without data keys is running: stop it first: {phrases}"
        )
    if not known:
        await key_rows.keep_out_older(db, DATA_KEYS)
    version = max((one.version for one in known), default=0) + 1
    await key_rows.add(
        db,
        version,
        db.new_id(ids.DATA_KEY),
        activate_time=None,
        refuses_since=await key_rows.refused_since(db),
    )
    made = await get(db, version)
    await db.record(call.event("data_key.created", after=made.to_event()))
    return made


async def _activate(call: Call, db: Session, key: DataKey) -> DataKey:
    if key.state != CREATED:
        raise KeyStateError(
            f"data key {key.version} is {key.state}: one that is {CREATED} is activated"
        )
    at = max(now(), key.create_time + PUBLISHED_SECONDS * SECOND)
    if await key_rows.may_bind(db) and await key_rows.bind(db, key.version):
        # Every process has to know first that its values are bound.
        at = max(at, now() + PUBLISHED_SECONDS * SECOND)
    for one in await list_all(db):
        if one.state == ACTIVE:
            # Never before the one that it follows, even when a clock is wrong.
            at = max(at, (one.activate_time or 0) + 1)
            await _change(db, one, DEPRECATED, one.activate_time, at)
            deprecated = await get(db, one.version)
            await db.record(
                call.event(
                    "data_key.deprecated", before=one.to_event(), after=deprecated.to_event()
                )
            )
    await _change(db, key, ACTIVE, at, None)
    after = await get(db, key.version)
    await db.record(call.event("data_key.activated", before=key.to_event(), after=after.to_event()))
    return after


async def _change(
    db: Session, key: DataKey, state: str, activate_time: int | None, deprecate_time: int | None
) -> None:
    await db.fetch_one(
        _CHANGE,
        p_version=key.version,
        p_state=state,
        p_activate_time=activate_time,
        p_deprecate_time=deprecate_time,
    )


async def _check_unused(db: Session, key: DataKey) -> None:
    if key.state == CREATED:
        return  # it has encrypted nothing
    if key.state != DEPRECATED:
        raise KeyStateError(
            f"data key {key.version} is {key.state}: one that is {DEPRECATED} can go"
        )
    assert key.deprecate_time is not None
    until = key.deprecate_time + KEPT
    if now() < until:
        raise KeyStateError(
            f"data key {key.version} is kept until {plainly(until)}: cookies may be of it"
        )
    passes = await reencryption.passes(db)
    for table in reencryption.tables():
        last = passes.get(table.name)
        # A process that was stopped could encrypt with it, until it has read the keys again.
        proved = key.deprecate_time + reencryption.ASLEEP
        if last is None or not last.found_nothing or last.begin_time < proved:
            raise KeyStateError(
                f"table {table.name} may have values of data key {key.version}: wait for the "
                "worker, or run `tenantry data-key re-encrypt`"
            )
        if last.unreadable:
            raise KeyStateError(
                f"table {table.name} has {last.unreadable} values that no key opens: they may be "
                f"of data key {key.version}"
            )
