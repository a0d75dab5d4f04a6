"""Databases of each kind, and a pool to hash in."""

from __future__ import annotations

import pytest

from tenantry.identity.authenticators.passwords.service import Passwords


@pytest.fixture
async def passwords():
    """Passwords without a list of bad ones."""
    made = Passwords(breached=None, threads=2)
    yield made
    await made.close()
