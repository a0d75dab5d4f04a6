"""A database of its own for each test, on SQLite and on PostgreSQL, its schema current."""

from __future__ import annotations

import itertools
import shutil

import pytest
from logs import MASTER_KEY

from tenantry.db import migrate
from tenantry.db.opening import open_database

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def log_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_log")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_log"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, log_templates, postgresql, tmp_path):
    """The URL of a database of this test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(log_templates, tmp_path / 'tenantry.db')}"
    name = f"log_{next(_NUMBERS)}"
    postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_log")
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
