"""Groups of very many members: read in pages, changed by a row, and nobody waits meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from crowds import insert_all, people
from providers import patch
from sqlalchemy import bindparam, update

from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directory_groups, directory_members

MANY = 5000
_g = directory_groups.c
_COUNT = Statement(
    update(directory_groups)
    .where(_g.id == bindparam("id"))
    .values(member_count=bindparam("n"))
    .returning(_g.id)
)


@pytest.fixture
async def crowd(provider):
    """A group of very many, as rows that are written at once."""
    group = await provider.create_group("Crowd")
    ids = await people(provider, MANY)
    directory = provider.directory
    of = {"organization_id": directory.organization_id, "directory_id": directory.id}
    members = [of | {"directory_group_id": group["id"], "directory_user_id": id_} for id_ in ids]
    await insert_all(provider, directory_members, members)
    await provider.database.fetch_all(_COUNT, id=group["id"], n=MANY)
    return group["id"], ids


async def test_all_members_are_shown_and_others_do_not_wait(provider, crowd):
    group_id, ids = crowd
    answered = 0

    async def others():
        nonlocal answered
        while True:
            await provider("GET", "/ServiceProviderConfig")
            answered += 1

    asking = asyncio.create_task(others())
    answer = await provider("GET", f"/Groups/{group_id}")
    asking.cancel()
    assert [member["value"] for member in answer.json()["members"]] == ids
    assert answer.json()["meta"]["resourceType"] == "Group"
    assert answered > 1, "nobody was answered meanwhile"
    listed = (await provider("GET", "/Groups")).json()
    assert [len(group["members"]) for group in listed["Resources"]] == [MANY]
    values = (await provider("GET", f"/Groups/{group_id}?attributes=members.value")).json()
    assert values["members"][0] == {"value": ids[0]}


async def test_without_members_none_is_read(provider, crowd):
    group_id, _ = crowd
    for path in (f"/Groups/{group_id}", "/Groups"):
        answer = await provider("GET", f"{path}?excludedAttributes=members")
        assert b"diruser_" not in answer.content


async def test_one_of_many_comes_and_goes(provider, crowd):
    group_id, ids = crowd
    new = (await provider.create("bob"))["id"]
    for op, value, count in (("add", new, MANY + 1), ("remove", ids[0], MANY)):
        change = patch({"op": op, "path": "members", "value": [{"value": value}]})
        assert (await provider("PATCH", f"/Groups/{group_id}", change)).status_code == 204
        assert len(await provider.members(group_id)) == count
