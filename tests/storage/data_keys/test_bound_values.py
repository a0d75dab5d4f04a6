"""Encrypted values are bound to their rows: each is refused in every other place.

And how a database of a former version comes there: see docs/decisions/0043-bound-values.md.
"""

from __future__ import annotations

import asyncio

import pytest
from databases import MASTER_KEY
from filled_rows import fill
from sqlalchemy import and_, bindparam, literal_column, select, text, update

import tenantry.app  # noqa: F401 - declares the tables of all rooms
from tenantry.access.data_keys import service
from tenantry.core.times import DAY, SECOND
from tenantry.crypto import vault
from tenantry.crypto.vault import Binding, DataKey, Vault, WrongKey
from tenantry.db import migrate
from tenantry.db.encryption import key_rows, reencryption
from tenantry.db.encryption.key_rows import PUBLISHED_SECONDS
from tenantry.db.opening import open_database
from tenantry.db.revisions import BOUND_VALUES
from tenantry.db.sql.encrypted_columns import binding, bound_columns, encrypted_columns
from tenantry.db.sql.schema import data_keys, from_json, metadata, schema_steps, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import steps

COLUMNS = sorted(
    (column for table in metadata.tables.values() for column in encrypted_columns(table)),
    key=str,
)
STAYING = [column for column in COLUMNS if column in encrypted_columns(column.table, stays=True)]
OUTSIDE = Binding("a cookie", ("session_1",))
# Of which another value is a part: how it is put there and found.
PACKED = {
    "auth_requests.facts": (
        lambda value: to_json({"identity": value}),
        lambda stored: from_json(stored)["identity"],
    ),
    "replies.response": (
        lambda value: b"\0" + value.encode(),
        lambda stored: bytes(stored)[1:].decode(),
    ),
}
_DATA_KEYS = Statement(select(data_keys).order_by(data_keys.c.version))


@pytest.fixture
def time_goes(clock):
    """Lets time pass where keys look at it."""
    return clock.of(service, reencryption, key_rows, vault).forward


def packed(column, value):
    return PACKED.get(str(column), (str, str))[0](value)


def unpacked(column, stored):
    return PACKED.get(str(column), (str, str))[1](stored)


async def put(db, column, row, **values: object):
    """Change columns of a row, as an attacker with write access to the database does."""
    keys = column.table.primary_key
    same = and_(*(key == bindparam(f"k_{key.name}", type_=key.type) for key in keys))
    change = update(column.table).where(same)
    await db.fetch_all(
        Statement(change.values({n: bindparam(f"v_{n}") for n in values}).returning(*keys)),
        **{f"k_{key.name}": row[key.name] for key in keys},
        **{f"v_{name}": value for name, value in values.items()},
    )


async def stored(db, column, row):
    """The row as the database has it now."""
    keys = column.table.primary_key
    same = and_(*(key == bindparam(f"k_{key.name}", type_=key.type) for key in keys))
    given = {f"k_{key.name}": row[key.name] for key in keys}
    return dict(await db.fetch_one(Statement(select(column.table).where(same)), **given))


async def decrypted(db, column, row):
    """The value of a column as the program reads it."""
    now = await stored(db, column, row)
    return db.vault.decrypt(unpacked(column, now[column.name]), binding(column, now))


async def rows_of(db, table, count=2):
    """Rows of one organization, and one of another, where the table has organizations."""
    organizations = [(await fill(db, metadata.tables["organizations"]))["id"] for _ in range(2)]
    of = [organizations[0]] * count + [organizations[1]]
    at_all = "organization_id" in table.c
    rows = [await fill(db, table, **({"organization_id": one} if at_all else {})) for one in of]
    for number, row in enumerate(rows):
        for column in encrypted_columns(table):
            plain = f"{column.name} {number}".encode()
            value = packed(column, db.vault.encrypt(plain, binding(column, row)))
            await put(db, column, row, **{column.name: value})
    return rows


@pytest.mark.everywhere
@pytest.mark.parametrize(
    "name", sorted({column.table.name for column in COLUMNS}), ids=lambda name: name
)
async def test_no_value_is_read_in_another_place(db, name):
    table = metadata.tables[name]
    rows = await rows_of(db, table)
    places = [(row, column) for row in rows for column in encrypted_columns(table)]
    values = {}
    for number, (row, column) in enumerate(places):
        plain = await decrypted(db, column, row)
        assert plain.decode() == f"{column.name} {number // len(encrypted_columns(table))}"
        values[number] = unpacked(column, (await stored(db, column, row))[column.name])
    for number, (row, column) in enumerate(places):
        for other, value in values.items():
            await put(db, column, row, **{column.name: packed(column, value)})
            if other == number:
                assert await decrypted(db, column, row)
            else:
                with pytest.raises(WrongKey):
                    await decrypted(db, column, row)
        await put(db, column, row, **{column.name: packed(column, values[number])})


@pytest.mark.everywhere
@pytest.mark.parametrize(
    "column",
    [
        column
        for column in STAYING
        if "organization_id" in bound_columns(column)
        and not column.table.c.organization_id.primary_key
    ],
    ids=str,
)
async def test_no_value_is_read_in_a_row_that_was_given_to_another_organization(db, column):
    row, _, foreign = await rows_of(db, column.table)
    assert await decrypted(db, column, row)
    await put(db, column, row, organization_id=foreign["organization_id"])
    with pytest.raises(WrongKey):
        await decrypted(db, column, row)
    await put(db, column, row, organization_id=None)
    with pytest.raises(WrongKey):
        await decrypted(db, column, row)


@pytest.mark.parametrize("column", COLUMNS, ids=str)
async def test_no_value_of_a_former_version_is_read_in_a_new_database(db, column):
    """As somebody has it who copied it from a database of before."""
    (row, *_) = await rows_of(db, column.table, 1)
    former = Vault(db.vault.own_key())
    value = packed(column, former.encrypt(b"former", binding(column, row)))
    await put(db, column, row, **{column.name: value})
    with pytest.raises(WrongKey):
        await decrypted(db, column, row)


def test_no_two_bindings_have_the_same_associated_data():
    given = [
        Binding("a.b", ("1", "2"), "org_1"),
        Binding("a.b", ("1",), "org_1"),
        Binding("a.b", ("12",), "org_1"),
        Binding("a.b", ('1","2',), "org_1"),
        Binding("a.b", ("1", "2"), ""),
        Binding("a.b", ("1", "2", "org_1"), ""),
        Binding("a", ("b", "1", "2"), "org_1"),
    ]
    assert len({one.associated_data for one in given}) == len(given)


async def as_before(db):
    """Make a new database one of a version that did not bind, with one data key of that kind."""
    for statement in (
        "DELETE FROM data_keys WHERE version > 0 RETURNING version",
        "UPDATE alembic_version SET version_num = '0034' RETURNING version_num",
        f"UPDATE schema_history SET stops_older = false WHERE revision = '{BOUND_VALUES}'"
        " RETURNING revision",
        f"UPDATE schema_steps SET state = 'waiting' WHERE revision = '{BOUND_VALUES}'"
        " RETURNING revision",
    ):
        assert await db.fetch_all(Statement(text(statement)))
    db.vault = Vault(db.vault.own_key())
    await key_rows.add(db, 1, db.new_id("dek_"), activate_time=1)
    await key_rows.read(db)
    assert (db.vault.version, db.vault.binds, db.vault.refuses_since) == (1, False, None)


async def contract(db):
    """Make the contract of the migration, as `tenantry migrate --contract` does."""
    sets = f"UPDATE alembic_version SET version_num = '{BOUND_VALUES}' RETURNING version_num"
    assert await db.fetch_all(Statement(text(sets)))


async def worked(db, *, batches=1000):
    """Let the worker's job run until it only waits."""
    for _ in range(batches):
        seconds = await service.work(db)
        await key_rows.read(db)
        if seconds >= 1:
            return
    pytest.fail("it does not end")


async def versions(db, column):
    """The beginnings of the values of a column."""
    rows = await db.fetch_all(Statement(select(column)))
    return {row[column.name][:8] for row in rows if row[column.name]}


async def all_rows(db):
    """Rows of all tables whose values stay."""
    tables = sorted({column.table.name for column in STAYING})
    return {name: await rows_of(db, metadata.tables[name], 1) for name in tables}


@pytest.mark.everywhere
async def test_values_of_a_former_version_are_re_encrypted_and_then_refused(db, call, time_goes):
    await as_before(db)
    rows = await all_rows(db)
    former = {
        column: [(await stored(db, column, row))[column.name] for row in rows[column.table.name]]
        for column in STAYING
    }
    cookie = db.vault.encrypt(b"seen", OUTSIDE)
    # Until the contract a process of before reads all that is written, after a rotation as well.
    await service.rotate(call)
    time_goes(PUBLISHED_SECONDS + 1)
    await worked(db)
    time_goes(reencryption.SETTLED_UNBOUND / SECOND + 1)
    await worked(db)
    assert (await service.progress(db)).is_done
    assert (db.vault.version, db.vault.binds, db.vault.refuses_since) == (2, False, None)
    # From then on the worker takes a key that binds, and other values are read for a while.
    await contract(db)
    await worked(db)
    assert (db.vault.version, db.vault.binds) == (2, False)
    time_goes(PUBLISHED_SECONDS + 1)
    assert (db.vault.version, db.vault.binds) == (3, True)
    await worked(db)
    for column in STAYING:
        assert await versions(db, column) == {vault.head_of(3)}
        for number, row in enumerate(rows[column.table.name]):
            assert (await decrypted(db, column, row)).decode() == f"{column.name} {number}"
    assert db.vault.refuses_since is None
    # Once nobody can write one any more, they are refused.
    time_goes(reencryption.SETTLED_UNBOUND / SECOND + 1)
    await worked(db)
    assert db.vault.refuses_since is not None
    for column, values in former.items():
        row, value = rows[column.table.name][0], values[0]
        kept = (await stored(db, column, row))[column.name]
        await put(db, column, row, **{column.name: value})
        with pytest.raises(WrongKey):
            await decrypted(db, column, row)
        await put(db, column, row, **{column.name: kept})
        assert await decrypted(db, column, row)
    # A cookie is good for its time, and no longer than a day.
    assert db.vault.decrypt(cookie, OUTSIDE, from_outside=True) == b"seen"
    time_goes(DAY / SECOND + 1)
    with pytest.raises(WrongKey):
        db.vault.decrypt(cookie, OUTSIDE, from_outside=True)
    # Further rotations stay so, and re-encrypt the bound values.
    await service.rotate(call)
    await key_rows.read(db)
    time_goes(PUBLISHED_SECONDS + 1)
    await worked(db)
    for column in STAYING:
        assert await versions(db, column) == {vault.head_of(4)}
    assert [db.vault._data_keys[n][0].refuses_since is None for n in (2, 3, 4)] == [
        True,
        False,
        False,
    ]


async def test_a_new_process_refuses_them_too(db, database_url, call, time_goes):
    await as_before(db)
    row = (await rows_of(db, STAYING[0].table, 1))[0]
    former = (await stored(db, STAYING[0], row))[STAYING[0].name]
    await contract(db)
    for seconds in (0, PUBLISHED_SECONDS + 1, reencryption.SETTLED_UNBOUND / SECOND + 1):
        time_goes(seconds)
        await worked(db)
    await put(db, STAYING[0], row, **{STAYING[0].name: former})
    async with open_database(database_url, MASTER_KEY) as other:
        assert other.vault.refuses_since is not None
        with pytest.raises(WrongKey):
            await decrypted(other, STAYING[0], row)


async def test_a_key_that_waits_binds_once_it_is_activated(db, call, time_goes):
    await as_before(db)
    await service.create(call)
    await contract(db)
    time_goes(3600)
    active = await service.activate(call, 2)
    # It is known as another for a moment: it is used later than it would be otherwise.
    assert active.activate_time >= service.now() + (PUBLISHED_SECONDS - 1) * SECOND
    await key_rows.read(db)
    time_goes(PUBLISHED_SECONDS + 1)
    assert (db.vault.version, db.vault.binds) == (2, True)


async def test_several_workers_take_one_key(db, database_url, time_goes):
    await as_before(db)
    await contract(db)
    async with open_database(database_url, MASTER_KEY) as other:
        await asyncio.gather(*(service.work(one) for one in (db, other, db, other)))
    assert [row["version"] for row in await db.fetch_all(_DATA_KEYS)] == [1, 2]


async def test_a_data_key_is_not_passed_off_as_one_of_another_kind(db):
    (row,) = await db.fetch_all(_DATA_KEYS)
    kind, _, wrapped = row["wrapped"].rpartition(":")
    assert kind == "binds since 0"
    key = db.vault.unwrap(row["wrapped"], 1, None)
    assert (key.binds, key.refuses_since) == (True, 0)
    for other in ("", "binds:", "binds since 1:", "since 0:", "binds since 0:binds:"):
        with pytest.raises(WrongKey):
            db.vault.unwrap(f"{other}{wrapped}", 1, None)


async def test_a_process_that_refuses_goes_on_to_refuse(db):
    """Values stay bound although an attacker writes to the table of data keys."""
    (row,) = await db.fetch_all(_DATA_KEYS)
    key = db.vault.unwrap(row["wrapped"], 1, 1)
    former = Vault(db.vault.own_key()).encrypt(b"former", Binding("a.b", stays=True))
    db.vault.know([DataKey(1, key.key, 1, binds=True)])
    with pytest.raises(WrongKey):
        db.vault.decrypt(former, Binding("a.b", stays=True))


async def test_a_process_that_was_stopped_reads_the_keys_before_it_writes_a_value(
    db, call, time_goes, monkeypatch
):
    await as_before(db)
    asked = []
    db.vault.read_again = lambda: asked.append(1)
    awake = vault._awake() + vault.SURE_UNBOUND_SECONDS + 1
    monkeypatch.setattr(vault, "_awake", lambda: awake)
    db.vault.encrypt(b"x", OUTSIDE)
    assert asked == []
    db.vault.encrypt(b"x", Binding("a.b", stays=True))
    assert asked == [1]


@pytest.mark.everywhere
async def test_the_contract_is_made_by_the_command(database_url):
    """And closes out processes of before; the worker of a server does the rest."""
    async with open_database(database_url, MASTER_KEY) as opened:
        await as_before(opened)
        assert not await key_rows.may_bind(opened)
    assert BOUND_VALUES in await asyncio.to_thread(migrate.take_away, database_url)
    async with open_database(database_url, MASTER_KEY) as opened:
        assert await key_rows.may_bind(opened)
        await service.work(opened)
        made = await opened.fetch_all(_DATA_KEYS)
        assert [row["wrapped"].partition(":")[0] for row in made[1:]] == ["binds"]


async def test_the_contract_is_not_waited_for_in_a_new_database(db):
    of_this = schema_steps.c.revision == literal_column(f"'{BOUND_VALUES}'")
    (found,) = await db.fetch_all(Statement(select(schema_steps).where(of_this)))
    assert (found["kind"], found["state"]) == (steps.CONTRACT, steps.DONE)
    assert await key_rows.may_bind(db)
