"""Figures that the database is asked for: at most every 15 seconds, by index, and within a time."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing

import asyncpg
import pytest
from databases import MASTER_KEY

from tenantry.core.times import DAY, SECOND, now
from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.db.postgresql import connections
from tenantry.db.revisions import HEAD
from tenantry.events.email import service as mail
from tenantry.events.webhooks.deliveries import figures as webhooks
from tenantry.identity.connections.certificates import key_pairs
from tenantry.settings import load
from tenantry.telemetry.metrics import table
from tenantry.transfer.deployment import figures as module
from tenantry.transfer.deployment.figures import Figures


@pytest.fixture
def settings(tmp_path):
    return load({"TENANTRY_DATA_DIR": str(tmp_path)})


def by_name(values):
    return {(metric.name, *labels): value for metric, labels, value in values}


async def test_they_say_how_it_is(db, settings):
    await key_pairs.ensure(db)
    await mail.queue(db, template="code", recipient="ada@example.com", variables={})
    found = by_name(await Figures(db, settings)())
    assert found["tenantry_database_up",] == 1
    assert found["tenantry_schema_info", HEAD] == 1
    assert found["tenantry_mail_waiting",] == 1
    assert 0 <= found["tenantry_mail_overdue_seconds",] < 60
    assert found["tenantry_webhook_deliveries_waiting",] == 0
    assert found["tenantry_webhook_deliveries_overdue_seconds",] == 0
    assert found["tenantry_organizations",] == 0
    assert abs(found["tenantry_figures_timestamp_seconds",] - now() / SECOND) < 60
    ends = found["tenantry_certificate_expiration_timestamp_seconds", "saml"]
    days = (ends - now() / SECOND) * SECOND / DAY
    assert key_pairs.LIFE_DAYS - 1 < days <= key_pairs.LIFE_DAYS
    assert {metric for metric, *_ in found} <= table.FIGURES


async def test_they_are_asked_for_once_in_fifteen_seconds(db, settings, monkeypatch):
    asked = 0
    real = db.fetch_one

    async def fetch_one(statement, **params: object):
        nonlocal asked
        asked += 1
        return await real(statement, **params)

    monkeypatch.setattr(db, "fetch_one", fetch_one)
    figures = Figures(db, settings)
    await asyncio.gather(*(figures() for _ in range(20)))
    once = asked
    assert 0 < once < 10
    await figures()
    assert asked == once
    figures._asked -= module.FRESH_SECONDS
    await figures()
    assert asked == 2 * once - 1  # certificates of identity providers are read once in an hour


async def test_a_database_that_is_away_leaves_what_is_known(
    unsteady_postgresql, settings, monkeypatch
):
    url = unsteady_postgresql.fresh()
    await asyncio.to_thread(migrate.upgrade, url)
    monkeypatch.setattr(module, "LIMIT_SECONDS", 10.0)
    async with open_database(url, MASTER_KEY, pool_size=2) as db:
        figures = Figures(db, settings)
        before = by_name(await figures())
        assert before.pop(("tenantry_database_up",)) == 1
        figures._asked -= module.FRESH_SECONDS
        await asyncio.to_thread(unsteady_postgresql.stop, at_once=True)
        after = by_name(await figures())
        assert after.pop(("tenantry_database_up",)) == 0
        assert after == before
        await asyncio.to_thread(unsteady_postgresql.start)
        figures._asked -= module.FRESH_SECONDS
        assert by_name(await figures())["tenantry_database_up",] == 1


async def test_a_database_that_hangs_has_two_seconds(unsteady_postgresql, settings, monkeypatch):
    url = unsteady_postgresql.fresh()
    await asyncio.to_thread(migrate.upgrade, url)
    monkeypatch.setattr(module, "LIMIT_SECONDS", 0.2)
    async with open_database(url, MASTER_KEY, pool_size=2) as db:
        figures = Figures(db, settings)
        with unsteady_postgresql.paused():
            assert by_name(await figures()) == {("tenantry_database_up",): 0}
        monkeypatch.setattr(module, "LIMIT_SECONDS", 10.0)
        figures._asked -= module.FRESH_SECONDS
        assert by_name(await figures())["tenantry_database_up",] == 1


DELIVERIES, DUE = "ix_webhook_deliveries__endpoint_id_due_time", "ix_mail__due_time"


@pytest.mark.parametrize(
    ("statement", "index"), [(webhooks._WAITING, DELIVERIES), (mail._WAITING, DUE)]
)
async def test_what_waits_is_counted_by_its_index(kind, database_url, statement, index):
    sql, args = statement.bind(kind, {})
    plan = await _plan(kind, database_url, sql, args)
    # Counted up to a limit, and the first of it.
    assert len(re.findall(rf"(?:using|INDEX) {index}", plan)) == 2, plan
    assert not re.search("Seq Scan on (webhook_deliveries|mail)", plan), plan
    assert not re.search(r"SCAN (webhook_deliveries|mail)(?! USING)", plan), plan


async def _plan(kind, url, sql, args):
    if kind == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            rows = file.execute(f"EXPLAIN QUERY PLAN {sql}", args).fetchall()
        return "\n".join(row[3] for row in rows)
    connection = await asyncpg.connect(url, server_settings=connections._SESSION)
    try:
        rows = await connection.fetch(f"EXPLAIN {sql}", *args)
    finally:
        await connection.close()
    return "\n".join(row[0] for row in rows)
