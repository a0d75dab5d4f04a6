"""Proving a domain by its TXT record, looked up in a real DNS server."""

from __future__ import annotations

import asyncio
import time

import pytest
from apis import moment, refused, unique

from tenantry.tenants.domains.verification import LOOKUP_SECONDS, Resolver


async def test_the_record_proves_the_domain(customer, name_server, events):
    claim = await customer.claim()
    assert not await customer.verify(claim)
    assert await customer.get(claim) == claim
    await events.new()
    name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
    assert await customer.verify(claim)
    proven = await customer.get(claim)
    assert proven == claim | {
        "verification_status": "VERIFIED",
        "update_time": proven["update_time"],
    }
    assert moment(proven["update_time"]) > moment(claim["update_time"])
    (event,) = await events.new()
    assert event["type"] == "organization.domain_dns_verification_success"
    assert event["actor"]["type"] == "portal_session"
    assert event["organization_id"] == customer.id
    assert event["before"]["verification_status"] == "PENDING"
    assert event["after"]["verification_status"] == "VERIFIED"
    assert event["after"]["domain"] == claim["domain"]


async def test_what_is_proven_stays_so_without_another_look(customer, name_server, events):
    claim = await customer.claim()
    name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
    assert await customer.verify(claim)
    name_server.withdraw(claim["txt_record_key"])
    asked = len(name_server.asked)
    await events.new()
    assert await customer.verify(claim)
    assert len(name_server.asked) == asked
    assert await events.new() == []


@pytest.mark.wires("rest")
async def test_what_is_no_proof(customer, new_customer, name_server, subtests):
    other = await new_customer()
    name = f"{unique()}.com"
    claim, theirs = await customer.claim(name), await other.claim(name)
    key, secret = claim["txt_record_key"], claim["txt_record_secret"]
    for text in (
        theirs["txt_record_secret"],  # that of another organization
        secret.upper(),
        secret[:-1],
        secret + "x",
        f'"{secret}"',
        f"{secret} {theirs['txt_record_secret']}",
        [secret[:20], " ", secret[20:]],
        "",
    ):
        with subtests.test(str(text)):
            name_server.publish(key, text)
            assert not await customer.verify(claim)
    name_server.publish(name, secret)  # at the domain itself, not under the label
    name_server.withdraw(key)
    assert not await customer.verify(claim)
    name_server.publish(f"*.{name}", "v=spf1 -all")  # a wildcard has an answer to everything
    assert not await customer.verify(claim)
    name_server.publish(key, secret)
    assert await customer.verify(claim)


@pytest.mark.wires("rest")
async def test_the_secret_of_a_deleted_claim_proves_nothing(customer, name_server):
    first = await customer.claim()
    name_server.publish(first["txt_record_key"], first["txt_record_secret"])
    await customer.api.domains.delete_domain(organization_id=customer.id, id=first["id"])
    second = await customer.claim(first["domain"])
    assert not await customer.verify(second)


@pytest.mark.wires("rest")
async def test_how_a_record_may_be_served(customer, name_server, subtests):
    async def proves(claim):
        return await customer.verify(claim)

    claim = await customer.claim()
    key, secret = claim["txt_record_key"], claim["txt_record_secret"]
    with subtests.test("split into strings"):
        name_server.publish(key, [secret[:5], secret[5:30], secret[30:]])
        assert await proves(claim)

    claim = await customer.claim()
    with subtests.test("among others"):
        name_server.publish(claim["txt_record_key"], "v=spf1", claim["txt_record_secret"], "x")
        assert await proves(claim)

    claim = await customer.claim()
    with subtests.test("by an alias"):
        elsewhere = f"{unique()}.example.net"
        name_server.alias(claim["txt_record_key"], elsewhere)
        assert not await proves(claim)
        name_server.publish(elsewhere, claim["txt_record_secret"])
        assert await proves(claim)

    claim = await customer.claim()
    with subtests.test("too long for UDP"):
        key = claim["txt_record_key"]
        name_server.truncate(key)
        name_server.publish(key, *("x" * 250 for _ in range(20)), claim["txt_record_secret"])
        assert await proves(claim)
        assert (key, "tcp") in name_server.asked

    claim = await customer.claim(f"bücher-{unique()}.de")
    with subtests.test("of an internationalized name"):
        assert claim["domain"].startswith("xn--")
        name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
        assert await proves(claim)


@pytest.mark.wires("rest")
async def test_a_server_that_does_not_answer_is_no_proof_yet(customer, name_server, subtests):
    for code in ("SERVFAIL", "REFUSED", "NXDOMAIN", "FORMERR"):
        with subtests.test(code):
            claim = await customer.claim()
            name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
            name_server.break_(claim["txt_record_key"], code)
            assert not await customer.verify(claim)
            assert (await customer.get(claim))["verification_status"] == "PENDING"
    claim = await customer.claim()
    with subtests.test("a name with other records only"):
        name_server.publish(claim["txt_record_key"])
        assert not await customer.verify(claim)


@pytest.mark.thorough
@pytest.mark.wires("rest")
async def test_a_silent_server_takes_five_seconds(customer, name_server):
    claim = await customer.claim()
    name_server.ignore(claim["txt_record_key"])
    start = time.monotonic()
    assert not await customer.verify(claim)
    assert time.monotonic() - start < 10 * LOOKUP_SECONDS
    assert (await customer.get(claim))["verification_status"] == "PENDING"


async def test_the_next_resolver_is_asked_where_one_fails(name_server):
    name = f"{unique()}.example"
    name_server.publish(name, "secret")
    assert await Resolver(["127.0.0.1:1", name_server.address]).holds(name, "secret")


async def test_of_two_organizations_the_first_to_prove_it_has_it(
    customer, new_customer, name_server, events
):
    other, name = await new_customer(), f"{unique()}.com"
    mine, theirs = await customer.claim(name), await other.claim(name)
    name_server.publish(
        mine["txt_record_key"], mine["txt_record_secret"], theirs["txt_record_secret"]
    )
    assert await customer.verify(mine)
    await events.new()
    assert not await other.verify(theirs)
    assert (await other.get(theirs))["verification_status"] == "FAILED"
    (event,) = await events.new()
    assert event["type"] == "organization.domain_dns_verification_failed"
    assert event["organization_id"] == other.id
    assert event["after"]["verification_status"] == "FAILED"
    with refused("INVALID_ARGUMENT", says="delete it and add it again"):
        await other.verify(theirs)
    assert (await customer.get(mine))["verification_status"] == "VERIFIED"


@pytest.mark.wires("rest")
async def test_of_many_at_once_one_proves_it(new_customer, name_server, events):
    customers = [await new_customer() for _ in range(5)]
    name = f"{unique()}.com"
    claims = [await one.claim(name) for one in customers]
    name_server.publish(
        claims[0]["txt_record_key"], *(claim["txt_record_secret"] for claim in claims)
    )
    await events.new()
    pairs = list(zip(customers, claims, strict=True))
    # Each of them twice: what decides a claim is recorded once.
    done = await asyncio.gather(
        *(one.verify(claim) for one, claim in pairs * 2), return_exceptions=True
    )
    assert True in done
    states = [(await one.get(claim))["verification_status"] for one, claim in pairs]
    assert sorted(states) == ["FAILED"] * 4 + ["VERIFIED"]
    kinds = [event["type"].rpartition("_")[2] for event in await events.new()]
    assert sorted(kinds) == ["failed"] * 4 + ["success"]


async def test_a_domain_that_was_sold_is_its_new_owners(
    customer, new_customer, name_server, events
):
    buyer, name = await new_customer(), f"{unique()}.com"
    before = await customer.claim(name)
    name_server.publish(before["txt_record_key"], before["txt_record_secret"])
    assert await customer.verify(before)
    claim = await buyer.claim(name)
    assert not await buyer.verify(claim)
    name_server.publish(before["txt_record_key"], claim["txt_record_secret"])
    await events.new()
    assert await buyer.verify(claim)
    assert (await buyer.get(claim))["verification_status"] == "VERIFIED"
    assert (await customer.get(before))["verification_status"] == "FAILED"
    lost, won = await events.new()
    assert lost["type"] == "organization.domain_dns_verification_failed"
    assert lost["organization_id"] == customer.id
    assert lost["before"]["verification_status"] == "VERIFIED"
    assert lost["after"]["verification_status"] == "FAILED"
    assert won["type"] == "organization.domain_dns_verification_success"
    assert won["organization_id"] == buyer.id
    # A record that comes back is no new proof: the old secret is spent.
    name_server.publish(before["txt_record_key"], before["txt_record_secret"])
    with refused("INVALID_ARGUMENT", says="delete it and add it again"):
        await customer.verify(before)
    assert await buyer.verify(claim)


async def test_a_domain_is_kept_while_its_record_is_there(customer, new_customer, name_server):
    other, name = await new_customer(), f"{unique()}.com"
    mine = await customer.claim(name)
    name_server.publish(mine["txt_record_key"], mine["txt_record_secret"])
    assert await customer.verify(mine)
    theirs = await other.claim(name)
    name_server.publish(
        mine["txt_record_key"], mine["txt_record_secret"], theirs["txt_record_secret"]
    )
    assert not await other.verify(theirs)
    assert (await other.get(theirs))["verification_status"] == "FAILED"
    assert (await customer.get(mine))["verification_status"] == "VERIFIED"


async def test_a_record_takes_nothing_that_the_application_vouches_for(
    customer, name_server, rest, make
):
    claim, owner = await customer.claim(), await make.organization()
    answer = await rest.domains.create_domain(
        organization_id=owner["id"], domain={"domain": claim["domain"]}
    )
    name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
    assert not await customer.verify(claim)
    assert (await customer.get(claim))["verification_status"] == "FAILED"
    kept = await rest.domains.get_domain(organization_id=owner["id"], id=answer["domain"]["id"])
    assert kept == answer


@pytest.mark.wires("rest")
async def test_of_many_buyers_at_once_one_gets_it(customer, new_customer, name_server, events):
    buyers, name = [await new_customer() for _ in range(5)], f"{unique()}.com"
    before = await customer.claim(name)
    name_server.publish(before["txt_record_key"], before["txt_record_secret"])
    assert await customer.verify(before)
    claims = [await one.claim(name) for one in buyers]
    name_server.publish(before["txt_record_key"], *(claim["txt_record_secret"] for claim in claims))
    await events.new()
    done = await asyncio.gather(
        *(one.verify(claim) for one, claim in zip(buyers, claims, strict=True)),
        return_exceptions=True,
    )
    assert True in done
    states = [
        (await one.get(claim))["verification_status"]
        for one, claim in zip([customer, *buyers], [before, *claims], strict=True)
    ]
    assert sorted(states) == ["FAILED"] * 5 + ["VERIFIED"]
    assert states[0] == "FAILED"
    kinds = [event["type"].rpartition("_")[2] for event in await events.new()]
    assert sorted(kinds) == ["failed"] * 5 + ["success"]


@pytest.mark.wires("rest")
async def test_when_the_window_is_over_the_claim_has_failed(customer, name_server, age, events):
    claim = await customer.claim()
    await age(claim, 7 * 24 * 3600 - 60)
    assert not await customer.verify(claim)
    assert (await customer.get(claim))["verification_status"] == "PENDING"
    await age(claim, 120)
    await events.new()
    assert not await customer.verify(claim)
    assert (await customer.get(claim))["verification_status"] == "FAILED"
    (event,) = await events.new()
    assert event["type"] == "organization.domain_dns_verification_failed"
    # Then it is too late.
    name_server.publish(claim["txt_record_key"], claim["txt_record_secret"])
    with refused("INVALID_ARGUMENT", says="delete it and add it again"):
        await customer.verify(claim)
    await customer.api.domains.delete_domain(organization_id=customer.id, id=claim["id"])
    again = await customer.claim(claim["domain"])
    name_server.publish(again["txt_record_key"], again["txt_record_secret"])
    assert await customer.verify(again)
