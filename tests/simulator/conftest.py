"""A server for development, with the simulator and the organization that signs in by it."""

from __future__ import annotations

import asyncio

import pytest
from hosted import deployment
from valid_events import assert_all_valid_of

DATABASES = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what visits the deployment on each database, or on those that a file names."""
    if "hosted_server" in metafunc.fixturenames:
        databases = getattr(metafunc.module, "DATABASES", DATABASES)
        metafunc.parametrize("hosted_server", databases, indirect=True, scope="session")


@pytest.fixture(scope="session")
def hosted_server(request, start_server):
    """A running server as a developer starts it."""
    more = {"simulator": "true", "app_name": "Acme Projects"}
    if request.param == "postgresql":
        more["database_url"] = request.getfixturevalue("postgresql").fresh()
    server = start_server(f"simulator-{request.param}", **more)
    yield server
    server.stop()
    asyncio.run(assert_all_valid_of(server))


@pytest.fixture(scope="session")
async def place(hosted_server):
    """The deployment."""
    async with deployment(hosted_server) as opened:
        yield opened


@pytest.fixture
async def application(place):
    """An application of this test's own."""
    return await place.application()


@pytest.fixture
async def visitor(place):
    """A browser of this test's own, on this very machine."""
    async with place.visitor() as opened:
        del opened.headers["x-forwarded-for"]
        yield opened


@pytest.fixture
async def connections(place):
    """The connections of the test organization, by type."""
    found = await place.api.organizations.get_organization_by_external_id(
        external_id="test-organization"
    )
    organization_id = found["organization"]["id"]
    listed = await place.api.connections.list_connections(organization_id=organization_id)
    return {one["type"]: one for one in listed["connections"]}
