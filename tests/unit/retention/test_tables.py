"""docs/tables.md has each table with the end of its rows, and its words on clean-up are so."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import asyncpg
import pytest
from repository import ROOT

import tenantry.app  # noqa: F401 - each room of it declares its tables
from tenantry import settings
from tenantry.access.api_tokens import service as api_tokens
from tenantry.access.clients.credentials import assertions, revocations
from tenantry.db.activity import model as activity
from tenantry.db.sql.schema import metadata, postgresql_tables
from tenantry.db.writes import pruning, replies
from tenantry.events.email import service as mail
from tenantry.events.event_log import retention
from tenantry.events.webhooks.deliveries import pruning as deliveries
from tenantry.identity.attempts import service as attempts
from tenantry.identity.auth_log import retention as sign_ins
from tenantry.identity.authenticators.passkeys import challenges
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import diagnostics
from tenantry.identity.consents import unused_clients
from tenantry.identity.federation import replays
from tenantry.identity.federation import requests as federation_requests
from tenantry.identity.grants import codes
from tenantry.identity.operators import grants as operator_grants
from tenantry.identity.operators import service as operators
from tenantry.identity.operators import sessions as operator_sessions
from tenantry.identity.sessions.termination import expiry
from tenantry.tenants.directories import request_log as log
from tenantry.tenants.portal_links import service as portal_links

PAGE = ROOT / "docs" / "tables.md"
TABLES = metadata.tables | postgresql_tables.tables

# The statements that delete old rows, with parameters; each by the index that the page names.
CLEANED = {
    "pk_webhook_deliveries": (
        deliveries._PRUNE,
        {"p_before": "del_1", "p_end_time": 1, "p_enabled": False},
    ),
    "pk_mail": (mail._PRUNE, {"p_before": "mail_1", "take": pruning.AT_ONCE}),
    "pk_auth_requests": (sign_ins._PRUNE, {"p_before": "areq_1"}),
    "ix_auth_requests__unproved": (sign_ins._PRUNE_UNPROVED, {"p_before": "areq_1"}),
    "ix_sessions__ended": (expiry._PRUNE, {"p_before": 1, "p_last_id": "ses_1"}),
    "pk_event_log": (retention._OLDEST, {"take": retention._PAGE}),
    "ix_client_registrations__expire_time": (
        unused_clients._DELETE,
        {"p_now": 1, "p_since": 1},
    ),
    "ix_portal_links__organization_id_id": (
        portal_links._PRUNE_LINKS,
        {"p_organization_id": "org_1", "p_now": 1},
    ),
    "ix_portal_sessions__organization_id_link_id": (
        portal_links._PRUNE_SESSIONS,
        {"p_organization_id": "org_1", "p_now": 1},
    ),
    **{
        index: (statement, {"p_before": 1})
        for index, statement in {
            "ix_authorization_codes__expire_time": codes.prune.statement,
            "ix_directory_requests__create_time": log.prune.statement,
            "ix_api_tokens__expire_time": api_tokens.prune.statement,
            "ix_activity_counts__expire_time": activity.prune_counts.statement,
            "ix_activity_marks__expire_time": activity.prune_marks.statement,
            "ix_replies__create_time": replies.prune.statement,
            "ix_spent_assertions__expire_time": assertions.prune.statement,
            "ix_revoked_tokens__expire_time": revocations.prune.statement,
            "ix_seen_assertions__expire_time": replays.prune.statement,
            "ix_federation_requests__expire_time": federation_requests.prune.statement,
            "ix_connection_tests__expire_time": diagnostics.prune.statement,
            "ix_passwordless_requests__expire_time": passwordless.prune.statement,
            "ix_webauthn_challenges__expire_time": challenges.prune.statement,
            "ix_totp_registrations__not_in_force": totp.prune.statement,
            "ix_attempts__end_time": attempts.prune.statement,
            "ix_operator_grants__expire_time": operator_grants.prune.statement,
            "ix_operator_links__expire_time": operators.prune.statement,
            "ix_operator_sessions__expire_time": operator_sessions.prune.statement,
        }.items()
    },
}
# PostgreSQL drops partitions, and contexts go by their whole key, beside the events.
ON_SQLITE = {"uq_events__id": (retention._DELETE_EVENTS, {"before": "evt_1"})}
BY_KEY = {"pk_event_contexts"}
OF_ONE_ORGANIZATION = re.compile(r"^ix_portal_")  # bounded by what one may have


def rows():
    """Each row of the page: its tables, and its other cells."""
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            yield re.findall(r"`(\w+)`", first), others


def test_every_table_has_one_row():
    named = [table for tables, _ in rows() for table in tables]
    assert sorted(named) == sorted(TABLES)


def test_every_setting_is_there():
    known = {name for name, *_ in settings.load({}).table()}
    text = PAGE.read_text()
    named = set(re.findall(r"TENANTRY_\w+", text))
    assert named
    assert named <= known


def test_every_clean_up_is_tried():
    named = {
        index for _, cells in rows() for index in re.findall(r"`((?:ix|uq|pk)_\w+)`", cells[-1])
    }
    assert named == {*CLEANED, *ON_SQLITE, *BY_KEY}


@pytest.mark.parametrize("index", [*CLEANED, *ON_SQLITE])
def test_a_clean_up_ends_after_some_rows(index):
    statement, params = (CLEANED | ON_SQLITE)[index]
    for dialect in ("sqlite", "postgresql"):
        sql, _ = statement.bind(dialect, params)
        assert "LIMIT" in sql or OF_ONE_ORGANIZATION.match(index)


@pytest.fixture(scope="module")
def sqlite(sqlite_template):
    with closing(sqlite3.connect(sqlite_template)) as connection:
        yield connection


@pytest.mark.parametrize("index", [*CLEANED, *ON_SQLITE])
def test_a_clean_up_goes_by_its_index_on_sqlite(index, sqlite):
    statement, params = (CLEANED | ON_SQLITE)[index]
    sql, args = statement.bind("sqlite", params)
    plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
    name = re.sub(r"^pk_(\w+)", r"sqlite_autoindex_\1_1", index)
    # A key of one number is the table itself.
    its_own = index == "pk_event_log"
    assert any(name in step or (its_own and "event_log" in step) for step in plan), plan
    table = re.fullmatch(r"[a-z]+_(\w+?)(__\w+)?", index)[1]
    assert f"SCAN {table}" not in plan or its_own


@pytest.mark.usefixtures("postgresql_template")
async def test_each_clean_up_goes_by_its_index_on_postgresql(new_database):
    # As the sessions of a server are.
    connection = await asyncpg.connect(
        new_database("postgresql"),
        server_settings={"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"},
    )
    found = {}
    try:
        for index, (statement, params) in CLEANED.items():
            sql, args = statement.bind("postgresql", params)
            await connection.execute(f"PREPARE tried AS {sql}")
            literals = ", ".join(_literal(arg) for arg in args)
            given = f"({literals})" if args else ""
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE tried{given}")
            await connection.execute("DEALLOCATE tried")
            found[index] = index in _indexes(json.loads(plan)[0]["Plan"])
    finally:
        await connection.close()
    assert [index for index, is_so in found.items() if not is_so] == []


def _literal(value):
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _indexes(plan):
    if "Index Name" in plan:
        yield plan["Index Name"]
    for inner in plan.get("Plans", ()):
        yield from _indexes(inner)
