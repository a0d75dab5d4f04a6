"""Metadata is read at once when a signature does not verify, and once a minute at most."""

from __future__ import annotations

import asyncio

import pytest
from idp_metadata_pages import MetadataPage, certificate
from sqlalchemy import select

from tenantry.db.sql.schema import events, from_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import reading, service
from tenantry.identity.connections.changes import changing, metadata_refresh
from tenantry.identity.connections.changes.metadata_refresh import OnDemandRefresh
from tenantry.identity.connections.providers.fetching import ConnectionContext, Fetching
from tenantry.net.outgoing import Outgoing
from tenantry.tenants.organizations import service as organizations

_EVENTS = Statement(select(events).order_by(events.c.id))


@pytest.fixture
async def page():
    async with MetadataPage() as started:
        yield started


@pytest.fixture
async def outgoing():
    made = Outgoing(("127.0.0.0/8",))
    yield made
    await made.close()


@pytest.fixture
async def connection(call, page, outgoing):
    """A connection by this metadata."""
    fetching = Fetching(("127.0.0.0/8",))
    ground = ConnectionContext("https://auth.example.com", True, fetching, outgoing)
    organization = await organizations.create(call, region_code="EU", display_name="Acme")
    made = await service.create(
        call, organization.id, type_="SAML", provider="OKTA", provider_key=""
    )
    changes = changing.Changes(
        provider="OKTA",
        debug_enabled=True,
        config="saml_config",
        settings={"idp_metadata_url": page.url},
    )
    where = (organization.id, made.id)
    call.found = await changing.ask(call, ground, *where, changes)
    after = await changing.change(call, ground, *where, changes)
    await fetching.close()
    page.asked = 0
    return after


@pytest.fixture
def process(db, outgoing):
    """Makes what one process has for it."""
    return lambda: OnDemandRefresh(db, outgoing, development=True)


def issuers(connection):
    return [one["issuer"] for one in connection.settings["idp_certificates"]]


async def test_a_new_certificate_is_taken_and_recorded(db, page, connection, process):
    page.certificates = [certificate("next")]
    after = await process().with_new_certificates(connection)
    assert issuers(after) == ["CN=next"]
    assert issuers(await reading.find(db, connection.id)) == ["CN=next"]
    rows = [row for row in await db.fetch_all(_EVENTS) if row["type"].endswith("sso_updated")]
    before, after = (
        [one["issuer"] for one in from_json(rows[-1][name])["idp_certificates"]]
        for name in ("before", "after")
    )
    assert (before, after) == (["CN=idp"], ["CN=next"])


@pytest.mark.thorough
@pytest.mark.one_database
async def test_many_processes_read_it_once_a_minute_together(db, page, connection, process, clock):
    clock.of(metadata_refresh)
    processes = [process() for _ in range(4)]
    for minute in range(1, 3):
        for _ in range(2):
            found = await asyncio.gather(
                *(one.with_new_certificates(connection) for one in processes for _ in range(25))
            )
            assert set(found) == {None}
            clock.forward(9)
        assert page.asked == minute
        clock.forward(60)


async def test_all_that_wait_for_one_read_get_what_it_brought(page, connection, process):
    page.certificates = [certificate("next")]
    found = await asyncio.gather(
        *(one.with_new_certificates(connection) for one in (process(), process()) for _ in range(5))
    )
    assert [issuers(one) for one in found] == [["CN=next"]] * 10
    assert page.asked == 1


async def test_what_another_process_has_stored_needs_no_read(page, connection, process):
    page.certificates = [certificate("next")]
    await process().with_new_certificates(connection)
    again = await process().with_new_certificates(connection)  # the side of before
    assert issuers(again) == ["CN=next"]
    assert page.asked == 1


async def test_no_url_no_request(call, page, connection, process):
    changes = changing.Changes(
        provider="OKTA", config="saml_config", settings={"idp_metadata_url": ""}
    )
    ground = ConnectionContext("https://auth.example.com", True, None, None)
    bare = await changing.change(call, ground, connection.organization_id, connection.id, changes)
    page.certificates = [certificate("next")]
    for seen in (bare, connection):  # and where the URL has gone since
        assert await process().with_new_certificates(seen) is None
    assert page.asked == 0


@pytest.mark.parametrize(
    "members",
    [
        {"entity_id": "https://evil.example/entity"},
        {"status": 500},
        {"body": b"<html/>"},
        {"sso_url": "http://idp.example.com/sso"},
    ],
)
async def test_the_rules_of_the_daily_look_hold(db, page, connection, process, members):
    """An entity ID that differs, and metadata that is not usable, replace nothing."""
    page.certificates = [certificate("evil")]
    for name, value in members.items():
        setattr(page, name, value)
    development = "sso_url" not in members
    made = process()
    made._development = development
    assert await made.with_new_certificates(connection) is None
    after = await reading.find(db, connection.id)
    assert issuers(after) == ["CN=idp"]
    assert after.settings["idp_sso_url"] == "https://idp.example.com/sso"
    assert after.settings["idp_entity_id"] == connection.settings["idp_entity_id"]


async def test_signed_requests_stay_signed(db, page, connection, process, clock):
    clock.of(metadata_refresh)
    page.signed = "true"
    page.certificates = [certificate("next")]
    await process().with_new_certificates(connection)
    page.signed = "false"
    page.certificates = [certificate("third")]
    clock.forward(61)
    after = await process().with_new_certificates(await reading.find(db, connection.id))
    assert issuers(after) == ["CN=third"]
    assert after.settings["want_request_signed"] is True
    assert "stay signed" in after.settings["fault"]


async def test_a_url_without_tls_is_not_read_in_production(db, page, connection, outgoing):
    page.certificates = [certificate("next")]
    production = OnDemandRefresh(db, outgoing, development=False)
    assert await production.with_new_certificates(connection) is None
    assert page.asked == 0


async def test_a_slow_host_is_given_up_and_left_alone(page, connection, process, monkeypatch):
    """Its second caller waits for the first read, and nobody after them waits at all."""
    monkeypatch.setattr(metadata_refresh, "SECONDS", 0.1)
    monkeypatch.setattr(metadata_refresh, "_PATIENCE", 0)
    page.hold = asyncio.Event()
    one = process()
    both = asyncio.gather(*(one.with_new_certificates(connection) for _ in range(50)))
    assert set(await both) == {None}
    assert await process().with_new_certificates(connection) is None
    assert page.asked == 1
    page.hold.set()
