"""Clients of every kind, and requests to the endpoints that clients call."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from apis import unique
from machines import Endpoint, Machine
from servers import LiveServer
from wires import over_https

from tenantry import app, settings

if TYPE_CHECKING:
    from apis import Api
    from factories import Make


class OAuth:
    """The endpoints that clients call."""

    def __init__(self, http: httpx.AsyncClient, server: LiveServer) -> None:
        self.http = http
        self.management = Machine(server.client_id, server.client_secret)
        self.token = Endpoint(http, "/oauth/token", grant_type="client_credentials")
        self.introspect = Endpoint(http, "/oauth/introspect")
        self.revoke = Endpoint(http, "/oauth/revoke")

    async def get_token(self, client: Machine, **members: str) -> str:
        """A token that a client gets."""
        answer = await self.token(client, **members)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def issues(self, client: Machine) -> bool:
        """Whether a client gets a token."""
        answer = await self.token(client)
        assert answer.status_code in {200, 401}, answer.text
        return bool(answer.status_code == 200)


class New:
    """Makes clients and tokens of every kind."""

    def __init__(self, rest: Api, make: Make) -> None:
        self._rest = rest
        self._make = make

    async def machine(self, organization_id: str = "", **members: Any) -> Machine:
        """A client of an organization."""
        return Machine(*await self._make.client(organization_id, **members))

    async def application(self, client_type: str = "WEB_APP", **members: Any) -> Machine:
        """An application, with a secret if it can have one."""
        new = {"name": unique("app"), "client_type": client_type, **members}
        client_id = (await self._rest.clients.create_client(client=new))["client"]["id"]
        if client_type != "WEB_APP":
            return Machine(client_id, "")
        secret = await self._rest.clients.create_client_secret(client_id=client_id)
        return Machine(client_id, secret["plain_secret"])

    async def set_up(self, client: Machine, **settings: Any) -> None:
        """Other settings of a client."""
        await self._rest.client_settings.update_client_settings(
            client_id=client.id, settings=settings
        )

    async def api_token(self, organization_id: str, **members: Any) -> tuple[str, str]:
        """An API token of an organization: its text and its id."""
        answer = await self._rest.tokens.create_token(
            token={"organization_id": organization_id, **members}
        )
        return answer["token"], answer["token_id"]


@pytest.fixture
def oauth(http, server):
    """The endpoints of the server."""
    return OAuth(http, server)


@pytest.fixture
def new(rest, make):
    """Makes clients and tokens of every kind."""
    return New(rest, make)


@pytest.fixture
async def process(server, database):
    """The endpoints of another process; each call starts one, within this process."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    async with AsyncExitStack() as closing:

        def start(address="127.0.0.1", **changed: Any):
            known = replace(settings.load(environment), public_url=server.url, **changed)
            transport = httpx.ASGITransport(
                app=app.wire(known, database, closing), client=(address, 50_000)
            )
            http = httpx.AsyncClient(transport=transport, base_url=server.url)
            closing.push_async_callback(http.aclose)
            return OAuth(http, server)

        yield start


@pytest.fixture(scope="session")
async def second(server, tmp_path_factory):
    """The endpoints of a second process on the same database."""
    named = {
        name.removeprefix("TENANTRY_").lower(): value
        for name, value in server.environment.items()
        if name.startswith("TENANTRY_") and name != "TENANTRY_LISTEN"
    }
    other = LiveServer(tmp_path_factory.mktemp("second"), **named).start()
    async with over_https(other) as http:
        yield OAuth(http, server)
    other.stop()
