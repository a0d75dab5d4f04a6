"""The whole REST surface, by schemathesis: no 5xx, and every answer is as /openapi.json says."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tenantry.gen.scalekit.v1.organizations import organizations_pb

CHECKS = [
    schemathesis.checks.not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
RPCS = [method.name for s in organizations_pb.desc().services for method in s.methods]


@pytest.fixture(scope="module")
def http(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        answer = client.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": live_server.client_id,
                "client_secret": live_server.client_secret,
            },
        )
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@pytest.fixture(scope="module")
def organization_id(http):
    """An organization that exists, so that not every path ends in not found."""
    return http.post("/api/v1/organizations", json={"display_name": "Acme"}).json()["id"]


@pytest.fixture(scope="module")
def operations(live_server, http):
    schema = schemathesis.openapi.from_dict(http.get("/openapi.json").json())
    schema.config.update(base_url=live_server.url, tls_verify=str(live_server.ca))
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in found}


def test_every_rpc_is_in_the_document(operations):
    documented = {name.rpartition("_")[2] for name in operations}
    assert set(RPCS) <= documented


@pytest.mark.parametrize("exists", [True, False], ids=["on an organization", "on any id"])
@pytest.mark.parametrize("rpc", RPCS)
def test_every_answer_is_as_the_document_says(rpc, exists, operations, http, organization_id):
    operation = next(o for name, o in operations.items() if name.rpartition("_")[2] == rpc)
    token = http.headers["authorization"]

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        if exists and not rpc.startswith("DeleteOrganization"):
            for name in {"id", "organization_id"} & (case.path_parameters or {}).keys():
                case.path_parameters[name] = organization_id
        case.call_and_validate(headers={"authorization": token}, checks=CHECKS)

    ask()
