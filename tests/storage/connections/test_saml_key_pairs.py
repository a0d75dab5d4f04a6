"""Our key pairs for SAML: made once, announced before they sign, of use for a while after."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from tenantry.core.times import DAY
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.certificates import key_pairs
from tenantry.identity.connections.certificates.key_pairs import KeyPairs
from tenantry.identity.connections.model import saml_key_pairs

ROWS = Statement(select(saml_key_pairs))
DAY_SECONDS = DAY // 1_000_000


@pytest.fixture
def time(clock, monkeypatch):
    """The time of the pairs; what a process remembers is read anew at each step."""
    monkeypatch.setattr(key_pairs, "FRESH_SECONDS", 0.0)
    return clock.of(key_pairs)


async def test_the_first_is_made_once_by_whoever_needs_it_first(db, other):
    found = await asyncio.gather(*(KeyPairs(one).get() for one in (db, other, db)))
    assert len({pairs.current.id for pairs in found}) == 1
    (row,) = await db.fetch_all(ROWS)
    assert row["id"].startswith("cer_")
    assert found[0].following is None
    assert found[0].former == ()


async def test_a_process_that_has_it_reads_the_same_key(db, other):
    made = (await KeyPairs(db).get()).current.pair
    read = (await KeyPairs(other).get()).current.pair
    assert read.certificate == made.certificate
    assert read.private_key.private_numbers() == made.private_key.private_numbers()
    assert read.certificate.public_key() == made.private_key.public_key()


async def test_the_private_key_is_sealed_for_its_row(db):
    await KeyPairs(db).get()
    (row,) = await db.fetch_all(ROWS)
    plain = db.vault.decrypt(row["private_key"], binding(saml_key_pairs.c.private_key, row))
    assert plain[:1] == b"\x30"  # PKCS #8
    assert b"\x30\x82" not in row["private_key"].encode()


async def test_the_next_is_announced_and_signs_after_thirty_days(db, call, time):
    pairs = KeyPairs(db)
    first = (await pairs.get()).current
    made = await key_pairs.generate_next(call)
    assert (await key_pairs.generate_next(call)).id == made.id  # it waits for its day
    now = await pairs.get()
    assert (now.current.id, now.following.id) == (first.id, made.id)
    assert now.signing("") is now.current.pair
    assert now.signing(made.id) is now.following.pair  # a connection may be ahead of its day
    time.forward(29 * DAY_SECONDS)
    assert (await pairs.get()).current.id == first.id
    time.forward(DAY_SECONDS + 1)
    now = await pairs.get()
    assert (now.current.id, now.following) == (made.id, None)
    assert [one.id for one in now.former] == [first.id]
    assert now.signing(first.id) is now.former[0].pair


async def test_a_former_one_goes_after_a_year(db, call, time):
    pairs = KeyPairs(db)
    first = (await pairs.get()).current
    await key_pairs.generate_next(call)
    time.forward((30 + 364) * DAY_SECONDS)
    assert [one.id for one in (await pairs.get()).former] == [first.id]
    time.forward(2 * DAY_SECONDS)
    now = await pairs.get()
    assert now.former == ()
    assert now.signing(first.id) is now.current.pair


async def test_the_worker_makes_the_next_before_the_end(db, time):
    pairs = KeyPairs(db)
    assert await key_pairs.renew(db) > 0
    assert await db.fetch_all(ROWS) == []  # nobody has needed one
    first = (await pairs.get()).current
    time.forward((3653 - 91) * DAY_SECONDS)
    await key_pairs.renew(db)
    assert (await pairs.get()).following is None
    time.forward(2 * DAY_SECONDS)
    await key_pairs.renew(db)
    await key_pairs.renew(db)
    following = (await pairs.get()).following
    assert len(await db.fetch_all(ROWS)) == 2
    assert following.sign_time < first.expire_time


async def test_one_that_nobody_renewed_is_replaced(db, time):
    pairs = KeyPairs(db)
    first = (await pairs.get()).current
    time.forward(3654 * DAY_SECONDS)
    now = await pairs.get()
    assert now.current.id != first.id
    assert now.former == ()


async def test_making_one_holds_no_loop(db, monkeypatch):
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    real = key_pairs._make

    def slow(at):
        made = real(at)
        began = turns
        while turns < began + 5:  # the loop goes on beside this thread
            pass
        return made

    monkeypatch.setattr(key_pairs, "_make", slow)
    counting = asyncio.create_task(count())
    await key_pairs.ensure(db)
    counting.cancel()
    assert turns >= 5
