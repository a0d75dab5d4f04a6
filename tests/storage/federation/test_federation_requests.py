"""Ways to a provider and back: each of their secrets is good once, and for a while."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from tenantry.core.times import SECOND
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.federation import replays, requests
from tenantry.identity.federation.model import federation_requests

ROWS = Statement(select(federation_requests))
ANN = FederatedIdentity(
    subject="ann-7",
    email="ann@example.com",
    profile={"given_name": "Ann"},
    groups=("Staff", "Admins"),
    claims={"department": ["Sales"]},
    hint={"value": "ann-7"},
)


@pytest.fixture
async def connection_id(db):
    """Any connection will do."""
    await connections.ensure(db)
    return next(iter((await connections.of_environment(db)).values())).id


async def test_a_way_is_taken_once_with_its_facts(db, other, connection_id):
    secret = await requests.begin(
        db, connection_id, auth_request_id="areq_1", facts={"nonce": "n-1"}
    )
    assert len(secret) <= 80  # of a RelayState
    taken = await asyncio.gather(*(requests.take(one, secret) for one in (db, other, db)))
    (found,) = [one for one in taken if one is not None]
    assert (found.connection_id, found.auth_request_id) == (connection_id, "areq_1")
    assert found.facts == {"nonce": "n-1"}


async def test_an_arrival_brings_the_identity_back_once(db, connection_id):
    secret = await requests.begin(db, connection_id, test_id="test_1", facts={})
    request = await requests.take(db, secret)
    arrival = await requests.arrive(db, request, ANN)
    assert await requests.take(db, arrival) is None  # it is no way to a provider
    found, identity = await requests.take_arrival(db, arrival)
    assert identity == ANN
    assert (found.test_id, found.auth_request_id) == ("test_1", None)
    assert await requests.take_arrival(db, arrival) is None


async def test_nothing_is_stored_in_the_clear(db, connection_id):
    secret = await requests.begin(db, connection_id, facts={"code_verifier": "v-secret"})
    request = await requests.take(db, secret)
    arrival = await requests.arrive(db, request, ANN)
    (row,) = await db.fetch_all(ROWS)
    text = " ".join(str(value) for value in dict(row).values())
    for hidden in (secret, arrival, "v-secret", "ann@example.com", "Sales"):
        assert hidden not in text


async def test_time_ends_both(db, connection_id, clock):
    clock.of(requests, pruning)
    secret = await requests.begin(db, connection_id, facts={})
    clock.forward(requests.REQUEST_SECONDS)
    assert await requests.take(db, secret) is None
    secret = await requests.begin(db, connection_id, facts={})
    arrival = await requests.arrive(db, await requests.take(db, secret), ANN)
    clock.forward(requests.ARRIVAL_SECONDS)
    assert await requests.take_arrival(db, arrival) is None
    await requests.prune(db)
    assert await db.fetch_all(ROWS) == []


@pytest.mark.parametrize("secret", ["", "x", "y" * 81, "z" * 100_000])
async def test_any_other_secret_finds_nothing(db, secret):
    assert await requests.take(db, secret) is None
    assert await requests.take_arrival(db, secret) is None


async def test_an_assertion_is_good_once_for_each_connection(db, other, clock):
    clock.of(pruning)
    until = pruning.now() + 60 * SECOND
    spent = await asyncio.gather(
        *(replays.spend(one, "conn_1", "_a1", expire_time=until) for one in (db, other, db))
    )
    assert sorted(spent) == [False, False, True]
    assert await replays.spend(db, "conn_2", "_a1", expire_time=until)
    await replays.prune(db)
    assert not await replays.spend(db, "conn_1", "_a1", expire_time=until)
    clock.forward(61)
    await replays.prune(db)
    assert await replays.spend(db, "conn_1", "_a1", expire_time=until)


def test_an_identity_does_not_show_its_hint():
    assert "hint" not in repr(replace(ANN, hint={"id_token": "e.y.j"}))
