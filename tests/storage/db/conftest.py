"""Databases of a test's own of one kind, and empty ones."""

from __future__ import annotations

import pytest
from databases import MASTER_KEY

from tenantry.db.opening import open_database


@pytest.fixture
async def pg(postgresql_migrated):
    """PostgreSQL with a pool of two."""
    async with open_database(postgresql_migrated, MASTER_KEY, pool_size=2) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    """The URL of an empty database of this test's own: one of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return request.getfixturevalue("postgresql_url")
