"""Roles of groups: one list for a directory, replaced as a whole, and held by people at once."""

from __future__ import annotations

import pytest
from apis import refused
from members import names


@pytest.fixture
async def ada(pushed):
    return await pushed.person(f"ada@{pushed.domain}")


@pytest.fixture
def assign(api, pushed):
    """Replaces the assignments of the directory."""

    async def assigned(*assignments: object):
        pairs = [
            {"group_id": one[0].id, "role_name": one[1], **dict(one[2:])} for one in assignments
        ]
        answer = await api.directories.assign_roles(
            organization_id=pushed.of["organization_id"],
            id=pushed.directory.id,
            role_assignments={"assignments": pairs},
        )
        return answer["role_assignments"].get("assignments", [])

    return assigned


@pytest.fixture
def roles_of(rest, organization):
    """Names the roles that a person holds."""

    def named(person):
        return names(rest, organization, {"id": person.user_id})

    return named


async def test_members_have_the_roles_of_their_groups(  # noqa: PLR0917
    make, pushed, ada, assign, roles_of, events
):
    viewer, editor = await make.role(), await make.organization_role(pushed.of["organization_id"])
    group = await pushed.group("Engineering", ada)
    await events.new()
    shown = await assign((group, viewer["name"]), (group, editor["name"]))
    assert sorted((one["role_name"], one["role_id"]) for one in shown) == sorted(
        (one["name"], one["id"]) for one in (viewer, editor)
    )
    assert {one["group_id"] for one in shown} == {group.id}
    assert sorted(await roles_of(ada)) == sorted([viewer["name"], editor["name"]])
    told = [event["type"] for event in await events.new()]
    assert told[0] == "organization.directory_roles_assigned"
    assert "organization.directory.user_updated" in told


async def test_a_list_replaces_the_one_before(  # noqa: PLR0917
    make, directories, pushed, ada, assign, roles_of
):
    viewer, editor = await make.role(), await make.role()
    group, other = await pushed.group("Engineering", ada), await pushed.group("Sales")
    await assign((group, viewer["name"]), (other, editor["name"]))
    before = await directories.get({"id": pushed.directory.id})
    assert [one["group_id"] for one in before["role_assignments"]["assignments"]] == [
        group.id,
        other.id,
    ]
    await assign((group, editor["name"]), (group, editor["name"]))
    assert await roles_of(ada) == [editor["name"]]
    assert await assign() == []
    after = await directories.get({"id": pushed.directory.id})
    assert after["role_assignments"].get("assignments", []) == []
    assert await roles_of(ada) == ["member"]


async def test_the_same_list_changes_nothing(make, pushed, assign, events):
    viewer, group = await make.role(), await pushed.group("Engineering")
    shown = await assign((group, viewer["name"], ("role_id", viewer["id"])))
    await events.new()
    assert await assign((group, viewer["name"])) == shown
    assert await events.new() == []


async def test_what_is_unknown_is_named(make, directories, pushed, assign):
    viewer, group = await make.role(), await pushed.group("Engineering")
    elsewhere = await make.organization_role((await make.organization())["id"])
    there = "role_assignments.assignments[1]"
    right = (group, viewer["name"])
    for wrong, field in (
        ((_Group("dirgroup_1234567890123456789"), viewer["name"]), f"{there}.group_id"),
        ((_Group("engineering"), viewer["name"]), f"{there}.group_id"),
        ((group, "nobody"), f"{there}.role_name"),
        ((group, elsewhere["name"]), f"{there}.role_name"),
        ((group, viewer["name"], ("role_id", elsewhere["id"])), f"{there}.role_id"),
    ):
        with refused("INVALID_ARGUMENT", field):
            await assign(right, wrong)
    directory = await directories.get({"id": pushed.directory.id})
    assert directory["role_assignments"].get("assignments", []) == []


class _Group:
    def __init__(self, id_) -> None:
        self.id = id_


async def test_a_group_of_another_directory_is_unknown(api, make, directories, pushed):
    viewer, group = await make.role(), await pushed.group("Engineering")
    other = await directories.make()
    with refused("INVALID_ARGUMENT", "role_assignments.assignments[0].group_id"):
        await api.directories.assign_roles(
            organization_id=pushed.of["organization_id"],
            id=other["id"],
            role_assignments={"assignments": [{"group_id": group.id, "role_name": viewer["name"]}]},
        )


async def test_a_role_that_is_deleted_leaves_the_list(rest, make, directories, pushed, assign):
    viewer, group = await make.role(), await pushed.group("Engineering")
    await assign((group, viewer["name"]))
    await rest.roles.delete_role(role_name=viewer["name"])
    directory = await directories.get({"id": pushed.directory.id})
    assert directory["role_assignments"].get("assignments", []) == []
