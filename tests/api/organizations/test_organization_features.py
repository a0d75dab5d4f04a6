"""Features: switched by name, in one order, those not named stay."""

from __future__ import annotations

import pytest
from apis import refused


async def switch(api, organization, *features: tuple[str, bool]):
    answer = await api.organizations.update_organization_settings(
        id=organization["id"],
        settings={"features": [{"name": name, "enabled": on} for name, on in features]},
    )
    return answer["organization"]


def states(organization):
    return [
        (feature["name"], feature["enabled"]) for feature in organization["settings"]["features"]
    ]


async def test_the_whole_organization_comes_back(api, make):
    made = await make.organization(metadata={"plan": "free"})
    answer = await switch(api, made, ("dir_sync", True))
    changed = {"settings", "update_time"}
    assert {k: v for k, v in answer.items() if k not in changed} == {
        k: v for k, v in made.items() if k not in changed
    }
    assert (await api.organizations.get_organization(id=made["id"]))["organization"] == answer


async def test_they_come_in_one_order_and_those_not_named_stay(api, make):
    made = await make.organization()
    await switch(api, made, ("session_policy", True))
    answer = await switch(api, made, ("dir_sync", True), ("sso", False))
    assert states(answer) == [
        ("sso", False),
        ("dir_sync", True),
        ("domain_verification", False),
        ("session_policy", True),
    ]
    assert states(await switch(api, made, ("sso", True)))[:2] == [("sso", True), ("dir_sync", True)]


@pytest.mark.parametrize("alias", ["directory_sync", "scim", "dir_sync"])
async def test_directory_sync_has_three_names(api, make, alias):
    made = await make.organization()
    assert states(await switch(api, made, (alias, True)))[1] == ("dir_sync", True)
    assert states(await switch(api, made, (alias, False)))[1] == ("dir_sync", False)


async def test_the_last_one_of_a_name_holds(api, make):
    made = await make.organization()
    assert states(await switch(api, made, ("scim", True), ("dir_sync", False)))[1][1] is False


async def test_nothing_named_changes_nothing(api, make):
    made = await make.organization()
    assert await switch(api, made) == made


@pytest.mark.parametrize("name", ["", "SSO", "admin", "sso ", "region_code"])
async def test_an_unknown_feature_is_refused_and_nothing_is_switched(api, make, name):
    made = await make.organization()
    with refused("INVALID_ARGUMENT", "settings.features[1].name", says="dir_sync"):
        await switch(api, made, ("sso", False), (name, True))
    assert (await api.organizations.get_organization(id=made["id"]))["organization"] == made


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_the_settings_are_needed(api, make):
    with refused("INVALID_ARGUMENT", "settings"):
        await api.organizations.update_organization_settings(id=(await make.organization())["id"])
