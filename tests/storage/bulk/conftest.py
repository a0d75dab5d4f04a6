"""Files sent to a running server."""

from __future__ import annotations

import pytest
from user_files import Importer


@pytest.fixture
def pool_size():
    """How many connections `db` has at most."""
    return 10


@pytest.fixture
def importer(http, token):
    """Imports users over REST, as the management client."""
    return Importer(http, token)
