"""ETag and If-Match: a change only of what the caller has seen. As metadata over gRPC."""

from __future__ import annotations

import pytest
from apis import refused, unique

ABSOLUTE = {"policy_source": "CUSTOM", "absolute_session_timeout": 480}
# Every rpc that changes a row of organizations, and how it is told which.
CHANGES = {
    "update_organization": ("id", {"organization": {"display_name": "Umbrella"}}),
    "update_organization_settings": (
        "id",
        {"settings": {"features": [{"name": "sso", "enabled": False}]}},
    ),
    "upsert_user_management_settings": (
        "organization_id",
        {"settings": {"max_allowed_users": 5}},
    ),
    "update_organization_session_policy": ("organization_id", ABSOLUTE),
    "update_organization_branding": ("organization_id", {"source": "BRANDING_SOURCE_CUSTOM"}),
    "delete_organization": ("id", {}),
}
READS = {
    "get_organization": "id",
    "get_organization_user_management_setting": "organization_id",
    "get_organization_session_policy": "organization_id",
    "get_organization_branding": "organization_id",
}


async def change(api, rpc, organization):
    key, request = CHANGES[rpc]
    return await getattr(api.organizations, rpc)(**{key: organization["id"]}, **request)


async def test_an_etag_comes_with_every_answer_and_grows_with_every_change(api):
    created = await api.organizations.create_organization(organization={"display_name": "Acme"})
    assert created.etag == '"1"'
    organization = created["organization"]
    changes = [rpc for rpc in CHANGES if rpc != "delete_organization"]
    seen = [created.etag, *[(await change(api, rpc, organization)).etag for rpc in changes]]
    assert seen == [f'"{revision}"' for revision in range(1, 7)]
    for rpc, key in READS.items():
        answer = await getattr(api.organizations, rpc)(**{key: organization["id"]})
        assert answer.etag == '"6"', rpc


async def test_what_changes_nothing_keeps_the_etag(api, make):
    made = await make.organization()
    answer = await api.organizations.update_organization(
        id=made["id"], organization={"display_name": made["display_name"]}
    )
    assert answer.etag == '"1"'


@pytest.mark.parametrize("if_match", ["*", '"7", "1"', 'W/"9","1"', '"7" ,  "1"'])
async def test_one_of_several_may_be_the_current_one(api, make, if_match):
    await change(api.sending(if_match=if_match), "update_organization", await make.organization())


@pytest.mark.everywhere
async def test_the_etag_of_an_answer_is_good_for_the_next_change(api, make):
    made = await make.organization(external_id=unique())
    first = await api.organizations.get_organization(id=made["id"])
    mine = api.sending(if_match=first.etag)
    second = await change(mine, "update_organization", made)
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED") as it:
        await change(mine, "update_organization_settings", made)
    assert it.value.headers["etag"] == second.etag
    await change(api.sending(if_match=second.etag), "update_organization_settings", made)


async def test_several_if_match_headers_are_one_list(api, make):
    made = await make.organization()
    await change(api.sending(if_match=['"7"', '"1"']), "update_organization", made)
