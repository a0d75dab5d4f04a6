"""A second server on one SQLite file: both answer, and due work is done once."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from servers import LiveServer
from sqlalchemy import text

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement

COUNT = 20


@pytest.mark.thorough
def test_both_write_and_each_event_gets_one_place_and_one_delivery(tmp_path):
    first = LiveServer(tmp_path)
    second = LiveServer(tmp_path, public_url=first.url)
    first.start()
    second.start()  # the same file, on another port, with work beside the calls of its own
    try:
        webhook = first.run("webhook", "create", "https://example.com/", "--json")
        assert webhook.returncode == 0, webhook.stderr
        asyncio.run(_make_at_both([first, second]))
        done = second.run("events", "verify", "--json")
        assert done.returncode == 0, done.stdout
        assert asyncio.run(_deliveries(first)) == (COUNT, COUNT)
    finally:
        assert (first.stop(), second.stop()) == (0, 0)
    for server in (first, second):
        assert "Traceback" not in server.log.read_text()


async def _make_at_both(servers):
    grant = {"grant_type": "client_credentials"}
    async with httpx.AsyncClient(verify=servers[0].trust, timeout=30) as client:
        secret = (servers[0].client_id, servers[0].client_secret)
        answer = await client.post(f"{servers[0].url}/oauth/token", data=grant, auth=secret)
        bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
        for number in range(COUNT):
            url = servers[number % 2].url
            made = await client.post(
                f"{url}/api/v1/organizations", json={"display_name": f"{number}"}, headers=bearer
            )
            assert made.status_code in {200, 201}, made.text


async def _deliveries(server):
    """The deliveries of these organizations, all and different ones, once all events have any."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(environment)
    counted = Statement(
        text(
            "SELECT count(*) AS n, count(DISTINCT event_id) AS m FROM webhook_deliveries "
            "WHERE event_type = 'organization.created'"
        )
    )
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        for _ in range(600):
            row = await db.fetch_one(counted)
            if row["m"] >= COUNT:
                break
            await asyncio.sleep(0.05)
        return row["n"], row["m"]
