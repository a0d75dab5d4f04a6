"""The customer's IT admin sets up directories of their own organization, and of no other."""

from __future__ import annotations

import pytest
from apis import refused


@pytest.fixture
async def portal(api, make, http, rest, organization):
    """The API as the IT admin calls it from the portal."""
    await rest.organizations.update_organization_settings(
        id=organization["id"], settings={"features": [{"name": "scim", "enabled": True}]}
    )
    cookie = await make.portal_session(http, organization["id"])
    return api.sending(authorization=(), cookie=cookie)


async def test_a_directory_from_making_to_deleting(portal, organization):
    of, here = {"organization_id": organization["id"]}, portal.directories
    made = (
        await here.create_directory(
            **of, directory={"directory_type": "SCIM", "directory_provider": "OKTA"}
        )
    )["directory"]
    one = of | {"id": made["id"]}
    this = of | {"directory_id": made["id"]}
    assert len((await here.create_directory_secret(**this))["plain_secret"]) == 60
    await here.regenerate_directory_secret(**this)
    await here.update_directory(**one, directory={"name": "Okta of Acme"})
    await here.update_directory_context(**this, context={"step": 2})
    assert (await here.get_directory_context(**this))["context"] == {"step": 2}
    await here.assign_roles(**one, role_assignments={"assignments": []})
    await here.update_attributes(
        **one, attribute_mapping={"attributes": [{"key": "title", "map_to": "userType"}]}
    )
    await here.enable_directory(**one)
    (shown,) = (await here.list_directories(**of))["directories"]
    assert (shown["name"], len(shown["secrets"])) == ("Okta of Acme", 2)
    for rpc in ("users", "groups", "groups_summary"):
        await getattr(here, f"list_directory_{rpc}")(**this)
    await here.disable_directory(**one)
    await here.delete_directory(**one)
    assert not (await here.list_directories(**of)).get("directories")


async def test_no_directory_of_others(portal, api, make):
    other = {"organization_id": (await make.organization())["id"]}
    answer = await api.directories.create_directory(**other, directory={"directory_type": "SCIM"})
    one = other | {"id": answer["directory"]["id"]}
    this = other | {"directory_id": answer["directory"]["id"]}
    here = portal.directories
    for call in (
        here.create_directory(**other, directory={"directory_type": "SCIM"}),
        here.list_directories(**other),
        *(getattr(here, f"{verb}_directory")(**one) for verb in ("get", "enable", "disable")),
        here.delete_directory(**one),
        here.update_directory(**one, directory={"name": "Mine"}),
        here.assign_roles(**one, role_assignments={"assignments": []}),
        here.update_attributes(**one, attribute_mapping={"attributes": []}),
        here.assign_groups_for_directory(**one, external_ids=["1"]),
        here.create_directory_secret(**this),
        here.regenerate_directory_secret(**this),
        here.trigger_directory_sync(**this),
        here.get_directory_context(**this),
        here.update_directory_context(**this, context={}),
        *(
            getattr(here, f"list_directory_{rpc}")(**this)
            for rpc in ("users", "groups", "groups_summary")
        ),
    ):
        with refused("NOT_FOUND"):
            await call


async def test_a_portal_without_directory_sync_reads_nothing(api, make, http, organization):
    cookie = await make.portal_session(http, organization["id"])
    portal = api.sending(authorization=(), cookie=cookie)
    with refused("PERMISSION_DENIED"):
        await portal.directories.list_directories(organization_id=organization["id"])
