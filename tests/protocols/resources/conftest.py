"""Resources, their clients, and users who have consented."""

from __future__ import annotations

import pytest
from authorizations import SignedIn
from resource_clients import Resources


@pytest.fixture
def signed_in(make, database):
    """Makes signed-in people."""
    return SignedIn(make, database)


@pytest.fixture
def resources(rest, http, database):
    """Makes resources and their clients, and asks for tokens."""
    return Resources(rest, http, database)
