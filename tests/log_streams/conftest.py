"""A database of each kind with an event log, and streams out of it."""

from __future__ import annotations

import asyncio
import itertools
import shutil

import pytest
from log_of_events import MASTER_KEY, certificates

from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.events.log_streams import streaming
from tenantry.events.log_streams.targets import parse

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def stream_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_streams")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_streams"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, stream_templates, postgresql, tmp_path):
    """The URL of a database of this test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(stream_templates, tmp_path / 'tenantry.db')}"
    name = f"streams_{next(_NUMBERS)}"
    postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_streams")
    return postgresql._server.get_uri(database=name)


@pytest.fixture
async def db(database_url):
    """The database, open."""
    async with open_database(database_url, MASTER_KEY, pool_size=4) as opened:
        yield opened


@pytest.fixture
async def other(db, database_url):
    """The same database as another process has it open."""
    async with open_database(database_url, MASTER_KEY, pool_size=2) as opened:
        yield opened


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """A server's TLS settings for 127.0.0.1, and the file that trusts it."""
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def stream():
    """Open the stream of a URL; all are closed after the test."""
    opened = []

    def open_(url):
        opened.append(streaming.Stream(parse(url), hostname="tenants.example"))
        return opened[-1]

    yield open_
    for one in opened:
        await one.close()


@pytest.fixture
def eventually():
    """Wait until something holds, for ten seconds at most."""

    async def wait(holds):
        until = asyncio.get_running_loop().time() + 10
        while not holds():
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.01)

    return wait
