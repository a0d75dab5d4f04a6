"""Resources and their clients."""

from __future__ import annotations

import pytest
from mcp_resources import Resources


@pytest.fixture
def new_resource(rest, database):
    """Makes resources."""
    return Resources(rest, database)


@pytest.fixture
async def resource(new_resource):
    """A resource where clients register themselves."""
    return await new_resource()
