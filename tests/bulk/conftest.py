"""Databases of a test's own, on SQLite and on PostgreSQL, and files sent to a running server."""

from __future__ import annotations

import itertools
import shutil

import pytest
from user_files import MASTER_KEY, Importer

from tenantry.call import Call
from tenantry.caller import SYSTEM
from tenantry.db import migrate
from tenantry.db.opening import open_database

DATABASES = ["sqlite", "postgresql"]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def fresh_url(tmp_path_factory, postgresql):
    """Make the URL of a fresh database of a kind, its schema current."""
    folder = tmp_path_factory.mktemp("bulk")
    migrate.upgrade(f"sqlite:///{folder / 'template.db'}")
    postgresql._server.psql("CREATE DATABASE template_of_bulk")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_bulk"))

    def make(kind):
        name = f"bulk_{next(_NUMBERS)}"
        if kind == "sqlite":
            return f"sqlite:///{shutil.copy(folder / 'template.db', folder / f'{name}.db')}"
        postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_bulk")
        return postgresql._server.get_uri(database=name)

    return make


@pytest.fixture(params=DATABASES)
def database_url(request, fresh_url):
    """The URL of a fresh database: one of each kind."""
    return fresh_url(request.param)


@pytest.fixture
async def db(database_url):
    """The database, open."""
    async with open_database(database_url, MASTER_KEY, pool_size=10) as opened:
        yield opened


@pytest.fixture
def call(db):
    """A call of the management client on it."""
    return Call(SYSTEM, db, "req_1")


@pytest.fixture
def importer(http, token):
    """Imports users over REST, as the management client."""
    return Importer(http, token)
