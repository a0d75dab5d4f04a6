"""Drive OrganizationService with the official Python SDK and say what was seen, step by step.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import uuid
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from scalekit import ScalekitClient
from scalekit.common.exceptions import (
    ScalekitBadRequestException,
    ScalekitNotFoundException,
    ScalekitServerException,
    ScalekitUnauthorizedException,
)
from scalekit.core import CoreClient
from scalekit.v1.commons.commons_pb2 import TimeUnit
from scalekit.v1.errdetails.errdetails_pb2 import ErrorInfo
from scalekit.v1.organizations.organizations_pb2 import (
    CreateOrganization,
    Feature,
    SessionPolicyType,
    UpdateOrganization,
)

URL = os.environ["SCALEKIT_ENVIRONMENT_URL"]
CLIENT_ID = os.environ["SCALEKIT_CLIENT_ID"]
CLIENT_SECRET = os.environ["SCALEKIT_CLIENT_SECRET"]
UNKNOWN_ID = "org_1234567890123456789"
RUN = uuid.uuid4().hex[:12]


@contextmanager
def step(name):
    details = {}
    try:
        yield details
    except Exception as error:  # noqa: BLE001 whatever it was, the step failed
        print(
            json.dumps({"step": name, "ok": False, "error": f"{type(error).__name__}: {error}"}),
            flush=True,
        )
        traceback.print_exc()
        sys.exit(1)
    print(json.dumps({"step": name, "ok": True, **details}), flush=True)


def expect_error(kind, call, *args, **kwargs) -> ScalekitServerException:  # noqa: ANN002, ANN003
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def field_violations(error: ScalekitServerException):
    for detail in error.err_details:
        info = ErrorInfo()
        if detail.Unpack(info):
            yield from info.validation_error_info.field_violations


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
    listed, token = [], ""
    while not set(ours) <= set(listed):
        page = organizations.list_organizations(page_size=2, page_token=token)[0]
        assert 1 <= len(page.organizations) <= 2
        assert page.total_size >= len(ours)
        listed += [organization.id for organization in page.organizations]
        assert len(listed) == len(set(listed)), "an organization was listed twice"
        token = page.next_page_token
        assert token or set(ours) <= set(listed), "the pages ended before all were seen"
    assert [each for each in listed if each in ours] == ours[::-1], "not newest first"
    seen["listed"] = len(listed)

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
    error = expect_error(
        ScalekitBadRequestException, organizations.generate_portal_link, acme.id, [Feature.sso]
    )
    assert error.error_code == "INVALID_ARGUMENT"

with step("portal_link_for_features"):
    organizations.update_organization_settings(acme.id, [{"name": "sso", "enabled": True}])
    for features in ([Feature.sso], [Feature.dir_sync], [Feature.sso, Feature.dir_sync]):
        check_link(organizations.generate_portal_link(acme.id, features))

with step("not_found") as seen:
    error = expect_error(ScalekitNotFoundException, get, UNKNOWN_ID)
    assert "not found" in error.message
    assert error.error_code
    assert error.http_status == 404
    seen["message"] = error.message

with step("bad_field") as seen:
    for display_name in ("", "x" * 201):
        error = expect_error(ScalekitBadRequestException, create, display_name)
        assert error.error_code == "INVALID_ARGUMENT"
        assert "display_name" in error.message
        violations = [(each.field, each.description) for each in field_violations(error)]
        assert any("display_name" in field and why for field, why in violations), violations
    seen["violations"] = violations

with step("duplicate_external_id") as seen:
    error = expect_error(
        ScalekitBadRequestException, create, "Twin", external_id=f"acme-three-{RUN}"
    )
    assert "duplicate key not allowed" in error.message
    assert "external_id" in error.message
    seen["message"] = error.message

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
        error = expect_error(ScalekitNotFoundException, get, organization_id)
        assert "not found" in error.message
    expect_error(ScalekitNotFoundException, organizations.delete_organization, acme.id)
    seen["deleted"] = len(ours)

with step("external_id_is_free_again"):
    heir = create("Heir", external_id=f"acme-three-{RUN}")
    assert heir.id != acme.id
    organizations.delete_organization(heir.id)
