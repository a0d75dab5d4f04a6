"""The example receiver keeps its users as a customer's directory has them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.metadata import version

import httpx
import pytest
from doc_programs import management
from repository import ROOT
from servers import free_port

EXAMPLE = ROOT / "examples" / "directory-receiver"
pytestmark = pytest.mark.timeout(200)


def until(whether, seconds=40):
    end = time.monotonic() + seconds
    while not (found := whether()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.mark.thorough
def test_users_follow_a_directory(sending_server, tmp_path):
    port = free_port()
    with management(sending_server) as api:
        made = {"url": f"http://127.0.0.1:{port}/webhooks"}
        endpoint = api.post("/api/v1/webhooks/endpoints", json=made).raise_for_status().json()
        settings = {
            "WEBHOOK_SECRET": endpoint["secret"],
            "USERS": str(tmp_path / "users.db"),
        }
        with (tmp_path / "log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)],
                cwd=EXAMPLE,
                env=sending_server.environment | sending_server.env | settings,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            follow(api, f"http://127.0.0.1:{port}", sending_server)
        finally:
            process.kill()
            process.wait(60)
            api.delete(f"/api/v1/webhooks/endpoints/{endpoint['endpoint']['id']}")


def follow(api, app, server):
    def users():
        try:
            found = httpx.get(f"{app}/users").json()
        except httpx.TransportError:
            return None
        return {one["email"]: (one["name"], one["roles"]) for one in found}

    until(lambda: users() is not None)
    assert httpx.post(f"{app}/webhooks", content=b"{}").status_code == 400
    acme = api.post("/api/v1/organizations", json={"display_name": "Acme"}).json()["id"]
    base = f"/api/v1/organizations/{acme}"
    api.post(f"{base}/domains", json={"domain": "receiver.example"}).raise_for_status()
    scim = {"directory_type": "SCIM", "directory_provider": "OKTA"}
    directory = api.post(f"{base}/directories", json=scim).raise_for_status().json()["directory"]
    path = f"{base}/directories/{directory['id']}"
    secret = api.post(f"{path}/secrets").raise_for_status().json()["plain_secret"]
    api.patch(f"{path}:enable").raise_for_status()
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.Client(
        base_url=directory["directory_endpoint"], headers=headers, verify=server.trust
    ) as provider:
        person = {
            "userName": "kim@receiver.example",
            "name": {"givenName": "Kim", "familyName": "Lee"},
            "active": True,
        }
        kim = provider.post("/Users", json=person).raise_for_status().json()["id"]
        until(lambda: users() == {"kim@receiver.example": ("Kim Lee", [])})
        group = {"displayName": "Admins", "members": [{"value": kim}]}
        group_id = provider.post("/Groups", json=group).raise_for_status().json()["id"]
        assignments = {"assignments": [{"group_id": group_id, "role_name": "admin"}]}
        api.put(f"{path}/groups/-/roles:assign", json=assignments).raise_for_status()
        until(lambda: users() == {"kim@receiver.example": ("Kim Lee", ["admin"])})
        for active, there in ((False, 0), (True, 1)):
            operation = {"op": "replace", "path": "active", "value": active}
            provider.patch(
                f"/Users/{kim}",
                json={
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                    "Operations": [operation],
                },
            ).raise_for_status()
            until(lambda there=there: len(users()) == there)
        provider.delete(f"/Users/{kim}").raise_for_status()
        until(lambda: users() == {})


def test_the_requirements_and_links_of_the_example_are_right():
    for line in (EXAMPLE / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name, _, pinned = line.partition("==")
        assert version(name) == pinned, name
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        assert (EXAMPLE / target).is_file(), target
