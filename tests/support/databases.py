"""Databases of a test's own, on SQLite and on PostgreSQL, their schema current; and their time."""

from __future__ import annotations

import shutil

import lock_recorder
import pytest
from database_copies import Copies

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.db import migrate
from tenantry.db.opening import open_database

MASTER_KEY = b"m" * 32


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A file whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(request, postgresql):
    """The name of a database whose schema is current, to be copied; in parts if asked for."""
    url = postgresql.fresh()
    if request.config.getoption("parted"):
        import spreading

        spreading.migrated(url)
    else:
        migrate.upgrade(url)
    return postgresql.name_of(url)


@pytest.fixture(scope="session")
def postgresql_copies(postgresql, postgresql_template):
    """Copies of it, which are emptied after each test."""
    return Copies(postgresql, postgresql_template)


@pytest.fixture(scope="session")
def new_database(request, tmp_path_factory):
    """Make a database of a kind, "sqlite" or "postgresql", and return its URL."""

    def make(kind):
        template = request.getfixturevalue(f"{kind}_template")
        if kind == "postgresql":
            return request.getfixturevalue("postgresql").fresh(template=template)
        return f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('database'))}"

    return make


@pytest.fixture
def sqlite_migrated(new_database):
    """The URL of a file of this test's own, its schema current."""
    return new_database("sqlite")


@pytest.fixture
def postgresql_migrated(postgresql_copies):
    """The URL of a database on PostgreSQL of this test's own, its schema current."""
    url = postgresql_copies.take()
    yield url
    postgresql_copies.give_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """The URL of a database of this test's own: one of each kind."""
    return request.getfixturevalue(f"{request.param}_migrated")


@pytest.fixture
def kind(database_url):
    """Which kind it is: "sqlite" or "postgresql"."""
    return database_url.partition(":")[0]


@pytest.fixture
def pool_size():
    """How many connections `db` has at most."""
    return 4


@pytest.fixture
def watches_locks(request, kind):
    """Whether the lock order is checked: on PostgreSQL, where a transaction locks rows.

    Outside of `tests/storage/locks` by `make test-all` only: a second statement follows each one.
    """
    return kind == "postgresql" and request.config.getoption("thorough")


@pytest.fixture
async def db(database_url, pool_size, watches_locks):
    """The database, open; where a transaction leaves the lock order, the test fails."""
    async with open_database(database_url, MASTER_KEY, pool_size=pool_size) as opened:
        if not (watches_locks and database_url.startswith("postgresql")):
            yield opened
            return
        with lock_recorder.recorded(opened, database_url) as recorder:
            yield opened
    assert not recorder.problems, "\n\n".join(dict.fromkeys(recorder.problems))


@pytest.fixture
async def other(db, database_url):
    """The same database as another process has it open: it sees commits alone."""
    async with open_database(database_url, MASTER_KEY, pool_size=4) as opened:
        yield opened


@pytest.fixture
def call(db):
    """A call of the management client on it."""
    return Call(SYSTEM, db, "req_1")


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
