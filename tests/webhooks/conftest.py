"""A database of each kind for each test, a receiver, and a worker that delivers to it."""

from __future__ import annotations

import asyncio
import itertools
import shutil

import pytest
from receivers import MASTER_KEY, Receiver, Worker

from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.events.webhooks import delivery

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def webhook_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_webhooks")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_webhooks"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, webhook_templates, postgresql, tmp_path):
    """The URL of a database of this test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(webhook_templates, tmp_path / 'tenantry.db')}"
    name = f"webhooks_{next(_NUMBERS)}"
    postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_webhooks")
    return postgresql._server.get_uri(database=name)


@pytest.fixture
async def db(database_url):
    """The database, open."""
    async with open_database(database_url, MASTER_KEY, pool_size=4) as opened:
        yield opened


@pytest.fixture
async def other(db, database_url):
    """The same database as another process has it open."""
    async with open_database(database_url, MASTER_KEY, pool_size=4) as opened:
        yield opened


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


@pytest.fixture
def eventually():
    """Wait until something holds, for so many seconds at most."""

    async def wait(holds, seconds=20):
        until = asyncio.get_running_loop().time() + seconds
        while not (await found if asyncio.iscoroutine(found := holds()) else found):
            assert asyncio.get_running_loop().time() < until, "it never held"
            await asyncio.sleep(0.02)

    return wait
