"""Tests of connections: one result each, for an hour, of a size that a row has room for."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, insert, select

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.connections import diagnostics, reading
from tenantry.identity.connections.federated_identities import FederatedIdentity, FederationError
from tenantry.identity.connections.model import (
    COMPLETED,
    OIDC,
    SAML,
    Connection,
    connections,
)
from tenantry.identity.connections.model import connection_tests as table

INSERT = Statement(insert(connections).values(bound(connections)).returning(connections.c.id))
ROWS = Statement(select(table).where(table.c.connection_id == bindparam("p_connection_id")))


async def connection(db, type_=OIDC):
    at = now()
    made = Connection(
        id=db.new_id(ids.CONNECTION),
        type=type_,
        provider="OKTA",
        status=COMPLETED,
        create_time=at,
        update_time=at,
    )
    await db.fetch_all(INSERT, **prefixed(made.to_row()))
    return made.id


def identity(**members: object) -> FederatedIdentity:
    return FederatedIdentity(subject="ann-7", email="ann@example.com", **members)


@pytest.mark.parametrize(("type_", "subject"), [(OIDC, "sub"), (SAML, "nameid")])
async def test_a_test_that_went_well_shows_what_was_received(db, type_, subject):
    connection_id = await connection(db, type_)
    test_id = await diagnostics.begin(db, connection_id)
    assert (await diagnostics.result(db, connection_id, test_id)).status == "PENDING"
    ann = identity(
        profile={"given_name": "Ann", "locale": "en"},
        received={"mail": ["ann@example.com"], "groups": ["Staff", "Admins"], "level": 3},
    )
    path = await diagnostics.succeed(db, test_id, ann)
    assert path == f"/sso/v1/tests/{test_id}"
    found = await diagnostics.result(db, connection_id, test_id)
    assert (found.status, found.type, found.error) == ("SUCCESS", type_, None)
    assert found.user_info == {
        "email": "ann@example.com",
        "given_name": "Ann",
        subject: "ann-7",
        "received": dict(ann.received),
    }


async def test_a_test_that_failed_says_why_and_what_to_do(db):
    connection_id = await connection(db)
    test_id = await diagnostics.begin(db, connection_id)
    fault = FederationError("invalid_id_token", "The ID token is of x.\x00", hint="Set the issuer.")
    await diagnostics.fail(db, test_id, fault)
    found = await diagnostics.result(db, connection_id, test_id)
    assert (found.status, found.error, found.error_details) == (
        "FAILURE",
        "invalid_id_token",
        "Set the issuer.",
    )
    assert found.error_description == "The ID token is of x.?"
    # A later answer, by Back or from another window, changes nothing.
    await diagnostics.succeed(db, test_id, identity())
    assert await diagnostics.result(db, connection_id, test_id) == found


async def test_what_a_provider_sends_is_cut_to_what_a_row_has_room_for(db):
    connection_id = await connection(db)
    test_id = await diagnostics.begin(db, connection_id)
    received = {f"a{n}\x00": ["\ud800x" * 10_000] * 20 for n in range(1000)}
    odd = {"nested": {"a": {"b": [1]}, 7: 8}, "number": 2**70, "none": None, "x": [[1], "y"]}
    await diagnostics.succeed(db, test_id, identity(received=odd | received))
    user_info = (await diagnostics.result(db, connection_id, test_id)).user_info
    kept = user_info["received"]
    assert 5 < len(kept) < 100
    assert kept["number"] == str(2**70)
    assert (kept["none"], kept["x"]) == (None, ["y"])
    assert kept["nested"].startswith("{'a'")
    assert kept["a0?"][0].startswith("?x?x")
    assert {len(value) for value in kept["a0?"]} == {501}
    assert len(to_json(user_info)) < 70_000


async def test_a_result_is_of_its_connection_alone_and_gone_after_an_hour(db, clock):
    clock.of(diagnostics, pruning)
    mine, other = await connection(db), await connection(db)
    test_id = await diagnostics.begin(db, mine)
    await diagnostics.succeed(db, test_id, identity())
    for connection_id, wanted in ((other, test_id), (mine, "test_1"), (mine, "' OR 1")):
        with pytest.raises(errors.NotFound):
            await diagnostics.result(db, connection_id, wanted)
    clock.forward(diagnostics.KEPT_SECONDS)
    assert await diagnostics.find(db, test_id) is None
    await diagnostics.succeed(db, test_id, identity())  # too late: nothing comes back
    assert len(await db.fetch_all(ROWS, p_connection_id=mine)) == 1
    assert not await diagnostics.prune(db)
    assert await db.fetch_all(ROWS, p_connection_id=mine) == []


async def test_a_test_that_has_not_come_back_is_listed_beside_the_results(db):
    connection_id = await connection(db)
    ended = [await diagnostics.begin(db, connection_id) for _ in range(2)]
    for test_id in ended:
        await diagnostics.fail(db, test_id, FederationError("invalid_status", "Refused."))
    begun = [await diagnostics.begin(db, connection_id) for _ in range(5)]
    listed = [(one.id, one.status) for one in await diagnostics.newest(db, connection_id)]
    assert listed == [
        *((one, "PENDING") for one in reversed(begun[-3:])),
        *((one, "FAILURE") for one in reversed(ended)),
    ]


async def test_a_success_is_remembered_longer_than_its_result(db):
    connection_id = await connection(db)
    test_id = await diagnostics.begin(db, connection_id)
    await diagnostics.fail(db, test_id, FederationError("invalid_status", "Refused."))
    assert (await reading.find(db, connection_id)).test_time is None
    before = now()
    test_id = await diagnostics.begin(db, connection_id)
    await diagnostics.succeed(db, test_id, identity())
    assert (await reading.find(db, connection_id)).test_time >= before
