"""Changes of a directory over the API: name, type, status, groups to follow, mapped attributes."""

from __future__ import annotations

import pytest
from apis import refused, unique


async def test_what_is_empty_stays(directories):
    made = await directories.make(directory_provider="OKTA")
    after = await directories.update(made, name="Okta of Acme")
    assert after["name"] == "Okta of Acme"
    same = {"name", "stats"}
    assert {k: v for k, v in after.items() if k not in same} == {
        k: v for k, v in made.items() if k not in same
    }
    assert await directories.get(made) == after


async def test_all_that_is_there_replaces(directories, events):
    made = await directories.make()
    await directories.disable(made)
    await events.new()
    after = await directories.update(
        made,
        name="Entra",
        directory_provider="MICROSOFT_AD",
        status="COMPLETED",
        enabled=True,
        mappings=[{"key": "title", "map_to": "userType", "display_name": "Title"}],
    )
    assert (after["name"], after["directory_provider"]) == ("Entra", "MICROSOFT_AD")
    assert (after["status"], after["enabled"]) == ("COMPLETED", True)
    assert after["attribute_mappings"] == {"attributes": [{"key": "title", "map_to": "userType"}]}
    told = [event["type"] for event in await events.new() if event["object"] == "Directory"]
    assert told == ["organization.directory_enabled", "organization.directory_updated"]
    # False is not there.
    assert (await directories.update(made, name="Entra", enabled=False))["enabled"]


async def test_its_type_changes_before_anything_hangs_on_it(directories):
    made = await directories.make()
    after = await directories.update(made, name="Google", directory_type="POLL")
    assert (after["directory_type"], after.get("directory_endpoint", "")) == ("POLL", "")
    after = await directories.update(made, name="Google", directory_type="SCIM")
    assert after["directory_endpoint"]
    with refused("INVALID_ARGUMENT", "directory.directory_type", says="LDAP"):
        await directories.update(made, name="x", directory_type="LDAP")
    await directories.create_secret(made)
    with refused("INVALID_ARGUMENT", "directory.directory_type"):
        await directories.update(made, name="x", directory_type="POLL")


async def test_the_type_of_one_with_people_stays(directories, pushed):
    await pushed.group("Engineering")
    with refused("INVALID_ARGUMENT", "directory.directory_type"):
        await directories.update({"id": pushed.directory.id}, name="x", directory_type="POLL")


@pytest.mark.wires("connect", "grpc", "rest")
async def test_a_name_is_needed(directories):
    made = await directories.make()
    with refused("INVALID_ARGUMENT", "directory.name"):
        await directories.update(made, directory_provider="OKTA")
    with refused("INVALID_ARGUMENT", "directory.name"):
        await directories.update(made, name="x" * 257)


async def test_a_polled_directory_follows_groups(api, directories, organization):
    made = await directories.make("POLL", directory_provider="GOOGLE")
    of = {"organization_id": organization["id"], "id": made["id"]}
    follow = api.directories.assign_groups_for_directory
    await follow(**of, external_ids=["03oy7u29", "02abc", "03oy7u29"])
    assert (await directories.get(made))["groups_tracked"] == "SELECTED"
    await follow(**of, external_ids=["ALL"])
    assert (await directories.get(made))["groups_tracked"] == "ALL"
    group = {"external_id": "1", "display_name": "Sales", "email": "sales@acme.com"}
    after = await directories.update(made, name="Google", groups=[group])
    assert after["groups_tracked"] == "SELECTED"
    for wrong, field in (
        (["02abc", ""], "external_ids[1]"),
        (["x" * 257], "external_ids[0]"),
        ([str(n) for n in range(1001)], "external_ids"),
        ([], "external_ids"),
    ):
        with refused("INVALID_ARGUMENT", field):
            await follow(**of, external_ids=wrong)


async def test_one_that_is_pushed_follows_no_groups(api, directories, organization):
    made = await directories.make()
    of = {"organization_id": organization["id"], "id": made["id"]}
    with refused("INVALID_ARGUMENT", "external_ids", says="polled directory"):
        await api.directories.assign_groups_for_directory(**of, external_ids=["1"])


@pytest.fixture
def map_attributes(api, directories, organization):
    async def mapped(directory, *pairs: tuple[str, str]):
        answer = await api.directories.update_attributes(
            organization_id=organization["id"],
            id=directory["id"],
            attribute_mapping={"attributes": [{"key": k, "map_to": v} for k, v in pairs]},
        )
        return [(one["key"], one["map_to"]) for one in _attributes(answer)]

    return mapped


def _attributes(shown):
    return shown["attribute_mappings"].get("attributes", [])


async def test_attributes_are_mapped_as_a_whole(rest, directories, map_attributes):
    made, key = await directories.make(), unique("badge").replace("-", "_")
    await rest.user_attributes.create_directory_user_attribute(
        user_attribute={"key": key, "label": "Badge", "datatype": "STRING", "enabled": True}
    )
    pairs = [(key, "urn:acme:2.0:User:badge"), ("title", "userType")]  # by our names
    assert await map_attributes(made, *pairs) == pairs
    shown = _attributes(await directories.get(made))
    assert [(one["key"], one["map_to"]) for one in shown] == pairs
    assert await map_attributes(made, pairs[1]) == pairs[1:]
    assert await map_attributes(made) == []


async def test_an_attribute_that_is_not_ours_is_named(directories, map_attributes):
    made = await directories.make()
    there = "attribute_mapping.attributes[1].key"
    for key in ("shoe_size", "email", "groups", "title"):
        with refused("INVALID_ARGUMENT", there):
            await map_attributes(made, ("title", "userType"), (key, "x"))
    with refused("INVALID_ARGUMENT", "directory.mappings[0].key"):
        await directories.update(made, name="x", mappings=[{"key": "shoe_size", "map_to": "x"}])
    assert _attributes(await directories.get(made)) == []
