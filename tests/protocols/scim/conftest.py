"""A directory of an organization of this test's own, and its provider as a client of SCIM."""

from __future__ import annotations

import pytest
from providers import Provider, connect


@pytest.fixture
async def new_provider(database, server, make):
    """Make an organization with a domain and a directory, and return its provider."""
    opened = []

    async def new(**directory: object) -> Provider:
        provider = await connect(database, server, make, **directory)
        opened.append(provider)
        return provider

    yield new
    for provider in opened:
        await provider.aclose()


@pytest.fixture
async def provider(new_provider):
    """The provider of an enabled directory."""
    return await new_provider()
