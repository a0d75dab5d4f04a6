"""Permissions: names that the application checks; the twelve built-in ones stay as they are."""

from __future__ import annotations

import pytest
from apis import moment, refused
from role_names import fresh, granted, names

BUILT_IN = 12


@pytest.mark.parametrize("description", ["Read documents", "", "é🐘\n" * 500])
async def test_a_new_permission_is_what_was_asked_for(api, description):
    name = f"docs:{fresh()}"
    answer = await api.roles.create_permission(
        permission={"name": name, "description": description}
    )
    permission = answer["permission"]
    got = await api.roles.get_permission(permission_name=name)
    assert got["permission"] == permission
    assert permission["id"].startswith("perm_")
    assert permission["name"] == name
    assert permission["description"] == description
    assert permission["is_scalekit_permission"] is False
    assert moment(permission["create_time"]) == moment(permission["update_time"])


async def test_an_absent_description_is_an_empty_one(api, make):
    made = await make.permission()
    got = await api.roles.get_permission(permission_name=made["name"])
    assert got["permission"]["description"] == ""


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a-b", "ä", "x" * 65, "a\n"])
async def test_a_name_of_another_form_is_refused(api, name):
    with refused("INVALID_ARGUMENT") as it:
        await api.roles.create_permission(permission={"name": name, "description": "x"})
    assert set(it.value.fields) == {it.value.spelled("permission.name")}


async def test_a_name_is_given_once(api, make):
    made = await make.permission()
    for name in (made["name"], "sk_org_users_read"):
        with refused("INVALID_ARGUMENT", "name", says="duplicate key not allowed: name"):
            await api.roles.create_permission(permission={"name": name})


async def test_an_update_changes_the_description_alone(api, make):
    made = await make.permission(description="Old")
    answer = await api.roles.update_permission(
        permission_name=made["name"],
        permission={"name": made["name"], "description": "New"},
    )
    changed = answer["permission"]
    assert moment(changed["update_time"]) > moment(made["update_time"])
    assert changed == made | {"description": "New", "update_time": changed["update_time"]}
    got = await api.roles.get_permission(permission_name=made["name"])
    assert got["permission"] == changed
    # An absent description is an empty one, here too.
    cleared = await api.roles.update_permission(
        permission_name=made["name"], permission={"name": made["name"]}
    )
    assert cleared["permission"]["description"] == ""


async def test_the_name_does_not_change(api, make):
    made = await make.permission()
    with refused("INVALID_ARGUMENT", "permission.name", says="cannot change"):
        await api.roles.update_permission(
            permission_name=made["name"], permission={"name": "other", "description": "x"}
        )
    got = await api.roles.get_permission(permission_name=made["name"])
    assert got["permission"] == made


async def test_a_deleted_permission_leaves_the_roles_that_held_it(api, make):
    kept, gone = await make.permission(), await make.permission()
    role = await make.role(permissions=[kept["name"], gone["name"]])
    await api.roles.delete_permission(permission_name=gone["name"])
    assert await granted(api, role["name"]) == [kept["name"]]
    for rpc in (api.roles.get_permission, api.roles.delete_permission):
        with refused("NOT_FOUND", says="permission not found"):
            await rpc(permission_name=gone["name"])
    # Its name is free, and nobody has the new one.
    again = await make.permission(gone["name"])
    assert again["id"] != gone["id"]
    assert await granted(api, role["name"]) == [kept["name"]]


async def test_the_built_in_ones_cannot_be_changed_or_deleted(api, make):
    page = await api.roles.list_permissions(type="SCALEKIT", page_size=100)
    assert page["total_size"] == len(page["permissions"]) == BUILT_IN
    for permission in page["permissions"]:
        assert permission["is_scalekit_permission"] is True
        name = permission["name"]
        assert name.startswith("sk_org_")
        with refused("INVALID_ARGUMENT", says=f"permission {name} is built in"):
            await api.roles.delete_permission(permission_name=name)
        with refused("INVALID_ARGUMENT", says=f"permission {name} is built in"):
            await api.roles.update_permission(
                permission_name=name, permission={"name": name, "description": "Mine"}
            )
        assert (await api.roles.get_permission(permission_name=name))["permission"] == permission
    # A role may be given them.
    role = await make.role(permissions=["sk_org_sso_manage"])
    assert await granted(api, role["name"]) == ["sk_org_sso_manage"]


async def test_the_newest_is_first_and_the_total_is_exact(api, make):
    before = (await api.roles.list_permissions())["total_size"]
    made = [await make.permission() for _ in range(3)]
    await api.roles.delete_permission(permission_name=made[1]["name"])
    page = await api.roles.list_permissions()
    assert page["permissions"][:2] == [made[2], made[0]]
    assert page["total_size"] == before + 2
    assert page["prev_page_token"] == ""


async def test_a_page_has_10_unless_said_otherwise(api, make):
    for size in ({}, {"page_size": 0}):
        page = await api.roles.list_permissions(**size)
        assert len(page["permissions"]) == 10
    for size in (1, 2, 9, 12):
        page = await api.roles.list_permissions(page_size=size)
        assert len(page["permissions"]) == size


@pytest.mark.parametrize("size", [101, 4_294_967_295])
async def test_a_page_has_100_at_most(api, size):
    with refused("INVALID_ARGUMENT", "page_size"):
        await api.roles.list_permissions(page_size=size)


@pytest.mark.parametrize("kind", ["ALL", "SCALEKIT", "ENVIRONMENT"])
async def test_the_pages_together_are_the_whole_list_once_and_lead_back(api, make, kind):
    for _ in range(3):
        await make.permission()
    pages, token = [], ""
    while True:
        pages.append(await api.roles.list_permissions(type=kind, page_size=5, page_token=token))
        token = pages[-1]["next_page_token"]
        if not token:
            break
    listed = [one for page in pages for one in page["permissions"]]
    ids = [one["id"] for one in listed]
    assert ids == sorted(set(ids), reverse=True)
    assert {page["total_size"] for page in pages} == {len(ids)}
    if kind != "ALL":
        assert {one["is_scalekit_permission"] for one in listed} == {kind == "SCALEKIT"}
    for page in pages[-2::-1]:
        later = pages[pages.index(page) + 1]
        back = await api.roles.list_permissions(
            type=kind, page_size=5, page_token=later["prev_page_token"]
        )
        assert names(back["permissions"]) == names(page["permissions"])


async def test_a_page_token_is_good_for_its_own_list_alone(api, make):
    for _ in range(2):
        await make.organization()
    ours = (await api.roles.list_permissions(page_size=1))["next_page_token"]
    other = (await api.organizations.list_organization(page_size=1))["next_page_token"]
    for kind, token in (
        ("SCALEKIT", ours),
        ("ENVIRONMENT", ours),
        ("ALL", other),
        ("ALL", ours[:-1]),
        ("ALL", "x"),
        ("ALL", "WzAsInBlcm1fMSJd"),
    ):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.roles.list_permissions(type=kind, page_size=1, page_token=token)
