"""Applications and signed-in people."""

from __future__ import annotations

import pytest
from signins import SignIns


@pytest.fixture
def signins(database, http, rest, make):
    """Makes applications and sessions, issues codes, and asks for tokens."""
    return SignIns(database, http, rest, make)
