"""Applications, and signed-in people."""

from __future__ import annotations

import pytest
from authorizations import Applications, SignedIn


@pytest.fixture
def new_application(rest, http):
    """Makes applications."""
    return Applications(rest, http)


@pytest.fixture
async def application(new_application):
    """A web application with one redirect_uri."""
    return await new_application()


@pytest.fixture
def signed_in(make, database):
    """Makes signed-in people."""
    return SignedIn(make, database)
