"""A database of each kind, the rooms on it, and browsers that visit the sign-in."""

from __future__ import annotations

import pytest
from visitors import Place, configured

from tenantry.identity.connections import environment as connections


@pytest.fixture
async def new_place(db):
    """Set up a deployment with these settings."""
    await connections.ensure(db)
    opened = []

    async def made(**settings: object) -> Place:
        place = Place(db, configured(**settings))
        await place.open()
        opened.append(place)
        return place

    yield made
    for place in opened:
        await place.close()


@pytest.fixture
async def place(new_place):
    """A deployment as it comes, with one application."""
    return await new_place()
