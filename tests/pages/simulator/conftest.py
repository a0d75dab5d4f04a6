"""A server for development, with the simulator and the organization that signs in by it."""

from __future__ import annotations

import pytest
from hosted import deployment, hosted, pytest_generate_tests  # noqa: F401 - a hook

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
async def hosted_server(request, start_app, start_server):
    """A deployment as a developer starts it."""
    async with hosted(
        request, start_app, start_server, simulator="true", app_name="Acme Projects"
    ) as server:
        yield server


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
