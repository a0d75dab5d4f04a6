"""Lists of events go by an index of what they are narrowed by, whatever statistics say."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import replace

import asyncpg
import pytest

from tenantry.core import ids
from tenantry.events.event_log import listing, records, time_ranges
from tenantry.events.event_log.listing import Filter

# Frequent, rare and absent types, and an organization that is hardly there.
FILTERS = {
    "published": Filter(types=listing.known_types(())),
    "rare type": Filter(types=("organization.deleted",)),
    "absent type": Filter(types=("permission.deleted",)),
    "organization": Filter(types=listing.known_types(()), organization_id="org_rare"),
    "context": Filter(types=listing.known_types(()), context=(("connection_id", "conn_7"),)),
    "context of many": Filter(
        types=listing.known_types(()),
        organization_id="org_often",
        context=(("interceptor_status", "FAILED"),),
    ),
}
EVENTS = 20_000
AT = ((1_500_000_000_000_000_000 >> 22) + ids.EPOCH_MILLISECONDS) * 1000
# Of ids that are a millisecond apart.
FILTERS |= {
    f"a second of {name}": replace(
        FILTERS[name], start_time=AT + 9_000_000, end_time=AT + 10_000_000
    )
    for name in ("published", "rare type", "context of many")
}
_ROWS = f"""
INSERT INTO events (id, type, object, occurred_at, organization_id, actor, after, request_id)
SELECT 'evt_' || (1500000000000000000 + n * 4194304),
  CASE WHEN n % 5000 = 0 THEN 'organization.deleted' WHEN n % 10 = 0 THEN 'role.created'
    ELSE 'client.token_issued' END,
  'Organization', {AT} + n * 1000, CASE WHEN n % 5000 = 0 THEN 'org_rare' ELSE 'org_often' END,
  '{{}}', '{{"id": "org_1"}}', 'req_1'
FROM (SELECT value AS n FROM generate_series(1::bigint, {EVENTS}) AS value) numbered
"""
_CONTEXTS = """
INSERT INTO event_contexts (organization_id, key, value, type, event_id)
SELECT organization_id, 'interceptor_status', 'FAILED', type, id FROM events
"""


def statement_of(narrow, dialect, *, counted):
    span = narrow.start_time, narrow.end_time
    low, high = time_ranges.between(*span)
    shape = listing._Shape(
        types=len(narrow.types),
        timed=narrow.is_timed,
        of_organization=narrow.organization_id is not None,
        but_directory=False,
        members=len(narrow.context),
    )
    bounds = {"low": low, "high": high, "all_low": low, "all_high": high}
    if narrow.is_timed:
        bounds |= time_ranges.params(*span, after="", before="")
    statement = listing._statement(shape, backward=False, counted=counted)
    return statement.bind(dialect, {"take": 31, **bounds, **listing._params(narrow)})


@pytest.fixture(params=["analyzed", "not analyzed"])
async def filled(request, postgresql_template, new_database):
    """A connection to PostgreSQL with events whose statistics are known, or not."""
    connection = await asyncpg.connect(
        new_database("postgresql"), server_settings={"plan_cache_mode": "force_generic_plan"}
    )
    await connection.execute(_ROWS)
    await connection.execute(_CONTEXTS)
    if request.param == "analyzed":
        await connection.execute("ANALYZE events, event_contexts")
    yield connection
    await connection.close()


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


@pytest.mark.parametrize("counted", [False, True])
async def test_postgresql_reads_no_events_but_those_of_the_list(filled, counted):
    for name, narrow in FILTERS.items():
        sql, args = statement_of(narrow, "postgresql", counted=counted)
        kinds = ["text" if isinstance(arg, str | None) else "bigint" for arg in args]
        await filled.execute(f"PREPARE listed({', '.join(kinds)}) AS {sql}")
        given = ", ".join("NULL" if a is None else f"'{a}'" for a in args)
        explained = await filled.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE listed({given})")
        await filled.execute("DEALLOCATE listed")
        read = {
            node["Alias"]: (node["Node Type"], node["Actual Rows"] * node["Actual Loops"])
            for node in nodes(json.loads(explained)[0]["Plan"])
            if "Relation Name" in node and node.get("Rows Removed by Filter", 0) > 100
        }
        assert not read, (name, read)
        if not counted:
            rows = [
                node["Actual Rows"] * node["Actual Loops"]
                for node in nodes(json.loads(explained)[0]["Plan"])
                if "Relation Name" in node
            ]
            # So many of each type at the most, and each of the page once more, whole.
            assert sum(rows) <= 32 * len(narrow.types) + 31, (name, rows)
        if narrow.is_timed:
            found = {node.get("Index Name", "") for node in nodes(json.loads(explained)[0]["Plan"])}
            assert any("occurred_at" in name or "apart" in name for name in found), found


def test_sqlite_goes_by_the_index_of_types(sqlite_template):
    connection = sqlite3.connect(sqlite_template)
    for name, index in (
        ("rare type", "ix_events__type_id (type=? AND id>? AND id<?)"),
        ("organization", "uq_events__organization_id_type_id (organization_id=? AND type=? AND"),
    ):
        sql, args = statement_of(FILTERS[name], "sqlite", counted=True)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
        searched = [step for step in plan if " events " in f"{step} " and "(id=?)" not in step]
        assert searched
        assert all(f"USING COVERING INDEX {index}" in step for step in searched), plan
        assert not any("USE TEMP B-TREE" in step for step in plan[: len(searched)]), plan
    sql, args = statement_of(FILTERS["a second of published"], "sqlite", counted=False)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
    assert any("ix_events__apart (occurred_at>? AND occurred_at<?)" in step for step in plan), plan
    connection.close()


SEARCH = {"low": ids.EVENT, "high": f"{ids.EVENT}{'9' * 19}", "take": 31}


async def test_postgresql_reads_one_index_for_the_newest_events_of_an_organization(filled):
    sql, args = records._statement(0, True, (), 101).bind(
        "postgresql", {**SEARCH, "organization_id": "org_rare"}
    )
    kinds = ["text" if isinstance(arg, str) else "bigint" for arg in args]
    await filled.execute(f"PREPARE searched({', '.join(kinds)}) AS {sql}")
    given = ", ".join(f"'{arg}'" for arg in args)
    explained = await filled.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE searched({given})")
    plan = list(nodes(json.loads(explained)[0]["Plan"]))
    assert any("organization_id_id" in node.get("Index Name", "") for node in plan), plan
    read = [node["Actual Rows"] * node["Actual Loops"] for node in plan if "Relation Name" in node]
    assert sum(read) <= 2 * EVENTS / 5000, plan


def test_sqlite_reads_one_index_for_the_newest_events_of_an_organization(sqlite_template):
    connection = sqlite3.connect(sqlite_template)
    sql, args = records._statement(0, True, (), 101).bind(
        "sqlite", {**SEARCH, "organization_id": "org_rare"}
    )
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
    index = "ix_events__organization_id_id (organization_id=? AND id>? AND id<?)"
    assert any(f"USING COVERING INDEX {index}" in step for step in plan), plan
    connection.close()


def test_a_list_of_many_types_is_quick_to_build():
    """Once for each number of types: nobody waits long for the first one."""
    began = time.perf_counter()
    narrow = Filter(types=tuple(sorted(listing.KNOWN)))
    statement_of(narrow, "postgresql", counted=True)
    assert time.perf_counter() - began < 20
