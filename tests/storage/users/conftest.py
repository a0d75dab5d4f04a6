"""Many calls at once on a database of a test's own."""

from __future__ import annotations

import pytest


@pytest.fixture
def pool_size():
    """How many connections `db` has at most."""
    return 10
