"""The application is plain ASGI: Hypercorn serves it too, slower, should we have to leave pyvoy."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import grpc
import httpx
import pytest
from grpc_status import rpc_status
from servers import START_SECONDS, free_port, without_settings

from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb


@pytest.fixture(scope="module")
def hypercorn(tmp_path_factory):
    """Its URL in cleartext, for HTTP/1.1 and h2c, and the credentials of its client."""
    folder, port = tmp_path_factory.mktemp("hypercorn"), free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "TENANTRY_DATA_DIR": str(folder / "data"),
        "TENANTRY_PUBLIC_URL": url,
        "PYTHONWARNINGS": "ignore",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}", "tenantry.app:app"],
        cwd=folder,
        env=without_settings() | settings,
    )
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(f"{url}/healthz").raise_for_status()
            break
        except httpx.TransportError:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
    kept = json.loads((folder / "data" / "credentials.json").read_bytes())
    answer = httpx.post(f"{url}/oauth/token", data={"grant_type": "client_credentials", **kept})
    yield url, answer.json()["access_token"]
    process.terminate()
    process.wait(60)


def test_it_updates_an_organization_over_rest_and_grpc(hypercorn):
    url, token = hypercorn
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers) as http:
        made = http.post("/api/v1/organizations", json={"display_name": "Acme"}).json()
        path = f"/api/v1/organizations/{made['id']}"
        changed = http.patch(path, json={"display_name": "Umbrella"})
    assert changed.json()["display_name"] == "Umbrella"
    assert changed.headers["etag"] == '"2"'

    request = pb.UpdateOrganizationRequest.from_json(
        json.dumps({"id": made["id"], "organization": {"displayName": "Initech"}})
    )
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        call = channel.unary_unary(
            "/scalekit.v1.organizations.OrganizationService/UpdateOrganization",
            request_serializer=pb.UpdateOrganizationRequest.to_binary,
            response_deserializer=pb.UpdateOrganizationResponse.from_binary,
        )
        answer = call(request, metadata=tuple(headers.items()))
    assert answer.organization.display_name == "Initech"


def test_an_error_has_its_details_over_rest_and_grpc(hypercorn):
    url, token = hypercorn
    headers = {"authorization": f"Bearer {token}"}
    refused = httpx.get(f"{url}/api/v1/organizations/org_1", headers=headers)
    assert refused.status_code == 404
    assert refused.json()["details"][0]["error_code"] == "NOT_FOUND"
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        for method in ("GetOrganization", "NoSuchMethod"):
            path = f"/scalekit.v1.organizations.OrganizationService/{method}"
            request = pb.GetOrganizationRequest.from_json('{"id": "org_1"}').to_binary()
            with pytest.raises(grpc.RpcError) as raised:
                channel.unary_unary(path)(request, metadata=tuple(headers.items()))
            expected = "NOT_FOUND" if method == "GetOrganization" else "UNIMPLEMENTED"
            assert raised.value.code().name == expected
            # None where code or message differ from the call's own.
            assert rpc_status.from_call(raised.value) is not None
