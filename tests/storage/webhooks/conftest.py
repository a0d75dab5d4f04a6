"""A receiver, and a worker that delivers to it."""

from __future__ import annotations

import pytest
from webhook_receivers import Receiver, Worker

from tenantry.events.webhooks.deliveries import delivery


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
    """Have a worker of this process look for due deliveries twenty times a second, not twice."""
    monkeypatch.setattr(delivery, "_LOOK_SECONDS", 0.05)


@pytest.fixture
async def receiver():
    """A receiver that takes everything, unless a test says otherwise."""
    async with Receiver() as started:
        yield started


@pytest.fixture
async def worker(db):
    """A worker on the database, for the length of the test."""
    async with Worker(db) as started:
        yield started
