"""Updating organizations: present members change, or exactly those that the mask names."""

from __future__ import annotations

import pytest
from apis import moment, refused, unique


@pytest.fixture
async def acme(make):
    """An organization that has everything."""
    return await make.organization(
        "Acme",
        external_id=unique(),
        metadata={"plan": "free", "seats": "5"},
        slug=unique(),
        logo_url="https://acme.example/logo.png",
    )


async def update(api, organization, *, mask=None, **members: object):
    masked = {} if mask is None else {"update_mask": mask}
    answer = await api.organizations.update_organization(
        id=organization["id"], organization=members, **masked
    )
    return answer["organization"]


def but_for(organization, *names: str):
    return {name: value for name, value in organization.items() if name not in names}


async def test_what_is_absent_stays(api, acme):
    updated = await update(api, acme, display_name="Acme Inc")
    assert updated["display_name"] == "Acme Inc"
    assert moment(updated["update_time"]) > moment(acme["update_time"])
    assert but_for(updated, "display_name", "update_time") == but_for(
        acme, "display_name", "update_time"
    )
    assert (await api.organizations.get_organization(id=acme["id"]))["organization"] == updated


@pytest.mark.everywhere
async def test_all_members_change_in_one_call(api, acme):
    changes = {
        "display_name": "Umbrella",
        "external_id": unique(),
        "metadata": {"tier": "gold"},
        "slug": unique(),
        "logo_url": "https://umbrella.example/logo.png",
    }
    assert changes.items() <= (await update(api, acme, **changes)).items()


async def test_metadata_replaces_the_whole_map(api, acme):
    assert (await update(api, acme, metadata={"tier": "gold"}))["metadata"] == {"tier": "gold"}


async def test_empty_metadata_is_not_given(api, acme):
    updated = await update(api, acme, metadata={}, display_name="Acme Inc")
    assert updated["metadata"] == acme["metadata"]


async def test_empty_metadata_clears_the_map_if_the_mask_names_it(api, acme):
    assert (await update(api, acme, metadata={}, mask="metadata"))["metadata"] == {}


@pytest.mark.parametrize("member", ["external_id", "slug", "logo_url"])
async def test_an_empty_text_clears(api, acme, member):
    updated = await update(api, acme, **{member: ""})
    assert but_for(updated, "update_time") == but_for(acme, member, "update_time")


async def test_a_name_cannot_be_cleared(api, acme):
    with refused("INVALID_ARGUMENT", "organization.display_name"):
        await update(api, acme, display_name="")
    with refused("INVALID_ARGUMENT", "organization.display_name"):
        await update(api, acme, mask="displayName")


async def test_only_what_the_mask_names_changes(api, acme):
    updated = await update(
        api, acme, mask="logoUrl", display_name="Umbrella", logo_url="https://umbrella.example"
    )
    assert updated["display_name"] == "Acme"
    assert updated["logo_url"] == "https://umbrella.example"


async def test_what_the_mask_names_and_the_body_lacks_is_cleared(api, acme):
    updated = await update(api, acme, mask="externalId,slug,logoUrl,metadata")
    assert not {"external_id", "slug", "logo_url"} & updated.keys()
    assert updated["metadata"] == {}


async def test_a_mask_may_spell_out_the_whole_path(api, acme):
    updated = await update(
        api, acme, mask="organization.displayName", display_name="Umbrella", slug=unique()
    )
    assert updated["display_name"] == "Umbrella"
    assert updated["slug"] == acme["slug"]


@pytest.mark.parametrize("path", ["nonsense", "regionCode", "id", "createTime", "metadata.plan"])
async def test_a_mask_names_what_can_be_updated(api, acme, path):
    with refused("INVALID_ARGUMENT", "update_mask", says="display_name"):
        await update(api, acme, mask=path, display_name="Umbrella")


async def test_a_mask_without_paths_is_no_mask(api, acme):
    assert (await update(api, acme, mask="", display_name="Umbrella"))["display_name"] == "Umbrella"


@pytest.mark.wires("rest")
@pytest.mark.parametrize("mask", ["logo_url,display_name", "logoUrl,displayName"])
async def test_rest_takes_a_mask_in_both_spellings(api, acme, mask):
    updated = await update(api, acme, mask=mask, display_name="Umbrella", slug=unique())
    assert updated["display_name"] == "Umbrella"
    assert updated["slug"] == acme["slug"]
    assert "logo_url" not in updated


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_an_external_id_leads_there_too(api, acme):
    answer = await api.organizations.update_organization(
        external_id=acme["external_id"], organization={"display_name": "Umbrella"}
    )
    assert answer["organization"]["id"] == acme["id"]
    assert answer["organization"]["display_name"] == "Umbrella"


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_one_of_the_ids_is_needed(api):
    with refused("INVALID_ARGUMENT", "id"):
        await api.organizations.update_organization(organization={"display_name": "Umbrella"})


@pytest.mark.parametrize("member", ["external_id", "slug"])
async def test_what_another_organization_has_is_a_duplicate(api, acme, make, member):
    other = await make.organization(**{member: unique()})
    with refused("INVALID_ARGUMENT", member, says=f"duplicate key not allowed.*{member}"):
        await update(api, acme, **{member: other[member]})
    assert (await api.organizations.get_organization(id=acme["id"]))["organization"] == acme


async def test_its_own_values_are_no_duplicates(api, acme):
    updated = await update(api, acme, external_id=acme["external_id"], slug=acme["slug"])
    assert updated == acme


async def test_an_external_id_that_was_given_up_is_free(api, acme, make):
    await update(api, acme, external_id="")
    assert (await make.organization(external_id=acme["external_id"]))["id"] != acme["id"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("display_name", "x" * 201),
        ("external_id", "x" * 256),
        ("slug", "No Slug"),
        ("logo_url", "http://acme.example"),
        ("metadata", {"k": "v"}),
    ],
)
async def test_the_rules_of_creating_hold(api, acme, member, value):
    with refused("INVALID_ARGUMENT") as it:
        await update(api, acme, **{member: value})
    assert it.value.fields[0].startswith(it.value.spelled(f"organization.{member}"))
    assert (await api.organizations.get_organization(id=acme["id"]))["organization"] == acme


async def test_an_update_of_nothing_changes_nothing(api, acme):
    assert await update(api, acme, display_name="Acme") == acme
    assert await update(api, acme) == acme
