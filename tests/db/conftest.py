"""A database of its own for each test, on SQLite and on PostgreSQL, its schema current."""

from __future__ import annotations

import asyncio
import itertools
import shutil

import pytest

from tenantry.db import migrate
from tenantry.db.opening import open_database

MASTER_KEY = b"m" * 32
DATABASES = ["sqlite", "postgresql"]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A file whose schema is current."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql):
    """The name of a database whose schema is current."""
    postgresql._server.psql("CREATE DATABASE template_of_tests")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_tests"))
    return "template_of_tests"


@pytest.fixture
def sqlite_migrated(sqlite_template, tmp_path):
    """The URL of a file of this test's own, its schema current."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'tenantry.db')}"


@pytest.fixture
def postgresql_migrated(postgresql, postgresql_template):
    """The URL of a database of this test's own, its schema current."""
    name = f"migrated_{next(_NUMBERS)}"
    postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE {postgresql_template}")
    return postgresql._server.get_uri(database=name)


@pytest.fixture(params=DATABASES)
def database_url(request):
    """The URL of a database of this test's own, its schema current: one of each kind."""
    return request.getfixturevalue(f"{request.param}_migrated")


@pytest.fixture
async def db(database_url):
    """The database, open."""
    async with open_database(database_url, MASTER_KEY, pool_size=4) as opened:
        yield opened


@pytest.fixture
async def other(db, database_url):
    """The same database as another process has it open: it sees commits alone."""
    async with open_database(database_url, MASTER_KEY, pool_size=1) as opened:
        yield opened


@pytest.fixture
async def pg(postgresql_migrated):
    """PostgreSQL with a pool of two."""
    async with open_database(postgresql_migrated, MASTER_KEY, pool_size=2) as opened:
        yield opened


@pytest.fixture(params=DATABASES)
def empty_url(request, tmp_path):
    """The URL of an empty database of this test's own: one of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def eventually():
    """Wait until something holds, for five seconds at most."""

    async def wait(holds):
        until = asyncio.get_running_loop().time() + 5
        while not await holds():
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.02)

    return wait
