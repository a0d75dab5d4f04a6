"""Lists: newest first, pages that never overlap, totals that are exact."""

from __future__ import annotations

import pytest
from apis import refused, unique

from tenantry.db.sql.page_tokens import PageTokens


def ids_of(page):
    return [organization["id"] for organization in page["organizations"]]


@pytest.fixture
async def seven(make):
    """Seven organizations, the newest first, of which a metadata filter finds no others."""
    mark = unique("mark")
    made = [await make.organization(metadata={"mark": mark}) for _ in range(7)]
    return [organization["id"] for organization in reversed(made)], {"metadata.mark": mark}


async def test_the_newest_is_first(api, make):
    made = [await make.organization() for _ in range(3)]
    page = await api.organizations.list_organization()
    assert page["organizations"][:3] == made[::-1]
    assert len(page["organizations"]) <= 10
    assert page["prev_page_token"] == ""


async def test_the_total_counts_all_exactly(api, make):
    before = (await api.organizations.list_organization())["total_size"]
    made = [await make.organization() for _ in range(3)]
    await api.organizations.delete_organization(id=made[0]["id"])
    after = await api.organizations.list_organization(page_size=1)
    assert after["total_size"] == before + 2


async def test_previous_tokens_walk_back_over_the_same_pages(api, make):
    for _ in range(7):
        await make.organization()
    pages, token = [], ""
    for _ in range(3):
        pages.append(await api.organizations.list_organization(page_size=2, page_token=token))
        token = pages[-1]["next_page_token"]
    back = await api.organizations.list_organization(
        page_size=2, page_token=pages[2]["prev_page_token"]
    )
    assert ids_of(back) == ids_of(pages[1])
    first = await api.organizations.list_organization(
        page_size=2, page_token=back["prev_page_token"]
    )
    assert ids_of(first) == ids_of(pages[0])
    assert first["prev_page_token"] == ""
    again = await api.organizations.list_organization(
        page_size=2, page_token=first["next_page_token"]
    )
    assert ids_of(again) == ids_of(pages[1])


async def test_pages_do_not_shift_when_the_list_changes_meanwhile(api, make):
    made = [(await make.organization())["id"] for _ in range(6)][::-1]
    first = await api.organizations.list_organization(page_size=2)
    assert ids_of(first) == made[:2]
    await make.organization()
    await api.organizations.delete_organization(id=made[1])
    await api.organizations.delete_organization(id=made[2])
    second = await api.organizations.list_organization(
        page_size=2, page_token=first["next_page_token"]
    )
    assert ids_of(second) == made[3:5]


@pytest.mark.parametrize("size", [{}, {"page_size": 0}])
async def test_a_page_has_10_unless_said_otherwise(api, make, size):
    for _ in range(11):
        await make.organization()
    assert len(ids_of(await api.organizations.list_organization(**size))) == 10


@pytest.mark.wires("rest", "grpc")
async def test_a_page_has_100_at_most(api, make):
    made = [await make.organization() for _ in range(101)]
    for size in (100, 101, 4_294_967_295):
        page = await api.organizations.list_organization(page_size=size)
        assert ids_of(page) == [organization["id"] for organization in made[:0:-1]]


async def test_an_external_id_finds_its_organization_alone(api, make):
    made = await make.organization(external_id=unique())
    await make.organization(external_id=made["external_id"] + "x")
    page = await api.organizations.list_organization(external_id=made["external_id"])
    assert page["organizations"] == [made]
    assert page["total_size"] == 1
    assert page["next_page_token"] == page["prev_page_token"] == ""


async def test_an_unknown_external_id_finds_nothing(api):
    page = await api.organizations.list_organization(external_id=unique())
    assert page == {
        "organizations": [],
        "total_size": 0,
        "next_page_token": "",
        "prev_page_token": "",
    }


@pytest.mark.wires("rest")
async def test_rest_filters_by_metadata(api, seven):
    ids, mark = seven
    page = await api.organizations.list_organization(**mark)
    assert ids_of(page) == ids
    assert page["total_size"] == 7


@pytest.mark.wires("rest")
async def test_a_filtered_list_pages_and_walks_back(api, seven):
    ids, mark = seven
    pages, token = [], ""
    while True:
        pages.append(
            await api.organizations.list_organization(page_size=3, page_token=token, **mark)
        )
        token = pages[-1]["next_page_token"]
        if not token:
            break
    assert [ids_of(page) for page in pages] == [ids[:3], ids[3:6], ids[6:]]
    assert {page["total_size"] for page in pages} == {7}
    back = await api.organizations.list_organization(
        page_size=3, page_token=pages[2]["prev_page_token"], **mark
    )
    assert ids_of(back) == ids[3:6]


@pytest.mark.wires("rest")
async def test_metadata_filters_combine(api, make):
    mark = unique("mark")
    for plan, seats in [("free", "1"), ("free", "2"), ("paid", "2")]:
        await make.organization(
            external_id=unique(), metadata={"mark": mark, "plan": plan, "seats": seats}
        )
    free = {"metadata.mark": mark, "metadata.plan": "free"}
    assert (await api.organizations.list_organization(**free))["total_size"] == 2
    one = await api.organizations.list_organization(**free, **{"metadata.seats": "2"})
    assert one["total_size"] == 1
    external_id = one["organizations"][0]["external_id"]
    both = await api.organizations.list_organization(external_id=external_id, **free)
    assert both["organizations"] == one["organizations"]
    none = await api.organizations.list_organization(
        external_id=external_id, **free | {"metadata.plan": "paid"}
    )
    assert none["total_size"] == 0


@pytest.mark.wires("rest")
async def test_two_values_of_one_key_can_both_hold_for_nobody(api, seven):
    _, mark = seven
    page = await api.organizations.list_organization(**{"metadata.mark": [*mark.values(), "x"]})
    assert page["total_size"] == 0


@pytest.mark.wires("rest")
@pytest.mark.parametrize("key", ["a.b.c", "ключ", "a'b", 'a"b', "$.key", "key%"])
async def test_a_metadata_filter_takes_keys_and_values_literally(api, make, key):
    value = unique("'\"%_\\")
    made = await make.organization(metadata={key: value})
    await make.organization(metadata={key: value + "x"})
    page = await api.organizations.list_organization(**{f"metadata.{key}": value})
    assert page["organizations"] == [made]


@pytest.mark.wires("rest")
async def test_a_filter_follows_the_metadata(api, make):
    made = await make.organization(metadata={"mark": unique()})
    old, new = {"metadata.mark": made["metadata"]["mark"]}, {"metadata.mark": unique()}
    await api.organizations.update_organization(
        id=made["id"], organization={"metadata": {"mark": new["metadata.mark"]}}
    )
    assert (await api.organizations.list_organization(**old))["total_size"] == 0
    assert ids_of(await api.organizations.list_organization(**new)) == [made["id"]]


@pytest.mark.wires("rest")
async def test_at_most_10_members_are_filtered_by(api):
    with refused("INVALID_ARGUMENT", "metadata"):
        await api.organizations.list_organization(**{f"metadata.key{n}": "x" for n in range(11)})


@pytest.mark.wires("rest")
@pytest.mark.parametrize("name", ["metadata", "metadata.", "display_name", "order_by", "filter.x"])
async def test_rest_knows_no_other_parameters(api, name):
    with refused("INVALID_ARGUMENT", name):
        await api.organizations.list_organization(**{name: "x"})


async def test_a_page_token_opens_no_other_list(api, make):
    name = unique()
    for _ in range(2):
        await make.organization(name)
    found = await api.organizations.search_organization(query=name, page_size=1)
    with refused("INVALID_ARGUMENT", "page_token"):
        await api.organizations.list_organization(page_token=found["next_page_token"])
    with refused("INVALID_ARGUMENT", "page_token"):
        await api.organizations.search_organization(
            query=name + "x", page_token=found["next_page_token"]
        )
    listed = await api.organizations.list_organization(page_size=1)
    with refused("INVALID_ARGUMENT", "page_token"):
        await api.organizations.list_organization(
            external_id="x", page_token=listed["next_page_token"]
        )


@pytest.mark.wires("rest")
async def test_a_page_token_opens_no_other_filter(api, seven):
    _, mark = seven
    page = await api.organizations.list_organization(page_size=2, **mark)
    for other in ({}, {"metadata.mark": "x"}, mark | {"metadata.plan": "x"}):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.organizations.list_organization(page_token=page["next_page_token"], **other)


@pytest.mark.wires("rest")
async def test_a_page_token_of_another_server_is_refused(api, make):
    made = await make.organization()
    forged = PageTokens(b"\0" * 32).encode(
        "organizations[null, [], null]", backward=False, id_=made["id"]
    )
    with refused("INVALID_ARGUMENT", "page_token"):
        await api.organizations.list_organization(page_token=forged)
