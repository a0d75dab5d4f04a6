"""A search among the people of a directory is right at every moment, indexed or not."""

from __future__ import annotations

import pytest
from directory_worlds import world
from sqlalchemy import func, select

from tenantry.db.search import index as search
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import erasure, registry, removal
from tenantry.tenants.directories.model import directory_user_search
from tenantry.tenants.directories.resources import paging, people

_INDEXED = Statement(select(func.count().label("n")).select_from(directory_user_search._index))
_DUE = Statement(select(func.count().label("n")).select_from(directory_user_search._due))


async def count(db, statement):
    return (await db.fetch_one(statement))["n"]


async def index(db):
    await search.run(db, searches=[directory_user_search])
    assert await count(db, _DUE) == 0


async def found(acme, text):
    page = await paging.page_of_users(
        acme.db, acme.directory, page_size=30, page_token="", search=text
    )
    return [one.user_name for one in page.items]


@pytest.mark.parametrize("indexed", [False, True])
async def test_each_change_of_a_person_is_found(db, indexed):
    async def see(text, *names: str):
        assert await found(acme, text) == list(names), text
        if indexed:
            await index(db)
            assert await found(acme, text) == list(names), text

    acme, other = await world(db), await world(db, "other.com")
    ada = await acme.create("ada", displayName="Countess of Lovelace")
    await acme.create("grace", displayName="Rear Admiral")
    await other.create("ada.of.another", displayName="Countess of Lovelace")
    await see("LOVELACE", "ada")
    await see("countess of love", "ada")
    await see("da@", "ada")
    await see("da", "ada")
    await see("lovelace\\' | x")
    ada = await acme.change(ada, displayName="Ada King")
    await see("lovelace")
    await see("king", "ada")
    ada = await acme.change(ada, userName="augusta")
    await see("august", "augusta")
    await acme.remove(ada)
    await see("august")
    documents = [acme.document(f"many{n}", displayName="One of many") for n in range(3)]
    await people.create_many(acme.call(), acme.directory, documents)
    await see("one of many", "many2", "many1", "many0")


async def test_only_a_change_of_the_text_is_due(db):
    acme = await world(db)
    ada = await acme.create("ada")
    await index(db)
    ada = await acme.change(ada, active=False)
    ada = await acme.change(ada, title="Countess")
    assert await count(db, _DUE) == 0
    await acme.change(ada, displayName="Ada")
    assert await count(db, _DUE) == 1


async def test_who_is_erased_is_not_found(db):
    acme = await world(db)
    ada = await acme.create("ada", displayName="Countess")
    await index(db)
    await erasure.forget(db, [ada])
    for _ in ("due", "indexed"):
        assert await found(acme, "countess") == await found(acme, "ada@") == []
        assert await found(acme, "erased-") == [f"erased-{ada.id}"]
        await index(db)


async def test_people_of_a_directory_that_is_gone_leave_the_index(db, call):
    acme, other = await world(db), await world(db, "other.com")
    for one in (acme, other):
        await one.create("ada")
        await one.create("bob")
    await index(db)
    await registry.remove(call, acme.organization.id, acme.directory.id)
    await removal.run(db)
    await index(db)
    assert await count(db, _INDEXED) == 2
    assert await found(other, "ada@") == ["ada"]


@pytest.fixture(params=["near", "by index", "all of the index"])
def way(request, monkeypatch):
    """How the people of a page are found."""
    monkeypatch.setattr(paging, "_NEAREST", 1000 if request.param == "near" else 1)
    monkeypatch.setattr(paging, "_FEW", 4 if request.param == "all of the index" else 1000)
    paging._searched.cache_clear()
    yield request.param
    paging._searched.cache_clear()


@pytest.mark.usefixtures("way")
async def test_pages_lead_there_and_back(db):
    acme = await world(db)
    made = [await acme.create(f"person{n}") for n in range(7)]
    group = await acme.group("Some", *made[::2])
    await index(db)

    async def page(token, **narrow: object):
        page = await paging.page_of_users(
            db, acme.directory, page_size=3, page_token=token, search="person", **narrow
        )
        return page, [one.id for one in page.items]

    newest = [one.id for one in made[::-1]]
    first, shown = await page("")
    assert (shown, first.prev_page_token) == (newest[:3], "")
    second, shown = await page(first.next_page_token)
    assert shown == newest[3:6]
    last, shown = await page(second.next_page_token)
    assert (shown, last.next_page_token) == (newest[6:], "")
    assert (await page(last.prev_page_token))[1] == newest[3:6]
    of_group, shown = await page("", group_id=group.id)
    assert shown == newest[::2][:3]
    token = of_group.next_page_token
    assert (await page(token, group_id=group.id))[1] == newest[::2][3:]
    assert (await page("", updated_after=made[4].update_time))[1] == newest[:2]
