"""A database of a test's own, on SQLite and on PostgreSQL, and calls on it without a server."""

from __future__ import annotations

import itertools
import shutil

import pytest

from tenantry.call import Call
from tenantry.caller import SYSTEM
from tenantry.db import migrate
from tenantry.db.opening import open_database

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def user_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_users")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_users"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    """Which database `db` is."""
    return request.param


@pytest.fixture
async def db(kind, user_templates, postgresql, tmp_path):
    """The database, open."""
    if kind == "sqlite":
        url = f"sqlite:///{shutil.copy(user_templates, tmp_path / 'tenantry.db')}"
    else:
        name = f"users_{next(_NUMBERS)}"
        postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_users")
        url = postgresql._server.get_uri(database=name)
    async with open_database(url, b"m" * 32, pool_size=10) as opened:
        yield opened


@pytest.fixture
def call(db):
    """A call of the management client on it."""
    return Call(SYSTEM, db, "req_1")
