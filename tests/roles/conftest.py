"""A database of each test's own, on SQLite and on PostgreSQL, its schema current."""

from __future__ import annotations

import itertools
import shutil

import pytest

from tenantry.call import Call
from tenantry.caller import SYSTEM
from tenantry.db import migrate
from tenantry.db.opening import open_database

MASTER_KEY = b"m" * 32
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def role_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_roles")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_roles"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    """Which database `db` is."""
    return request.param


@pytest.fixture
async def db(kind, role_templates, postgresql, tmp_path):
    """The database, open."""
    if kind == "sqlite":
        url = f"sqlite:///{shutil.copy(role_templates, tmp_path / 'tenantry.db')}"
    else:
        name = f"roles_{next(_NUMBERS)}"
        postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_roles")
        url = postgresql._server.get_uri(database=name)
    async with open_database(url, MASTER_KEY, pool_size=4) as opened:
        yield opened


@pytest.fixture
def call(db):
    """A call of the management client on it."""
    return Call(SYSTEM, db, "req_1")


@pytest.fixture
async def defaults(rest):
    """The environment's default roles, put back afterwards."""
    roles = (await rest.roles.list_roles())["roles"]
    (creator,) = [role for role in roles if role["default_creator"]]
    (member,) = [role for role in roles if role["default_member"]]
    yield creator, member
    await rest.roles.update_default_roles(
        default_creator_role=creator["name"], default_member_role=member["name"]
    )
