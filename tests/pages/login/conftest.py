"""Deployments with sign-in pages, on each database."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from hosted import deployment, hosted, pytest_generate_tests  # noqa: F401 - a hook

# Every visitor has an address of its own, or all of them would share the limits of one.
SETTINGS = {
    "app_name": "Acme Projects",
    "support_email": "Acme Support <help@acme.example>",
    "sign_in_methods": "email,passkey,password",
    "trusted_proxies": "127.0.0.0/8",
}


@pytest.fixture(scope="session")
async def hosted_server(request, start_app, start_server):
    """A deployment with all ways to sign in."""
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


@pytest.fixture(scope="module")
def special_place(start_app):
    """Start a deployment on SQLite with other settings."""

    @asynccontextmanager
    async def start(**settings: str):
        server = await start_app("special", **{**SETTINGS, **settings})
        async with deployment(server) as opened:
            yield opened
        await server.stop()

    return start
