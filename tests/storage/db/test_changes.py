"""A change and its event are one; undone whole or not at all. Alike on both databases."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3

import asyncpg
import pytest
import recorded_events
from statements import (
    DELETE_CLIENT,
    INSERT_CLIENT,
    INSERT_ENTERED,
    INSERT_KEYS,
    INSERT_ORGANIZATION,
    RENAME_CLIENT,
    count,
    event,
    names,
    organization,
    sql,
)

from tenantry.core import ids
from tenantry.db import engine
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.schema import metadata
from tenantry.telemetry.request_context import CURRENT, RequestContext

# The error of each driver for an event without a type.
UNRECORDABLE = (sqlite3.IntegrityError, asyncpg.NotNullViolationError)


async def create(db, name, type_="client.created"):
    return await db.apply(INSERT_CLIENT, event(type_), p_id=f"skc_{name}", p_name=name)


async def test_an_id_for_an_event_is_that_of_no_recorded_event(db):
    """Examples of events have IDs beside those that the database makes."""
    made = []
    for number in range(50):
        made.append(db.new_id(ids.EVENT))
        await create(db, str(number))
    recorded = [one["id"] for one in await recorded_events.after(db, "", limit=1000)]
    assert len(recorded) == 50
    assert not set(made) & set(recorded)


async def test_a_change_returns_its_row_and_records_its_event(db):
    told = event(
        "organization.updated", organization_id="org_1", before={"é": [1, None]}, after={"a": "b"}
    )
    row = await db.apply(INSERT_CLIENT, told, p_id="skc_1", p_name="é🐘")
    assert (row["id"], row["name"]) == ("skc_1", "é🐘")
    (recorded,) = await recorded_events.after(db, "")
    assert recorded.pop("id").startswith("evt_")
    assert recorded.pop("occurred_at") > 1_700_000_000_000_000
    assert recorded == {
        "type": "organization.updated",
        "object": "Organization",
        "organization_id": "org_1",
        "actor": {"type": "system", "id": "test"},
        "before": {"é": [1, None]},
        "after": {"a": "b"},
        "request_id": "req_1",
        "context": None,
    }


async def test_a_change_that_changes_nothing_records_nothing(db):
    assert await db.apply(RENAME_CLIENT, event(), p_id="skc_none", p_name="a") is None
    assert await db.apply(DELETE_CLIENT, event(), p_id="skc_none") is None
    async with db.transaction() as tx:
        assert await tx.apply(DELETE_CLIENT, event(), p_id="skc_none") is None
    assert await count(db, "events") == 0


async def test_every_kind_of_change_records_its_event(db):
    await create(db, "a")
    await db.apply(RENAME_CLIENT, event(), p_id="skc_a", p_name="b")
    await db.apply(DELETE_CLIENT, event(), p_id="skc_a")
    assert await count(db, "clients") == 0
    assert await count(db, "events") == 3


@pytest.fixture
def unrecordable(db, monkeypatch):
    """Let each further event fail: it has no type."""

    async def prepare():
        await create(db, "first")
        real = engine._event_row
        monkeypatch.setattr(engine, "_event_row", lambda event: real(event) | {"type": None})

    return prepare


async def test_a_change_whose_event_cannot_be_recorded_is_not_made(db, unrecordable):
    await unrecordable()
    with pytest.raises(UNRECORDABLE):
        await create(db, "a")
    with pytest.raises(UNRECORDABLE):
        await db.apply(RENAME_CLIENT, event(), p_id="skc_first", p_name="renamed")
    with pytest.raises(UNRECORDABLE):
        await db.apply(DELETE_CLIENT, event(), p_id="skc_first")
    assert await names(db) == ["first"]
    assert await count(db, "events") == 1


async def test_that_holds_within_a_transaction_that_goes_on(db, unrecordable):
    await unrecordable()
    async with db.transaction() as tx:
        await tx.fetch_all(INSERT_CLIENT, p_id="skc_b", p_name="b")
        with pytest.raises(UNRECORDABLE):
            async with tx.transaction() as inner:
                await create(inner, "a")
    assert await names(db) == ["b", "first"]
    assert await count(db, "events") == 1


@pytest.mark.parametrize("field", ["external_id", "slug"])
async def test_a_duplicate_names_its_field(db, field):
    await db.apply(INSERT_ENTERED, event(), **organization("org_1", **{field: "a"}))
    again = organization("org_2", **{field: "a"})
    with pytest.raises(DuplicateKey) as problem:
        await db.apply(INSERT_ENTERED, event(), **again)
    assert problem.value.field == field
    with pytest.raises(DuplicateKey) as problem:
        await db.fetch_all(INSERT_KEYS, **{**again, "p_organization_id": "org_2"})
    assert problem.value.field == field
    with pytest.raises(DuplicateKey) as problem:
        async with db.transaction() as tx:
            await tx.apply(INSERT_ENTERED, event(), **again)
    assert problem.value.field == field
    assert await count(db, "organizations") == 1
    assert await count(db, "events") == 1


async def test_nothing_is_no_duplicate_of_nothing(db):
    for number in range(3):
        await db.fetch_all(INSERT_ORGANIZATION, **organization(f"org_{number}"))
    assert await count(db, "organizations") == 3


def test_every_unique_rule_is_named_after_its_field():
    """That is how a duplicate finds its field on PostgreSQL."""
    for table in metadata.tables.values():
        unique = [index for index in table.indexes if index.unique]
        unique += [c for c in table.constraints if type(c).__name__ == "UniqueConstraint"]
        for rule in unique:
            named, _, field = str(rule.name).rpartition("__")
            columns = {column.name for column in rule.columns}
            assert named.startswith(f"uq_{table.name}")
            assert {field, f"{field}_key"} & columns, rule.name


async def test_a_transaction_is_made_whole_or_not_at_all(db):
    async with db.transaction() as tx:
        await create(tx, "a")
        await create(tx, "b")
        assert await names(tx) == ["a", "b"]
    with pytest.raises(RuntimeError):  # noqa: PT012 - all of it is one call
        async with db.transaction() as tx:
            await create(tx, "c")
            await tx.apply(DELETE_CLIENT, event(), p_id="skc_a")
            await tx.record(event())
            raise RuntimeError
    assert await names(db) == ["a", "b"]
    assert await count(db, "events") == 2


async def test_nobody_else_sees_a_transaction_before_its_end(db):
    seen = []

    async def look():
        seen.append(await recorded_events.after(db, "", limit=10))

    async with db.transaction() as tx:
        await create(tx, "a")
        await look()
    await look()
    assert [len(rows) for rows in seen] == [0, 1]


async def test_a_duplicate_within_an_inner_transaction_undoes_only_that(db):
    await create(db, "taken")
    async with db.transaction() as tx:
        await create(tx, "a")
        with pytest.raises(DuplicateKey):  # noqa: PT012 - all of it is one call
            async with tx.transaction() as inner:
                await create(inner, "b")
                await create(inner, "taken")
        await create(tx, "c")
        async with tx.transaction() as inner, inner.transaction() as innermost:
            await create(innermost, "d")
    assert await names(db) == ["a", "c", "d", "taken"]
    assert await count(db, "events") == 4


async def test_an_inner_transaction_ends_with_the_outer_one(db):
    with pytest.raises(RuntimeError):  # noqa: PT012 - all of it is one call
        async with db.transaction() as tx:
            async with tx.transaction() as inner:
                await create(inner, "a")
            raise RuntimeError
    assert await names(db) == []


@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_transaction_leaves_nothing(db, other, times):
    """Cancelled at each of its steps in turn, as a client's deadline does it."""
    for steps in range(30):
        task = asyncio.create_task(two_changes(db, f"{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0 if steps < 10 else 0.0001)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        await create(db, f"after-{steps}")
        assert f"after-{steps}" in await names(other)
    kept = await names(other)
    for steps in range(30):
        assert (f"{steps}-a" in kept) == (f"{steps}-b" in kept)
    assert await count(other, "events") == len(kept)


async def two_changes(db, name):
    async with db.transaction() as tx:
        await create(tx, f"{name}-a")
        await asyncio.sleep(0)
        await create(tx, f"{name}-b")


@pytest.mark.parametrize("seed", range(3))
async def test_cancelling_at_random_loses_and_leaves_nothing(db, other, seed):  # noqa: C901
    chance = random.Random(seed)

    async def work(number):
        if number % 3 == 0:
            await create(db, f"{number}")
        elif number % 3 == 1:
            await two_changes(db, f"{number}")
        else:
            await names(db)
        return number

    tasks = [asyncio.create_task(work(number)) for number in range(150)]
    for task in tasks:
        delay = chance.uniform(0, 0.15)
        if chance.random() < 0.7:
            asyncio.get_running_loop().call_later(delay, task.cancel)
            if chance.random() < 0.3:  # and once more, while it undoes what it did
                asyncio.get_running_loop().call_later(delay + 0.0005, task.cancel)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(r) for r in results} <= {int, asyncio.CancelledError}
    kept = set(await names(other))
    for number in (r for r in results if isinstance(r, int)):
        if number % 3 == 0:
            assert f"{number}" in kept
        elif number % 3 == 1:
            assert {f"{number}-a", f"{number}-b"} <= kept
    for number in range(1, 150, 3):
        assert (f"{number}-a" in kept) == (f"{number}-b" in kept)
    assert await count(other, "events") == len(kept)
    # No connection stayed behind in somebody's transaction.
    await asyncio.gather(*(create(db, f"later-{number}") for number in range(10)))
    assert len(await names(other)) == len(kept) + 10


async def test_many_changes_at_once_are_all_made(db):
    await asyncio.gather(*(create(db, f"{number}") for number in range(200)))
    await asyncio.gather(*(two_changes(db, f"{number}") for number in range(50)))
    assert await count(db, "clients") == await count(db, "events") == 300
    recorded = [one["id"] for one in await recorded_events.after(db, "", limit=1000)]
    assert len(set(recorded)) == 300


async def test_a_number_of_64_bits_and_any_text_come_back(db):
    await db.fetch_all(
        INSERT_ORGANIZATION,
        **organization(
            "org_1",
            display_name="'\"\\%_é🐘\u2028\x7f",
            revision=2**63 - 1,
            create_time=-(2**63),
            max_allowed_users=2**31 - 1,
            metadata=json.dumps({"k'\"\\": "v\n\t"}),
        ),
    )
    row = await db.fetch_one(sql("SELECT * FROM organizations"))
    assert row["display_name"] == "'\"\\%_é🐘\u2028\x7f"
    assert (row["revision"], row["create_time"]) == (2**63 - 1, -(2**63))
    assert row["max_allowed_users"] == 2**31 - 1
    assert json.loads(row["metadata"]) == {"k'\"\\": "v\n\t"}


@pytest.fixture
def asked():
    """The request that is answered while this test asks the database."""
    asked = RequestContext()
    reset = CURRENT.set(asked)
    yield asked
    CURRENT.reset(reset)


async def test_a_request_knows_when_a_change_of_it_stands(db, asked):
    await recorded_events.after(db, "")
    async with db.transaction() as tx:
        await recorded_events.after(tx, "")

    async def undone():
        async with db.transaction() as tx:
            await create(tx, "undone")
            raise LookupError

    with pytest.raises(LookupError):
        await undone()
    assert not asked.changed
    async with db.transaction() as tx:
        await create(tx, "a")
        assert not asked.changed
    assert asked.changed
    for change in (
        lambda: create(db, "b"),
        lambda: db.fetch_all(INSERT_CLIENT, p_id="skc_c", p_name="c"),
    ):
        asked.changed = False
        await change()
        assert asked.changed
