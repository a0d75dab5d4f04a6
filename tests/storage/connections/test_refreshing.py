"""Metadata is read again by the worker, and certificates that end are told of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from idp_metadata_pages import MetadataPage, certificate
from sqlalchemy import select, update

from tenantry import settings
from tenantry.core.times import DAY, now, rfc3339
from tenantry.db.sql.schema import events, from_json
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service as mail
from tenantry.events.email.delivery import Delivery
from tenantry.identity.connections import reading, service
from tenantry.identity.connections.certificates import expiry
from tenantry.identity.connections.changes import changing, check_schedule, refreshing
from tenantry.identity.connections.changes.refreshing import Refreshing
from tenantry.identity.connections.model import connections
from tenantry.identity.connections.providers.fetching import ConnectionContext, Fetching
from tenantry.net.outgoing import Outgoing
from tenantry.tenants.organizations import service as organizations

SETTINGS = settings.load(
    {
        "TENANTRY_CONFIG": "/dev/null",
        "TENANTRY_OUTGOING_ALLOW": "127.0.0.0/8",
        "TENANTRY_ALERT_MAIL": "Ops <ops@example.com>",
    }
)
_EVENTS = Statement(select(events).order_by(events.c.id))
_DUE_NOW = Statement(update(connections).values(check_time=1).returning(connections.c.id))
_CHECKS = Statement(select(connections.c.check_time).where(connections.c.check_time.is_not(None)))


@pytest.fixture
async def page():
    async with MetadataPage() as started:
        yield started


@pytest.fixture
async def ground():
    fetching, outgoing = Fetching(("127.0.0.0/8",)), Outgoing(("127.0.0.0/8",))
    yield ConnectionContext("https://auth.example.com", True, fetching, outgoing)
    await fetching.close()
    await outgoing.close()


@pytest.fixture
async def refresh():
    job = Refreshing(SETTINGS)
    yield job
    await job.close()


@pytest.fixture
async def connection(call, page, ground):
    """A connection that serves, by this metadata."""
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
    await changing.change(call, ground, *where, changes)
    return await service.enable(call, *where)


async def look(db, refresh):
    await db.fetch_all(_DUE_NOW)
    await refresh.run(db)


def issuers(connection):
    return [one["issuer"] for one in connection.settings["idp_certificates"]]


async def events_of(db, type_):
    return [from_json(row["after"]) for row in await db.fetch_all(_EVENTS) if row["type"] == type_]


async def test_a_new_certificate_and_address_are_taken(db, page, refresh, connection):
    page.certificates = [certificate("idp"), certificate("next")]
    page.sso_url = "https://idp.example.com/other"
    await look(db, refresh)
    after = await reading.find(db, connection.id)
    assert issuers(after) == ["CN=idp", "CN=next"]
    assert after.settings["idp_sso_url"] == page.sso_url
    assert after.settings["idp_certificates"][0] == connection.settings["idp_certificates"][0]
    assert after.serves
    page.certificates = [certificate("next")]
    await look(db, refresh)
    assert issuers(await reading.find(db, connection.id)) == ["CN=next"]
    assert len(await events_of(db, "organization.sso_updated")) == 3


async def test_metadata_that_has_not_changed_changes_nothing(db, page, refresh, connection):
    before = await reading.find(db, connection.id)
    await look(db, refresh)
    after = await reading.find(db, connection.id)
    assert page.asked == 2
    assert replace(after, check_time=before.check_time) == before
    assert len(await events_of(db, "organization.sso_updated")) == 1


async def test_it_is_due_again_within_a_day(db, refresh, connection):
    await look(db, refresh)
    (row,) = await db.fetch_all(_CHECKS)
    assert 0.7 * DAY <= row["check_time"] - now() <= DAY


async def test_another_entity_id_is_never_taken(db, page, refresh, connection):
    page.entity_id = "https://evil.example/entity"
    page.certificates = [certificate("evil")]
    await look(db, refresh)
    after = await reading.find(db, connection.id)
    assert issuers(after) == ["CN=idp"]
    assert after.settings["idp_entity_id"] == connection.settings["idp_entity_id"]
    assert "https://evil.example/entity" in after.settings["fault"]
    assert after.serves


async def test_signed_requests_stay_signed(db, page, refresh, connection):
    page.signed = "true"
    await look(db, refresh)
    assert (await reading.find(db, connection.id)).settings["want_request_signed"] is True
    page.signed = "false"
    await look(db, refresh)
    after = await reading.find(db, connection.id)
    assert after.settings["want_request_signed"] is True
    assert "signed" in after.settings["fault"]


@pytest.mark.parametrize("broken", [{"status": 500}, {"body": b"<html/>"}])
async def test_metadata_that_is_away_changes_nothing_but_a_note(
    db, page, refresh, connection, broken
):
    for name, value in broken.items():
        setattr(page, name, value)
    await look(db, refresh)
    after = await reading.find(db, connection.id)
    assert issuers(after) == ["CN=idp"]
    assert after.settings["fault"]
    assert after.serves
    page.status, page.body = 200, None
    await look(db, refresh)
    assert "fault" not in (await reading.find(db, connection.id)).settings


async def test_metadata_that_is_over_is_fetched_again_within_the_hour(
    db, page, refresh, connection
):
    at = now()
    page.valid_until = rfc3339(at - DAY)
    await look(db, refresh)
    after = await reading.find(db, connection.id)
    assert after.serves
    assert after.check_time - at < 2 * 3600 * 1_000_000
    page.valid_until = rfc3339(at + 10 * DAY)
    await look(db, refresh)
    assert (await reading.find(db, connection.id)).check_time - at > DAY // 2


async def test_one_that_is_changed_or_deleted_meanwhile_is_left_alone(
    call, db, page, refresh, connection
):
    await db.fetch_all(_DUE_NOW)
    await service.remove(call, connection.organization_id, connection.id)
    await refresh.run(db)
    assert await reading.find(db, connection.id) is None


async def test_each_is_looked_at_by_one_worker(db, page, refresh, connection):
    other = Refreshing(SETTINGS)
    await db.fetch_all(_DUE_NOW)
    await refresh.run(db)
    await other.run(db)
    await other.close()
    assert page.asked == 2


async def test_the_end_of_the_last_certificate_is_told_thirty_seven_and_one_day_before(
    db, page, refresh, connection, clock
):
    page.certificates = [certificate("short", days=40)]
    clock.of(refreshing)
    for days, told in ((1, 0), (10, 1), (10, 1), (12, 2), (5, 2), (1, 3), (0.5, 3), (2, 3)):
        await look(db, refresh)
        clock.forward(days * 24 * 3600)
        await look(db, refresh)
        happened = await events_of(db, "organization.sso_certificate_expiring")
        assert len(happened) == told
    assert happened[0]["id"] == connection.id
    assert "certificate_expiry_time" in happened[0]


async def test_the_operator_gets_a_mail(db, page, refresh, connection):
    page.certificates = [certificate("brief", days=20)]
    await look(db, refresh)
    (queued,) = await mail.newest(db, limit=10)
    assert queued.recipient == "ops@example.com"

    async def variables(_db, queued):
        return refreshing.email_variables(queued, SETTINGS)

    delivery = Delivery(SETTINGS, {refreshing.TEMPLATE: variables})
    await delivery.run(db)
    _, content = await mail.find(db, queued.id)
    assert "certificate expires on" in content.subject
    for text in (content.text, content.html):
        assert page.entity_id in text
        assert connection.id in text
        assert f"/console/connections/{connection.id}" in text


async def test_a_certificate_beside_that_lasts_longer_is_enough(db, page, refresh, connection):
    page.certificates = [certificate("brief", days=20), certificate("next")]
    await look(db, refresh)
    assert await events_of(db, "organization.sso_certificate_expiring") == []


async def test_one_that_serves_nobody_is_not_told_of(call, db, page, refresh, connection):
    await service.disable(call, connection.organization_id, connection.id)
    page.certificates = [certificate("brief", days=20)]
    await look(db, refresh)
    assert await events_of(db, "organization.sso_certificate_expiring") == []


async def test_one_without_metadata_or_certificates_is_never_looked_at(call, connection):
    bare = replace(connection, settings={})
    assert check_schedule.next_check(now(), bare) is None


async def test_the_certificate_that_ends_first_is_found(db, call, page, refresh, connection):
    (known,) = (await reading.find(db, connection.id)).settings["idp_certificates"]
    assert await expiry.soonest(db) == known["expiry_time"]
    page.certificates = [certificate("idp"), certificate("next", days=9000)]
    await look(db, refresh)
    last = max(
        one["expiry_time"]
        for one in (await reading.find(db, connection.id)).settings["idp_certificates"]
    )
    assert last > known["expiry_time"]
    assert await expiry.soonest(db) == last
    await service.disable(call, connection.organization_id, connection.id)
    assert await expiry.soonest(db) is None
