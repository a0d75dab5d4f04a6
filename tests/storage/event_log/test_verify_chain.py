"""A change, a removal or an addition in the database is found out."""

from __future__ import annotations

import itertools
import shutil
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import MASTER_KEY, ONLY_POSTGRESQL, entries, run, seal_all, write, write_many
from sampling import examples

from tenantry.db.opening import open_database
from tenantry.db.sql.schema import to_json
from tenantry.events.event_log import erasure
from tenantry.events.event_log.verification import Kind, verify

_NUMBERS = itertools.count(1)


async def problems(db, organization_id=None):
    """The kinds of findings, each once."""
    told = []
    counts = await verify(db, organization_id, found=told.append)
    assert counts.problems == len(told)
    return {problem.kind for problem in told}


@pytest.fixture
async def log(db):
    """Some events of two organizations and of none, in the log."""
    await write_many(db, 12)
    await seal_all(db)
    assert await problems(db) == set()
    return await entries(db)


async def test_an_untouched_log_is_true_and_counted(db, log):
    counts = await verify(db)
    assert (counts.events, counts.chains, counts.problems) == (12, 3, 0)
    counts = await verify(db, "org_1")
    assert (counts.events, counts.chains, counts.problems) == (4, 1, 0)
    counts = await verify(db, "org_unknown")
    assert (counts.events, counts.chains, counts.problems) == (0, 0, 0)


async def test_what_waits_to_be_sealed_is_no_problem(db, log):
    await write(db, "new")
    assert await problems(db) == set()
    assert await problems(db, "org_1") == set()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("type", "organization.deleted"),
        ("occurred_at", 1),
        ("organization_id", "org_2"),
        ("actor", '{"id": "somebody"}'),
        ("before", None),
        ("after", '{"display_name": "Evil"}'),
        ("request_id", "req_2"),
        ("context", '{"source": "elsewhere"}'),
    ],
)
async def test_a_changed_event_is_found(db, log, column, value):
    cast = "CAST(:value AS jsonb)" if "PostgreSQL" in type(db).__name__ else ":value"
    cast = cast if column in {"actor", "before", "after", "context"} else ":value"
    await run(
        db,
        f"UPDATE events SET {column} = {cast} WHERE id = :id",
        value=value,
        id=log[4]["event_id"],
    )
    told = []
    await verify(db, found=told.append)
    (problem,) = told
    assert (problem.kind, problem.chain) == (Kind.CHANGED_EVENT, "org_1")
    assert (problem.position, problem.event_id) == (5, log[4]["event_id"])
    assert await problems(db, "org_1") == {Kind.CHANGED_EVENT}
    assert await problems(db, "org_2") == set()


async def test_a_missing_event_is_found(db, log):
    await run(db, "DELETE FROM events WHERE id = :id", id=log[4]["event_id"])
    assert await problems(db) == {Kind.MISSING_EVENT}
    assert await problems(db, "org_1") == {Kind.MISSING_EVENT}


async def test_a_missing_entry_is_found_and_its_event_too(db, log):
    await run(db, "DELETE FROM event_log WHERE position = 5")
    assert await problems(db) == {Kind.MISSING_ENTRY, Kind.INSERTED_EVENT}
    assert await problems(db, "org_1") == {Kind.MISSING_ENTRY, Kind.INSERTED_EVENT}


async def test_an_event_that_went_with_its_entry_is_found(db, log):
    await run(db, "DELETE FROM event_log WHERE position = 5")
    await run(db, "DELETE FROM events WHERE id = :id", id=log[4]["event_id"])
    assert await problems(db) == {Kind.MISSING_ENTRY}


async def test_a_cut_off_end_is_found(db, log):
    for row in log[-3:]:
        await run(db, "DELETE FROM event_log WHERE position = :p", p=row["position"])
        await run(db, "DELETE FROM events WHERE id = :id", id=row["event_id"])
    assert await problems(db) == {Kind.WRONG_HEAD}
    assert await problems(db, "org_1") == {Kind.WRONG_HEAD}


async def test_a_cut_off_end_with_its_heads_put_right_is_found(db, log):
    for row in log[-3:]:
        await run(db, "DELETE FROM event_log WHERE position = :p", p=row["position"])
        await run(db, "DELETE FROM events WHERE id = :id", id=row["event_id"])
        before = next(one for one in log if one["position"] == row["position"] - 3)
        await run(
            db,
            "UPDATE event_chains SET number = :n, hash = :hash WHERE chain = :chain",
            n=before["number"],
            hash=before["hash"],
            chain=row["chain"],
        )
    await run(db, "UPDATE event_log_state SET position = 9")
    assert await problems(db) == {Kind.WRONG_SEAL}
    assert await problems(db, "org_1") == {Kind.WRONG_SEAL}


async def test_a_whole_chain_that_went_is_found(db, log):
    await run(db, "DELETE FROM event_log WHERE chain = 'org_1'")
    await run(db, "DELETE FROM events WHERE organization_id = 'org_1'")
    await run(db, "DELETE FROM event_chains WHERE chain = 'org_1'")
    assert await problems(db) == {Kind.WRONG_HEAD}


async def test_changed_heads_stay_found_after_more_was_sealed(db, log):
    await run(db, "UPDATE event_chains SET mac = 'none' WHERE chain = 'org_1'")
    await write(db, "more")
    await seal_all(db)
    assert await problems(db) == {Kind.WRONG_SEAL}


async def test_an_inserted_event_is_found(db, log):
    copied = "'evt_1', type, object, occurred_at, organization_id, actor, request_id"
    into = "id, type, object, occurred_at, organization_id, actor, request_id"
    if "SQLite" in type(db).__name__:
        copied, into = f"0, {copied}", f"number, {into}"
    else:
        copied, into = f"xid, {copied}", f"xid, {into}"
    await run(
        db,
        f"INSERT INTO events ({into}) SELECT {copied} FROM events WHERE id = :id",
        id=log[4]["event_id"],
    )
    await seal_all(db)
    assert await problems(db) == {Kind.INSERTED_EVENT}
    assert await problems(db, "org_1") == {Kind.INSERTED_EVENT}
    assert await problems(db, "org_2") == set()


@ONLY_POSTGRESQL
async def test_an_event_of_a_transaction_to_come_is_found(db, log):
    await write(db, "inserted")
    await run(db, "UPDATE events SET xid = '99999999' WHERE id = (SELECT max(id) FROM events)")
    await write(db, "more")
    await seal_all(db)
    assert await problems(db) == {Kind.INSERTED_EVENT}


async def test_entries_that_changed_places_are_found(db, log):
    one, two = log[4], log[7]  # of one organization
    for position, event_id in ((5, "moving"), (8, one["event_id"]), (5, two["event_id"])):
        await run(
            db, "UPDATE event_log SET event_id = :id WHERE position = :p", id=event_id, p=position
        )
    assert Kind.BROKEN_LINK in await problems(db)


async def test_an_erased_event_is_true_and_a_forged_erasure_is_found(db, log):
    erased = log[4]["event_id"]
    await erasure.blank(db, [{"id": erased, "before": None, "after": '{"id": "usr_1"}'}])
    assert await problems(db) == set()
    (entry,) = [row for row in await entries(db) if row["event_id"] == erased]
    assert entry["salt"] == ""
    assert entry["after"].replace(" ", "") == '{"id":"usr_1"}'
    # Twice, for an event can hold two people.
    await erasure.blank(db, [{"id": erased, "before": None, "after": None}])
    assert await problems(db) == set()
    await run(db, "UPDATE events SET request_id = 'req_2' WHERE id = :id", id=erased)
    assert await problems(db) == {Kind.FORGED_ERASURE}


async def test_an_erasure_cannot_be_copied_from_another_event(db, log):
    one, two = log[4]["event_id"], log[7]["event_id"]
    await erasure.blank(db, [{"id": one, "before": None, "after": None}])
    await run(db, "UPDATE events SET before = NULL, after = NULL WHERE id = :id", id=two)
    await run(
        db,
        "UPDATE event_log SET salt = '', erasure = (SELECT erasure FROM event_log WHERE"
        " event_id = :one) WHERE event_id = :two",
        one=one,
        two=two,
    )
    assert await problems(db) == {Kind.FORGED_ERASURE}


async def test_an_event_that_was_changed_before_its_erasure_stays_found(db, log):
    changed = log[4]["event_id"]
    await run(db, "UPDATE events SET request_id = 'req_2' WHERE id = :id", id=changed)
    await erasure.blank(db, [{"id": changed, "before": None, "after": None}])
    assert await problems(db) == {Kind.CHANGED_EVENT}
    (entry,) = [row for row in await entries(db) if row["event_id"] == changed]
    assert entry["after"] is None


async def test_an_event_that_is_erased_before_it_is_sealed_is_true(db, log):
    await write(db, "new")
    (row,) = await run(db, "SELECT max(id) AS id FROM events")
    await erasure.blank(db, [{"id": row["id"], "before": None, "after": None}])
    await seal_all(db)
    assert await problems(db) == set()


# Every stored column that proves something, of each table, with the key of its rows. Not among
# them: what only says where the next look begins.
COLUMNS = {
    "events": (
        "id",
        (
            *("id", "type", "object", "occurred_at", "organization_id", "actor"),
            *("before", "after", "request_id", "context"),
        ),
    ),
    "event_log": (
        "position",
        ("position", "event_id", "chain", "number", "salt", "content_hash", "hash", "erasure"),
    ),
    "event_chains": (
        "chain",
        ("chain", "number", "hash", "anchor_number", "anchor_hash", "mac"),
    ),
    "event_log_state": ("only", ("position", "pruned_before")),
}
PLACES = [(table, column) for table, (_, columns) in COLUMNS.items() for column in columns]
JSONS = {"actor", "before", "after", "context"}
NUMBERS = {"occurred_at", "position", "number", "anchor_number"}


@pytest.fixture(scope="module")
async def sealed_file(sqlite_template, tmp_path_factory):
    """A file with a log of events, one of them erased."""
    path = tmp_path_factory.mktemp("sealed") / "tenantry.db"
    shutil.copy(sqlite_template, path)
    async with open_database(f"sqlite:///{path}", MASTER_KEY) as db:
        await write_many(db, 9)
        await seal_all(db)
        row = (await entries(db))[4]
        left = {"id": row["event_id"], "before": None, "after": '{"id": "org_1"}'}
        await erasure.blank(db, [left])
        assert await problems(db) == set()
    whole = path.with_name("whole.db")
    connection = sqlite3.connect(path)
    connection.execute("VACUUM INTO ?", (str(whole),))
    connection.close()
    return whole


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_any_change_of_a_stored_value_is_found(sealed_file, tmp_path, data):
    path = tmp_path / f"tampered_{next(_NUMBERS)}.db"
    shutil.copy(sealed_file, path)
    table, column = data.draw(st.sampled_from(PLACES))
    key = COLUMNS[table][0]
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT {key}, {column} FROM {table} ORDER BY {key}").fetchall()
    at, old = data.draw(st.sampled_from(rows))
    if column in NUMBERS:
        new = data.draw(st.integers(-(2**31), 2**31).filter(lambda value: value != old))
    elif column in JSONS:
        texts = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
        new = data.draw(texts.map(to_json).filter(lambda value: value != old))
    else:
        new = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=70))
    try:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (new, at))
        connection.commit()
    except sqlite3.IntegrityError:
        return  # another row has it
    finally:
        connection.close()
    async with open_database(f"sqlite:///{path}", MASTER_KEY) as db:
        assert (await problems(db) == set()) is (new == old)
    path.unlink()
