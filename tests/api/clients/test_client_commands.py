"""`tenantry client` and clients of every type."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import refused
from doc_programs import management
from holders import Holder


async def run(server, *arguments: str):
    return await asyncio.to_thread(server.run, "client", *arguments)


@pytest.mark.wires("rest")
async def test_our_clients_are_listed_with_their_type_and_those_of_an_organization_apart(
    api, make, server
):
    machine = await Holder.made(api, "M2M", make)
    web = await Holder.made(api, "WEB_APP", make)
    organization = machine.key["organization_id"]
    everything = ("list", "--limit", "1000")

    async def listed(*arguments: str):
        done = await run(server, *everything, "--json", *arguments)
        return {
            client["client_id"]: (client["client_type"], client["organization_id"])
            for client in json.loads(done.stdout)
        }

    ours = await listed()
    assert ours[web.id] == ("WEB_APP", None)
    assert ours[server.client_id] == ("ENV", None)
    assert machine.id not in ours
    assert await listed("-o", organization) == {machine.id: ("M2M", organization)}
    table = (await run(server, *everything)).stdout
    assert web.id in table
    assert "WEB_APP" in table


@pytest.mark.wires("rest")
@pytest.mark.parametrize("kind", ["M2M", "WEB_APP"])
async def test_a_client_of_any_type_gets_a_new_secret_and_is_deleted(
    api, make, server, kind, events
):
    holder = await Holder.made(api, kind, make)
    await holder.add()
    await events.new()
    done = await run(server, "rotate", holder.id, "--now", "--json")
    secret = json.loads(done.stdout)["client_secret"]
    *others, last = await holder.secrets()
    assert last["secret_suffix"] == secret[-4:]
    assert last["created_by"] == "system"
    assert all("expire_time" in other for other in others)
    assert (await run(server, "delete", holder.id, "--yes")).returncode == 0
    with refused("NOT_FOUND"):
        await holder.shown()
    told = await events.new()
    assert [event["type"] for event in told] == ["client.secret_rotated", "client.deleted"]
    assert {event["organization_id"] for event in told} == {holder.key.get("organization_id")}
    assert secret not in str(told)


@pytest.mark.wires("rest")
async def test_a_rotation_keeps_the_limit_unless_the_others_end_now(api, make, server):
    holder = await Holder.made(api, "WEB_APP", make)
    for _ in range(2):
        await holder.add()
    done = await run(server, "rotate", holder.id)
    assert (done.returncode, done.stdout) == (1, "")
    assert "limit of 2 active secrets" in done.stderr
    assert (await run(server, "rotate", holder.id, "--now")).returncode == 0


def test_an_application_is_created_with_where_its_sign_in_begins(own_server):
    uris = {
        "--redirect-uri": "http://localhost:8000/callback",
        "--post-logout-redirect-uri": "http://localhost:8000/",
        "--initiate-login-uri": "http://localhost:8000/login",
    }
    options = [one for pair in uris.items() for one in pair]
    done = own_server.run("client", "create", "Board", *options, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    with management(own_server) as api:
        found = api.get(f"/api/v1/clients/{made['client_id']}").raise_for_status().json()["client"]
        api.delete(f"/api/v1/clients/{made['client_id']}").raise_for_status()
    assert (found["name"], found["client_type"]) == ("Board", "WEB_APP")
    assert found["post_login_uris"] == ["http://localhost:8000/callback"]
    assert found["post_logout_redirect_uris"] == ["http://localhost:8000/"]
    assert found["initiate_login_uri"] == "http://localhost:8000/login"
    assert made["client_secret"].endswith(found["secrets"][0]["secret_suffix"])

    wrong = own_server.run("client", "create", "--redirect-uri", "callback")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "post_login_uris" in wrong.stderr
    wrong = own_server.run("client", "create", "--initiate-login-uri", uris["--initiate-login-uri"])
    assert wrong.returncode == 1
    assert "--redirect-uri" in wrong.stderr
