"""Deployments with sign-in pages that reach providers on this machine."""

from __future__ import annotations

import pytest
from hosted import deployment, hosted, pytest_generate_tests  # noqa: F401 - a hook

SETTINGS = {
    "app_name": "Acme Projects",
    "sign_in_methods": "email,passkey,password",
    "trusted_proxies": "127.0.0.0/8",
    "outgoing_allow": "127.0.0.0/8",
}


@pytest.fixture(scope="session")
async def hosted_server(request, start_app, start_server):
    """A deployment that may ask providers on loopback."""
    async with hosted(request, start_app, start_server, **SETTINGS) as server:
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
    """A browser of this test's own."""
    async with place.visitor() as opened:
        yield opened


@pytest.fixture
async def other_visitor(place):
    """The browser of somebody else."""
    async with place.visitor() as opened:
        yield opened
