"""Batches of PostgreSQL: calls that are sent together have the results of calls one by one."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace

import pytest
import spreading
import sqlalchemy as sa
from databases import MASTER_KEY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sampling import examples
from statements import sql

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.db.engine import OutcomeUnknown, Unavailable
from tenantry.db.opening import open_database
from tenantry.db.postgresql import batches
from tenantry.db.postgresql import statements as pg_statements
from tenantry.db.sql.schema import events
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import service
from tenantry.tenants.organizations.service import OrganizationIdentifier

_EVENTS = Statement(
    sa.select(events.c.organization_id, events.c.type, events.c.before, events.c.after).order_by(
        events.c.id
    )
)


@pytest.fixture
def call(pg):
    return Call(db=pg, caller=SYSTEM, request_id="req_batch")


@pytest.fixture
def sent(monkeypatch):
    """The numbers of calls of the batches that were sent."""
    sizes = []
    real = batches.fetch_each

    async def fetch_each(connection, text, args, *, undone):
        sizes.append(len(args))
        return await real(connection, text, args, undone=undone)

    monkeypatch.setattr(batches, "fetch_each", fetch_each)
    return sizes


async def create(call, external_id=None, display_name="Acme"):
    return await service.create(
        call, region_code="US", display_name=display_name, external_id=external_id
    )


async def rename(call, organization, name, external_id=None):
    identity = OrganizationIdentifier(organization.id)
    changes = {"display_name": name} | ({"external_id": external_id} if external_id else {})
    return await service.update(call, identity, changes)


async def recorded(pg, organization_id):
    rows = await pg.fetch_all(_EVENTS)
    return [
        tuple(value and json.loads(value) for value in (row["before"], row["after"]))
        for row in rows
        if row["organization_id"] == organization_id
    ]


async def test_calls_that_wait_are_sent_together(call, sent):
    made = await asyncio.gather(*(create(call, f"e-{number}") for number in range(40)))
    # The first call is alone. A slow batch is overtaken, so the order varies.
    assert sorted(sent) == [7, 16, 16]
    sent.clear()
    renamed = await asyncio.gather(
        *(rename(call, one, f"N{number}") for number, one in enumerate(made))
    )
    assert sorted(sent) == [7, 16, 16]
    sent.clear()
    found = await asyncio.gather(
        *(service.get(call, OrganizationIdentifier(one.id)) for one in made)
    )
    assert sorted(sent) == [7, 16, 16]
    assert found == renamed
    assert [one.external_id for one in found] == [f"e-{number}" for number in range(40)]
    for one, organization in zip(renamed, made, strict=True):
        assert await recorded(call.db, one.id) == [
            (None, organization.to_event()),
            (organization.to_event(), one.to_event()),
        ]


async def test_a_call_without_company_is_sent_at_once(call, sent):
    made = await create(call)
    await rename(call, made, "New")
    assert (await service.get(call, OrganizationIdentifier(made.id))).display_name == "New"
    assert sent == []


async def test_reads_of_the_same_row_share_one_query(call, sent):
    made = await create(call)
    identity = OrganizationIdentifier(made.id)
    found = await asyncio.gather(*(service.get(call, identity) for _ in range(30)))
    assert found == [made] * 30
    assert sent == [1]


async def test_an_error_reaches_only_its_own_call(call, sent):
    await create(call, "taken")
    made = await asyncio.gather(*(create(call) for _ in range(8)))
    sent.clear()
    results = await asyncio.gather(
        *(
            rename(call, one, "New", external_id="taken" if number == 5 else f"e-{number}")
            for number, one in enumerate(made)
        ),
        rename(call, replace(made[0], id="org_1"), "New", external_id="e-x"),
        return_exceptions=True,
    )
    assert sent == [8]
    assert isinstance(results[5], errors.Duplicate)
    assert isinstance(results[8], errors.NotFound)
    changed = [one for number, one in enumerate(results[:8]) if number != 5]
    assert {one.revision for one in changed} == {2}
    for one in changed:
        assert len(await recorded(call.db, one.id)) == 2
    assert len(await recorded(call.db, made[5].id)) == 1


async def test_a_locked_row_delays_only_its_own_call(call, pg):
    made = await asyncio.gather(*(create(call) for _ in range(6)))
    hold = sql("SELECT id FROM organizations WHERE id = :id FOR UPDATE")
    async with pg.transaction() as other:
        await other.fetch_all(hold, id=made[3].id)
        first = asyncio.create_task(rename(call, made[0], "New"))
        rest = [asyncio.create_task(rename(call, one, "New")) for one in made[1:]]
        done, waiting = await asyncio.wait(rest, return_when="FIRST_EXCEPTION", timeout=1)
        assert {task.result().id for task in done} == {one.id for one in made[1:]} - {made[3].id}
        assert len(waiting) == 1
        await first
    (late,) = waiting
    assert (await late).display_name == "New"


async def test_a_stalled_call_does_not_delay_others(call, postgresql_migrated):
    async with open_database(postgresql_migrated, MASTER_KEY, pool_size=3) as db:
        call = replace(call, db=db)
        made = await asyncio.gather(*(create(call) for _ in range(2)))
        hold = sql("SELECT id FROM organizations WHERE id = :id FOR UPDATE")
        async with db.transaction() as other:
            await other.fetch_all(hold, id=made[0].id)
            stalled = asyncio.create_task(rename(call, made[0], "New"))
            await asyncio.sleep(0)
            assert (await rename(call, made[1], "New")).display_name == "New"
            assert not stalled.done()
        assert (await stalled).display_name == "New"


async def test_calls_that_wait_too_long_or_are_too_many_are_refused(call, pg, monkeypatch):
    monkeypatch.setattr(batches, "ACQUIRE_SECONDS", 0.05)
    monkeypatch.setattr(batches, "MOST_WAITING", 1)
    made = await create(call)
    hold = sql("SELECT id FROM organizations WHERE id = :id FOR UPDATE")
    async with pg.transaction() as other:
        await other.fetch_all(hold, id=made.id)
        tasks = [asyncio.create_task(rename(call, made, name)) for name in ("A", "B", "C")]
        with pytest.raises(Unavailable, match="too many calls"):
            await tasks[2]
        with pytest.raises(Unavailable, match="in time"):
            await tasks[1]
        assert not tasks[0].done()
    assert (await tasks[0]).display_name == "A"
    assert len(await recorded(pg, made.id)) == 2


async def test_changes_of_one_row_keep_their_order(call):
    made = await create(call)
    others = await asyncio.gather(*(create(call) for _ in range(4)))
    names = [f"N{number}" for number in range(40)]
    await asyncio.gather(
        *(rename(call, made, name) for name in names), *(rename(call, one, "O") for one in others)
    )
    chain = await recorded(call.db, made.id)
    assert [after["display_name"] for _, after in chain] == ["Acme", *names]
    assert all(chain[n][1] == chain[n + 1][0] for n in range(len(names)))


async def test_an_unknown_outcome_is_that_of_each_call(call, monkeypatch):
    made = await asyncio.gather(*(create(call) for _ in range(5)))

    async def lost(_self, _text, _args, _seconds):
        raise TimeoutError

    monkeypatch.setattr("tenantry.db.postgresql.pool.Connection.rows_of_each", lost)
    results = await asyncio.gather(
        *(rename(call, one, "New") for one in made), return_exceptions=True
    )
    assert results[0].display_name == "New"
    assert [type(one) for one in results[1:]] == [OutcomeUnknown] * 4
    assert len({id(one) for one in results[1:]}) == 4


async def test_calls_of_a_batch_that_was_ended_in_order_run_again(call, pg, monkeypatch):
    """The server ends a connection after the batch was sent, and before its commit."""
    made = await asyncio.gather(*(create(call) for _ in range(5)))
    real = pg_statements.fetch_each
    ended = []

    async def fetch_each(connection, text, args, *, undone):
        if not ended:
            ended.append(True)
            pid = connection.get_server_pid()
            await pg.fetch_all(sql("SELECT pg_terminate_backend(:pid, 5000)"), pid=pid)
        return await real(connection, text, args, undone=undone)

    monkeypatch.setattr(batches, "fetch_each", fetch_each)
    results = await asyncio.gather(*(rename(call, one, "New") for one in made))
    assert ended
    for one in results:
        assert one.revision == 2
        assert len(await recorded(pg, one.id)) == 2


async def test_calls_whose_callers_are_gone_are_not_sent(call, sent):
    made = await asyncio.gather(*(create(call) for _ in range(6)))
    sent.clear()
    tasks = [asyncio.create_task(rename(call, one, "New")) for one in made]
    await asyncio.sleep(0)
    for task in tasks[2:]:
        task.cancel()
    await asyncio.wait(tasks)
    assert sent == [1]
    for one in made[2:]:
        assert len(await recorded(call.db, one.id)) == 1


_ORGANIZATIONS = 4
_EXAMPLES = itertools.count()  # all of them share a database
_ERRORS = {
    "missing": errors.NotFound,
    "create": errors.Duplicate,
    "move": errors.Duplicate,
    "guarded": errors.PreconditionFailed,
}
_one_call = st.tuples(
    st.sampled_from([*_ERRORS, "change", "get"]),
    st.integers(0, _ORGANIZATIONS - 1),
    st.integers(0, 5),
    st.booleans(),
)


async def _run(call, kind, identity, value, shared):
    match kind:
        case "create":
            return await create(call, shared)
        case "get":
            return await service.get(call, identity)
        case "missing":
            identity = OrganizationIdentifier(f"org_{value + 1}")
            return await service.update(call, identity, {"display_name": "M"})
        case "move":
            return await service.update(call, identity, {"slug": shared})
        case "guarded":
            guarded = replace(call, if_match=frozenset({value + 1}))
            return await service.update(guarded, identity, {"display_name": f"G{value}"})
    return await service.update(call, identity, {"metadata": {"v": str(value)}})


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(_one_call, min_size=2, max_size=30))
async def test_any_batch_has_the_results_of_calls_one_by_one(call, calls):
    """The events, applied one by one, explain every result and the final rows."""
    example = next(_EXAMPLES)
    made = [await create(call, f"own-{example}-{n}") for n in range(_ORGANIZATIONS)]
    before = len(await call.db.fetch_all(_EVENTS))

    async def run(kind, which, value, by_id):
        identity = OrganizationIdentifier(external_id=f"own-{example}-{which}")
        if by_id:
            identity = OrganizationIdentifier(made[which].id)
        return await _run(call, kind, identity, value, f"shared-{example}-{value}")

    results = await asyncio.gather(*(run(*one) for one in calls), return_exceptions=True)
    states = {one.id: [one.to_event()] for one in made}
    for row in (await call.db.fetch_all(_EVENTS))[before:]:
        chain = states.setdefault(row["organization_id"], [])
        assert chain[-1:] == ([json.loads(row["before"])] if row["before"] else [])
        chain.append(json.loads(row["after"]))
    for (kind, *_), result in zip(calls, results, strict=True):
        if isinstance(result, BaseException):
            assert isinstance(result, _ERRORS[kind])
        else:
            assert kind != "missing"
            assert result.to_event() in states[result.id]
    for one in made:
        found = await service.get(call, OrganizationIdentifier(one.id))
        assert found.to_event() == states[one.id][-1]


async def test_a_distributed_database_has_no_batches(postgresql_migrated, sent):
    spreading.install(postgresql_migrated)
    async with open_database(postgresql_migrated, MASTER_KEY, pool_size=2) as db:
        call = Call(db=db, caller=SYSTEM, request_id="req_batch")
        made = await asyncio.gather(*(create(call) for _ in range(5)))
        await asyncio.gather(*(rename(call, one, "New") for one in made))
    assert sent == []
