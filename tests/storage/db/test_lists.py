"""Lists: every page is right after any writes before, and filters are answered by an index."""

from __future__ import annotations

import functools
import re

import pytest
import recorded_events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import explain
from sampling import examples
from statements import DELETE_ORGANIZATION, count, event, sql

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.db.engine import DuplicateKey
from tenantry.db.opening import open_database
from tenantry.tenants.memberships.leaving import dismiss_members
from tenantry.tenants.organizations import listing, service
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.organizations.service import OrganizationIdentifier

NAMES = ["Acme", "acme two", "Ümlaut GmbH", "ab\"c 'd%_", "100% é🐘", "xyz"]
PARTS = ["acm", "ACME", "ümlaut", "100%", "%_", "b\"c 'd", "é🐘", "org_", "ext-1", "xyz", "***"]
METADATA = st.dictionaries(
    st.sampled_from(["plan", "tier", "a b"]), st.sampled_from(["x", "y", "'\"\\"]), max_size=2
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("create"), st.sampled_from(NAMES), METADATA, st.integers(0, 5) | st.none()
        ),
        st.tuples(st.just("rename"), st.integers(0, 9), st.sampled_from(NAMES)),
        st.tuples(st.just("label"), st.integers(0, 9), METADATA),
        st.tuples(st.just("reidentify"), st.integers(0, 9), st.integers(0, 5) | st.none()),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("index")),  # the worker has its turn
    ),
    max_size=25,
)


async def play(call, changes):
    """Make these changes; return the rows that must be there then, the newest first."""
    there = []
    for kind, *arguments in changes:
        try:
            if kind == "create":
                name, metadata, number = arguments
                made = await service.create(
                    call,
                    region_code="US",
                    display_name=name,
                    metadata=metadata,
                    external_id=None if number is None else f"ext-{number}",
                    slug=None,
                    logo_url=None,
                )
                there.append(made)
                continue
            if kind == "index":
                await organization_search.index(call.db)
            if not there or kind == "index":
                continue
            at = arguments[0] % len(there)
            identity = OrganizationIdentifier(there[at].id)
            if kind == "delete":
                await service.remove(call, identity, dismiss_members)
                del there[at]
                continue
            change = {
                "rename": lambda value: {"display_name": value},
                "label": lambda value: {"metadata": value},
                "reidentify": lambda value: {
                    "external_id": None if value is None else f"ext-{value}"
                },
            }[kind](arguments[1])
            there[at] = await service.update(call, identity, change)
        except errors.Duplicate:
            continue  # all is as it was
    return sorted(there, key=lambda one: one.id, reverse=True)


async def walk(call, narrow, size):
    """Read all pages forward, then back again; both must be the same rows once each."""
    forward, token, backs = [], "", []
    while True:
        page = await listing.page(call, narrow, page_size=size, page_token=token)
        forward.append([one["id"] for one in page.items])
        assert bool(page.prev_page_token) == bool(token)
        backs.append(page.prev_page_token)
        total = page.total_size
        token = page.next_page_token
        if not token:
            break
    backward = forward[-1:]
    token = backs[-1]
    while token:
        page = await listing.page(call, narrow, page_size=size, page_token=token)
        backward.insert(0, [one["id"] for one in page.items])
        assert page.total_size == total
        assert page.next_page_token
        token = page.prev_page_token
    assert backward == forward
    ids = [one for page in forward for one in page]
    assert total == len(ids) == len(set(ids))
    return ids


def matches(one, part):
    text = "\x1f".join((one.display_name, one.id, one.external_id or "")).lower()
    return part.lower() in text


@settings(
    deadline=None,
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(CHANGES, st.integers(1, 4))
async def test_pages_and_totals_are_right_after_any_changes(db, changes, size):
    await clear(db)
    call = Call(SYSTEM, db, "req_1")
    there = await play(call, changes)
    assert await walk(call, listing.Filter(), size) == [one.id for one in there]
    for key in ("plan", "tier", "a b"):
        for value in ("x", "'\"\\"):
            expected = [one.id for one in there if one.metadata.get(key) == value]
            narrow = listing.Filter(metadata=((key, value),))
            assert await walk(call, narrow, size) == expected
    both = listing.Filter(metadata=(("plan", "x"), ("tier", "y")))
    assert await walk(call, both, size) == [
        one.id
        for one in there
        if one.metadata.get("plan") == "x" and one.metadata.get("tier") == "y"
    ]
    for part in PARTS:
        expected = [one.id for one in there if matches(one, part)]
        if len(part) >= 3:  # the contract's own rule
            assert await walk(call, listing.Filter(query=part), size) == expected, part
    for number in (0, 1):
        expected = [one.id for one in there if one.external_id == f"ext-{number}"]
        assert await walk(call, listing.Filter(external_id=f"ext-{number}"), size) == expected


async def clear(db):
    rows = await db.fetch_all(sql("SELECT id FROM organizations"))
    await organization_search.mark_all(db, (row["id"] for row in rows))
    for row in rows:
        await db.apply(DELETE_ORGANIZATION, event("organization.deleted"), p_id=row["id"])
    tally = await db.fetch_one(sql("SELECT sum(n) AS n FROM tallies"))
    assert tally["n"] == 0


async def test_what_is_deleted_is_found_by_nothing(db):
    call = Call(SYSTEM, db, "req_1")
    (made,) = await play(call, [("create", "Acme", {"plan": "x"}, 1)])
    await service.remove(call, OrganizationIdentifier(made.id), dismiss_members)
    for narrow in (
        listing.Filter(),
        listing.Filter(query="acme"),
        listing.Filter(query=made.id),
        listing.Filter(metadata=(("plan", "x"),)),
        listing.Filter(external_id="ext-1"),
    ):
        assert await walk(call, narrow, 10) == []
    await play(call, [("create", "Other", {}, 1)])  # its external id is free again


async def test_a_change_that_was_undone_is_not_counted(db):
    call = Call(SYSTEM, db, "req_1")
    with pytest.raises(DuplicateKey):  # noqa: PT012 - all of it is one call
        async with db.transaction() as tx:
            await play(Call(SYSTEM, tx, "req_1"), [("create", "Acme", {}, None)])
            raise DuplicateKey("x")
    assert await walk(call, listing.Filter(), 10) == []
    assert await count(db, "organizations") == 0


# The plans of a database with enough rows

ROWS = 20_000
FILL = {
    "sqlite": """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
INSERT INTO organizations (id, display_name, external_id, region_code, metadata, features,
  revision, create_time, update_time)
SELECT 'org_' || (1574966208757764096 + n), 'Company ' || n, 'ext-' || n, 'US',
  json_object('plan', CASE n % 100 WHEN 0 THEN 'pro' ELSE 'free' END, 'number', '' || n),
  '{{}}', 1, n, n
FROM numbers
""",
    "postgresql": """
INSERT INTO organizations (id, display_name, external_id, region_code, metadata, features,
  revision, create_time, update_time)
SELECT 'org_' || (1574966208757764096 + n), 'Company ' || n, 'ext-' || n, 'US',
  jsonb_build_object('plan', CASE n % 100 WHEN 0 THEN 'pro' ELSE 'free' END, 'number', '' || n),
  '{{}}', 1, n, n
FROM generate_series(1, {rows}) AS n
""",
}
LIST = """
INSERT INTO organization_keys (organization_id, external_id)
SELECT id, external_id FROM organizations
"""
ARGUMENTS = {
    "start": "org_1574966208757774096",
    "take": 11,
    "external_id": "ext-5",
    "part": "company 777",
    "key_0": "plan",
    "value_0": "pro",
    "key_1": "number",
    "value_1": "700",
}


@pytest.fixture
async def plan(db, database_url):
    """Return the plan of a statement, one step a line, as a server in use makes it."""
    kind = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    await db.fetch_all(sql(FILL[kind].format(rows=ROWS)))
    await db.fetch_all(sql(LIST))
    ids = [row["id"] for row in await db.fetch_all(sql("SELECT id FROM organizations"))]
    await organization_search.mark_all(db, ids)
    await organization_search.catch_up(db)
    if kind == "postgresql":
        await db.fetch_all(sql("VACUUM ANALYZE"))

    return functools.partial(explain, db, given=ARGUMENTS)


FILTERS = {
    (True, 0, False): "uq_organization_keys__external_id",
    (False, 1, False): "organizations_+metadata",
    (False, 2, False): "organizations_+metadata",
    (False, 0, True): "ix_organizations_search__grams|organizations_search VIRTUAL TABLE INDEX",
}


async def test_a_filter_is_answered_by_its_index_and_a_page_by_the_ids(plan):
    walked = re.compile(r"SCAN organizations(?!_)|Seq Scan on organizations(?!_search_due)")
    for shape, index in FILTERS.items():
        statements = [
            listing._page_statement(*shape, direction)
            for direction in ("first", "forward", "backward")
        ]
        for statement in (*statements, listing._total_statement(*shape)):
            steps = await plan(statement)
            assert re.search(index, steps), steps
            assert not walked.search(steps), steps
    for direction in ("first", "forward", "backward"):
        steps = await plan(listing._page_statement(False, 0, False, direction))
        assert re.search(r"USING INDEX sqlite_auto\w+_1|using pk_organizations", steps), steps
        assert "TEMP B-TREE" not in steps
        assert "Sort" not in steps
        assert "tallies" in steps


async def test_what_is_found_by_key_is_found_by_an_index(lite_plan):

    from tenantry.db.writes import replies
    from tenantry.tenants.portal_links import service as portal_links

    for statement in (
        service._FIND["id"],
        service._FIND["external_id"],
        replies._FIND,
        replies.prune.statement,
        recorded_events._AFTER,
        portal_links._FIND,
        portal_links._FIND_SESSION,
        portal_links._LIST,
        portal_links._PRUNE_LINKS,
        portal_links._PRUNE_SESSIONS,
    ):
        steps = await lite_plan(statement)
        assert "SEARCH" in steps
        assert "SCAN" not in steps, steps
        assert "TEMP B-TREE" not in steps, steps


@pytest.fixture
async def lite_plan(sqlite_migrated):
    """Return the plan of a statement on SQLite, whatever the arguments are."""
    async with open_database(sqlite_migrated, b"m" * 32) as lite:

        async def explained(statement):
            names = statement.clause.compile().params
            return await explain(lite, statement, dict.fromkeys(names, 1))

        yield explained
