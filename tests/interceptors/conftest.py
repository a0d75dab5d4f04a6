"""A database of each kind for each test, a receiver, and servers that may ask it."""

from __future__ import annotations

import itertools
import shutil

import pytest
from apis import Api, Make, Rest, access_token
from interceptor_receivers import LOOPBACK, Receiver, configured

from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.events.interceptors.service import Interceptors

_NUMBERS = itertools.count(1)
_MASTER_KEY = b"m" * 32


@pytest.fixture(scope="session")
def interceptor_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_interceptors")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_interceptors"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, interceptor_templates, postgresql, tmp_path):
    """The URL of a database of this test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(interceptor_templates, tmp_path / 'tenantry.db')}"
    name = f"interceptors_{next(_NUMBERS)}"
    postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_interceptors")
    return postgresql._server.get_uri(database=name)


@pytest.fixture
async def db(database_url):
    """The database, open."""
    async with open_database(database_url, _MASTER_KEY, pool_size=4) as opened:
        yield opened


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
    await running.aclose()


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
