"""Rules of all rpcs of OrganizationService: callers, ids, errors, routes."""

from __future__ import annotations

import pytest
from apis import refused

from tenantry.gen.scalekit.v1.organizations import organizations_pb

UPDATE = {"organization": {"display_name": "Umbrella"}}
# A good request for each rpc, but for the organization's id.
REQUESTS = {
    "create_organization": (None, {"organization": {"display_name": "Acme"}}),
    "update_organization": ("id", UPDATE),
    "get_organization": ("id", {}),
    "get_organization_by_external_id": ("external_id", {}),
    "list_organization": (None, {}),
    "search_organization": (None, {"query": "acme"}),
    "delete_organization": ("id", {}),
    "generate_portal_link": ("id", {}),
    "delete_portal_link": ("id", {}),
    "delete_portal_link_by_id": ("id", {"link_id": "lnk_1"}),
    "get_portal_links": ("id", {}),
    "update_organization_settings": ("id", {"settings": {"features": []}}),
    "update_organization_session_policy": ("organization_id", {"policy_source": "APPLICATION"}),
    "get_organization_session_policy": ("organization_id", {}),
    "get_organization_branding": ("organization_id", {}),
    "update_organization_branding": ("organization_id", {"source": 1}),
    "upsert_user_management_settings": ("organization_id", {"settings": {}}),
    "get_organization_user_management_setting": ("organization_id", {}),
    "get_application_session_policy": ("organization_id", {}),
}
OF_ONE = [rpc for rpc, (key, _) in REQUESTS.items() if key]
# Rpcs about an object that a new organization does not have.
ANSWERED = [
    rpc
    for rpc in REQUESTS
    if rpc not in {"get_organization_by_external_id", "delete_portal_link_by_id"}
]
# Their rule wants the prefix, not only a length.
PREFIXED = [
    rpc
    for rpc in OF_ONE
    if rpc.partition("_")[2] not in {"organization", "organization_by_external_id"}
]


def call(api, rpc, organization_id="org_1"):
    key, request = REQUESTS[rpc]
    named = {key: organization_id} if key else {}
    return getattr(api.organizations, rpc)(**named, **request)


def test_no_rpc_is_missing_here(server):
    (service,) = organizations_pb.desc().services
    assert len(REQUESTS) == len(service.methods) == 19


@pytest.mark.everywhere
async def test_a_caller_is_needed(api, subtests):
    for rpc in REQUESTS:
        with subtests.test(rpc), refused("UNAUTHENTICATED", says="^Token empty$"):
            await call(api.sending(authorization=()), rpc)


async def test_an_unknown_organization_is_not_found(api, subtests):
    for rpc in OF_ONE:
        with subtests.test(rpc), refused("NOT_FOUND", says="not found"):
            await call(api, rpc, "org_1234567890123456789")


async def test_an_id_of_another_form_is_refused(api, subtests):
    for rpc in PREFIXED:
        for organization_id in ("acme", "ORG_1", "org_" + "1" * 29):
            with subtests.test(rpc), refused("INVALID_ARGUMENT", REQUESTS[rpc][0]):
                await call(api, rpc, organization_id)


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_an_empty_id_is_refused(api, subtests):
    for rpc in PREFIXED:
        with subtests.test(rpc), refused("INVALID_ARGUMENT", REQUESTS[rpc][0]):
            await call(api, rpc, "")


async def test_every_answer_has_a_request_id_of_its_own(api, make):
    seen = set()
    for rpc in ANSWERED:
        made = await make.organization()
        seen.add((await call(api, rpc, made["id"])).headers["x-request-id"])
    assert len(seen) == len(ANSWERED)
    assert all(request_id.startswith("req_") for request_id in seen)


async def test_a_request_id_is_ours_whatever_came(api):
    answer = await api.sending(x_request_id="evil").organizations.list_organization()
    assert answer.headers["x-request-id"] != "evil"


@pytest.mark.wires("rest")
async def test_rest_creates_with_201_and_answers_the_rest_with_200(api, make):
    for rpc in ANSWERED:
        answer = await call(api, rpc, (await make.organization())["id"])
        assert answer.headers["status"] == ("201" if rpc == "create_organization" else "200"), rpc
