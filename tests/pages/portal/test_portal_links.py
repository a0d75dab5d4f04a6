"""Making, listing and revoking links into the admin portal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apis import moment, refused
from portals import expire_link

from tenantry.core import ids


async def make_link(api, organization, **request: object):
    answer = await api.organizations.generate_portal_link(id=organization["id"], **request)
    return answer["link"]


async def listed(api, organization):
    return (await api.organizations.get_portal_links(id=organization["id"]))["links"]


async def switch(api, organization, **features: bool):
    await api.organizations.update_organization_settings(
        id=organization["id"],
        settings={"features": [{"name": n, "enabled": on} for n, on in features.items()]},
    )


async def test_a_link_has_an_id_a_location_and_a_minute(api, make, server):
    link = await make_link(api, await make.organization())
    assert ids.well_formed("lnk_", link["id"])
    assert link["location"].startswith(f"{server.url}/magicLink/{link['id']}")
    left = moment(link["expire_time"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


async def test_each_link_is_another(api, make):
    made = await make.organization()
    first, second = await make_link(api, made), await make_link(api, made)
    assert first["id"] != second["id"]
    assert first["location"] != second["location"]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"features": ["sso"]},
        {"features": ["dir_sync"]},
        {"features": ["sso", "dir_sync"]},
        {"features": ["FEATURE_UNSPECIFIED"]},
        {"features": ["sso", "sso"]},
        {"sso": True},
        {"directory_sync": True},
        {"sso": False, "directory_sync": False},
    ],
)
async def test_any_features_that_are_on_can_be_asked_for(api, make, asked):
    made = await make.organization()
    await switch(api, made, dir_sync=True)
    assert (await make_link(api, made, **asked))["id"]


@pytest.mark.parametrize(
    "asked", [{"features": ["dir_sync"]}, {"features": ["sso", "dir_sync"]}, {"sso": True}]
)
async def test_a_feature_that_is_off_is_refused(api, make, asked):
    made = await make.organization()
    await switch(api, made, sso="sso" not in asked)
    with refused("INVALID_ARGUMENT", "features", says="is disabled for"):
        await make_link(api, made, **asked)
    assert await listed(api, made) == []


@pytest.mark.wires("rest", "connect")
async def test_an_unknown_feature_is_refused(api, make):
    with refused("INVALID_ARGUMENT"):
        await make_link(api, await make.organization(), features=["billing"])


async def test_the_list_has_the_newest_first(api, make):
    made, other = await make.organization(), await make.organization()
    links = [await make_link(api, made) for _ in range(3)]
    await make_link(api, other)
    assert await listed(api, made) == links[::-1]


async def test_a_revoked_link_is_gone_and_cannot_be_opened(api, make, http):
    made = await make.organization()
    kept, revoked = await make_link(api, made), await make_link(api, made)
    await api.organizations.delete_portal_link_by_id(id=made["id"], link_id=revoked["id"])
    assert await listed(api, made) == [kept]
    assert (await http.get(revoked["location"])).status_code == 410
    with refused("NOT_FOUND", says="not found"):
        await api.organizations.delete_portal_link_by_id(id=made["id"], link_id=revoked["id"])


async def test_all_links_of_one_organization_can_be_revoked(api, make, http):
    made, other = await make.organization(), await make.organization()
    links = [await make_link(api, made) for _ in range(3)]
    untouched = await make_link(api, other)
    assert await api.organizations.delete_portal_link(id=made["id"]) == {}
    assert await listed(api, made) == []
    assert {(await http.get(link["location"])).status_code for link in links} == {410}
    assert await listed(api, other) == [untouched]
    assert await api.organizations.delete_portal_link(id=made["id"]) == {}


async def test_a_link_of_another_organization_is_not_found(api, make):
    mine, other = await make.organization(), await make.organization()
    link = await make_link(api, other)
    with refused("NOT_FOUND", says="not found"):
        await api.organizations.delete_portal_link_by_id(id=mine["id"], link_id=link["id"])
    assert await listed(api, other) == [link]


@pytest.mark.parametrize("link_id", ["link", "LNK_1", "lnk_" + "1" * 29])
async def test_a_link_id_has_a_form(api, make, link_id):
    with refused("INVALID_ARGUMENT", "link_id"):
        await api.organizations.delete_portal_link_by_id(
            id=(await make.organization())["id"], link_id=link_id
        )


async def test_an_expired_or_opened_link_is_not_listed(api, make, http, database):
    made = await make.organization()
    expired, opened, live = [await make_link(api, made) for _ in range(3)]
    await expire_link(database, expired["id"])
    await http.get(opened["location"])
    assert await listed(api, made) == [live]
