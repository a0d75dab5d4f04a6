"""Servers on each database, the libraries that are their relying parties, and people."""

from __future__ import annotations

import pytest
from profiles import DATABASES
from relying_parties import party
from trials import Place, Trial
from valid_events import assert_all_valid_of
from wires import over_https

SETTINGS = {
    "trusted_proxies": "127.0.0.0/8",  # every browser has an address of its own
    "outgoing_allow": "127.0.0.0/8",
}


@pytest.fixture(scope="session")
async def sqlite_place(start_server):
    """A running server on SQLite."""
    async with Place(start_server("openid-sqlite", **SETTINGS)) as place:
        yield place
    place.server.stop()
    await assert_all_valid_of(place.server)


@pytest.fixture(scope="session")
async def postgresql_place(start_server, postgresql):
    """A running server on PostgreSQL."""
    server = start_server("openid-postgresql", database_url=postgresql.fresh(), **SETTINGS)
    async with Place(server) as place:
        yield place
    place.server.stop()
    await assert_all_valid_of(place.server)


@pytest.fixture(scope="session")
async def parties():
    """A library as a relying party of the server where it runs."""
    started = {}

    def start(name: str, place: Place):
        if name not in started:
            started[name] = party(name, place.server)
        return started[name]

    yield start
    for one in started.values():
        await one.aclose()


@pytest.fixture
def case(request):
    """Profile and client, as `profiles.drives` has them, and where they run."""
    profile, client = request.param
    return profile, client, request.getfixturevalue(f"{DATABASES[client]}_place")


@pytest.fixture
async def trial(case, parties):
    """A run of one module of a profile, by one client."""
    profile, client, place = case
    async with over_https(place.server) as http:
        yield Trial(place, parties(client, place), http, profile)
