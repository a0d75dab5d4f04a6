"""Drive OrganizationService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from unittest.mock import patch

from scalekit import ScalekitClient
from scalekit.common.exceptions import ScalekitUnauthorizedException
from scalekit.core import CoreClient
from scalekit.v1.commons.commons_pb2 import TimeUnit
from scalekit.v1.organizations.organizations_pb2 import (
    CreateOrganization,
    Feature,
    SessionPolicyType,
    UpdateOrganization,
)
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_field,
    expect_bad_request,
    expect_duplicate,
    expect_error,
    expect_not_found,
    read_pages,
    step,
)

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
organizations = client.organization


def create(display_name, **fields):  # noqa: ANN003
    request = CreateOrganization(display_name=display_name, **fields)
    return organizations.create_organization(request)[0].organization


def get(organization_id):
    return organizations.get_organization(organization_id)[0].organization


with step("create") as seen:
    fields = {
        "display_name": f"Acme {RUN}",
        "external_id": f"acme-{RUN}",
        "metadata": {"plan": "gold", "region": "eu-west"},
        "slug": f"acme-{RUN}",
        "logo_url": "https://example.com/acme.png",
    }
    acme = create(**fields)
    assert acme.id.startswith("org_")
    assert {name: getattr(acme, name) for name in fields} == fields
    assert acme.create_time.seconds > 0
    assert acme.update_time.seconds > 0
    seen["id"] = acme.id

with step("get"):
    assert get(acme.id) == acme

with step("get_by_external_id"):
    found = organizations.get_organization_by_external_id(f"acme-{RUN}")[0].organization
    assert found == acme

with step("update_by_id"):
    change = UpdateOrganization(metadata={"plan": "silver"})
    updated = organizations.update_organization(acme.id, change)[0].organization
    assert updated.metadata == {"plan": "silver"}
    assert updated.display_name == acme.display_name
    assert updated.external_id == acme.external_id
    assert updated.slug == acme.slug
    assert get(acme.id) == updated

with step("update_by_external_id"):
    change = UpdateOrganization(display_name=f"Acme Two {RUN}")
    updated = organizations.update_organization_by_external_id(f"acme-{RUN}", change)
    assert updated[0].organization.id == acme.id
    assert get(acme.id).display_name == f"Acme Two {RUN}"
    assert get(acme.id).metadata == {"plan": "silver"}

with step("update_as_documented"):
    change = {"display_name": f"Acme Three {RUN}", "external_id": f"acme-three-{RUN}"}
    updated = organizations.update_organization(acme.id, change)[0].organization
    assert updated.display_name == f"Acme Three {RUN}"
    assert updated.external_id == f"acme-three-{RUN}"
    assert get(acme.id) == updated

with step("list_pages") as seen:
    ours = [acme.id] + [create(f"Branch {n} {RUN}").id for n in range(4)]

    def page(token):
        answer = organizations.list_organizations(page_size=2, page_token=token)[0]
        return answer.organizations, answer

    seen["listed"] = len(read_pages(page, ours))

with step("settings"):
    switches = [{"name": "sso", "enabled": False}, {"name": "dir_sync", "enabled": True}]
    updated = organizations.update_organization_settings(acme.id, switches)[0].organization
    pairs = [(feature.name, feature.enabled) for feature in updated.settings.features]
    assert pairs[:2] == [("sso", False), ("dir_sync", True)]
    assert get(acme.id).settings == updated.settings

with step("user_management"):
    stored = organizations.upsert_user_management_settings(acme.id, max_allowed_users=25)
    assert stored.max_allowed_users.value == 25
    stored = organizations.upsert_user_management_settings(acme.id, max_allowed_users=0)
    assert stored.HasField("max_allowed_users")
    assert stored.max_allowed_users.value == 0

TIMEOUTS = ("absolute_session_timeout", "idle_session_timeout_enabled", "idle_session_timeout")
UNITS = ("absolute_session_timeout_unit", "idle_session_timeout_unit")

with step("session_policy_custom"):
    policy = organizations.get_organization_session_policy(acme.id)[0].policy
    assert policy.policy_source == SessionPolicyType.APPLICATION
    assert not any(policy.HasField(name) for name in TIMEOUTS + UNITS)
    policy = organizations.update_organization_session_policy(
        acme.id,
        SessionPolicyType.CUSTOM,
        absolute_session_timeout=360,
        absolute_session_timeout_unit=TimeUnit.MINUTES,
        idle_session_timeout_enabled=True,
        idle_session_timeout=60,
        idle_session_timeout_unit=TimeUnit.MINUTES,
    )[0].policy
    assert policy.policy_source == SessionPolicyType.CUSTOM
    assert all(policy.HasField(name) for name in TIMEOUTS + UNITS)
    assert [getattr(policy, name).value for name in TIMEOUTS] == [360, True, 60]
    assert [getattr(policy, name) for name in UNITS] == [TimeUnit.MINUTES, TimeUnit.MINUTES]
    assert organizations.get_organization_session_policy(acme.id)[0].policy == policy

with step("session_policy_application"):
    policy = organizations.update_organization_session_policy(
        acme.id, SessionPolicyType.APPLICATION
    )[0].policy
    assert policy.policy_source == SessionPolicyType.APPLICATION
    assert not any(policy.HasField(name) for name in TIMEOUTS + UNITS)
    assert organizations.get_organization_session_policy(acme.id)[0].policy == policy


def check_link(link):
    assert link.id
    assert link.location.startswith(URL), link.location
    assert link.expire_time.seconds > time.time()


with step("portal_link") as seen:
    link = organizations.generate_portal_link(acme.id)
    check_link(link)
    seen["id"] = link.id

with step("portal_link_switched_off"):
    expect_bad_request(organizations.generate_portal_link, acme.id, [Feature.sso])

with step("portal_link_for_features"):
    organizations.update_organization_settings(acme.id, [{"name": "sso", "enabled": True}])
    for features in ([Feature.sso], [Feature.dir_sync], [Feature.sso, Feature.dir_sync]):
        check_link(organizations.generate_portal_link(acme.id, features))

with step("not_found") as seen:
    seen["message"] = expect_not_found(get, f"org_{UNKNOWN}").message

with step("bad_field") as seen:
    for display_name in ("", "x" * 201):
        seen["violations"] = expect_bad_field("display_name", create, display_name)

with step("duplicate_external_id") as seen:
    twin = {"display_name": "Twin", "external_id": f"acme-three-{RUN}"}
    seen["message"] = expect_duplicate("external_id", create, **twin).message

with step("wrong_secret"):
    error = expect_error(
        ScalekitUnauthorizedException, ScalekitClient, URL, CLIENT_ID, CLIENT_SECRET + "x"
    )
    assert error.err_details, "the refusal has no text"

with step("stale_token") as seen:
    # The constructor fetches the first token, so that is where a stale one has to be slipped in.
    # After the refresh every call carries the fresh token first and the stale one last.
    stale = client.core_client.access_token.rsplit(".", 1)[0] + ".c3RhbGU"
    answer = SimpleNamespace(status_code=200, content=json.dumps({"access_token": stale}))
    with patch.object(CoreClient, "authenticate", return_value=answer):
        late = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
    assert late.organization.get_organization(acme.id)[0].organization.id == acme.id
    assert late.core_client.access_token != stale
    assert late.organization.get_organization(acme.id)[0].organization.id == acme.id

with step("delete") as seen:
    for organization_id in ours:
        organizations.delete_organization(organization_id)
        expect_not_found(get, organization_id)
    expect_not_found(organizations.delete_organization, acme.id)
    seen["deleted"] = len(ours)

with step("external_id_is_free_again"):
    heir = create("Heir", external_id=f"acme-three-{RUN}")
    assert heir.id != acme.id
    organizations.delete_organization(heir.id)
