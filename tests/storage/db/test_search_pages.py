"""Pages of a search read few rows whatever matches, and their totals stay exact."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sampling import examples
from statements import sql
from test_lists import CHANGES, PARTS, clear, matches, play, walk

from tenantry.call import AT_LEAST, TOTAL_SIZE, Call
from tenantry.core.caller import SYSTEM
from tenantry.db.search import index, paging
from tenantry.db.search import terms as search_terms
from tenantry.db.search.gaps import Gaps
from tenantry.db.search.paging import SearchPages
from tenantry.tenants.organizations import listing, service
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.organizations.service import OrganizationIdentifier

FIRST = 10**18
# A word, and which organizations have it in their name, of so many in the order of their ids.
WORDS = {
    "everybody": "true",
    "everyother": "n % 2 = 0",
    "oldesthalf": "n < {rows} / 2",
    "oldestmany": "n < 700",
    "someearly": "n < 150",
    "hundredth": "n % 100 = 0",
    "middlebit": "n BETWEEN {rows} / 2 AND {rows} / 2 + 700 OR n = {rows} - 3",
}
_CASES = " || ".join(f"CASE WHEN {held} THEN ' {word}' ELSE '' END" for word, held in WORDS.items())
NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers"
    " WHERE n < {rows} - 1)",
    "postgresql": "WITH numbers AS (SELECT generate_series(0, {rows} - 1) AS n)",
}
FILL = """
INSERT INTO organizations (id, display_name, external_id, region_code, metadata, features,
  revision, create_time, update_time)
{numbers}
SELECT 'org_' || ({first} + n), 'Company ' || n || {cases}, 'ext-' || n, 'US', '{{}}', '[]', 1, n, n
FROM numbers
"""
INDEX = {
    "sqlite": "INSERT INTO organizations_search (rowid, text)"
    " SELECT CAST(substr(id, 5) AS INTEGER),"
    " tenantry_folded(display_name || char(31) || id || char(31) || external_id)"
    " FROM organizations",
    "postgresql": "INSERT INTO organizations_search (organization_id, text, grams)"
    " SELECT id, t.text, array_to_tsvector(ARRAY(SELECT substr(t.text, i, 5)"
    " FROM generate_series(1, length(t.text) - 2) AS i)) FROM organizations CROSS JOIN LATERAL"
    " (SELECT lower(display_name || chr(31) || id || chr(31) || external_id) AS text) AS t",
}


async def fill(db, kind, rows):
    await db.fetch_all(sql("DELETE FROM tallies"))
    numbers = NUMBERS[kind].format(rows=rows)
    cases = _CASES.format(rows=rows)
    await db.fetch_all(sql(FILL.format(numbers=numbers, first=FIRST, cases=cases)))
    for start in range(FIRST, FIRST + rows, 2000):  # a statement has seconds
        some = f"id >= 'org_{start}' AND id < 'org_{start + 2000}'"
        await db.fetch_all(sql(f"{INDEX[kind]} WHERE {some}"))
    await db.fetch_all(
        sql(f"INSERT INTO tallies (name, slot, n) VALUES ('organizations', 7, {rows})")
    )
    await db.fetch_all(sql("ANALYZE"))


@pytest.fixture
def kind(database_url):
    return "sqlite" if database_url.startswith("sqlite") else "postgresql"


@pytest.fixture
def sized(monkeypatch):
    """Search organizations with other limits."""

    def change(**limits: object):
        monkeypatch.setattr(search_terms, "SMALL", 0)
        monkeypatch.setattr(search_terms, "FEW", limits["FEW"])
        for name, value in limits.items():
            monkeypatch.setattr(paging, name, value)
        monkeypatch.setattr(organization_search, "terms", organization_search._counted_terms())
        pages = SearchPages(organization_search, listing._tally(), listing._searched)
        monkeypatch.setattr(listing, "_SEARCH", pages)
        return pages

    return change


@pytest.fixture
def scaled(sized):
    """A twentieth of the limits, for a twentieth of the rows."""
    limits = {
        "FEW": search_terms.FEW // 20,
        "NEAR": paging.NEAR // 20,
        "STRETCHES": tuple(n // 20 for n in paging.STRETCHES),
    }
    sized(**limits)
    return limits


@pytest.fixture
def run(monkeypatch, db):
    """Return the statements that a search runs, with their parameters."""

    async def found(word, token=""):
        asked = []
        real = db.fetch_all

        async def noticed(statement, **params: object):
            asked.append((statement, params))
            return await real(statement, **params)

        with monkeypatch.context() as patch:
            patch.setattr(db, "fetch_all", noticed)
            call = Call(SYSTEM, db, "req_1")
            narrow = listing.Filter(query=word)
            page = await listing.page(call, narrow, page_size=30, page_token=token)
        return page, asked

    return found


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def rows_read(db, asked):
    """Return how many rows PostgreSQL reads for these statements."""
    total = 0.0
    connection = await db._pool.acquire()
    try:
        for statement, params in asked:
            text, bound = statement.bind("postgresql", params)
            kinds = ["text" if isinstance(one, str) else "bigint" for one in bound]
            declared = f"({', '.join(kinds)})" if kinds else ""
            await connection.execute(f"PREPARE tried{declared} AS {text}")
            literals = ", ".join(f"'{one}'" for one in bound)
            given = f"({literals})" if bound else ""
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE tried{given}"
            plan = json.loads((await connection.fetch(explain))[0][0])[0]["Plan"]
            await connection.execute("DEALLOCATE tried")
            total += sum(
                (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
                for node in nodes(plan)
                if "Relation Name" in node or node["Node Type"] == "Bitmap Index Scan"
            )
    finally:
        db._pool.give_back(connection)
    return total


def own(word, rows):
    """Return the numbers of the organizations with a word, the newest first."""
    held = {
        "everybody": lambda _: True,
        "everyother": lambda n: n % 2 == 0,
        "oldesthalf": lambda n: n < rows // 2,
        "oldestmany": lambda n: n < 700,
        "someearly": lambda n: n < 150,
        "hundredth": lambda n: n % 100 == 0,
        "middlebit": lambda n: rows // 2 <= n <= rows // 2 + 700 or n == rows - 3,
        "nobodyhasit": lambda _: False,
    }[word]
    return [n for n in range(rows - 1, -1, -1) if held(n)]


def numbers_of(page):
    return [int(one["id"].removeprefix("org_")) - FIRST for one in page.items]


async def test_postgresql_reads_as_few_rows_of_many_as_of_some(db, kind, run, scaled):
    """Once a term is counted: the first page, one by token, and one that crosses a gap."""
    if kind == "sqlite":
        pytest.skip("its plans do not say what is read")
    read = {}
    for rows in (4_000, 16_000):
        await db.fetch_all(
            sql("TRUNCATE organizations, organizations_search, search_terms CASCADE")
        )
        await fill(db, kind, rows)
        for word in (*WORDS, "nobodyhasit"):
            expected = own(word, rows)
            await run(word)  # which counts it, and notes the gaps
            page, asked = await run(word)
            assert page.total_size == len(expected), word
            assert numbers_of(page) == expected[:30], word
            read[rows, word] = await rows_read(db, asked)
            if page.next_page_token:
                page, asked = await run(word, page.next_page_token)
                assert numbers_of(page) == expected[30:60], word
                read[rows, word] = max(read[rows, word], await rows_read(db, asked))
    # The rows that one page may read: the nearest, all of the index, and stretches beside a gap.
    most = scaled["NEAR"] + 4 * scaled["FEW"] + 2 * sum(scaled["STRETCHES"])
    assert {case: n for case, n in read.items() if n > most} == {}
    for word in {*WORDS, "nobodyhasit"} - {"hundredth"}:  # of which the index finds more
        few, many = read[4_000, word], read[16_000, word]
        assert many <= 1.5 * few + 50, (word, few, many)


async def test_pages_are_right_where_many_match(db, kind, run, scaled):
    rows = 4_000
    await fill(db, kind, rows)
    for word in (*WORDS, "nobodyhasit"):
        expected, token, walked = own(word, rows), "", []
        for _ in range(3):
            page, _ = await run(word, token)
            assert (page.total_size, page.is_exact) == (len(expected), True), word
            walked.append(numbers_of(page))
            token = page.next_page_token
            if not token:
                break
        assert [n for page in walked for n in page] == expected[:90], word
        if len(walked) > 1:
            page, _ = await run(word, page.prev_page_token)
            assert numbers_of(page) == walked[-2], word


@pytest.fixture
def small(sized):
    """Searches that take three matches for many, and look at three rows for a page."""
    return sized(FEW=2, NEAR=3, STRETCHES=(2, 3))


LONG_PARTS = [part for part in PARTS if len(part) >= 3]  # the contract's own rule


@settings(
    deadline=None,
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(CHANGES, min_size=2, max_size=4), st.integers(1, 4))
async def test_totals_and_gaps_follow_any_changes(db, small, rounds, size):
    await clear(db)
    call = Call(SYSTEM, db, "req_1")
    await db.fetch_all(sql("DELETE FROM search_terms"))
    for changes in rounds:
        await play(call, changes)
        rows = (await listing.page(call, listing.Filter(), page_size=100, page_token="")).items
        there = [await service.get(call, OrganizationIdentifier(row["id"])) for row in rows]
        for part in LONG_PARTS:
            expected = [one.id for one in there if matches(one, part)]
            found = await walk(call, listing.Filter(query=part), size)
            assert found == expected, part
        await index.run(db, searches=[organization_search])
        for part in LONG_PARTS:
            expected = [one.id for one in there if matches(one, part)]
            assert await walk(call, listing.Filter(query=part), size) == expected, part


async def made(call, names):
    return [await service.create(call, region_code="US", display_name=name) for name in names]


async def kept(db):
    rows = await db.fetch_all(sql("SELECT term, total, counted, gaps FROM search_terms"))
    return {row["term"]: (row["total"], bool(row["counted"]), row["gaps"]) for row in rows}


async def total(call, part):
    page = await listing.page(call, listing.Filter(query=part), page_size=1, page_token="")
    return page.total_size


async def test_a_total_is_counted_once_and_follows_each_change(db, small):
    call = Call(SYSTEM, db, "req_1")
    there = await made(call, ["Acme One", "Acme Two", "Acme Three", "Acme Four", "Other"])
    await index.run(db, searches=[organization_search])
    assert await total(call, "ACME") == 4
    assert (await kept(db))["acme"][:2] == (4, True)
    # Changes that are not indexed yet are counted beside it.
    await service.update(call, OrganizationIdentifier(there[4].id), {"display_name": "Acme Five"})
    await service.remove(call, OrganizationIdentifier(there[0].id), lambda *_: asyncio.sleep(0))
    await service.update(call, OrganizationIdentifier(there[1].id), {"display_name": "Renamed"})
    await made(call, ["acme six", "ACME SEVEN"])
    assert await total(call, "acme") == 5
    assert (await kept(db))["acme"][0] == 4
    await index.run(db, searches=[organization_search])
    assert await total(call, "acme") == 5
    assert (await kept(db))["acme"][0] == 5


async def test_a_gap_is_skipped_and_holds_no_match_that_came_later(db, kind, small):
    call = Call(SYSTEM, db, "req_1")
    there = await made(call, [*["Legacy"] * 4, *["Modern"] * 12])
    await index.run(db, searches=[organization_search])
    old = [one.id for one in there[3::-1]]
    assert await walk(call, listing.Filter(query="legacy"), 3) == old
    gaps = Gaps.read((await kept(db))["legacy"][2])
    # SQLite needs none: its index is in the order of the ids.
    assert any(low <= there[9].id <= high for low, high in gaps) == (kind == "postgresql")
    # Within the gap, at first only due, then indexed.
    await service.update(
        call, OrganizationIdentifier(there[9].id), {"display_name": "Legacy again"}
    )
    for turn in ("due", "indexed"):
        expected = [there[9].id, *old]
        assert await walk(call, listing.Filter(query="legacy"), 3) == expected, turn
        assert await walk(call, listing.Filter(query="legacy"), 10) == expected, turn
        await index.run(db, searches=[organization_search])
    gaps = Gaps.read((await kept(db))["legacy"][2])
    assert not any(low <= there[9].id <= high for low, high in gaps)
    assert any(low <= there[10].id <= high for low, high in gaps) == (kind == "postgresql")


async def test_a_rare_term_that_fills_a_page_writes_nothing_again(db, sized):
    sized(FEW=5, NEAR=10, STRETCHES=(10,))
    call = Call(SYSTEM, db, "req_1")
    await made(call, [*["Other"] * 20, *["Acme"] * 5])
    await index.run(db, searches=[organization_search])

    async def changes():
        before = db.changes + db.transactions
        page = await listing.page(call, listing.Filter(query="acme"), page_size=2, page_token="")
        token = page.next_page_token
        assert page.total_size == 5
        page = await listing.page(call, listing.Filter(query="acme"), page_size=2, page_token=token)
        assert (page.total_size, len(page.items)) == (5, 2)
        return db.changes + db.transactions - before

    await changes()
    assert await changes() == 0
    assert await kept(db) == {}


async def test_requests_wait_for_one_count(db, small, monkeypatch):
    call = Call(SYSTEM, db, "req_1")
    await made(call, ["Acme"] * 5)
    await index.run(db, searches=[organization_search])
    counted, real = [], db.fetch_one

    async def noticed(statement, **params: object):
        if statement is organization_search.terms._count:
            counted.append(params)
            await asyncio.sleep(0)
        return await real(statement, **params)

    monkeypatch.setattr(db, "fetch_one", noticed)
    assert await asyncio.gather(*(total(call, "acme") for _ in range(20))) == [5] * 20
    assert len(counted) == 1


async def test_a_count_that_takes_too_long_is_told_as_a_minimum(db, small, monkeypatch):
    call = Call(SYSTEM, db, "req_1")
    await made(call, ["Acme"] * 5)
    await index.run(db, searches=[organization_search])
    held = asyncio.Event()
    real = db.fetch_one

    async def slow(statement, **params: object):
        if statement is organization_search.terms._count:
            await held.wait()
        return await real(statement, **params)

    monkeypatch.setattr(db, "fetch_one", slow)
    monkeypatch.setattr(search_terms, "_WAIT_SECONDS", 0)
    page = await listing.page(call, listing.Filter(query="acme"), page_size=2, page_token="")
    assert (len(page.items), page.is_exact) == (2, False)
    assert 2 < page.total_size <= 5
    assert call.headers[TOTAL_SIZE] == AT_LEAST
    held.set()
    (task,) = db.committed[search_terms._Counts].tasks.values()
    assert await task == 5
    call = Call(SYSTEM, db, "req_1")
    page = await listing.page(call, listing.Filter(query="acme"), page_size=2, page_token="")
    assert (page.total_size, page.is_exact) == (5, True)
    assert TOTAL_SIZE not in call.headers


async def test_terms_are_bounded_and_expire(db, small, monkeypatch):
    call = Call(SYSTEM, db, "req_1")
    await made(call, ["abcdefghijkl"] * 5)
    await index.run(db, searches=[organization_search])
    monkeypatch.setattr(search_terms, "_MOST_TERMS", 3)
    terms = organization_search._counted_terms()
    monkeypatch.setattr(organization_search, "terms", terms)
    monkeypatch.setattr(small, "_terms", terms)
    for part in ("abc", "bcd", "cde", "def", "efg"):
        assert await total(call, part) == 5
    assert set(await kept(db)) == {"cde", "def", "efg"}
    await db.fetch_all(sql("UPDATE search_terms SET create_time = 1, total = 99"))
    assert await total(call, "efg") == 5  # counted anew
    assert set(await kept(db)) == {"efg"}


async def test_terms_are_forgotten_while_an_older_indexer_runs(db, small, monkeypatch):
    call = Call(SYSTEM, db, "req_1")
    await made(call, ["Acme"] * 5)
    await index.run(db, searches=[organization_search])
    assert await total(call, "acme") == 5
    assert await kept(db)

    async def older(_db, revision):
        assert revision == "0040"
        return ["tenantry 0.0.9 (schema 0034)"]

    monkeypatch.setattr(index, "older_running", older)
    await index.run(db, searches=[organization_search])
    assert not await kept(db)


IDS = st.integers(1, 40).map(lambda n: f"org_{n:03}")


@given(st.lists(st.tuples(IDS, IDS)), st.lists(st.tuples(st.booleans(), IDS, IDS)))
def test_gaps_hold_the_ids_of_their_ranges(ranges, changes):
    ids = [f"org_{n:03}" for n in range(45)]
    gaps, inside = Gaps(), set()

    def within(low, high):
        return {id_ for id_ in ids if low <= id_ <= high}

    for one in ranges:
        gaps.add(min(one), max(one))
        inside |= within(min(one), max(one))
    for adds, *ends in changes:
        low, high = sorted(ends)
        if adds:
            gaps.add(low, high)
            inside |= within(low, high)
        else:
            gaps.keep_outside(low, high)
            inside -= within(low, high)
    assert set().union(*(within(*gap) for gap in gaps)) == inside
    assert set().union(*(within(*gap) for gap in Gaps.read(gaps.to_json()))) == inside
    ordered = list(gaps)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(ordered))
