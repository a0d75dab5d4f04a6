"""The rows of keys as each process needs them that opens the database: unwrapped, and known anew.

Making, activating and destroying them is the concern of `tenantry.access.data_keys`.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal_column, select, text, true, update

from tenantry.core import ids
from tenantry.core.times import now
from tenantry.crypto.master_key import LOCAL, MasterKeyError
from tenantry.crypto.vault import DataKey, WrongKey, new_data_key
from tenantry.db import crud
from tenantry.db.revisions import BOUND_VALUES
from tenantry.db.sql.schema import data_keys, master_keys, schema_history, schema_steps
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tenantry.crypto.master_key import MasterKey
    from tenantry.db.engine import Row, Session

# States of both kinds, in the contract's words: one that waits for its time, the one that encrypts
# or wraps, one that others have followed, and one that is gone.
CREATED, ACTIVE, DEPRECATED, DESTROYED = "CREATED", "ACTIVE", "DEPRECATED", "DESTROYED"
# From the making of a data key to its first use at the earliest: every process looks once a second.
PUBLISHED_SECONDS = 10

DATA_KEYS_LOCK = "data keys"  # what only one process changes at a time

_log = logging.getLogger(__name__)

_d, _m = data_keys.c, master_keys.c
_DATA_KEYS = Statement(
    select(_d.version, _d.wrapped, _d.activate_time).where(_d.wrapped.is_not(None))
)
_ADD = crud.insert(data_keys, or_leave=True)
_MASTER_KEYS = Statement(
    select(_m.version, _m.provider, _m.reference, _m.wrapped)
    .where(_m.wrapped.is_not(None))
    .order_by(_m.version.desc())
)
_FIRST_MASTER = crud.insert(master_keys, or_leave=True)
DATA_KEYS = "0032"  # the migration that data keys came with
_FLOOR = Statement(text("SELECT version_num FROM alembic_version"), is_read=True)
_STOP_OLDER = Statement(
    update(schema_history)
    .where(schema_history.c.revision == bindparam("p_revision"))
    .values(stops_older=true())
    .returning(schema_history.c.revision)
)
_RAISE_FLOOR = Statement(
    text(
        "UPDATE alembic_version SET version_num = :revision "
        "WHERE version_num < :revision RETURNING version_num"
    )
)
_REWRAP = Statement(
    update(data_keys)
    .where(_d.version == bindparam("p_version"))
    .values(wrapped=bindparam("p_wrapped"))
    .returning(_d.version)
)
_s = schema_steps.c
_END_CONTRACT = Statement(
    update(schema_steps)
    .where(
        _s.revision == literal_column(f"'{BOUND_VALUES}'"),
        _s.kind == literal_column(f"'{steps.CONTRACT}'"),
    )
    .values(state=literal_column(f"'{steps.DONE}'"), end_time=bindparam("p_end_time"))
    .returning(_s.revision)
)
# Before each further try of a service that does not answer.
_PAUSES_SECONDS = (0.5, 2.0, 8.0)


async def read(db: Session) -> None:
    """Let the vault know the data keys of now."""
    db.vault.know(await _all(db))


async def _all(db: Session) -> list[DataKey]:
    return [
        db.vault.unwrap(row["wrapped"], row["version"], row["activate_time"])
        for row in await db.fetch_all(_DATA_KEYS)
    ]


async def add(
    db: Session,
    version: int,
    key_id: str,
    *,
    activate_time: int | None,
    refuses_since: int | None = None,
) -> bool:
    """Make the data key of a version; return whether nobody has made it yet.

    It binds values to their rows where it is of a database that refuses others.
    """
    state, binds = CREATED if activate_time is None else ACTIVE, refuses_since is not None
    wrapped = db.vault.wrap(new_data_key(), version, binds=binds, refuses_since=refuses_since)
    made = await db.fetch_one(
        _ADD,
        p_version=version,
        p_id=key_id,
        p_state=state,
        p_wrapped=wrapped,
        p_create_time=now(),
        p_activate_time=activate_time,
        p_deprecate_time=None,
        p_destroy_time=None,
    )
    return made is not None


async def add_first(db: Session, key_id: str) -> None:
    """Make the data key of a new database, which encrypts at once: nobody else has done so yet."""
    await keep_out_older(db, BOUND_VALUES)
    await db.fetch_all(_END_CONTRACT, p_end_time=now())
    await add(db, 1, key_id, activate_time=now(), refuses_since=0)


async def keep_out_older(db: Session, revision: str) -> None:
    """Let no process run any more that does not know a revision.

    The migration allows them beside it, until there is a data key that they cannot read.
    """
    await db.fetch_all(_STOP_OLDER, p_revision=revision)
    await db.fetch_all(_RAISE_FLOOR, revision=revision)


async def may_bind(db: Session) -> bool:
    """Whether no process may run any more that cannot read values that are bound to their rows."""
    row = await db.fetch_one(_FLOOR)
    return row is not None and row["version_num"] >= BOUND_VALUES


async def bind(db: Session, version: int) -> bool:
    """Let a data key that has encrypted nothing yet bind values; return whether it did not before.

    Within a transaction that holds `DATA_KEYS_LOCK`.
    """
    keys = await _all(db)
    key = next(one for one in keys if one.version == version)
    if key.binds:
        return False
    await _rewrap(db, key, _refused_since(keys))
    return True


async def refused_since(db: Session) -> int | None:
    """Return since when values without binding are refused, None while they are read."""
    return _refused_since(await _all(db))


def _refused_since(keys: Iterable[DataKey]) -> int | None:
    return min((one.refuses_since for one in keys if one.refuses_since is not None), default=None)


async def refuse_unbound(db: Session) -> None:
    """Let all processes refuse values that are not bound to their rows, from now on, for good.

    Within a transaction that holds `DATA_KEYS_LOCK`.
    """
    at = now()
    for key in await _all(db):
        if key.binds:
            await _rewrap(db, key, at)
    _log.info("encrypted values that are not bound to their rows are rejected from now on")


async def _rewrap(db: Session, key: DataKey, refuses_since: int | None) -> None:
    wrapped = db.vault.wrap(key.key, key.version, binds=True, refuses_since=refuses_since)
    await db.fetch_all(_REWRAP, p_version=key.version, p_wrapped=wrapped)


async def wrap(master: MasterKey, key: bytes) -> str:
    """Return a key of an environment as it is stored.

    Raises:
        MasterKeyError: the service of the master key refuses, or does not answer.

    """
    return base64.b64encode(await _patiently(master.wrap, key)).decode()


async def unwrap(db: Session, master: MasterKey, first: str) -> bytes:
    """Return the key of the environment, wrapped by this master key; ``first`` by the first one.

    Notes which the first one was, in a database that does not know it yet.

    Raises:
        MasterKeyError: none of the rows was wrapped by this key, or its service does not answer.

    """
    rows = await db.fetch_all(_MASTER_KEYS)
    for wrapped in _wrapped_by(master, first, rows):
        key = await unwrapped(master, wrapped)
        if key is not None:
            if not rows:
                await note_first(db, master, first)
            return key
    raise MasterKeyError("is not the key that this database was made with")


def check_opens(master: MasterKey, first: str, rows: Sequence[Row]) -> None:
    """Return if a master key opens a database of these rows, as `unwrap` would.

    Raises:
        WrongKey: it does not.
        MasterKeyError: its service refuses, or does not answer.

    """
    for wrapped in _wrapped_by(master, first, rows):
        with suppress(WrongKey):
            master.unwrap(base64.b64decode(wrapped))
            return
    raise WrongKey(master.reference)


def _wrapped_by(master: MasterKey, first: str, rows: Sequence[Row]) -> list[str]:
    """Return what this master key may have wrapped; a service is not asked for that of another."""
    if not rows:
        return [first]
    return [
        row["wrapped"]
        for row in rows
        if row["provider"] == master.provider
        and (master.provider == LOCAL or row["reference"] == master.reference)
    ]


async def unwrapped(master: MasterKey, wrapped: str) -> bytes | None:
    """Return the key that a text of `wrap` holds; None where another master key wrapped it.

    Raises:
        MasterKeyError: its service refuses, or does not answer.

    """
    try:
        return await _patiently(master.unwrap, base64.b64decode(wrapped))
    except WrongKey:
        return None


async def _patiently(ask: Callable[[bytes], bytes], given: bytes) -> bytes:
    """Have a service of keys asked, in a thread, and again while it does not answer."""
    for pause in _PAUSES_SECONDS:
        try:
            return await asyncio.to_thread(ask, given)
        except MasterKeyError as problem:
            if not problem.may_pass:
                raise
            fields = {"problem": str(problem), "again_in": pause}
            _log.warning("key management service unavailable, retrying", extra={"fields": fields})
        await asyncio.sleep(pause)
    return await asyncio.to_thread(ask, given)


async def note_first(db: Session, master: MasterKey, wrapped: str) -> None:
    """Store the first master key and the key that it wraps, unless they are stored."""
    await db.fetch_all(
        _FIRST_MASTER,
        p_version=1,
        p_id=ids.IdGenerator(0).new(ids.MASTER_KEY),
        p_provider=master.provider,
        p_reference=master.reference,
        p_state=ACTIVE,
        p_wrapped=wrapped,
        p_create_time=now(),
        p_deprecate_time=None,
        p_destroy_time=None,
    )
