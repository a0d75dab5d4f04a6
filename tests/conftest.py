"""Fixtures that all tests share: servers, started once, when the first test asks for them."""

from __future__ import annotations

import asyncio
import gc
import shutil

import memory
import pytest
import sampling
import waiting
from app_servers import AppServer
from name_servers import NameServer
from servers import LiveServer, PostgreSQL
from valid_events import assert_all_valid_of

pytest_plugins = ["selection", "apis", "factories", "databases"]


def pytest_configure(config):
    """Try as many examples as the run has time for, before a file of tests asks how many."""
    sampling.load(whole=config.getoption("thorough"))
    waiting.give_clients_time()
    if not config.getoption("thorough"):  # whose files and servers are more than a memory holds
        memory.use()


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the many tests, which stay to the end, out of the search for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def eventually():
    """Wait until a condition holds."""
    return waiting.eventually


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture(scope="session")
def unsteady_postgresql():
    """A PostgreSQL server that tests stop, kill and let stand still."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture
def postgresql_url(postgresql):
    """The URL of an empty database of this test's own."""
    url = postgresql.fresh()
    yield url
    postgresql.drop(url)


@pytest.fixture(scope="session")
async def name_server():
    """The DNS server that the servers and the worker's job ask."""
    async with NameServer() as server:
        yield server


def _alone(name_server):
    """Settings of a server that asks nobody else. The worker's jobs are left to the tests."""
    return {
        "dns_resolver": name_server.address,
        "google_workspace_url": "http://127.0.0.1:1",  # no test asks Google itself
        "background": "false",
        # All tests come from one address, and many with wrong credentials.
        "rate_limit_failures": "",
    }


@pytest.fixture(scope="session")
def start_server(tmp_path_factory, name_server, sqlite_template):
    """Start a server with more settings."""
    started = []

    def start(name: str, **settings: str) -> LiveServer:
        server = LiveServer(
            tmp_path_factory.mktemp(name),
            **_alone(name_server) | settings,
        )
        started.append(server)
        if "database_url" not in settings and not server.data_dir.exists():
            # Migrated as by `tenantry migrate`, once for all: that takes a third of a start.
            server.data_dir.mkdir(mode=0o700)
            shutil.copy(sqlite_template, server.data_dir / "tenantry.db")
        return server.fork()

    yield start
    for server in started:  # all at once: each lets its connections end
        if server.process is not None:
            server.process.terminate()
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
async def start_app(tmp_path_factory, name_server, sqlite_template):
    """Start the application in this process with more settings."""
    started = []

    async def start(name: str, **settings: str) -> AppServer:
        server = AppServer(
            tmp_path_factory.mktemp(name),
            sqlite_template,
            **_alone(name_server) | settings,
        )
        started.append(server)
        return await server.start()

    yield start
    for server in started:
        await server.stop()


@pytest.fixture(scope="session")
async def sqlite_app(start_app):
    """The application on SQLite."""
    server = await start_app("sqlite-app")
    yield server
    await assert_all_valid_of(server)


@pytest.fixture(scope="session")
async def postgresql_app(start_app, postgresql, postgresql_template):
    """The application on PostgreSQL."""
    server = await start_app(
        "postgresql-app", database_url=postgresql.fresh(template=postgresql_template)
    )
    yield server
    await assert_all_valid_of(server)


@pytest.fixture(scope="session")
def sqlite_server(start_server):
    """A running server on SQLite."""
    server = start_server("sqlite")
    yield server
    _end(server)


@pytest.fixture(scope="session")
def postgresql_server(start_server, postgresql):
    """A running server on PostgreSQL."""
    server = start_server("postgresql", database_url=postgresql.fresh())
    yield server
    _end(server)


@pytest.fixture(scope="session")
def sending_server(start_server):
    """A running server on SQLite that does what a worker does, and sends to this machine."""
    server = start_server("sending", background="true")
    yield server
    _end(server)


@pytest.fixture(scope="module")
def own_server(start_server):
    """A running server on SQLite that no other file has written to: tests show fixed names."""
    server = start_server("own", outgoing_allow="127.0.0.0/8")
    yield server
    _end(server)


def _end(server):
    server.stop()
    # All of its events: also those that no test has looked at.
    asyncio.run(assert_all_valid_of(server))


@pytest.fixture(scope="session")
def live_server(request):
    """A running server: url, url_443, client_id, client_secret, ca, env.

    On SQLite, or where a test is parametrized indirectly with "postgresql", on that; the same one
    for all tests of this process.
    """
    return request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_server")


@pytest.fixture(scope="module", autouse=True)
def _nobody_keeps_port_443():
    """Leave the port to the other processes of this run as soon as a file is through."""
    yield
    LiveServer.leave_443()


@pytest.fixture(scope="module", autouse=True)
def _ends_what_it_opened():
    """Let a file fail that left a connection open, not the one in which that is noticed."""
    yield
    gc.collect()
    gc.freeze()  # else each file would look through all that those before it have left


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the end of the server's log with a test that failed."""
    report = yield
    for name in ("live_server", "own_server", "sending_server"):
        server = getattr(item, "funcargs", {}).get(name)
        if report.failed and isinstance(server, LiveServer):
            lines = server.log.read_text(errors="replace").splitlines()[-50:]
            report.sections.append(("log of the server", "\n".join(lines)))
    return report
