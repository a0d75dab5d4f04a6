"""Fixtures that all tests share: servers, started once, when the first test asks for them."""

from __future__ import annotations

import pytest
from name_servers import NameServer
from servers import LiveServer, PostgreSQL

pytest_plugins = ["apis"]


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture
def postgresql_url(postgresql):
    """The URL of a database of this test's own."""
    return postgresql.fresh()


@pytest.fixture(scope="session")
async def name_server():
    """The DNS server that the servers and the worker's job ask."""
    async with NameServer() as server:
        yield server


@pytest.fixture(scope="session")
def live_server(request, tmp_path_factory, name_server):
    """A running server: url, url_443, client_id, client_secret, ca, env.

    On SQLite, or where a test is parametrized indirectly with "postgresql", on that. What a worker
    does beside it is left to the tests.
    """
    database = getattr(request, "param", "sqlite")
    settings = {
        "dns_resolver": name_server.address,
        "background": "false",
        # All tests come from one address, and many with wrong credentials.
        "rate_limit_failures": "",
    }
    if database == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgresql").fresh()
    server = LiveServer(tmp_path_factory.mktemp(database), **settings).start()
    yield server
    server.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the end of the server's log with a test that failed."""
    report = yield
    server = getattr(item, "funcargs", {}).get("live_server")
    if report.failed and isinstance(server, LiveServer):
        lines = server.log.read_text(errors="replace").splitlines()[-50:]
        report.sections.append(("log of the server", "\n".join(lines)))
    return report
