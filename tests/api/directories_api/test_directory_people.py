"""The people and groups of a directory, as the API lists them."""

from __future__ import annotations

import pytest
from apis import moment, refused

GIVEN, FAMILY = "Ada", "Lovelace"


@pytest.fixture
async def ada(pushed):
    return await pushed.person(
        f"ada@{pushed.domain}",
        name={"givenName": GIVEN, "familyName": FAMILY},
        emails=[{"value": f"a.lovelace@{pushed.domain}"}, {"value": "ada@home.example.com"}],
        externalId="00u1",
    )


async def test_a_person_is_shown_with_groups(api, pushed, ada):
    group = await pushed.group("Engineering", ada)
    (shown,) = (await api.directories.list_directory_users(**pushed.of))["users"]
    assert shown["id"] == ada.id
    assert (shown["given_name"], shown["family_name"]) == (GIVEN, FAMILY)
    assert shown["preferred_username"] == f"ada@{pushed.domain}"
    assert shown["email"] == f"a.lovelace@{pushed.domain}"
    assert shown["emails"] == [f"a.lovelace@{pushed.domain}", "ada@home.example.com"]
    assert shown["updated_at"]
    assert [(one["id"], one["display_name"]) for one in shown["groups"]] == [
        (group.id, "Engineering")
    ]
    assert "user_detail" not in shown


async def test_all_that_was_sent_is_shown_where_it_is_asked_for(api, pushed, ada):
    group = await pushed.group("Engineering", ada, externalId="00g1")
    answer = await api.directories.list_directory_users(**pushed.of, include_detail=True)
    (shown,) = answer["users"]
    assert shown["user_detail"]["externalId"] == "00u1"
    assert shown["user_detail"]["name"] == {"givenName": GIVEN, "familyName": FAMILY}
    (shown,) = (await api.directories.list_directory_groups(**pushed.of))["groups"]
    assert (shown["id"], shown["display_name"], shown["total_users"]) == (
        group.id,
        "Engineering",
        1,
    )
    assert "group_detail" not in shown
    answer = await api.directories.list_directory_groups(**pushed.of, include_detail=True)
    assert answer["groups"][0]["group_detail"]["externalId"] == "00g1"


async def test_numbers_and_times_of_a_directory(directories, pushed, ada):
    await pushed.group("Engineering", ada)
    await pushed.group("Sales")
    shown = await directories.get({"id": pushed.directory.id})
    assert (shown["total_users"], shown["total_groups"]) == (1, 2)
    stats = shown["stats"]
    assert (stats["total_users"], stats["total_groups"]) == (1, 2)
    assert moment(stats["user_updated_at"]) <= moment(stats["group_updated_at"])
    assert await directories.listed() == [shown]


async def test_pages_lead_there_and_back(api, pushed):
    made = [(await pushed.person(f"user{n}@{pushed.domain}")).id for n in range(7)]
    newest = made[::-1]
    lists = api.directories.list_directory_users

    async def page(size, token=""):
        answer = await lists(**pushed.of, page_size=size, page_token=token)
        assert answer["total_size"] == 7
        return answer, [one["id"] for one in answer["users"]]

    first, found = await page(3)
    assert (found, first.get("prev_page_token", "")) == (newest[:3], "")
    second, found = await page(3, first["next_page_token"])
    assert found == newest[3:6]
    last, found = await page(3, second["next_page_token"])
    assert (found, last.get("next_page_token", "")) == (newest[6:], "")
    _, found = await page(3, last["prev_page_token"])
    assert found == newest[3:6]
    with refused("INVALID_ARGUMENT", "page_token"):
        await lists(**pushed.of, page_token=first["next_page_token"], updated_after=_EPOCH)
    with refused("INVALID_ARGUMENT", "page_size"):
        await lists(**pushed.of, page_size=31)


_EPOCH = "1970-01-01T00:00:00Z"


async def test_ten_are_shown_by_default(api, pushed):
    for n in range(11):
        await pushed.group(f"Group {n:02}")
    answer = await api.directories.list_directory_groups(**pushed.of)
    assert (len(answer["groups"]), answer["total_size"]) == (10, 11)
    answer = await api.directories.list_directory_groups(
        **pushed.of, page_token=answer["next_page_token"]
    )
    assert [one["display_name"] for one in answer["groups"]] == ["Group 00"]
    answer = await api.directories.list_directory_groups_summary(**pushed.of)
    names = [one["display_name"] for one in answer["groups"]]
    assert (names, answer["total_size"]) == ([f"Group {n:02}" for n in range(11)], 11)
    assert all(one["id"].startswith("dirgroup_") for one in answer["groups"])


async def test_the_provider_of_a_directory_that_is_pushed_cannot_be_asked(api, pushed):
    with refused("INVALID_ARGUMENT", "include_external_groups"):
        await api.directories.list_directory_groups(**pushed.of, include_external_groups=True)


async def test_those_of_a_group_and_those_that_changed_since(api, pushed, ada):
    bob = await pushed.person(f"bob@{pushed.domain}")
    group = await pushed.group("Engineering", ada)
    lists = api.directories.list_directory_users

    async def found(**filters: object):
        answer = await lists(**pushed.of, **filters)
        ids = [one["id"] for one in answer.get("users", [])]
        assert answer.get("total_size", 0) == len(ids)
        return ids

    assert await found(directory_group_id=group.id) == [ada.id]
    assert await found(directory_group_id="dirgroup_1234567890123456789") == []
    (first,) = [one for one in (await lists(**pushed.of))["users"] if one["id"] == ada.id]
    assert await found(updated_after=_EPOCH) == [bob.id, ada.id]
    assert await found(updated_after=first["updated_at"]) == [bob.id]
    assert await found(updated_after="2999-01-01T00:00:00Z") == []
    answer = await api.directories.list_directory_groups(
        **pushed.of, updated_after="2999-01-01T00:00:00Z"
    )
    assert answer.get("groups", []) == []


async def test_one_directory_shows_nothing_of_another(api, directories, pushed, ada):
    await pushed.group("Engineering", ada)
    other = await directories.make()
    of = pushed.of | {"directory_id": other["id"]}
    for rpc in ("users", "groups", "groups_summary"):
        answer = await getattr(api.directories, f"list_directory_{rpc}")(**of)
        assert answer.get("total_size", 0) == 0
    answer = await api.directories.list_directory_users(
        **of, directory_group_id="dirgroup_1234567890123456789"
    )
    assert answer.get("users", []) == []


async def test_people_of_nobody_and_of_others_are_not_found(api, make, pushed, ada):
    other = (await make.organization())["id"]
    for of in (
        pushed.of | {"organization_id": other},
        pushed.of | {"directory_id": "dir_1234567890123456789"},
    ):
        for rpc in ("users", "groups", "groups_summary"):
            with refused("NOT_FOUND"):
                await getattr(api.directories, f"list_directory_{rpc}")(**of)


async def test_people_and_groups_are_found_by_a_part_of_a_name_or_address(api, pushed):
    ada = await pushed.person(f"Ada@{pushed.domain}", displayName="Ada Lovelace")
    bob = await pushed.person("bob", displayName="Bob", emails=[{"value": f"b@{pushed.domain}"}])
    await pushed.group("Engineering", ada)
    await pushed.group("Sales 100%_", bob)

    async def found(kind, text, **more: object):
        service = api.sending(x_search=text).directories
        page = await getattr(service, f"list_directory_{kind}")(**pushed.of, **more)
        assert page["total_size"] == 0
        return page[kind]

    for text, people in {
        "ADA@": [ada],
        "lovel": [ada],
        f"b@{pushed.domain}": [bob],
        pushed.domain: [bob, ada],
        "%": [],
        "eve": [],
    }.items():
        shown = await found("users", text)
        assert [one["id"] for one in shown] == [one.id for one in people], text
    for text, names in {"ENGI": ["Engineering"], "100%_": ["Sales 100%_"], "_1": []}.items():
        shown = await found("groups", text)
        assert [one["display_name"] for one in shown] == names
    (group,) = await found("groups", "eng")
    of_group = {"directory_group_id": group["id"]}
    assert [one["id"] for one in await found("users", pushed.domain, **of_group)] == [ada.id]
    first = api.sending(x_search=pushed.domain).directories
    token = (await first.list_directory_users(**pushed.of, page_size=1))["next_page_token"]
    page = await first.list_directory_users(**pushed.of, page_size=1, page_token=token)
    assert [one["id"] for one in page["users"]] == [ada.id]
    other = api.sending(x_search="ada").directories
    with refused("INVALID_ARGUMENT", "page_token"):
        await other.list_directory_users(**pushed.of, page_token=token)
    with refused("INVALID_ARGUMENT", "search"):
        await api.sending(x_search="x" * 257).directories.list_directory_users(**pushed.of)
