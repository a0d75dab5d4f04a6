"""The server is killed in the middle: what it answered is kept, and no half of anything is."""

from __future__ import annotations

import asyncio
import os
import signal
from itertools import pairwise

import httpx
import pytest
import recorded_events
from apis import access_token
from servers import LiveServer
from sqlalchemy import select
from wires import over_https

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import Organization, organizations

_ALL = Statement(select(organizations))


@pytest.fixture(params=["sqlite", "postgresql"])
def doomed(request, tmp_path):
    """A server of this test's own."""
    chosen = {}
    if request.param == "postgresql":
        chosen["database_url"] = request.getfixturevalue("postgresql_url")
    server = LiveServer(tmp_path, **chosen).fork()
    yield server
    server.stop()


async def write_until_it_dies(http, headers, answered):
    """Create, change and delete; note the answers."""
    number = 0
    while True:
        number += 1
        try:
            answer = await http.post(
                "/api/v1/organizations", json={"display_name": "Acme"}, headers=headers
            )
            path = f"/api/v1/organizations/{answer.json()['id']}"
            answered[answer.json()["id"]] = "Acme"
            answer = await http.patch(path, json={"display_name": "Umbrella"}, headers=headers)
            answered[answer.json()["id"]] = "Umbrella"
            if number % 3 == 0:
                # From here on both are right: it is gone, or still there.
                answered[answer.json()["id"]] = "?"
                await http.delete(path, headers=headers)
                answered[answer.json()["id"]] = None
        except httpx.TransportError:
            return


async def many(answered):
    """Wait until there are more than twenty."""
    while len(answered) <= 20:  # noqa: ASYNC110 - counted by many
        await asyncio.sleep(0.01)


@pytest.mark.one_database
async def test_killed_under_load_it_keeps_all_it_answered_and_every_change_has_its_event(doomed):
    answered = {}
    async with over_https(doomed) as http:
        token = await access_token(http, doomed.client_id, doomed.client_secret)
        headers = {"authorization": f"Bearer {token}"}
        writers = [
            asyncio.create_task(write_until_it_dies(http, headers, answered)) for _ in range(8)
        ]
        await asyncio.wait_for(many(answered), 60)
        os.killpg(doomed.process.pid, signal.SIGKILL)
        await asyncio.gather(*writers)
    doomed.process.wait()

    environment = {k: v for k, v in doomed.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(environment)
    async with open_database(known.database, master_key.load(known)) as database:
        kept = {row["id"]: Organization.from_row(row) for row in await database.fetch_all(_ALL)}
        written = await recorded_events.after(database, "", limit=100_000)

    for organization_id, state in answered.items():
        if state is None:
            assert organization_id not in kept
        elif state == "Umbrella":
            assert kept[organization_id].display_name == "Umbrella"
        elif state == "Acme":
            assert organization_id in kept

    lives: dict[str, list] = {}
    for event in written:
        if event["object"] == "Organization":
            lives.setdefault(event["organization_id"], []).append(event)
    for organization_id, life in lives.items():
        assert life[0]["type"] == "organization.created"
        for earlier, later in pairwise(life):
            assert earlier["after"] == later["before"]
        if life[-1]["type"] == "organization.deleted":
            assert organization_id not in kept
        else:
            assert kept[organization_id].to_event() == life[-1]["after"]
            assert kept[organization_id].revision == len(life)
    assert kept.keys() <= lives.keys()

    doomed.start()
    async with over_https(doomed) as http:
        listed = await http.get("/api/v1/organizations?page_size=1", headers=headers)
        assert listed.json()["total_size"] == len(kept)
        again = await http.post(
            "/api/v1/organizations", json={"display_name": "Acme"}, headers=headers
        )
        assert again.status_code == 201
        assert again.json()["id"] > max(lives)
