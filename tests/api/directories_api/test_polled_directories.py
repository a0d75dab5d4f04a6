"""Credentials of polled directories over the API, and all of it on a server, by commands too."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from apis import Api, access_token, refused
from factories import Make
from google_workspaces import ADMIN, CLIENT_EMAIL, CLIENT_ID, KEY_ID, GoogleWorkspace, key_file
from wires import Rest

from tenantry.tenants.directories.polling.service_accounts import SCOPES

ACCOUNT = {
    "email": ADMIN,
    "client_email": CLIENT_EMAIL,
    "client_id": CLIENT_ID,
    "private_key_id": KEY_ID,
    "scopes": list(SCOPES),
}


@pytest.fixture
async def polled(api, make):
    """The ids of an organization and of its directory that is polled."""
    organization = await make.organization()
    return await polled_of(api, organization["id"])


async def polled_of(api, organization_id):
    made = await api.directories.create_directory(
        organization_id=organization_id,
        directory={"directory_type": "POLL", "directory_provider": "GOOGLE"},
    )
    return {"organization_id": organization_id, "directory_id": made["directory"]["id"]}


async def test_credentials_are_set_and_shown_without_the_key(api, polled):
    rpcs = api.directory_polling
    assert "credentials" not in await rpcs.get_directory_poll(**polled)
    answer = await rpcs.set_directory_credentials(
        **polled, email=ADMIN, service_account_key=key_file()
    )
    assert answer["credentials"] == ACCOUNT
    assert "The request to Google Workspace failed" in answer["error"]
    found = await rpcs.get_directory_poll(**polled)
    assert found["credentials"] == ACCOUNT
    assert found["poll"]["error"] == answer["error"]
    assert "next_time" not in found["poll"]  # it is not enabled yet
    assert not found["groups"]
    await api.directories.assign_groups_for_directory(
        organization_id=polled["organization_id"], id=polled["directory_id"], external_ids=["a1"]
    )
    (followed,) = (await rpcs.get_directory_poll(**polled))["groups"]
    assert followed["external_id"] == "a1"
    await api.directories.enable_directory(
        organization_id=polled["organization_id"], id=polled["directory_id"]
    )
    assert (await rpcs.get_directory_poll(**polled))["poll"]["next_time"]
    await rpcs.delete_directory_credentials(**polled)
    assert "credentials" not in await rpcs.get_directory_poll(**polled)
    with refused("NOT_FOUND", says="credentials not found"):
        await rpcs.delete_directory_credentials(**polled)


async def test_what_cannot_be_taken_is_refused_by_its_field(api, polled, directories):
    rpcs = api.directory_polling

    def give(**fields: object):
        whole = {**polled, "email": ADMIN, "service_account_key": key_file(), **fields}
        return rpcs.set_directory_credentials(**whole)

    with refused("INVALID_ARGUMENT", "service_account_key", says="must be JSON"):
        await give(service_account_key="x")
    with refused("INVALID_ARGUMENT", "email"):
        await give(email="admin")
    pushed = await directories.make()
    where = {"organization_id": directories.organization_id, "directory_id": pushed["id"]}
    for call in (give(**where), rpcs.get_directory_poll(**where)):
        with refused("INVALID_ARGUMENT", "directory_id", says="must be a POLL directory"):
            await call
    other = {"organization_id": directories.organization_id}
    for call in (
        give(**other),
        rpcs.get_directory_poll(**(polled | other)),
        rpcs.delete_directory_credentials(**(polled | other)),
    ):
        with refused("NOT_FOUND", says="directory not found"):
            await call


async def test_a_sync_by_hand_says_what_it_lacks(api, polled):
    with refused("INVALID_ARGUMENT", says="directory is disabled"):
        await api.directories.trigger_directory_sync(**polled)
    await api.directories.enable_directory(
        organization_id=polled["organization_id"], id=polled["directory_id"]
    )
    with refused("INVALID_ARGUMENT", says="directory has no credentials"):
        await api.directories.trigger_directory_sync(**polled)
    with refused("INVALID_ARGUMENT", says="directory has no credentials"):
        await external_groups(api, polled)


async def test_looking_at_the_route_of_a_sync_starts_none(api, rest, polled):
    await api.directory_polling.set_directory_credentials(
        **polled, email=ADMIN, service_account_key=key_file()
    )
    of = f"/api/v1/organizations/{polled['organization_id']}/directories/{polled['directory_id']}"
    await api.directories.enable_directory(
        organization_id=polled["organization_id"], id=polled["directory_id"]
    )
    before = await api.directory_polling.get_directory_poll(**polled)
    headers = dict(rest.headers)
    looked = await rest.wire.http.request("HEAD", f"{of}:sync", headers=headers)
    assert looked.status_code == 404  # as of a directory whose id ends so
    assert await api.directory_polling.get_directory_poll(**polled) == before
    assert (await rest.wire.http.request("HEAD", of, headers=headers)).status_code == 200


@pytest.fixture
async def google():
    async with GoogleWorkspace() as started:
        yield started


def external_groups(api, polled, **more: object):
    return api.directories.list_directory_groups(**polled, include_external_groups=True, **more)


@pytest.mark.thorough
async def test_a_server_polls_and_its_commands_say_so(start_server, google, tmp_path):
    server = await asyncio.to_thread(
        start_server,
        "polling",
        background="true",
        outgoing_allow="127.0.0.0/8",
        google_workspace_url=google.url,
    )
    wire = Rest(server)
    token = await access_token(wire.http, server.client_id, server.client_secret)
    api = Api(wire, (("authorization", f"Bearer {token}"),))
    organization = await Make(api).organization()
    await api.domains.create_domain(
        organization_id=organization["id"], domain={"domain": "example.com"}
    )
    polled = await polled_of(api, organization["id"])
    ids = tuple(polled.values())
    ann = google.person("ann")
    google.person("bob", primaryEmail="bob@elsewhere.org", emails=[])
    google.group("Sales", ann)
    key = tmp_path / "key.json"
    key.write_text(key_file())

    async def run(*arguments: str):
        return await asyncio.to_thread(server.run, "directories", *arguments)

    google.grants = False
    done = await run("credentials", *ids, "--key", str(key), "--email", ADMIN, "--json")
    assert "unauthorized_client" in json.loads(done.stdout)["error"], done.stderr
    assert "PRIVATE" not in done.stdout
    google.grants = True
    await api.directories.enable_directory(organization_id=ids[0], id=ids[1])
    sales = google.groups[next(iter(google.groups))]
    (external,) = (await external_groups(api, polled))["groups"]
    assert external["group_detail"]["external_id"] == sales["id"]
    assert not external.get("id")
    assert (await run("sync", *ids)).returncode == 0
    until = time.monotonic() + 40
    while True:
        (listed,) = json.loads((await run("list", ids[0], "--json")).stdout)
        if listed["last_sync_time"]:
            break
        assert time.monotonic() < until, listed
        await asyncio.sleep(0.2)
    assert (listed["total_users"], listed["total_groups"]) == (1, 1)
    assert listed["error"] == ""
    (external,) = (await external_groups(api, polled))["groups"]
    assert external["id"].startswith("dirgroup_")
    with refused("INVALID_ARGUMENT", "page_token"):
        await external_groups(api, polled, page_token="x")
    found = await api.directories.get_directory(organization_id=ids[0], id=ids[1])
    assert found["directory"]["status"] == "COMPLETED"
    assert found["directory"]["email"] == ADMIN
    until = time.monotonic() + 60
    while "POLL" not in (done := await run("requests", *ids)).stdout:
        assert time.monotonic() < until, done
        await asyncio.sleep(0.2)
    assert "skipped: bob@elsewhere.org" in done.stdout
    done = await run("credentials", *ids)
    assert CLIENT_ID in done.stdout
    assert (
        await run("credentials", *ids, "--forget")
    ).stdout == f"deleted the credentials of {ids[1]}\n"
    done = await run("sync", *ids)
    assert done.returncode == 1
    assert "has no credentials" in done.stderr
    await wire.aclose()
