"""Several changes and events as one; references that do not hold; one at a time by a word."""

from __future__ import annotations

import asyncio

import pytest
import recorded_events
from sqlalchemy import Text, bindparam, insert, literal_column, select, update
from statements import INSERT_ORGANIZATION, count, event, organization

from tenantry.access.clients.model import client_secrets, clients
from tenantry.db.engine import DuplicateKey, ForeignKey
from tenantry.db.sql.schema import from_json, json_list, json_rows, json_values, to_json
from tenantry.db.sql.statements import Statement, happened
from tenantry.tenants.organizations.model import organizations

_secret = client_secrets.c
CLIENT_WITH_SECRETS = Statement(
    insert(clients).values(id=bindparam("p_id"), name="a", create_time=1).returning(clients.c.id),
    insert(client_secrets).from_select(
        [_secret.id, _secret.client_id, _secret.digest, _secret.suffix, _secret.create_time],
        select(
            (given := json_values(bindparam("p_secrets", type_=Text)).subquery()).c.value,
            bindparam("p_id", type_=Text),
            given.c.value,
            given.c.value,
            bindparam("p_at", 1, type_=clients.c.create_time.type),
        ),
    ),
)


def secrets(*ids: str) -> str:
    return to_json([f"sec_{id_}" for id_ in ids])


async def test_all_changes_are_made_and_the_first_one_answers(db):
    row = await db.apply(CLIENT_WITH_SECRETS, event(), p_id="skc_1", p_secrets=secrets("a", "b"))
    assert row["id"] == "skc_1"
    assert await count(db, "client_secrets") == 2
    assert await count(db, "events") == 1


async def test_a_change_may_come_without_an_event(db):
    await db.apply(CLIENT_WITH_SECRETS, p_id="skc_1", p_secrets=secrets("a"))
    assert await count(db, "client_secrets") == 1
    assert await count(db, "events") == 0


async def test_events_are_recorded_in_their_order(db):
    kinds = ["client.created", "client.secret_rotated", "client.deleted"]
    await db.apply(CLIENT_WITH_SECRETS, *map(event, kinds), p_id="skc_1", p_secrets=secrets())
    assert [one["type"] for one in await recorded_events.after(db, "")] == kinds


async def test_what_follows_a_change_of_nothing_is_not_made(db):
    renamed = update(clients).where(clients.c.id == bindparam("p_id")).values(name="b")
    noted = insert(client_secrets).from_select(
        [_secret.id, _secret.client_id, _secret.digest, _secret.suffix, _secret.create_time],
        select(*[bindparam("p_id", type_=Text)] * 4, literal_column("1")).where(happened()),
    )
    rename = Statement(renamed.returning(clients.c.id), noted)
    assert await db.apply(rename, event(), p_id="skc_1") is None
    await db.apply(CLIENT_WITH_SECRETS, p_id="skc_1", p_secrets=secrets())
    assert await count(db, "client_secrets") == await count(db, "events") == 0
    assert (await db.apply(rename, event(), p_id="skc_1"))["id"] == "skc_1"
    assert await count(db, "client_secrets") == await count(db, "events") == 1


async def test_none_is_made_where_one_cannot_be(db):
    await db.apply(CLIENT_WITH_SECRETS, event(), p_id="skc_1", p_secrets=secrets("a"))
    with pytest.raises(DuplicateKey):
        await db.apply(CLIENT_WITH_SECRETS, event(), p_id="skc_2", p_secrets=secrets("b", "a"))
    assert [await count(db, name) for name in ("clients", "client_secrets", "events")] == [1, 1, 1]


async def test_the_same_holds_within_a_transaction(db):
    async with db.transaction() as tx:
        await tx.apply(CLIENT_WITH_SECRETS, event(), p_id="skc_1", p_secrets=secrets("a"))
        with pytest.raises(DuplicateKey):
            async with tx.transaction() as inner:
                await inner.apply(CLIENT_WITH_SECRETS, p_id="skc_2", p_secrets=secrets("a"))
    assert [await count(db, name) for name in ("clients", "client_secrets", "events")] == [1, 1, 1]


async def test_a_reference_to_nothing_is_said(db):
    orphan = Statement(
        insert(client_secrets)
        .values(id="sec_1", client_id="skc_none", digest="a", suffix="a", create_time=1)
        .returning(_secret.id)
    )
    with pytest.raises(ForeignKey) as problem:
        await db.apply(orphan, event())
    assert problem.value.constraint in {"", "fk_client_secrets__client_id"}
    assert await count(db, "events") == 0


async def test_a_word_lets_one_transaction_in_at_a_time(db):
    inside = 0

    async def enter(word):
        nonlocal inside
        async with db.transaction() as tx:
            await tx.serialize(word)
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(enter("a word") for _ in range(8)))


async def test_what_is_remembered_is_not_within_reach_of_a_transaction(db):
    assert db.remembered == {}
    async with db.transaction() as tx:
        assert tx.remembered is None


async def test_json_is_built_by_the_database(db):
    odd = "a\"'\\ \u00e4\n\u2028"
    for number, metadata in enumerate([{"plan": odd}, {}], 1):
        row = organization(f"org_{number}", metadata=to_json(metadata), display_name=odd)
        await db.apply(INSERT_ORGANIZATION, event(), **row)
    o = organizations.c
    found = json_list(o.id, o.metadata, o.external_id, o.revision, json_list(o.display_name))
    statement = Statement(
        select(json_rows(found).label("rows")).where(
            o.id.in_(json_values(bindparam("ids", type_=Text)))
        )
    )
    row = await db.fetch_one(statement, ids=to_json(["org_1", "org_2", "org_none"]))
    assert sorted(from_json(row["rows"])) == [
        ["org_1", {"plan": odd}, None, 1, [odd]],
        ["org_2", {}, None, 1, [odd]],
    ]
    none = await db.fetch_one(statement, ids="[]")
    assert from_json(none["rows"] or "[]") == []
