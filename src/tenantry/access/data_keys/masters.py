"""Master keys: another one takes the place of that of now; a former one is forgotten.

A master key wraps one key, that of the environment, and lies outside of the database. Processes
that run have that key already: they go on whichever master key is active, and those that start find
it by either one, until the former is destroyed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal_column, select, update

from tenantry.access.data_keys.model import MasterKey
from tenantry.access.data_keys.reading import Keys
from tenantry.access.data_keys.service import KeyStateError
from tenantry.core import ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.encryption import key_rows
from tenantry.db.encryption.key_rows import ACTIVE, DEPRECATED, DESTROYED
from tenantry.db.sql.schema import environment, master_keys
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.crypto import master_key as sources
    from tenantry.db.engine import Session

_WORD = "master keys"  # what only one process changes at a time

_m = master_keys.c
_keys = Keys(master_keys, MasterKey, "master key")
list_all, list_page, get = _keys.list_all, _keys.list_page, _keys.get
_INSERT = crud.insert(master_keys)
_DEPRECATE = Statement(
    update(master_keys)
    .where(_m.state == literal_column(f"'{ACTIVE}'"))
    .values(state=literal_column(f"'{DEPRECATED}'"), deprecate_time=bindparam("p_at"))
    .returning(_m.version)
)
_DESTROY = Statement(
    update(master_keys)
    .where(_m.version == bindparam("p_version"))
    .values(state=literal_column(f"'{DESTROYED}'"), wrapped=None, destroy_time=bindparam("p_at"))
    .returning(_m.version)
)
_ACTIVE = Statement(select(_m.version).where(_m.state == literal_column(f"'{ACTIVE}'")))
_WRAPPED = Statement(select(_m.wrapped).where(_m.state == literal_column(f"'{ACTIVE}'")))
# The text that the first master key has wrapped stands there too.
_REPLACE = Statement(
    update(environment).values(data_key=bindparam("p_wrapped")).returning(environment.c.id)
)


async def active_version(db: Session) -> int:
    """Return the version of the master key of now."""
    row = await db.fetch_one(_ACTIVE)
    return row["version"] if row is not None else 0


async def rotate(call: Call, new: sources.MasterKey) -> MasterKey:
    """Have another master key wrap what the one of now does; both open the database from then on.

    Raises:
        KeyStateError: it is the master key of now.
        master_key.MasterKeyError: its service refuses, or does not answer.

    """
    key = call.db.vault.own_key()
    wrapped = await key_rows.wrap(new, key)
    # Nobody could open the database any more by a key that cannot unwrap what it has wrapped.
    if await key_rows.unwrapped(new, wrapped) != key:
        raise KeyStateError(
            "the new master key does not give back what it has wrapped: nothing was done"
        )
    async with call.db.transaction() as db:
        await db.serialize(_WORD)
        known = await list_all(db)
        if any(
            one.provider == new.provider and one.reference == new.reference
            for one in known
            if one.state == ACTIVE
        ):
            raise KeyStateError("this is the master key already: nothing was done")
        at = now()
        await db.fetch_all(_DEPRECATE, p_at=at)
        version = max((one.version for one in known), default=0) + 1
        await db.fetch_one(
            _INSERT,
            p_version=version,
            p_id=db.new_id(ids.MASTER_KEY),
            p_provider=new.provider,
            p_reference=new.reference,
            p_state=ACTIVE,
            p_wrapped=wrapped,
            p_create_time=at,
            p_deprecate_time=None,
            p_destroy_time=None,
        )
        made = await get(db, version)
        before = next((one.to_event() for one in known if one.state == ACTIVE), None)
        await db.record(call.event("master_key.rotated", before=before, after=made.to_event()))
    return made


async def destroy(call: Call, version: int) -> MasterKey:
    """Forget what a former master key has wrapped: it opens the database no more.

    Raises:
        KeyStateError: it is the one of now, or was destroyed before.

    """
    async with call.db.transaction() as db:
        await db.serialize(_WORD)
        key = await get(db, version)
        if key.state != DEPRECATED:
            raise KeyStateError(
                f"master key {version} is {key.state}: one that is {DEPRECATED} can go"
            )
        await db.fetch_one(_DESTROY, p_version=version, p_at=now())
        row = await db.fetch_one(_WRAPPED)
        assert row is not None
        await db.fetch_all(_REPLACE, p_wrapped=row["wrapped"])
        after = await get(db, version)
        await db.record(
            call.event("master_key.destroyed", before=key.to_event(), after=after.to_event())
        )
    return after
