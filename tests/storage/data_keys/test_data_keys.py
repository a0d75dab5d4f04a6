"""Data keys: known before they seal, never gone while a value needs them, by any process."""

from __future__ import annotations

import asyncio
import base64
import time

import pytest
from databases import MASTER_KEY
from sqlalchemy import bindparam, func, select, update

import tenantry.app  # noqa: F401 - declares the tables of all rooms
from tenantry.access.data_keys import service
from tenantry.access.data_keys.service import KEPT, KeyStateError
from tenantry.access.keys import service as signing_keys
from tenantry.access.keys.model import signing_keys as keys_table
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.core.times import SECOND
from tenantry.crypto import vault
from tenantry.crypto.vault import Binding, WrongKey, head_of
from tenantry.db.encryption import key_rows, reencryption
from tenantry.db.encryption.key_rows import (
    ACTIVE,
    CREATED,
    DEPRECATED,
    DESTROYED,
    PUBLISHED_SECONDS,
)
from tenantry.db.event_rows import log
from tenantry.db.opening import open_database
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.schema import data_keys, environment
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.model import webhook_endpoints

SEALED = Statement(select(keys_table.c.id, keys_table.c.private_sealed))
ENDPOINTS = Statement(
    select(webhook_endpoints.c.id, webhook_endpoints.c.secret_sealed).order_by("id")
)
WRITE = Statement(
    update(webhook_endpoints)
    .where(webhook_endpoints.c.id == bindparam("p_id"))
    .values(secret_sealed=bindparam("p_sealed"))
    .returning(webhook_endpoints.c.id)
)


@pytest.fixture
def time_goes(clock):
    """Lets time pass where keys look at it."""
    return clock.of(service, reencryption, key_rows, vault).forward


async def states(db):
    return {one.version: one.state for one in await service.list_all(db)}


async def in_effect(call, time_goes):
    """A new data key, and the moment when it seals."""
    made = await service.rotate(call)
    await key_rows.read(call.db)
    time_goes(PUBLISHED_SECONDS + 1)
    assert call.db.vault.version == made.version
    return made.version


def place(endpoint_id):
    """The binding of an endpoint's secret."""
    row = {"id": endpoint_id, "organization_id": None}
    return binding(webhook_endpoints.c.secret_sealed, row)


async def endpoints(db, n):
    """So many webhook endpoints, as they come in by the tables."""
    insert = Statement(
        webhook_endpoints.insert()
        .values({c.name: bindparam(f"p_{c.name}") for c in webhook_endpoints.c})
        .returning(webhook_endpoints.c.id)
    )
    async with db.transaction() as tx:
        for number in range(n):
            row = dict.fromkeys((f"p_{c.name}" for c in webhook_endpoints.c), None)
            row |= {"p_id": f"whe_{number:06}", "p_url": "https://a.example/", "p_description": ""}
            row |= {"p_event_types": "[]", "p_enabled": False, "p_ordered": False}
            row |= {"p_revision": 1, "p_create_time": 1, "p_update_time": 1}
            row["p_secret_sealed"] = db.vault.encrypt(b"secret %d" % number, place(row["p_id"]))
            await tx.fetch_all(insert, **row)


async def resealed(db, *, batches=1000):
    for _ in range(batches):
        if await reencryption.batch(db) in {None, reencryption._IDLE_SECONDS}:
            return
    pytest.fail("it does not end")


async def test_a_new_database_has_one_that_seals(db):
    assert await states(db) == {1: ACTIVE}
    assert db.vault.encrypt(b"x", Binding("test")).startswith(head_of(1))


async def test_the_next_one_is_published_for_a_while_before_it_seals(db, call, time_goes):
    made = await service.create(call)
    assert (made.version, made.state, made.activate_time) == (2, CREATED, None)
    time_goes(3600)
    await key_rows.read(db)
    assert db.vault.version == 1
    active = await service.activate(call, 2)
    assert await states(db) == {1: DEPRECATED, 2: ACTIVE}
    await key_rows.read(db)
    assert db.vault.version == 2  # it was published an hour ago
    third = await service.rotate(call)
    assert third.activate_time >= third.create_time + PUBLISHED_SECONDS * SECOND
    assert third.activate_time > active.activate_time
    await key_rows.read(db)
    assert db.vault.version == 2
    time_goes(PUBLISHED_SECONDS + 1)
    assert db.vault.version == 3
    happened = [(e["type"], e["after"]["version"]) for e in (await log.last(db, limit=5))]
    assert happened == [
        ("data_key.deprecated", 1),
        ("data_key.activated", 2),
        ("data_key.created", 3),
        ("data_key.deprecated", 2),
        ("data_key.activated", 3),
    ]


async def test_a_process_knows_a_key_within_seconds_and_one_that_slept_at_once(
    db, database_url, call, eventually, time_goes
):
    async with open_database(database_url, MASTER_KEY) as other:
        await service.rotate(call)

        async def knows():
            return 2 in other.vault._data_keys

        await eventually(knows)
    async with open_database(database_url, MASTER_KEY) as sleeper:
        known = sleeper.vault
        now_known = dict(known._data_keys)
        for _ in range(2):
            time_goes(PUBLISHED_SECONDS + 1)
            await service.rotate(call)
        await key_rows.read(db)
        time_goes(PUBLISHED_SECONDS + 1)
        sealed = db.vault.encrypt(b"new", Binding("test"))
        assert sealed.startswith(head_of(4))
        # As a process that has not looked since: nothing of the loop has run for it.
        known._data_keys = now_known
        started = time.perf_counter()
        assert known.decrypt(sealed, Binding("test")) == b"new"
        assert time.perf_counter() - started < 20
        assert known.version == 4


async def test_nothing_is_read_for_what_a_stranger_sends(db):
    asked = []
    db.vault.read_again = lambda: asked.append(1)
    forged = base64.b64encode(base64.b64decode(head_of(9)) + bytes(40)).decode()
    for _ in range(3):
        with pytest.raises(WrongKey):
            db.vault.decrypt(forged, Binding("test"), from_outside=True)
    assert asked == []
    for _ in range(3):
        with pytest.raises(WrongKey):
            db.vault.decrypt(forged, Binding("test"))
    assert asked == [1]  # and once a second at most for a stored value


async def test_a_process_that_was_suspended_for_long_reads_before_it_seals(
    db, call, time_goes, monkeypatch
):
    await service.rotate(call)
    time_goes(PUBLISHED_SECONDS + 1)
    db.vault._turns = [(0, 1)]
    awake = vault._awake() + vault.SURE_SECONDS + 60
    monkeypatch.setattr(vault, "_awake", lambda: awake)
    sealed = db.vault.encrypt(b"x", Binding("test"))
    assert sealed.startswith(head_of(2))


async def test_all_values_are_sealed_anew_beside_writers(db, call, time_goes):
    await signing_keys.ensure(db)
    await endpoints(db, 450)
    await in_effect(call, time_goes)
    await reencryption.batch(db)
    # A writer that had read a value before puts it back, another one has a new one.
    rows = await db.fetch_all(ENDPOINTS)
    await resealed(db)
    old = next(row for row in rows if not row["secret_sealed"].startswith(head_of(2)))
    await db.fetch_all(WRITE, p_id=old["id"], p_sealed=old["secret_sealed"])
    newest = db.vault.encrypt(b"another", place(rows[3]["id"]))
    await db.fetch_all(WRITE, p_id=rows[3]["id"], p_sealed=newest)
    assert not (await service.progress(db)).is_done
    time_goes(reencryption.SETTLED / SECOND + 1)
    await resealed(db)
    progress = await service.progress(db)
    assert progress.is_done
    assert progress.resealed >= 450 + 1 + 2
    after = {row["id"]: row["secret_sealed"] for row in await db.fetch_all(ENDPOINTS)}
    assert all(sealed.startswith(head_of(2)) for sealed in after.values())
    plain = {id_: db.vault.decrypt(sealed, place(id_)) for id_, sealed in after.items()}
    assert plain.pop(rows[3]["id"]) == b"another"
    assert all(content == b"secret %d" % int(id_[4:]) for id_, content in plain.items())
    for row in await db.fetch_all(SEALED):
        assert row["private_sealed"].startswith(head_of(2))
        assert b"PRIVATE" in db.vault.decrypt(
            row["private_sealed"], binding(keys_table.c.private_sealed, row)
        )


async def test_a_value_that_changes_while_it_is_sealed_anew_stays_as_it_was_changed(
    db, call, time_goes, monkeypatch
):
    await endpoints(db, 3)
    await in_effect(call, time_goes)
    real = reencryption._anew

    def meanwhile(session, table, rows):
        new, unreadable = real(session, table, rows)
        for one in new:
            if one["id"] == "whe_000001":
                one["old_secret_sealed"] = "what it was before"
        return new, unreadable

    monkeypatch.setattr(reencryption, "_anew", meanwhile)
    before = {row["id"]: row["secret_sealed"] for row in await db.fetch_all(ENDPOINTS)}
    for _ in range(len(reencryption.tables())):
        await reencryption.batch(db)
    after = {row["id"]: row["secret_sealed"] for row in await db.fetch_all(ENDPOINTS)}
    assert [id_ for id_ in before if before[id_] == after[id_]] == ["whe_000001"]


async def test_one_that_is_cut_off_goes_on_where_it_was(db, database_url, call, time_goes):
    await endpoints(db, 500)
    await in_effect(call, time_goes)
    position = None
    while position is None:
        await reencryption.batch(db)
        done = (await reencryption.passes(db)).get("webhook_endpoints")
        position = done and done.position
    assert (done.changed, position) == (200, '["whe_000199"]')
    with pytest.raises(asyncio.CancelledError):  # noqa: PT012 - all of it is one batch
        async with db.transaction() as tx:
            await reencryption._reencrypt(tx, webhook_endpoints, done)
            raise asyncio.CancelledError
    assert (await reencryption.passes(db))["webhook_endpoints"].position == position
    async with open_database(database_url, MASTER_KEY) as other:
        await asyncio.gather(*(resealed(one) for one in (db, other)))
    left = [row for row in await db.fetch_all(ENDPOINTS) if row["secret_sealed"][:8] != head_of(2)]
    assert left == []


async def test_a_value_that_no_key_opens_is_counted_and_does_not_stop_the_others(
    db, call, time_goes
):
    await endpoints(db, 5)
    (first, second, *_) = await db.fetch_all(ENDPOINTS)
    cut = first["secret_sealed"][:40]
    await db.fetch_all(WRITE, p_id=first["id"], p_sealed=cut)
    await in_effect(call, time_goes)
    changed, unreadable, finished = await service.reencrypt(call, seconds=20)
    assert (changed, unreadable, finished) == (4, {"webhook_endpoints": 1}, True)
    time_goes(KEPT / SECOND + 1)
    await resealed(db)
    with pytest.raises(KeyStateError, match="webhook_endpoints has 1 values that no key opens"):
        await service.destroy(call, 1)
    assert second["secret_sealed"] not in {
        row["secret_sealed"] for row in await db.fetch_all(ENDPOINTS)
    }


@pytest.mark.parametrize("version", [1, 3])
async def test_a_wrapped_key_is_of_its_version_and_whole(db, version):
    row = await db.fetch_one(Statement(select(data_keys.c.wrapped)))
    wrapped = row["wrapped"]
    if version == 1:
        assert len(db.vault.unwrap(wrapped, 1, None).key) == 32
        wrapped = wrapped[:-8]
    with pytest.raises(WrongKey):
        db.vault.unwrap(wrapped, version, None)


async def test_a_key_goes_only_when_nothing_needs_it(db, call, time_goes):
    await endpoints(db, 3)
    for version, why in ((1, "is ACTIVE"), (7, "not found")):
        with pytest.raises(errors.Error, match=why):
            await service.destroy(call, version)
    sealed = db.vault.encrypt(b"kept elsewhere", Binding("test"))
    await in_effect(call, time_goes)
    with pytest.raises(KeyStateError, match="data key 1 is kept until"):
        await service.destroy(call, 1)
    time_goes(KEPT / SECOND + 1)
    with pytest.raises(KeyStateError, match="may have values of data key 1"):
        await service.destroy(call, 1)
    await resealed(db)
    assert (await service.destroy(call, 1)).state == DESTROYED
    assert await states(db) == {1: DESTROYED, 2: ACTIVE}
    await key_rows.read(db)
    with pytest.raises(WrongKey):
        db.vault.decrypt(sealed, Binding("test"))
    for row in await db.fetch_all(ENDPOINTS):
        assert db.vault.decrypt(row["secret_sealed"], place(row["id"]))
    with pytest.raises(KeyStateError, match="is DESTROYED"):
        await service.destroy(call, 1)
    with pytest.raises(KeyStateError, match="is DESTROYED"):
        await service.activate(call, 1)
    (last,) = await log.last(db, limit=1)
    assert last["type"] == "data_key.destroyed"


async def test_a_pass_of_before_a_process_can_have_slept_is_no_proof(db, call, time_goes):
    await endpoints(db, 1)
    await in_effect(call, time_goes)
    time_goes(reencryption.SETTLED / SECOND + 1)
    await resealed(db)
    assert (await service.progress(db)).is_done
    time_goes(KEPT / SECOND + 1)
    with pytest.raises(KeyStateError, match="wait for the worker"):
        await service.destroy(call, 1)


async def test_one_that_was_never_active_can_go_at_once(db, call):
    await service.create(call)
    assert (await service.destroy(call, 2)).state == DESTROYED
    assert (await service.rotate(call)).version == 3


async def test_two_rotations_at_once_make_one_key(db, call):
    outcomes = await asyncio.gather(
        *(service.rotate(call) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, KeyStateError) for one in outcomes) == 3
    assert await states(db) == {1: DEPRECATED, 2: ACTIVE}


async def test_a_database_of_before_is_sealed_anew_by_its_first_data_key(
    db, database_url, time_goes
):
    """As one is after the migration: sealed with the key of the environment, without versions."""
    await db.fetch_all(Statement(data_keys.delete().returning(data_keys.c.version)))
    # A vault that has refused unbound values once refuses them for good: this one has not.
    async with open_database(database_url, MASTER_KEY) as former:
        assert former.vault.version == 0
        await endpoints(former, 5)
        derived = former.vault.derive("invitation")
        rows = await former.fetch_all(ENDPOINTS)
        assert not any(row["secret_sealed"].startswith("dekv") for row in rows)
        assert await reencryption.batch(former) is None
        assert await in_effect(Call(SYSTEM, former, "req_1"), time_goes) == 1
        await resealed(former)
        for row in await former.fetch_all(ENDPOINTS):
            assert row["secret_sealed"].startswith(head_of(1))
            assert former.vault.decrypt(row["secret_sealed"], place(row["id"]))
    async with open_database(database_url, MASTER_KEY) as other:
        assert other.vault.derive("invitation") == derived


async def test_neither_a_data_key_nor_what_wraps_it_is_stored_as_it_is(db):
    stored = [await db.fetch_one(Statement(select(table))) for table in (data_keys, environment)]
    text = str([tuple(row) for row in stored])
    for key in (db.vault.own_key(), MASTER_KEY):
        assert base64.b64encode(key).decode() not in text


async def test_a_page_of_them_is_narrowed_by_state(db, call):
    for _ in range(3):
        await service.create(call)
    page = await service.list_page(db, state=CREATED, page_size=2, page_token="")
    assert [one.version for one in page.items] == [4, 3]
    assert page.total_size == 3
    token = page.next_page_token
    page = await service.list_page(db, state=CREATED, page_size=2, page_token=token)
    assert [one.version for one in page.items] == [2]
    assert (await service.list_page(db, state="", page_size=9, page_token="")).total_size == 4


async def test_the_first_one_is_refused_beside_a_former_version(db, monkeypatch):
    if not db.sees_before:
        pytest.skip("SQLite does not tell who has it open")
    await db.fetch_all(Statement(data_keys.delete().returning(data_keys.c.version)))
    running = select(
        func.concat("tenantry 0.9 (schema 0030) 1@a").label("application_name"),
        func.concat("10.0.0.1").label("host"),
        func.length("ab").label("connections"),
        func.length("a").label("seconds"),
    )
    monkeypatch.setattr(service, "_OLDER", Statement(running))
    with pytest.raises(KeyStateError, match=r"tenantry 0.9 \(schema 0030\) 1@a on 10.0.0.1"):
        await service.create(Call(SYSTEM, db, "req_1"))
