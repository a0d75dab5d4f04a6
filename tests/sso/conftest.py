"""Deployments with sign-in pages that reach providers on this machine."""

from __future__ import annotations

import asyncio

import pytest
from hosted import deployment
from valid_events import assert_all_valid_of

SETTINGS = {
    "app_name": "Acme Projects",
    "sign_in_methods": "email,passkey,password",
    "trusted_proxies": "127.0.0.0/8",
    "outgoing_allow": "127.0.0.0/8",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what visits the deployment on each database, or on those that a file names."""
    if "hosted_server" in metafunc.fixturenames:
        databases = getattr(metafunc.module, "DATABASES", ("sqlite", "postgresql"))
        metafunc.parametrize("hosted_server", databases, indirect=True, scope="session")


@pytest.fixture(scope="session")
def hosted_server(request, start_server):
    """A running server that may ask providers on loopback."""
    more = dict(SETTINGS)
    if request.param == "postgresql":
        more["database_url"] = request.getfixturevalue("postgresql").fresh()
    server = start_server(f"sso-{request.param}", **more)
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
    """A browser of this test's own."""
    async with place.visitor() as opened:
        yield opened


@pytest.fixture
async def other_visitor(place):
    """The browser of somebody else."""
    async with place.visitor() as opened:
        yield opened
