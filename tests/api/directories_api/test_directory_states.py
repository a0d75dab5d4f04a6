"""Directories of all organizations, with how they go."""

from __future__ import annotations

from apis import refused


async def made(api, make, provider="OKTA"):
    organization = await make.organization("Acme Corp")
    answer = await api.directories.create_directory(
        organization_id=organization["id"],
        directory={"directory_type": "SCIM", "directory_provider": provider},
    )
    return organization, answer["directory"]


async def test_the_newest_is_first_page_by_page(api, make):
    both = [(await made(api, make))[1]["id"] for _ in range(3)]
    first = await api.states.list_directory_states(page_size=2)
    assert [one["id"] for one in first["directories"]] == both[:0:-1]
    second = await api.states.list_directory_states(
        page_size=2, page_token=first["next_page_token"]
    )
    assert second["directories"][0]["id"] == both[0]
    back = await api.states.list_directory_states(page_size=2, page_token=second["prev_page_token"])
    assert back["directories"] == first["directories"]


async def test_it_says_whose_it_is(api, make):
    organization, directory = await made(api, make)
    found = await api.states.list_directory_states(query=directory["id"])
    (one,) = found["directories"]
    assert one["organization_id"] == organization["id"]
    assert one["organization_name"] == "Acme Corp"
    assert one["directory_type"] == "SCIM"
    assert not one.get("last_error")


async def test_filters_narrow_it(api, make):
    organization, directory = await made(api, make)
    of = {"query": organization["id"]}
    ids = [one["id"] for one in (await api.states.list_directory_states(**of))["directories"]]
    assert ids == [directory["id"]]
    for narrow, found in (
        ({"directory_type": "POLL"}, []),
        ({"directory_type": "SCIM"}, ids),
        ({"status": "COMPLETED"}, []),
        ({"enabled": True}, ids),
        ({"enabled": False}, []),
    ):
        answer = await api.states.list_directory_states(**of, **narrow)
        assert [one["id"] for one in answer.get("directories", [])] == found, narrow
    with refused("INVALID_ARGUMENT"):
        await api.states.list_directory_states(status="NEW")


async def test_a_token_is_for_its_filter(api, make):
    for _ in range(2):
        await made(api, make)
    first = await api.states.list_directory_states(page_size=1)
    with refused("INVALID_ARGUMENT"):
        await api.states.list_directory_states(
            page_size=1, enabled=True, page_token=first["next_page_token"]
        )
