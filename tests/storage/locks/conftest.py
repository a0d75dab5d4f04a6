"""The whole application in this process, on a database of each test, and a management client."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from in_process import AsgiClient

from tenantry import app, settings
from tenantry.access.clients import service as clients
from tenantry.access.keys import service as keys
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db.opening import alone
from tenantry.identity.connections import environment as connections

if TYPE_CHECKING:
    from in_process import Answer

    from tenantry.db.engine import Database


class Program:
    """The management client: it sends requests over REST."""

    def __init__(self, asgi_client: AsgiClient, db: Database) -> None:
        self.asgi_client = asgi_client
        self.db = db

    async def __call__(self, verb: str, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.asgi_client(verb, f"/api/v1{path}", body, **headers)

    async def made(self, path: str, body: Any, kind: str) -> dict[str, Any]:
        """The object that a POST makes."""
        answer = await self("POST", path, body)
        assert answer.status in {200, 201}, answer.body
        made: dict[str, Any] = answer.json[kind]
        return made


@pytest.fixture
def pool_size():
    return 8


@pytest.fixture
async def application(db, database_url, tmp_path):
    """The ASGI application, wired as `tenantry serve` does it."""
    known = settings.load(
        {
            "TENANTRY_DATA_DIR": str(tmp_path),
            "TENANTRY_DATABASE_URL": database_url,
            "TENANTRY_BACKGROUND": "false",
            "TENANTRY_RATE_LIMIT_FAILURES": "",
        }
    )
    async with AsyncExitStack() as closing:
        yield app.wire(known, db, closing)


@pytest.fixture
async def program(application, db):
    """The management client of the application."""
    async with alone(db) as session:
        await keys.ensure(session, keys.begin())
        await connections.ensure(session)
    client, secret = await clients.create(Call(SYSTEM, db, "req_start"), name="storm")
    form = {
        "grant_type": "client_credentials",
        "client_id": client.id,
        "client_secret": secret,
    }
    nobody = AsgiClient(application, host="localhost:8443")
    answer = await nobody(
        "POST",
        "/oauth/token",
        urlencode(form).encode(),
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status == 200, answer.body
    token = answer.json["access_token"]
    return Program(
        AsgiClient(application, host="localhost:8443", authorization=f"Bearer {token}"), db
    )
