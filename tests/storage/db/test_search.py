"""The index of the searches: made later, by whichever worker, and a search is right meanwhile."""

from __future__ import annotations

import asyncio
import random
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statements import count, sql

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db.search import index as search
from tenantry.tenants.directories.model import directory_user_search
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.organizations import listing, service
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.users import search as users_search
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import user_search

SEARCHES = (organization_search, user_search, directory_user_search)
# Every way that a part can lie over the grams: shorter than one, as long, over one, two and more.
NAME = "abcdefghijklmnopq \\'\"&|!:*()<>"


async def create(call, name, **members: str):
    return await service.create(call, region_code="US", display_name=name, **members)


async def found(call, part):
    page = await listing.page(call, listing.Filter(query=part), page_size=30, page_token="")
    assert page.total_size == len(page.items)
    return [one["id"] for one in page.items]


async def rename(call, id_, name):
    await service.update(call, OrganizationIdentifier(id_), {"display_name": name})


async def due(db):
    return await count(db, "organizations_search_due")


async def test_a_search_is_right_before_and_after_the_worker(call, db):
    one, other = await create(call, "First name"), await create(call, "Other name")
    both = [other.id, one.id]
    for turn in ("unseen", "indexed"):
        assert await found(call, "name") == both, turn
        assert await found(call, "FIRST") == [one.id], turn
        await search.run(db, searches=SEARCHES)
        assert await due(db) == 0
    await rename(call, one.id, "Another")
    for turn in ("stale", "indexed"):
        assert await found(call, "first") == [], turn
        assert await found(call, "another") == [one.id], turn
        await search.run(db, searches=SEARCHES)
    await service.remove(call, OrganizationIdentifier(other.id), dismiss_members)
    for turn in ("gone", "forgotten"):
        assert await found(call, "other name") == [], turn
        assert await found(call, "ano") == [one.id], turn
        await search.run(db, searches=SEARCHES)
    assert await count(db, "organizations_search") == 1


async def test_only_a_change_of_the_text_is_due(call, db):
    made = await create(call, "Acme", external_id="crm-1")
    await search.run(db, searches=SEARCHES)
    for changes in ({"metadata": {"plan": "x"}}, {"slug": "acme"}, {"display_name": "Acme"}):
        await service.update(call, OrganizationIdentifier(made.id), changes)
        assert await due(db) == 0, changes
    for n, changes in enumerate(({"display_name": "Acme 2"}, {"external_id": "crm-2"}), 1):
        await service.update(call, OrganizationIdentifier(made.id), changes)
        assert await due(db) == n, changes


@pytest.mark.parametrize("indexed", [False, True])
async def test_every_part_is_found(call, db, indexed):
    made = await create(call, NAME)
    await create(call, "somebody else")
    if indexed:
        await search.run(db, searches=SEARCHES)
    for length in (3, 4, 5, 6, 9, 10, 11, len(NAME)):
        for start in range(len(NAME) - length + 1):
            part = NAME[start : start + length]
            assert await found(call, part) == [made.id], part
    assert await found(call, NAME[:6] + NAME[:6]) == []


@pytest.mark.parametrize("indexed", [False, True])
async def test_users_are_found_by_address_and_external_id(call, db, indexed):
    async def matches(part):
        page = await users_search.of_environment(call, part, page_size=10, page_token="")
        return [one.id for one in page.items]

    async with db.transaction() as held:
        calling = Call(SYSTEM, held, "req_1")
        user = await users.create(
            calling, db.new_id("usr_"), email="Ada.Byron@example.com", profile={}
        )
    if indexed:
        await search.run(db, searches=SEARCHES)
    assert await matches("a.byron@EXAMPLE") == [user.id]
    await users.change(call, users.UserIdentifier(user.id), {"external_id": "crm-77"})
    if indexed:
        await search.run(db, searches=SEARCHES)
    assert await matches("rm-77") == await matches("ada") == [user.id]
    async with db.transaction() as held:
        await users.delete_held(Call(SYSTEM, held, "req_1"), user)
    assert await matches("rm-77") == []
    await search.run(db, searches=SEARCHES)
    assert await count(db, "users_search") == 0


class _Cut(Exception):
    """Ends a transaction before its commit."""


async def test_a_worker_that_is_cut_off_leaves_all_as_it_was(call, db):
    one = await create(call, "Before")
    await search.run(db, searches=SEARCHES)
    await rename(call, one.id, "Afterwards")

    async def cut_off():
        async with db.transaction() as held:
            assert await organization_search.index(held) == 1
            raise _Cut

    with pytest.raises(_Cut):
        await cut_off()
    assert await due(db) == 1
    assert await found(call, "before") == []
    assert await found(call, "afterwards") == [one.id]
    await search.run(db, searches=SEARCHES)
    assert await found(call, "afterwards") == [one.id]


async def test_no_change_is_lost_to_workers_beside_it(call, db, other):
    chance = random.Random(1)
    made = [await create(call, f"Name {n}") for n in range(6)]
    writing = True

    async def index(by):
        while writing:
            await search.run(by, searches=SEARCHES)
            await asyncio.sleep(0)

    async def change():
        for turn in range(25):
            one = chance.choice(made)
            await rename(call, one.id, f"{one.id} of turn {turn} {chance.random()}")

    workers = [asyncio.create_task(index(by)) for by in (db, other)]
    await asyncio.gather(change(), change())
    writing = False
    await asyncio.gather(*workers)
    await search.run(db, searches=SEARCHES)
    assert await due(db) == 0
    rows = await db.fetch_all(sql("SELECT id, display_name FROM organizations"))
    for row in rows:
        assert await found(call, row["display_name"]) == [row["id"]]
    assert await count(db, "organizations_search") == len(made)


@given(st.text(st.characters(max_codepoint=0x24F, min_codepoint=0x20), min_size=3, max_size=8))
def test_letters_are_folded_as_the_index_of_sqlite_folds_them(text):
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(text, tokenize = 'trigram')")
        connection.execute("INSERT INTO t (text) VALUES (?)", [search.folded(text)])
        phrase = '"' + text.replace('"', '""') + '"'
        rows = connection.execute("SELECT 1 FROM t WHERE t MATCH ?", [phrase]).fetchall()
    connection.close()
    assert rows == [(1,)]
