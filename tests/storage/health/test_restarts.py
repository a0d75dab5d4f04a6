"""PostgreSQL is restarted under load: nothing is lost, and no answer is an internal error."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import pytest
from apis import Api, access_token, unique
from providers import connected, patch, says_error
from servers import LiveServer
from sqlalchemy import text as clause
from wires import ApiError, Grpc, Rest, over_https

from tenantry import settings
from tenantry.core.event import Event
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement

CLIENTS = 4  # of each wire
# The processes of PostgreSQL are killed by `make test`; slower ends are left to `make test-all`.
NIGHTLY = [pytest.param(how, marks=pytest.mark.thorough) for how in ("restart", "crash")]
UNPLACED = Statement(
    clause("SELECT id FROM events WHERE id NOT IN (SELECT event_id FROM event_log) LIMIT 1")
)
FINE = {"DATABASE_UNAVAILABLE", "BUSY", "OUTCOME_UNKNOWN", "DATABASE_LOCKED"}


@pytest.fixture(scope="module")
def unsteady_server(unsteady_postgresql, tmp_path_factory):
    """A server, which does a worker's work too, on a database that may be stopped."""
    url = unsteady_postgresql.fresh()
    server = LiveServer(tmp_path_factory.mktemp("unsteady"), database_url=url)
    yield server.fork()
    server.stop()


@dataclass
class Ledger:
    """The answers."""

    made: list[str] = field(default_factory=list)
    refused: list[ApiError] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    answered: int = 0


async def call(api, ledger, stop):
    """Make organizations and read them."""
    while not stop.is_set():
        name = unique("restart")
        try:
            made = await api.organizations.create_organization(
                organization={"display_name": name, "external_id": name}
            )
            ledger.made.append(name)
            await api.organizations.get_organization(id=made["organization"]["id"])
            await api.organizations.list_organization(page_size=5)
            ledger.answered += 3
        except ApiError as problem:
            ledger.refused.append(problem)
        except (httpx.HTTPError, OSError) as problem:
            ledger.broken.append(repr(problem))
        await asyncio.sleep(0.01)


@pytest.fixture
async def under_load(unsteady_server):
    """Do something while clients of both wires call, and return what they were answered."""
    wires = [kind(unsteady_server) for kind in (Rest, Grpc) for _ in range(CLIENTS)]
    async with over_https(unsteady_server) as http:
        token = await access_token(http, unsteady_server.client_id, unsteady_server.client_secret)

    async def run(happen):
        ledger, stop = Ledger(), asyncio.Event()
        callers = [
            asyncio.create_task(
                call(Api(wire, (("authorization", f"Bearer {token}"),)), ledger, stop)
            )
            for wire in wires
        ]
        for _ in range(2):
            await grows(ledger, ledger.answered + 60)
            await happen()
        await grows(ledger, ledger.answered + 60)
        stop.set()
        await asyncio.gather(*callers)
        return ledger

    yield run
    for wire in wires:
        await wire.aclose()


async def grows(ledger, answered):
    until = time.monotonic() + 60
    while ledger.answered < answered:
        assert time.monotonic() < until, ledger
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", [*NIGHTLY, "kill", "end of all connections"])
async def test_no_call_is_an_internal_error_and_no_change_lost_when_postgresql_restarts(
    unsteady_postgresql, unsteady_server, under_load, how
):
    async def happen():
        if how == "end of all connections":
            await asyncio.to_thread(
                unsteady_postgresql.run,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE 'tenantry %'",
            )
            return
        if how == "kill":
            await asyncio.to_thread(unsteady_postgresql.kill)
        else:
            await asyncio.to_thread(unsteady_postgresql.stop, at_once=how == "crash")
        await asyncio.to_thread(unsteady_postgresql.start)

    ledger = await under_load(happen)
    assert not ledger.broken
    assert {one.error_code for one in ledger.refused} <= FINE
    assert {one.http_status for one in ledger.refused} <= {503, 504, None}
    for one in ledger.refused:
        assert one.error_code == "OUTCOME_UNKNOWN" or int(one.headers["retry-after"]) >= 1
    there = await external_ids(unsteady_server)
    assert set(ledger.made) <= there
    assert '"level":"error"' not in unsteady_server.log.read_text()


async def push(provider, number, known, stop):
    """Create people as a provider does, and put every other one out."""
    while not stop.is_set():
        name = unique(f"push{number}-")
        try:
            made = await provider("POST", "/Users", provider.user(name))
            known.answers.append(made)
            if made.status_code == 201:
                known.made.append(made.json()["id"])
                off = patch({"op": "replace", "value": {"active": False}})
                gone = await provider("PATCH", f"/Users/{known.made[-1]}", off)
                known.answers.append(gone)
                if gone.status_code == 200:
                    known.put_out.append(gone.json()["id"])
        except httpx.HTTPError as problem:
            known.broken.append(repr(problem))
        await asyncio.sleep(0.01)


@dataclass
class Pushed:
    """The answers that a provider got."""

    answers: list[httpx.Response] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    put_out: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    async def grows(self):
        """Wait until more people were put out."""
        before = len(self.put_out)
        async with asyncio.timeout(60):
            while len(self.put_out) < before + 10:  # noqa: ASYNC110 - as a person looks
                await asyncio.sleep(0.05)


@pytest.mark.thorough
@pytest.mark.parametrize("how", [*NIGHTLY[:1], "kill"])
async def test_a_provider_is_told_to_come_again_and_nothing_it_pushed_is_lost(
    unsteady_postgresql, unsteady_server, how
):
    async with connected(unsteady_server) as provider:
        known, stop = Pushed(), asyncio.Event()
        pushing = [asyncio.create_task(push(provider, n, known, stop)) for n in range(CLIENTS)]
        await known.grows()
        end = unsteady_postgresql.kill if how == "kill" else unsteady_postgresql.stop
        await asyncio.to_thread(end)
        await asyncio.to_thread(unsteady_postgresql.start)
        await known.grows()
        stop.set()
        await asyncio.gather(*pushing)
        assert not known.broken
        refused = [one for one in known.answers if one.status_code >= 400]
        assert {one.status_code for one in refused} <= {503, 504}
        for one in refused:
            says_error(one, one.status_code)
            assert one.status_code == 504 or int(one.headers["retry-after"]) >= 1
        assert {one.status_code for one in known.answers} <= {200, 201, 503, 504}
        for id_ in known.made:
            found = await provider("GET", f"/Users/{id_}")
            assert found.status_code == 200, found.text
            assert found.json()["active"] is False or id_ not in known.put_out


@asynccontextmanager
async def database_of(server):
    known = settings.load(
        {name: v for name, v in server.environment.items() if name.startswith("TENANTRY_")}
    )
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        yield db


async def external_ids(server):
    async with database_of(server) as db:
        rows = await db.fetch_all(Statement(clause("SELECT external_id FROM organizations")))
    return {row["external_id"] for row in rows}


def waits(server):
    """The worker's log lines about its waiting."""
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    found = [json.loads(line) for line in lines]
    return [one for one in found if one["message"] == "database unavailable, worker is waiting"]


@pytest.mark.thorough
async def test_a_worker_goes_on_as_soon_as_its_database_is_back(
    unsteady_postgresql, unsteady_server
):
    """Within seconds, however long it was away; each problem is logged at most once a second."""
    await asyncio.to_thread(unsteady_postgresql.stop)
    until = time.monotonic() + 60
    while len(waits(unsteady_server)) < 4:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    await asyncio.to_thread(unsteady_postgresql.start)
    async with database_of(unsteady_server) as db:
        event = Event(
            type="client.created", actor={"type": "system", "id": "test"}, request_id="req_1"
        )
        await db.record(event)
        while await db.fetch_one(UNPLACED) is not None:  # noqa: ASYNC110 - as a person looks
            await asyncio.sleep(0.05)
    moments = defaultdict(list)
    for line in waits(unsteady_server):
        moments[line["problem"]].append(datetime.fromisoformat(line["time"]))
    for logged in moments.values():  # a line may be late, and the next one is not
        assert len(logged) - 2 <= (logged[-1] - logged[0]).total_seconds()
    assert max(line["times"] for line in waits(unsteady_server)) > 1


@pytest.mark.thorough
@pytest.mark.parametrize("trouble", ["stopped", "hung"])
async def test_keys_are_published_with_their_age_while_the_database_is_away(
    unsteady_postgresql, unsteady_server, trouble
):
    """So that verifiers of tokens by them go on; and discovery, which leads to them."""
    async with over_https(unsteady_server) as http:
        before = await http.get("/keys")
        assert before.status_code == 200
        assert int(before.headers["age"]) <= 5
        async with away(unsteady_postgresql, trouble):
            age = 0
            until = time.monotonic() + 60
            while age < 3:
                answer = await http.get("/keys")
                assert answer.status_code == 200, answer.text
                assert answer.json() == before.json()
                age = int(answer.headers["age"])
                assert time.monotonic() < until
            assert (await http.get("/.well-known/openid-configuration")).status_code == 200
            assert (await http.get("/readyz")).status_code == 503
        answer = await http.get("/keys")
        while int(answer.headers["age"]) > 2:
            assert time.monotonic() < until
            answer = await http.get("/keys")


@asynccontextmanager
async def away(server, trouble):
    if trouble == "hung":
        with server.paused():
            yield
    else:
        await asyncio.to_thread(server.stop)
        yield
        await asyncio.to_thread(server.start)
