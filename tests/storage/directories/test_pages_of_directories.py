"""Lists of people and groups for the API: the newest first, narrowed, in both directions."""

from __future__ import annotations

import pytest

from tenantry.core import errors
from tenantry.tenants.directories.resources import groups, paging, people
from tenantry.tenants.directories.scim import patches
from tenantry.tenants.directories.scim.resources import GroupPayload


@pytest.fixture
async def users(by_provider, directory):
    """Five people; the first three are in a group."""
    documents = [{"userName": name} for name in "abcde"]
    made = await people.create_many(by_provider, directory, documents)
    group = GroupPayload({"displayName": "Staff"}, [one.id for one in made[:3]])
    await groups.create(by_provider, directory, group)
    await groups.create(by_provider, directory, GroupPayload({"displayName": "Art"}, [made[0].id]))
    return made


@pytest.fixture
def read(by_provider, directory):
    """Read a list of people to its end and back; return its pages as names, and its total."""

    async def read(size, **members: object):
        async def page(token):
            return await paging.page_of_users(
                by_provider.db, directory, page_size=size, page_token=token, **members
            )

        found = await page("")
        pages = [found]
        while found.next_page_token:
            found = await page(found.next_page_token)
            pages.append(found)
        names = [
            "".join(sorted((one.user_name for one in page.items), reverse=True)) for page in pages
        ]
        back = [names[-1]]
        while found.prev_page_token:
            found = await page(found.prev_page_token)
            back.append("".join(one.user_name for one in found.items))
        assert back[::-1] == names
        return names, {page.total_size for page in pages}

    return read


async def test_people_come_newest_first_with_their_groups(by_provider, directory, users, read):
    assert await read(2) == (["ed", "cb", "a"], {5})
    page = await paging.page_of_users(by_provider.db, directory, page_size=10, page_token="")
    shown = [[name for _, name in one.groups] for one in page.items]
    assert shown == [[], [], ["Staff"], ["Staff"], ["Staff", "Art"]]


async def test_people_of_a_group_and_those_that_changed(by_provider, directory, users, read):
    staff = (await paging.names_of_groups(by_provider.db, directory))[1]
    assert staff.display == "Staff"
    assert await read(2, group_id=staff.id) == (["cb", "a"], {3})
    assert await read(2, group_id="dirgroup_0") == ([""], {0})
    since = users[-1].update_time
    assert await read(2, updated_after=since) == ([""], {0})
    off = patches.parse({"Operations": [{"op": "replace", "value": {"active": False}}]})
    for one in (users[0], users[4]):
        await people.patch(by_provider, directory, one.id, off)
    assert await read(1, updated_after=since) == (["e", "a"], {2})
    assert await read(1, updated_after=since, group_id=staff.id) == (["a"], {1})


async def test_groups_come_newest_first(by_provider, directory, users):
    db = by_provider.db
    first = await paging.page_of_groups(db, directory, page_size=1, page_token="")
    assert ([one.display_name for one in first.items], first.total_size) == (["Art"], 2)
    token = first.next_page_token
    second = await paging.page_of_groups(db, directory, page_size=1, page_token=token)
    assert [one.display_name for one in second.items] == ["Staff"]
    assert [one.member_count for one in second.items] == [3]
    later = await paging.page_of_groups(
        db, directory, page_size=1, page_token="", updated_after=second.items[0].update_time
    )
    assert ([one.display_name for one in later.items], later.total_size) == (["Art"], 1)
    with pytest.raises(errors.InvalidArgument):
        await paging.page_of_groups(db, directory, page_size=1, page_token=token, updated_after=1)
