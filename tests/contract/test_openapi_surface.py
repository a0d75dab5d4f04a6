"""The whole REST surface, by schemathesis: no 5xx, and every answer is as /openapi.json says."""

from __future__ import annotations

import httpx
import pytest
import requests
import sampling
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import SERVICES
from served_rpcs import METHODS
from waiting import SECONDS

from tenantry.core.caller import Kind

CHECKS = [
    schemathesis.checks.not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
# Last, because the server may refuse access tokens that were issued before it.
ROTATE = "RotateSigningKeys"
RPCS = sorted((method.name for s in SERVICES for method in s.methods), key=ROTATE.__eq__)
MANAGEMENT = {n for n, method in METHODS.items() if method.allowed & Kind.MANAGEMENT_CLIENT.bits}


@pytest.fixture(scope="module")
def http(own_server):
    with httpx.Client(base_url=own_server.url, verify=own_server.trust) as client:
        answer = client.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": own_server.client_id,
                "client_secret": own_server.client_secret,
            },
        )
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@pytest.fixture(scope="module")
def session():
    """One connection for all: a handshake takes longer than most answers."""
    with requests.Session() as opened:
        yield opened


@pytest.fixture(scope="module")
def known(http):
    """Objects that exist, by the end of the path that names them: not every call ends in 404."""

    def create(path, **members: object):
        answer = http.post(f"/api/v1/{path}", json=members).raise_for_status().json()
        return answer.get("domain") or answer.get("user") or answer

    organization = create("organizations", display_name="Acme", external_id="surface")["id"]
    create("permissions", name="surface:read")
    for path in ("roles", f"organizations/{organization}/roles"):
        name = f"surface_{path[:3]}"
        create(path, name=name, display_name=name, permissions=["surface:read"])
    user = create(
        f"organizations/{organization}/users",
        email="surface@example.com",
        external_id="surface",
        membership={"roles": [{"name": "surface_rol"}]},
    )["id"]
    domain = create(f"organizations/{organization}/domains", domain="surface.example.com")["id"]
    endpoint = create("webhooks/endpoints", url="https://surface.example.com/")["endpoint"]["id"]
    sent = create(f"webhooks/endpoints/{endpoint}:test")["delivery"]["id"]
    return {
        "endpoints/{endpoint_id}": endpoint,
        "deliveries/{delivery_id}": sent,
        "users/{id}": user,
        "users/{user_id}": user,
        "users:external/{external_id}": "surface",
        "organizations:external/{external_id}": "surface",
        "domains/{id}": domain,
        "organizations/{id}": organization,
        "organizations/{org_id}": organization,
        "organizations/{organization_id}": organization,
        "{org_id}/roles/{role_name}": "surface_org",
        "roles/{role_name}": "surface_rol",
        "permissions/{permission_name}": "surface:read",
    }


def existing(operation, known):
    """Values of the variables of a path, but for the one that it deletes."""
    path = operation.path
    if operation.method == "delete" and path.endswith("}"):
        path = path.rpartition("/")[0]
    found = {}
    for end, value in known.items():
        if f"{end}/" in f"{path}/" or f"{end}:" in path:
            found.setdefault(end.rpartition("{")[2].removesuffix("}"), value)
    return found


@pytest.fixture(scope="module")
def operations(own_server, http):
    schema = schemathesis.openapi.from_dict(http.get("/openapi.json").json())
    schema.config.update(
        base_url=own_server.url,
        tls_verify=str(own_server.ca),
        headers={"authorization": http.headers["authorization"]},
    )
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in found}


def test_every_rpc_is_in_the_document(operations):
    documented = {name.rpartition("_")[2] for name in operations}
    assert set(RPCS) <= documented


@pytest.mark.parametrize(
    "exists",
    [
        pytest.param(True, id="on what exists"),
        pytest.param(False, id="on any id", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.parametrize("rpc", RPCS)
def test_every_answer_is_as_the_document_says(rpc, exists, operations, known, session):
    operation = next(o for name, o in operations.items() if name.rpartition("_")[2] == rpc)

    @settings(
        max_examples=sampling.examples(25),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        if exists:
            case.path_parameters = {**(case.path_parameters or {}), **existing(operation, known)}
        answer = case.call_and_validate(session=session, checks=CHECKS, timeout=SECONDS)
        assert answer.status_code != 401 or rpc not in MANAGEMENT - {ROTATE}

    ask()
