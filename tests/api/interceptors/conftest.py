"""A receiver, and servers that may ask it."""

from __future__ import annotations

import pytest
from apis import Api, access_token
from factories import Make
from interceptor_receivers import LOOPBACK, Receiver, configured
from wires import Rest

from tenantry.events.interceptors.service import Interceptors


@pytest.fixture
async def receiver():
    """A receiver that allows everything, unless a test says otherwise."""
    async with Receiver() as started:
        yield started


@pytest.fixture
async def interceptors(db):
    """The service that asks them, loopback allowed."""
    running = Interceptors(db, configured())
    yield running
    await running.close()


@pytest.fixture(scope="session")
def asking_sqlite_server(start_server):
    return start_server("asking-sqlite", outgoing_allow=LOOPBACK)


@pytest.fixture(scope="session")
def asking_postgresql_server(start_server, postgresql):
    return start_server(
        "asking-postgresql", outgoing_allow=LOOPBACK, database_url=postgresql.fresh()
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def asking_server(request):
    """A running server that may ask this machine, on each database."""
    return request.getfixturevalue(f"asking_{request.param}_server")


@pytest.fixture
async def asking(asking_server):
    """The API of that server over REST, as its management client."""
    wire = Rest(asking_server)
    token = await access_token(wire.http, asking_server.client_id, asking_server.client_secret)
    yield Api(wire, (("authorization", f"Bearer {token}"),))
    await wire.aclose()


@pytest.fixture
def making(asking):
    """Makes what a test needs there."""
    return Make(asking)


@pytest.fixture
async def watching(asking):
    """Make an interceptor by the API, enabled; it is gone when the test ends."""
    made = []

    async def make(trigger: str, url: str, **members: object) -> dict[str, object]:
        answer = await asking.interceptors.create_interceptor(
            interceptor={
                "display_name": "Policy",
                "trigger_point": trigger,
                "api_url": url,
                "timeout_ms": 2000,
                **members,
            }
        )
        key = answer["interceptor"]["id"]
        made.append(key)
        await asking.interceptors.enable_interceptor(id=key)
        return (await asking.interceptors.get_interceptor(id=key))["interceptor"]

    yield make
    for key in made:
        await asking.interceptors.delete_interceptor(id=key)
