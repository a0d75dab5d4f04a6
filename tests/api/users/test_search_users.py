"""SearchUsers and SearchOrganizationUsers: part of e-mail or external id, or the whole id."""

from __future__ import annotations

import pytest
from apis import refused, unique
from members import ids_of


@pytest.fixture
async def organization(make):
    return await make.organization()


@pytest.fixture(params=["environment", "organization"])
def search(request, api, organization):
    """One of the two searches."""
    if request.param == "environment":
        return api.users.search_users

    async def members(**page: object):
        return await api.users.search_organization_users(organization_id=organization["id"], **page)

    return members


async def test_a_part_of_the_email_is_enough_whatever_its_case(search, make, organization):
    mark = unique("x")
    user = await make.user(organization["id"], email=f"Ada.{mark}.Byron@Example.com")
    for part in (mark, mark.upper(), mark[2:-2], f"{mark}.byron@example", f"a.{mark}"):
        page = await search(query=part)
        assert (ids_of(page), page["total_size"]) == ([user["id"]], 1), part


async def test_a_part_of_the_external_id_is_enough(search, make, organization):
    user = await make.user(organization["id"], external_id=unique("Customer-Ж"))
    assert ids_of(await search(query=user["external_id"][9:].upper())) == [user["id"]]


async def test_the_whole_id_is_found_whatever_its_case(search, make, organization):
    user = await make.user(organization["id"])
    other = await make.user(organization["id"], external_id=f"x{user['id']}x")
    for query in (user["id"], user["id"].upper()):
        page = await search(query=query)
        assert (ids_of(page), page["total_size"]) == ([other["id"], user["id"]], 2)
    assert ids_of(await search(query=user["id"] + "1")) == []


async def test_an_entry_is_what_a_read_answers(search, make, organization):
    user = await make.user(organization["id"])
    assert (await search(query=user["email"]))["users"] == [user]


async def test_names_and_metadata_are_not_searched(search, make, organization):
    mark = unique()
    await make.user(organization["id"], metadata={"mark": mark}, user_profile={"given_name": mark})
    assert ids_of(await search(query=mark)) == []


@pytest.mark.parametrize(
    "part",
    [
        *('say "hi"', "100%", "a_b", "it's", "back\\slash", "a*b", "NEAR(a b)", "x OR y", "a-b"),
        *("^ab", "'; --", "col:ab", "(a)", "{ab}", "   ", "日本語", "😀😀😀", "a\nb", "[a-z]"),
    ],
)
@pytest.mark.wires("rest", "grpc")
async def test_every_character_means_itself(search, make, organization, part):
    mark = unique("x")
    user = await make.user(organization["id"], external_id=f"{mark}{part}")
    await make.user(organization["id"], external_id=f"{mark}abc")
    assert ids_of(await search(query=f"{mark}{part}")) == [user["id"]]


async def test_nothing_found_is_no_error(search):
    assert await search(query=unique("nobody")) == {
        "users": [],
        "total_size": 0,
        "next_page_token": "",
        "prev_page_token": "",
    }


@pytest.mark.parametrize("query", ["", "ab", "x" * 101, "é" * 2])
async def test_a_query_has_3_to_100_characters(search, query):
    with refused("INVALID_ARGUMENT", "query"):
        await search(query=query)


async def test_a_page_over_30_is_refused(search):
    with refused("INVALID_ARGUMENT", "page_size"):
        await search(query="acme", page_size=31)


async def test_pages_are_newest_first_and_walk_back(search, make, organization):
    mark = unique()
    ids = [
        (await make.user(organization["id"], email=f"{n}.{mark}@example.com"))["id"]
        for n in range(5)
    ][::-1]
    first = await search(query=mark, page_size=2)
    second = await search(query=mark, page_size=2, page_token=first["next_page_token"])
    third = await search(query=mark, page_size=2, page_token=second["next_page_token"])
    assert [one for page in (first, second, third) for one in ids_of(page)] == ids
    assert [page["total_size"] for page in (first, second, third)] == [5, 5, 5]
    assert first["prev_page_token"] == third["next_page_token"] == ""
    back = await search(query=mark, page_size=2, page_token=third["prev_page_token"])
    assert back["users"] == second["users"]


async def test_a_search_follows_the_external_id(api, search, make, organization):
    old, new = unique(), unique()
    user = await make.user(organization["id"], external_id=old)
    await api.users.update_user(id=user["id"], user={"external_id": new})
    assert ids_of(await search(query=old)) == []
    assert ids_of(await search(query=new)) == [user["id"]]
    await api.users.delete_user(id=user["id"])
    assert ids_of(await search(query=new)) == []


async def test_a_match_does_not_reach_over_two_fields(search, make, organization):
    mark = unique("right")
    user = await make.user(organization["id"], external_id=mark)
    assert ids_of(await search(query=f"{user['email'][-11:]}{mark}")) == []


async def test_members_of_others_are_not_found(api, make, organization):
    user = await make.user(external_id=unique())
    for query in (user["email"], user["external_id"], user["id"]):
        page = await api.users.search_organization_users(
            organization_id=organization["id"], query=query
        )
        assert (ids_of(page), page["total_size"]) == ([], 0)


async def test_a_member_found_shows_this_membership_only(api, make, organization):
    user = await make.user()
    await api.users.create_membership(
        organization_id=organization["id"], id=user["id"], membership={}
    )
    page = await api.users.search_organization_users(
        organization_id=organization["id"], query=user["email"]
    )
    (membership,) = page["users"][0]["memberships"]
    assert membership["organization_id"] == organization["id"]


async def test_a_page_token_opens_no_other_search(api, make, organization):
    mark = unique()
    for number in range(2):
        await make.user(organization["id"], email=f"{number}.{mark}@example.com")
    here = {"organization_id": organization["id"]}
    found = await api.users.search_users(query=mark, page_size=1)
    members = await api.users.search_organization_users(**here, query=mark, page_size=1)
    wrong = [
        api.users.search_users(query=mark[:-1], page_token=found["next_page_token"]),
        api.users.search_users(query=mark, page_token=members["next_page_token"]),
        api.users.search_organization_users(
            **here, query=mark, page_token=found["next_page_token"]
        ),
        api.users.list_users(page_token=found["next_page_token"]),
    ]
    for call in wrong:
        with refused("INVALID_ARGUMENT", "page_token"):
            await call
