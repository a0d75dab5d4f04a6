"""Another master key: at once for those that start, and unnoticed by those that run."""

from __future__ import annotations

import asyncio

import pytest
from databases import MASTER_KEY
from sqlalchemy import select

from tenantry.access.data_keys import masters, service
from tenantry.access.data_keys.service import KeyStateError
from tenantry.core import errors
from tenantry.crypto.master_key import LocalKey, MasterKeyError
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.db.connecting import OpenError
from tenantry.db.encryption import key_rows
from tenantry.db.encryption.key_rows import ACTIVE, DEPRECATED, DESTROYED
from tenantry.db.event_rows import log
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import environment, master_keys
from tenantry.db.sql.statements import Statement

NEW, THIRD = LocalKey(b"n" * 32), LocalKey(b"t" * 32)


class Service:
    """A service of keys, as a plug-in is one: it may be away, or be another one."""

    provider, reference = "HSM", "slot-1"

    def __init__(self, key=b"s" * 32) -> None:
        self._local, self.away, self.asked = LocalKey(key), 0, 0

    def _ask(self):
        self.asked += 1
        if self.away > 0:
            self.away -= 1
            raise MasterKeyError("the service cannot be reached", may_pass=True)

    def wrap(self, plain):
        self._ask()
        return b"hsm:" + self._local.wrap(plain)

    def unwrap(self, wrapped):
        self._ask()
        if not wrapped.startswith(b"hsm:"):
            raise WrongKey(self.reference)
        return self._local.unwrap(wrapped[4:])


@pytest.fixture
def at_once(monkeypatch):
    """A service that is away is asked again at once."""
    monkeypatch.setattr(key_rows, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))


async def states(db):
    return {one.version: one.state for one in await masters.list_all(db)}


async def sealed_by(url, key):
    async with open_database(url, key) as db:
        return db.vault.encrypt(b"x", Binding("test"))


async def test_the_former_key_opens_until_it_is_destroyed(db, database_url, call):
    assert await states(db) == {1: ACTIVE}
    made = await masters.rotate(call, NEW)
    assert (made.version, made.provider, made.reference) == (2, "LOCAL", NEW.reference)
    assert await states(db) == {1: DEPRECATED, 2: ACTIVE}
    for key in (MASTER_KEY, NEW):
        assert db.vault.decrypt(await sealed_by(database_url, key), Binding("test")) == b"x"
    # A data key that is made meanwhile is known to those with either.
    await service.rotate(call)
    for key in (MASTER_KEY, NEW):
        async with open_database(database_url, key) as other:
            assert set(other.vault._data_keys) == {1, 2}
    assert (await masters.destroy(call, 1)).state == DESTROYED
    with pytest.raises(OpenError, match="is not the key that this database was made with"):
        await sealed_by(database_url, MASTER_KEY)
    assert db.vault.decrypt(await sealed_by(database_url, NEW), Binding("test")) == b"x"
    kinds = [event["type"] for event in await log.last(db, limit=10)]
    assert kinds[0] == "master_key.rotated"
    assert kinds[-1] == "master_key.destroyed"
    shown = str([tuple(event.values()) for event in map(dict, await log.last(db, limit=10))])
    assert NEW.key.hex() not in shown


async def test_what_the_former_key_has_wrapped_is_nowhere_any_more(db, call):
    before = (await db.fetch_one(Statement(select(environment.c.data_key))))["data_key"]
    await masters.rotate(call, NEW)
    await masters.destroy(call, 1)
    rows = [
        *await db.fetch_all(Statement(select(environment))),
        *await db.fetch_all(Statement(select(master_keys))),
    ]
    assert before not in str([tuple(row) for row in rows])


async def test_the_key_of_now_is_neither_destroyed_nor_taken_twice(db, call):
    with pytest.raises(KeyStateError, match="master key 1 is ACTIVE"):
        await masters.destroy(call, 1)
    with pytest.raises(KeyStateError, match="is the master key already"):
        await masters.rotate(call, LocalKey(MASTER_KEY))
    with pytest.raises(errors.NotFound):
        await masters.destroy(call, 2)
    assert await states(db) == {1: ACTIVE}


async def test_two_rotations_at_once_leave_one_that_is_active_and_all_that_open(
    db, database_url, call
):
    await asyncio.gather(*(masters.rotate(call, key) for key in (NEW, THIRD)))
    assert sorted((await states(db)).values()) == [ACTIVE, DEPRECATED, DEPRECATED]
    for key in (MASTER_KEY, NEW, THIRD):
        assert db.vault.decrypt(await sealed_by(database_url, key), Binding("test")) == b"x"


async def test_a_rotation_that_is_cut_off_changes_nothing(db, database_url, call, monkeypatch):
    async def cut_off(_db, version):
        assert version == 2
        raise asyncio.CancelledError

    monkeypatch.setattr(masters, "get", cut_off)  # within the transaction, after its changes
    with pytest.raises(asyncio.CancelledError):
        await masters.rotate(call, NEW)
    assert await states(db) == {1: ACTIVE}
    assert db.vault.decrypt(await sealed_by(database_url, MASTER_KEY), Binding("test")) == b"x"
    with pytest.raises(OpenError):
        await sealed_by(database_url, NEW)


async def test_a_service_that_gives_back_something_else_is_not_taken(db, call):
    class Forgetful(Service):
        def unwrap(self, wrapped):
            return wrapped[:0] + bytes(32)

    with pytest.raises(KeyStateError, match="does not give back what it has wrapped"):
        await masters.rotate(call, Forgetful())
    assert await states(db) == {1: ACTIVE}


async def test_a_database_is_made_by_a_service_and_asks_it_at_starts_alone(database_url, at_once):
    hsm = Service()
    async with open_database(database_url, hsm) as db:
        first = hsm.asked
        sealed = db.vault.encrypt(b"x", Binding("test"))
        assert db.vault.decrypt(sealed, Binding("test")) == b"x"
        hsm.away = 99  # for as long as it runs
        assert db.vault.decrypt(db.vault.encrypt(b"y", Binding("test")), Binding("test")) == b"y"
        assert hsm.asked == first == 2  # to wrap, and to unwrap
        (row,) = await masters.list_all(db)
        assert (row.provider, row.reference) == ("HSM", "slot-1")
    hsm.away = 2
    async with open_database(database_url, hsm) as db:
        assert db.vault.decrypt(sealed, Binding("test")) == b"x"
    hsm.away = 99
    with pytest.raises(OpenError) as problem:
        await sealed_by(database_url, hsm)
    assert str(problem.value) == "TENANTRY_MASTER_KEY: the service cannot be reached"


@pytest.mark.parametrize("key", [LocalKey(MASTER_KEY), Service(b"o" * 32)])
async def test_another_key_than_that_of_the_service_is_refused(database_url, key):
    await sealed_by(database_url, Service())
    with pytest.raises(OpenError, match="is not the key that this database was made with"):
        await sealed_by(database_url, key)


async def test_from_a_file_to_a_service_and_back(db, database_url, call):
    await masters.rotate(call, Service())
    assert db.vault.decrypt(await sealed_by(database_url, Service()), Binding("test")) == b"x"
    await masters.destroy(call, 1)
    await masters.rotate(call, LocalKey(MASTER_KEY))
    await masters.destroy(call, 2)
    assert db.vault.decrypt(await sealed_by(database_url, MASTER_KEY), Binding("test")) == b"x"


@pytest.mark.parametrize("cut", [0, 11, 30, -1])
async def test_a_wrapped_key_that_was_cut_opens_nothing(db, database_url, cut):
    row = await db.fetch_one(Statement(select(master_keys.c.wrapped)))
    for table, column in ((master_keys, "wrapped"), (environment, "data_key")):
        short = Statement(table.update().values({column: row["wrapped"][: cut // 4 * 4]}))
        await db.fetch_all(Statement(short.clause.returning(table.c[column])))
    with pytest.raises(OpenError, match="is not the key that this database was made with"):
        await sealed_by(database_url, MASTER_KEY)
