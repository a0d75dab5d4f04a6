"""A database of each kind for the tests of a room: fixtures for the conftest.py of a folder."""

from __future__ import annotations

import itertools
import shutil

import pytest

from tenantry.call import Call
from tenantry.caller import SYSTEM, Origin
from tenantry.db import migrate
from tenantry.db.opening import open_database

MASTER_KEY = b"m" * 32
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory):
    """A file whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("rooms") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def empty_postgresql(postgresql):
    """The name of a database whose schema is current, to be copied."""
    postgresql._server.psql("CREATE DATABASE template_of_rooms")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_rooms"))
    return "template_of_rooms"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """The URL of a database of this test's own."""
    template = request.getfixturevalue(f"empty_{request.param}")
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(template, tmp_path / 'tenantry.db')}"
    server, name = request.getfixturevalue("postgresql")._server, f"room_{next(_NUMBERS)}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.get_uri(database=name)


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


@pytest.fixture
def clock(monkeypatch):
    """Let time pass in the modules that a test names: `clock.of(service).forward(seconds)`."""
    return Clock(monkeypatch)


class Clock:
    """The time of some modules, which goes as always until it is put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._ahead = 0

    def of(self, *modules: object):
        for module in modules:
            real = module.now
            self._monkeypatch.setattr(module, "now", lambda real=real: real() + self._ahead)
        return self

    def forward(self, seconds):
        self._ahead += int(seconds * 1_000_000)


def call_from(db, address="192.0.2.1", caller=SYSTEM) -> Call:
    """A call that comes from this address."""
    return Call(caller, db, request_id="req_test", origin=Origin(address=address))
