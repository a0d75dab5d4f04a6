"""Directories of organizations: made, read, listed, switched on and off, deleted."""

from __future__ import annotations

from apis import refused


async def test_a_new_directory_is_a_draft_that_takes_up_what_arrives(
    server, directories, organization
):
    made = await directories.make(directory_provider="OKTA")
    assert made["id"].startswith("dir_")
    assert (made["directory_type"], made["directory_provider"]) == ("SCIM", "OKTA")
    assert made["organization_id"] == organization["id"]
    assert (made["name"], made["status"], made["enabled"]) == ("Okta", "DRAFT", True)
    assert made["directory_endpoint"] == f"{server.url}/directory/{made['id']}/scim/v2"
    assert (made.get("total_users", 0), made.get("total_groups", 0)) == (0, 0)
    assert (made.get("secrets", []), made["groups_tracked"]) == ([], "ALL")
    assert await directories.get(made) == made


async def test_its_revision_is_its_etag(api, directories, organization):
    made = await directories.make()
    of = {"organization_id": organization["id"], "id": made["id"]}
    assert (await api.directories.get_directory(**of)).etag == '"1"'
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED"):
        await api.sending(if_match='"7"').directories.disable_directory(**of)
    await api.sending(if_match='"1"').directories.disable_directory(**of)
    assert (await api.directories.get_directory(**of)).etag == '"2"'


async def test_any_other_provider_is_a_custom_one(directories):
    made = await directories.make()
    assert made["directory_provider"] == "DIRECTORY_PROVIDER_UNSPECIFIED"
    assert made["name"] == "Custom provider"


async def test_one_that_is_polled_has_no_endpoint_and_no_secret(directories):
    made = await directories.make("POLL", directory_provider="GOOGLE")
    assert (made["directory_type"], made.get("directory_endpoint", "")) == ("POLL", "")
    assert not made.get("enabled", False)
    with refused("INVALID_ARGUMENT", says="polled"):
        await directories.create_secret(made)


async def test_ldap_is_refused_by_name(directories):
    with refused("INVALID_ARGUMENT", "directory.directory_type", says="LDAP"):
        await directories.make("LDAP")
    with refused("INVALID_ARGUMENT", "directory.directory_type"):
        await directories.make("DIRECTORY_TYPE_UNSPECIFIED")


async def test_an_organization_may_have_several_and_20_at_most(directories):
    made = [await directories.make() for _ in range(20)]
    assert [one["id"] for one in await directories.listed()] == [one["id"] for one in made]
    with refused("INVALID_ARGUMENT", says="20 directories"):
        await directories.make()


async def test_a_list_shows_what_one_answer_shows(directories):
    first, second = await directories.make(), await directories.make("POLL")
    await directories.create_secret(first)
    await directories.enable(second)
    shown = [await directories.get(first), await directories.get(second)]
    assert await directories.listed() == shown
    assert len(shown[0]["secrets"]) == 1


async def test_it_is_switched_on_and_off(directories, events):
    made = await directories.make(directory_provider="MICROSOFT_AD")
    await directories.disable(made)
    await events.new()
    assert (await directories.enable(made))["enabled"]
    assert (await directories.enable(made))["enabled"]
    assert (await directories.get(made))["enabled"]
    assert not (await directories.disable(made)).get("enabled", False)
    told = [event for event in await events.new() if event["object"] == "Directory"]
    assert [event["type"] for event in told] == [
        "organization.directory_enabled",
        "organization.directory_disabled",
    ]
    assert [event["after"]["enabled"] for event in told] == [True, False]
    assert told[0]["after"].keys() == {
        *("id", "organization_id", "directory_type", "provider", "enabled", "updated_at")
    }
    assert told[0]["after"]["provider"] == "MICROSOFT_AD"


async def test_it_is_deleted_with_its_secrets(api, directories, events):
    made = await directories.make()
    await directories.create_secret(made)
    with refused("INVALID_ARGUMENT", says="directory is enabled: disable it"):
        await directories.delete(made)
    await directories.disable(made)
    await events.new()
    await directories.delete(made)
    with refused("NOT_FOUND"):
        await directories.get(made)
    with refused("NOT_FOUND"):
        await directories.delete(made)
    assert await directories.listed() == []
    (event,) = await events.new()
    assert event["type"] == "organization.directory_deleted"
    assert event["before"]["id"] == made["id"]


async def test_making_one_is_an_event(directories, events):
    await events.new()
    made = await directories.make()
    told = [e for e in await events.new() if e["object"] == "Directory"]
    types = [f"organization.directory_{verb}" for verb in ("created", "enabled")]
    assert [event["type"] for event in told] == types
    assert {event["after"]["id"] for event in told} == {made["id"]}


async def test_an_organization_that_is_deleted_takes_its_directories(
    api, directories, organization
):
    made = await directories.make()
    await directories.create_secret(made)
    await api.organizations.delete_organization(id=organization["id"])
    with refused("NOT_FOUND"):
        await directories.get(made)


async def test_a_context_is_kept_for_the_portal(api, directories, organization):
    made = await directories.make()
    of = {"organization_id": organization["id"], "directory_id": made["id"]}
    assert (await api.directories.get_directory_context(**of)).get("context", {}) == {}
    kept = {"step": 3, "seen": ["groups"], "open": {"more": None}}
    await api.directories.update_directory_context(**of, context=kept)
    assert (await api.directories.get_directory_context(**of))["context"] == kept
    with refused("INVALID_ARGUMENT", "context"):
        await api.directories.update_directory_context(**of, context={"a": "x" * 17_000})


async def test_a_directory_that_is_pushed_has_nothing_to_poll(api, directories, organization):
    made = await directories.make()
    of = {"organization_id": organization["id"], "directory_id": made["id"]}
    with refused("INVALID_ARGUMENT", says="must be a POLL directory"):
        await api.directories.trigger_directory_sync(**of)


async def test_a_directory_is_polled_on_demand_while_it_can_be(api, directories, organization):
    made = await directories.make("POLL", directory_provider="GOOGLE")
    of = {"organization_id": organization["id"], "directory_id": made["id"]}
    with refused("INVALID_ARGUMENT", says="disabled"):
        await api.directories.trigger_directory_sync(**of)
    await directories.enable(made)
    with refused("INVALID_ARGUMENT", says="no credentials"):
        await api.directories.trigger_directory_sync(**of)
