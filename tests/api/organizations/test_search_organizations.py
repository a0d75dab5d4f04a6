"""Searching: a part of the name, id or external id, whatever its case."""

from __future__ import annotations

import pytest
from apis import refused, unique


async def found(api, query, **page: object):
    answer = await api.organizations.search_organization(query=query, **page)
    return [organization["id"] for organization in answer["organizations"]]


async def test_the_middle_of_a_name_is_enough(api, make):
    mark = unique("x")
    made = await make.organization(f"Wayne {mark} Enterprises")
    assert await found(api, mark[1:-1]) == [made["id"]]


async def test_case_does_not_matter(api, make):
    mark = unique("Ärger-Ω")
    made = await make.organization(f"Wayne {mark}")
    assert await found(api, mark.upper()) == await found(api, mark.lower()) == [made["id"]]


async def test_a_part_of_the_external_id_is_enough(api, make):
    made = await make.organization(external_id=unique("Customer"))
    assert await found(api, made["external_id"][3:].upper()) == [made["id"]]


async def test_the_id_or_its_end_is_enough(api, make):
    made = await make.organization()
    assert await found(api, made["id"]) == [made["id"]]
    assert made["id"] in await found(api, made["id"][-12:])


async def test_metadata_and_slug_are_not_searched(api, make):
    mark = unique()
    await make.organization(metadata={"mark": mark}, slug=unique(mark))
    assert await found(api, mark) == []


@pytest.mark.parametrize(
    "part",
    [
        *('say "hi"', "100%", "a_b", "it's", "back\\slash", "a*b", "NEAR(a b)", "x OR y", "a-b"),
        *("^ab", "'; --", "col:ab", "(a)", "{ab}", "   ", "日本語", "😀😀😀", "a\nb", "[a-z]"),
    ],
)
async def test_every_character_means_itself(api, make, part):
    mark = unique("x")
    made = await make.organization(f"{mark}{part}")
    await make.organization(f"{mark}abc")
    assert await found(api, f"{mark}{part}") == [made["id"]]
    assert made["id"] in await found(api, part, page_size=30)


async def test_wildcards_match_nothing_else(api, make):
    mark = unique("x")
    await make.organization(f"{mark} abc")
    assert await found(api, f"{mark}%abc") == []
    assert await found(api, f"{mark}_abc") == []
    assert await found(api, f"{mark}*") == []


async def test_nothing_found_is_no_error(api):
    assert await api.organizations.search_organization(query=unique("nobody")) == {
        "organizations": [],
        "total_size": 0,
        "next_page_token": "",
        "prev_page_token": "",
    }


@pytest.mark.parametrize("query", ["", "ab", "x" * 101, "é" * 2])
async def test_a_query_has_3_to_100_characters(api, query):
    with refused("INVALID_ARGUMENT", "query"):
        await api.organizations.search_organization(query=query)


async def test_100_characters_are_fine(api, make):
    name = unique("é").ljust(150, "é")
    made = await make.organization(name)
    assert await found(api, name[:100]) == [made["id"]]


async def test_a_page_over_30_is_refused(api):
    with refused("INVALID_ARGUMENT", "page_size"):
        await api.organizations.search_organization(query="acme", page_size=31)


async def test_pages_are_newest_first_and_walk_back(api, make):
    mark = unique()
    ids = [(await make.organization(f"Wayne {mark}"))["id"] for _ in range(5)][::-1]
    first = await api.organizations.search_organization(query=mark, page_size=2)
    second = await api.organizations.search_organization(
        query=mark, page_size=2, page_token=first["next_page_token"]
    )
    third = await api.organizations.search_organization(
        query=mark, page_size=2, page_token=second["next_page_token"]
    )
    assert [o["id"] for page in (first, second, third) for o in page["organizations"]] == ids
    assert [page["total_size"] for page in (first, second, third)] == [5, 5, 5]
    assert first["prev_page_token"] == third["next_page_token"] == ""
    back = await api.organizations.search_organization(
        query=mark, page_size=2, page_token=third["prev_page_token"]
    )
    assert back["organizations"] == second["organizations"]


async def test_a_search_follows_the_names(api, make):
    old, new, external_id = unique(), unique(), unique()
    made = await make.organization(old)
    await api.organizations.update_organization(
        id=made["id"], organization={"display_name": new, "external_id": external_id}
    )
    assert await found(api, old) == []
    assert await found(api, new) == await found(api, external_id) == [made["id"]]
    await api.organizations.delete_organization(id=made["id"])
    assert await found(api, new) == []


async def test_a_match_does_not_reach_over_two_fields(api, make):
    made = await make.organization("left", external_id=unique("right"))
    assert await found(api, f"left{made['id']}") == []
    assert await found(api, f"{made['id']}{made['external_id']}") == []
