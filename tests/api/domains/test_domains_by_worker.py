"""The worker's job: it finds records by itself, more rarely as time passes, up to the end."""

from __future__ import annotations

import asyncio
import functools

import pytest
from apis import refused, unique
from sqlalchemy import select, update

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.tenants.domains import verification
from tenantry.tenants.domains.model import domains
from tenantry.tenants.domains.verification import IDLE_SECONDS, Resolver, run_due

pytestmark = pytest.mark.wires("rest")

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
_NONE_DUE = Statement(update(domains).values(check_time=None).returning(domains.c.id))
_ALL = Statement(select(domains))


@pytest.fixture(autouse=True)
async def nothing_else_is_due(database):
    await database.fetch_all(_NONE_DUE)


@pytest.fixture
def work(database, resolver):
    """Does the worker's job once."""
    return functools.partial(run_due, database, resolver)


@pytest.fixture
def next_look(database):
    """The seconds until the worker looks at a claim; None: never."""

    async def seconds(claim):
        rows = await database.fetch_all(_ALL)
        (at,) = [row["check_time"] for row in rows if row["id"] == claim["id"]]
        return None if at is None else (at - now()) / 1_000_000

    return seconds


async def test_it_finds_the_record(work, customer, name_server, age, events):
    claim = await customer.claim()
    name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
    await age(claim)
    await events.new()
    assert await work() == IDLE_SECONDS
    assert (await customer.get(claim))["verification_status"] == "VERIFIED"
    (event,) = await events.new()
    assert event["type"] == "organization.domain_dns_verification_success"
    assert event["actor"] == {"type": "management_client", "id": "system"}
    assert await work() == IDLE_SECONDS
    assert await events.new() == []


async def test_it_looks_first_after_a_minute(work, customer, name_server, next_look):
    claim = await customer.claim()
    assert MINUTE - 5 < await next_look(claim) <= MINUTE
    asked = len(name_server.asked)
    assert 0 < await work() <= IDLE_SECONDS
    assert len(name_server.asked) == asked


async def test_it_looks_more_rarely(work, customer, age, next_look, events):
    for old, pause in (
        (MINUTE, 5 * MINUTE),
        (6 * MINUTE, 15 * MINUTE),
        (21 * MINUTE, HOUR),
        (3 * HOUR, HOUR),
        (6 * DAY, HOUR),
        (7 * DAY - 10 * MINUTE, 10 * MINUTE),  # a last look when the window ends
    ):
        claim = await customer.claim()
        await age(claim, old)
        await events.new()
        await work()
        assert pause - 5 < await next_look(claim) <= pause
        assert await events.new() == []
        seen = await customer.get(claim)
        assert seen["verification_status"] == "PENDING"
        assert seen == claim | {"create_time": seen["create_time"]}


async def test_at_the_end_of_the_window_it_gives_up(work, customer, age, next_look, events):
    claim = await customer.claim()
    await age(claim, 7 * DAY)
    await events.new()
    await work()
    assert (await customer.get(claim))["verification_status"] == "FAILED"
    assert await next_look(claim) is None
    (event,) = await events.new()
    assert event["type"] == "organization.domain_dns_verification_failed"
    assert event["before"]["verification_status"] == "PENDING"
    assert event["after"]["verification_status"] == "FAILED"


async def test_a_record_in_the_last_moment_counts(work, customer, name_server, age):
    claim = await customer.claim()
    name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
    await age(claim, 7 * DAY)
    await work()
    assert (await customer.get(claim))["verification_status"] == "VERIFIED"


async def test_two_workers_share_the_work(database, new_customer, name_server, age, events):
    customer = await new_customer()
    claims = [await customer.claim() for _ in range(30)]
    for claim in claims:
        name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
        await age(claim)
    await events.new()
    name_server.asked.clear()

    async def one_worker():
        while await run_due(database, Resolver([name_server.address])) == 0:
            pass

    await asyncio.gather(one_worker(), one_worker())
    asked = [name for name, _ in name_server.asked]
    assert sorted(asked) == sorted(claim["txt_record_key"] for claim in claims)
    found = await events.new()
    assert len(found) == 30
    assert {event["type"] for event in found} == {"organization.domain_dns_verification_success"}


async def test_two_organizations_prove_one_domain(work, new_customer, name_server, age, events):
    pair = [await new_customer(), await new_customer()]
    name = f"{unique()}.com"
    claims = [await customer.claim(name) for customer in pair]
    name_server.publish(
        claims[0]["txt_record_key"], *(claim["txt_record_secret"] for claim in claims)
    )
    for claim in claims:
        await age(claim)
    await events.new()
    await work()
    states = [
        (await customer.get(claim))["verification_status"]
        for customer, claim in zip(pair, claims, strict=True)
    ]
    assert sorted(states) == ["FAILED", "VERIFIED"]
    assert len(await events.new()) == 2


async def test_a_claim_that_is_deleted_meanwhile_stays_deleted(
    work, customer, name_server, age, events, *, eventually
):
    claim = await customer.claim()
    name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
    name_server.hold(claim["txt_record_key"])
    await age(claim)
    looking = asyncio.create_task(work())
    await eventually(lambda: name_server.was_asked(claim["txt_record_key"]))
    await customer.api.domains.delete_domain(organization_id=customer.id, id=claim["id"])
    await events.new()
    name_server.release(claim["txt_record_key"])
    await looking
    with refused("NOT_FOUND"):
        await customer.get(claim)
    assert await events.new() == []


async def test_a_slow_name_holds_no_other_up(
    work, customer, name_server, age, eventually, *, monkeypatch
):
    monkeypatch.setattr(verification, "LOOKUP_SECONDS", 600.0)
    slow, quick = await customer.claim(), await customer.claim()
    name_server.hold(slow["txt_record_key"])
    name_server.publish(quick["txt_record_key"], quick["txt_record_secret"])
    for claim in (slow, quick):
        await age(claim)
    looking = asyncio.create_task(work())

    async def is_verified():
        return (await customer.get(quick))["verification_status"] == "VERIFIED"

    await eventually(is_verified)
    assert not looking.done()
    name_server.release(slow["txt_record_key"])
    await looking
    assert (await customer.get(slow))["verification_status"] == "PENDING"


async def test_what_a_dead_worker_was_at_comes_back(
    database, customer, name_server, age, next_look
):
    class Dies(Resolver):
        async def holds(self, *_: object):
            raise RuntimeError("gone")

    claim = await customer.claim()
    await age(claim)
    with pytest.raises(RuntimeError, match="gone"):
        await run_due(database, Dies())
    assert 0 < await next_look(claim) <= MINUTE
