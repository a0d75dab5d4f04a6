"""Searching a directory: by rows and by documents alike, sorted, in pages of both kinds."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sa_text

from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades.back_fills import BackFilling
from tenantry.tenants.directories.model import directory_users
from tenantry.tenants.directories.resources import (
    groups,
    people,
    search_statements,
    searching,
)
from tenantry.tenants.directories.resources.conditions import Narrowed
from tenantry.tenants.directories.resources.searching import Query
from tenantry.tenants.directories.scim import filters, matching, patches
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.resources import GroupPayload
from tenantry.tenants.directories.scim.schemas import attribute_path

DOCUMENTS = [
    {
        "userName": "Ada",
        "externalId": "X1",
        "displayName": "Ada L",
        "name": {"familyName": "Lovelace", "givenName": "Ada"},
        "emails": [{"value": "Ada@acme.com", "type": "work"}, {"value": "a@home.org"}],
    },
    {"userName": "bob", "externalId": "x2", "active": False, "title": "CEO"},
    {
        "userName": "Cy_100%",
        "displayName": "cy",
        "emails": [{"value": "cy@acme.com", "type": "home"}],
        "name": {"familyName": "Adams"},
    },
    {"userName": "dee@acme.com", "displayName": "ada l", "title": "ceo"},
]


@pytest.fixture
async def users(by_provider, directory):
    """Four people, of whom two are in a group."""
    made = [await people.create(by_provider, directory, document) for document in DOCUMENTS]
    group = GroupPayload({"displayName": "Staff"}, [made[0].id, made[1].id])
    await groups.create(by_provider, directory, group)
    await groups.create(by_provider, directory, GroupPayload({"displayName": "Empty"}, None))
    return made


@pytest.fixture
def search(by_provider, directory):
    """Search people; return their user names."""

    async def search(text=None, *, sort_by=None, **members: Any):
        filter_ = None if text is None else filters.parse(text)
        path = None if sort_by is None else attribute_path(sort_by)
        query = Query(filter=filter_, sort_by=path, **members)
        found = await searching.users(by_provider.db, directory, query)
        names = [user.user_name[:1].lower() for user in found.resources]
        assert found.total >= len(names)
        return "".join(names)

    return search


FOUND = {
    'userName eq "ADA"': "a",
    'userName eq "nobody"': "",
    'externalId eq "X1"': "a",
    'externalId eq "x1"': "",
    'externalId ne "x2"': "acd",
    "externalId pr": "ab",
    "not (externalId pr)": "cd",
    "externalId eq null": "cd",
    'displayName eq "ADA L"': "ad",
    'displayName ne "ada l"': "bc",
    "active eq true": "acd",
    'active eq "False"': "b",
    'emails.value eq "ada@ACME.com"': "a",
    'emails eq "a@home.org"': "a",
    'emails[type eq "work"].value eq "ada@acme.com"': "a",
    'emails[type eq "work"].value eq "a@home.org"': "",
    'emails[value eq "cy@acme.com"]': "c",
    'emails[type eq "home"]': "c",
    'not (emails.value co "acme")': "bd",
    "emails pr": "ac",
    'emails co "@ACME"': "ac",
    'userName sw "c"': "c",
    'userName co "_100%"': "c",
    'userName co "%"': "c",
    'userName ew "ACME.COM"': "d",
    'userName ew "longer than it is"': "",
    'userName gt "bob"': "cd",
    'userName le "bob"': "ab",
    'groups.display eq "staff"': "ab",
    "groups pr": "ab",
    'title eq "CEO"': "bd",
    'title eq "ceo" and active eq false': "b",
    'title eq "ceo" or userName eq "ada"': "abd",
    'name.familyName sw "ada"': "c",
    'name.familyName eq "LOVELACE"': "a",
    'name.familyName ne "lovelace"': "bcd",
    'name[familyName eq "adams"]': "c",
    'name.familyName co "DAM"': "c",
    'name.familyName ew "lace"': "a",
    'name.familyName gt "b"': "a",
    "name.familyName pr": "ac",
    'name.familyName sw ""': "ac",
    'not (name.familyName sw "a")': "abd",
    'name.givenName sw "ad"': "a",
    'name.familyName sw "a" or name.givenName eq "ada"': "ac",
    'displayName sw "ADA"': "ad",
    'displayName sw "ada m"': "",
    'not (title pr) and groups.display eq "Staff"': "a",
    'meta.created gt "2020-01-01T00:00:00Z"': "abcd",
    'meta.lastModified lt "2020-01-01T00:00:00Z"': "",
    'id eq "diruser_0"': "",
    '(userName eq "ada" or userName eq "bob") and not (active eq false)': "a",
}


async def test_a_filter_finds_what_it_says(search, users):
    assert await search() == "abcd"
    assert {text: await search(text) for text in FOUND} == FOUND


async def test_many_terms_about_other_tables_are_planned_soon(search, users):
    began = time.perf_counter()
    for value in ("Ada@acme.com", "nobody@acme.com"):
        text = f'emails[value eq "{value}"]'
        found = await search(" and ".join([*['emails[value sw "ada"]'] * 149, text]))
        assert found == ("a" if value.startswith("Ada") else "")
    assert time.perf_counter() - began < 20  # joined all, PostgreSQL would think for much longer


async def test_groups_are_found_by_members_and_names(by_provider, directory, users):
    async def search(text):
        query = Query(filter=filters.parse(text))
        found = await searching.groups(by_provider.db, directory, query)
        return [group.display_name for group in found.resources]

    assert await search(f'members eq "{users[0].id}"') == ["Staff"]
    assert await search(f'members[value eq "{users[3].id}"]') == []
    assert await search("members pr") == ["Staff"]
    assert await search('displayName eq "STAFF"') == ["Staff"]
    assert await search("not (members pr)") == ["Empty"]
    with pytest.raises(Fault) as refused:
        await search('members.display eq "Ada"')
    assert refused.value.scim_type == "invalidFilter"


SORTED = [
    ("userName", False, "abcd"),
    ("userName", True, "dcba"),
    ("displayName", False, "adcb"),
    ("displayName", True, "bcda"),
    ("externalId", False, "abcd"),
    ("externalId", True, "dcba"),
    ("name.familyName", False, "cabd"),
    ("name.familyName", True, "dbac"),
    ("meta.created", True, "dcba"),
    ("meta.lastModified", False, "abcd"),
    ("active", False, "bacd"),
    ("emails", False, "acdb"),
    ("id", True, "dcba"),
]


async def test_a_list_is_sorted_and_what_lacks_a_value_comes_last(
    search, by_provider, directory, users
):
    for sort_by, descending, names in SORTED:
        asked = {"sort_by": sort_by, "descending": descending}
        assert await search(**asked) == names, sort_by
        for size in (1, 2, 3):
            starts = range(1, 6, size)
            pages = [await search(**asked, start_index=start, count=size) for start in starts]
            assert "".join(pages) == names
            assert await by_cursor(by_provider.db, directory, size, **asked) == names


async def by_cursor(db, directory, size, *, sort_by=None, descending=False, text=None):
    """Read a list to its end and back to its start; return the initials of the user names."""
    path = None if sort_by is None else attribute_path(sort_by)
    filter_ = None if text is None else filters.parse(text)

    async def page(cursor):
        query = Query(
            filter=filter_, sort_by=path, descending=descending, count=size, cursor=cursor
        )
        found = await searching.users(db, directory, query)
        return found, "".join(user.user_name[:1].lower() for user in found.resources)

    found, names = await page("")
    pages = [names]
    while found.next_cursor:
        found, names = await page(found.next_cursor)
        pages.append(names)
    back = [pages[-1]]
    while found.previous_cursor:
        found, names = await page(found.previous_cursor)
        back.append(names)
    assert back[::-1] == pages
    return "".join(pages)


async def test_pages_of_what_documents_decide(search, by_provider, directory, users):
    text = 'title eq "ceo" or emails[type eq "work"]'
    assert await search(text) == "abd"
    assert await search(text, start_index=2, count=1) == "b"
    assert await search(text, start_index=3) == "d"
    assert await search(text, start_index=9) == ""
    assert await by_cursor(by_provider.db, directory, 2, text=text) == "abd"


async def test_a_page_knows_how_many_there_are(by_provider, directory, users):
    async def total(text=None, **members: Any):
        filter_ = None if text is None else filters.parse(text)
        query = Query(filter=filter_, **members)
        return (await searching.users(by_provider.db, directory, query)).total

    for text, all_ in ((None, 4), ("active eq true", 3), ("title pr", 2)):
        for members in ({}, {"count": 0}, {"count": 1}, {"start_index": 2}, {"start_index": 9}):
            assert await total(text, **members) == all_
        assert await total(text, count=1, cursor="") == all_


async def test_a_cursor_of_another_list_is_refused(by_provider, directory, users):
    query = Query(cursor="", count=1)
    first = await searching.users(by_provider.db, directory, query)
    other = filters.parse("active eq true")
    for one, filter_ in (("x", None), ("AAAA", None), ("é", None), (first.next_cursor, other)):
        with pytest.raises(Fault) as refused:
            await searching.users(by_provider.db, directory, Query(cursor=one, filter=filter_))
        assert refused.value.scim_type == "invalidCursor"


async def test_a_long_list_is_read_on_from_where_its_last_page_ended(
    search, by_provider, directory, users, monkeypatch
):
    monkeypatch.setattr(searching, "FAR", 1)
    for asked in ({}, {"text": "active eq true"}, {"sort_by": "userName", "descending": True}):
        names = await search(**asked)
        for size in (1, 2):
            pages = [await search(**asked, start_index=n, count=size) for n in range(1, 6, size)]
            assert "".join(pages) == names
            assert await search(**asked, start_index=3, count=size) == names[2 : 2 + size]
    # Nobody is missed if somebody before is deleted meanwhile.
    assert await search(count=2) == "ab"
    await people.remove(by_provider, directory, users[0].id)
    query = Query(start_index=3, count=2)
    found = await searching.users(by_provider.db, directory, query)
    assert ([user.user_name[0] for user in found.resources], found.total) == (["C", "d"], 3)


def test_marks_are_few_and_end(monkeypatch):
    kept = searching.Marks()
    kept.note("list", 999, ["a"])
    assert kept.before("list", 2000) == (0, [])
    for position in range(1000, 2000, 100):
        kept.note("list", position, [position])
    assert kept.before("list", 1550) == (1500, [1500])
    assert kept.before("list", 1100) == (0, [])  # the oldest are gone
    assert kept.before("another", 1550) == (0, [])
    later = searching.monotonic() + searching.SECONDS
    monkeypatch.setattr(searching, "monotonic", lambda: later)
    assert kept.before("list", 1550) == (0, [])


async def test_no_more_documents_are_looked_into_than_may_be(search, users, monkeypatch):
    monkeypatch.setattr(search_statements, "MOST_LOOKED_INTO", 3)
    search_statements.few_statement.cache_clear()  # it was made for more
    with pytest.raises(Fault) as refused:
        await search("title pr")
    assert (refused.value.status, refused.value.scim_type) == (400, "tooMany")
    assert await search("title pr and active eq true") == "d"
    with pytest.raises(Fault):
        await search(sort_by="title")
    search_statements.few_statement.cache_clear()


TERMS = [
    *('userName eq "ada"', 'userName sw "c"', 'externalId eq "X1"', "externalId pr"),
    *('displayName co "da"', "active eq false", 'emails.value co "acme"', "emails pr"),
    *('emails[type eq "work"]', 'title eq "ceo"', 'externalId ne "x2"', 'name.familyName gt "b"'),
    *('name.familyName sw "a"', "name.givenName pr", 'displayName sw "ada"'),
    *('name.familyName co "a"', 'name.givenName ne "ada"'),
    *('emails[value sw "a" and type eq "work"]', 'displayName le "b"', "displayName eq null"),
]
FILTERS = st.recursive(
    st.sampled_from(TERMS),
    lambda part: st.one_of(
        st.tuples(part, part).map(lambda two: f"({two[0]}) and ({two[1]})"),
        st.tuples(part, part).map(lambda two: f"({two[0]}) or ({two[1]})"),
        part.map(lambda one: f"not ({one})"),
    ),
    max_leaves=5,
)


@given(text=FILTERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_rows_find_what_documents_say(search, users, text):
    parsed = filters.parse(text)
    matches = matching.matcher(parsed)
    resources = [{"active": True, **document} for document in DOCUMENTS]
    expected = [one["userName"][:1].lower() for one in resources if matches(one)]
    assert await search(text) == "".join(expected)
    assert (
        Narrowed(directory_users, parsed).exact
        or "type" in text
        or "name" in text
        or ("title" in text)
    )


LONG = "x" * 256
NAMES = [*("Straße", "STRASSE", "a\U0010ffff", "A\U0010ffffb", "a\ud7ff", "b"), LONG, LONG + "y"]


async def test_names_of_all_letters_and_lengths_are_found_as_documents_say(by_provider, directory):
    for number, name in enumerate(NAMES):
        document = {"userName": f"{number}", "name": {"familyName": name, "givenName": name}}
        await people.create(by_provider, directory, document)
    for op in ("eq", "sw", "gt", "co"):
        for value in [*NAMES, "a", "\U0010ffff", LONG[1:], "strass"]:
            filter_ = filters.Compare(attribute_path("name.familyName"), op, value)
            matches = matching.matcher(filter_)
            wanted = [n for n in NAMES if matches({"name": {"familyName": n}})]
            found = await searching.users(by_provider.db, directory, Query(filter=filter_))
            assert [one.document["name"]["familyName"] for one in found.resources] == wanted


async def test_names_are_found_by_their_keys_once_all_are_of_their_revision(
    by_provider, directory, users, search, monkeypatch
):
    """Earlier versions write rows without the keys; the back-fill adds them."""
    monkeypatch.setattr(search_statements, "MOST_LOOKED_INTO", 1)
    search_statements.few_statement.cache_clear()  # it was made for more
    asked = {'name.familyName eq "lovelace"': "a", 'name.givenName sw "a"': "a"}
    try:
        for former in (
            "names_revision = 0, family_name_key = NULL, given_name_key = NULL",
            "revision = revision + 1, family_name_key = 'other', given_name_key = 'other'",
        ):
            text = f"UPDATE directory_users SET {former} WHERE user_name = 'Ada'"
            await by_provider.db.fetch_all(Statement(sa_text(text)))
            for filter_ in asked:
                with pytest.raises(Fault) as refused:
                    await search(filter_)
                assert refused.value.scim_type == "tooMany"
            await back_filled(by_provider.db)
            assert {filter_: await search(filter_) for filter_ in asked} == asked
        await people.patch(
            by_provider,
            directory,
            users[1].id,
            [patches.Operation("add", None, {"name": {"familyName": "Lovelace"}})],
        )
        assert await search('name.familyName eq "lovelace"') == "ab"
    finally:
        search_statements.few_statement.cache_clear()


async def back_filled(db):
    """Let the back-fill of names look through all rows."""
    step = (
        "UPDATE schema_steps SET state = 'waiting' WHERE revision = '0041' AND kind = 'back-fill'"
    )
    await db.fetch_all(Statement(sa_text(step)))
    filling = BackFilling()
    while await filling.run(db) is not None:
        pass
