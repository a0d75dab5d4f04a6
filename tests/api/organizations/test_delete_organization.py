"""Deleting organizations: gone with all they hold, and their names are free."""

from __future__ import annotations

import pytest
from apis import refused, unique


@pytest.mark.everywhere
async def test_it_is_gone(api, make):
    made = await make.organization(external_id=unique())
    assert await api.organizations.delete_organization(id=made["id"]) == {}
    with refused("NOT_FOUND", says="not found"):
        await api.organizations.get_organization(id=made["id"])
    with refused("NOT_FOUND", says="not found"):
        await api.organizations.get_organization_by_external_id(external_id=made["external_id"])


async def test_it_cannot_be_deleted_again(api, make):
    made = await make.organization()
    await api.organizations.delete_organization(id=made["id"])
    with refused("NOT_FOUND", says="not found"):
        await api.organizations.delete_organization(id=made["id"])


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_an_external_id_leads_there_too(api, make):
    made = await make.organization(external_id=unique())
    await api.organizations.delete_organization(external_id=made["external_id"])
    with refused("NOT_FOUND"):
        await api.organizations.get_organization(id=made["id"])
    with refused("NOT_FOUND"):
        await api.organizations.delete_organization(external_id=made["external_id"])


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_one_of_the_ids_is_needed(api):
    with refused("INVALID_ARGUMENT", "id"):
        await api.organizations.delete_organization()


async def test_its_names_are_free_at_once_and_its_id_never_comes_back(api, make):
    names = {"external_id": unique(), "slug": unique()}
    first = await make.organization(**names)
    await api.organizations.delete_organization(id=first["id"])
    second = await make.organization(**names)
    assert second["id"] > first["id"]
    answer = await api.organizations.get_organization_by_external_id(
        external_id=names["external_id"]
    )
    assert answer["organization"] == second


async def test_it_goes_whatever_it_holds(api, make):
    made = await make.organization()
    await api.organizations.update_organization_settings(
        id=made["id"], settings={"features": [{"name": "dir_sync", "enabled": True}]}
    )
    await make.portal_link(made["id"])
    await api.organizations.delete_organization(id=made["id"])
    with refused("NOT_FOUND"):
        await api.organizations.get_portal_links(id=made["id"])


async def test_it_is_in_no_list_search_or_count(api, make):
    name = unique()
    made = [await make.organization(name) for _ in range(3)]
    before = (await api.organizations.list_organization())["total_size"]
    await api.organizations.delete_organization(id=made[1]["id"])
    found = await api.organizations.search_organization(query=name)
    assert found["total_size"] == 2
    assert [o["id"] for o in found["organizations"]] == [made[2]["id"], made[0]["id"]]
    listed = await api.organizations.list_organization(page_size=3)
    assert listed["total_size"] == before - 1
    assert made[1]["id"] not in [o["id"] for o in listed["organizations"]]
