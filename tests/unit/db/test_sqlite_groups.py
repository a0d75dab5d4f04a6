"""SQLite: changes that wait are committed together, and each of them is as if it were alone."""

from __future__ import annotations

import asyncio
import resource
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Text, bindparam, delete, insert, select, text, update
from statements import DELETE_CLIENT, INSERT_CLIENT, RENAME_CLIENT, count, event, names, sql

from tenantry.access.clients.model import client_secrets, clients
from tenantry.db.engine import DuplicateKey, ForeignKey, OutcomeUnknown, Unavailable
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.sqlite import writer

KEY = b"m" * 32
_secret = client_secrets.c
# The second of them may be refused when the first is made.
WITH_SECRETS = Statement(
    insert(clients)
    .values(id=bindparam("p_id"), name=bindparam("p_name"), create_time=1)
    .returning(clients.c.id, clients.c.name),
    insert(client_secrets).from_select(
        [_secret.id, _secret.client_id, _secret.digest, _secret.suffix, _secret.create_time],
        select(
            (given_ids := json_values(bindparam("p_secrets", type_=Text)).subquery()).c.value,
            bindparam("p_owner", type_=Text),
            given_ids.c.value,
            given_ids.c.value,
            bindparam("p_at", 1, type_=clients.c.create_time.type),
        ),
    ),
)


def deletes_slowly(steps):
    """A deletion that counts so far before."""
    return Statement(
        delete(clients)
        .where(text(SLOWLY.format(steps)), clients.c.id == bindparam("p_id"))
        .returning(clients.c.id, clients.c.name)
    )


SLOWLY = (
    "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    " SELECT max(i) FROM n) > 0"
)
DELETE_SLOWLY, DELETE_RATHER_SLOWLY = deletes_slowly(300_000), deletes_slowly(5_000)
READ_SLOWLY = Statement(select(clients.c.id).where(text(SLOWLY.format(300_000))))


def client(name):
    return {"p_id": f"skc_{name}", "p_name": name}


def owning(name, secrets, owner=None):
    return {"p_secrets": to_json(secrets), "p_owner": owner or f"skc_{name}"}


@pytest.fixture
async def lite(sqlite_migrated):
    async with open_database(sqlite_migrated, KEY) as opened:
        yield opened


@pytest.fixture
async def commits(lite, monkeypatch):
    """Each commit of the writer so far, of groups that have as long as they need."""
    monkeypatch.setattr(writer, "_GROUP_SECONDS", 60)
    seen = []
    await lite._writer.run(
        lambda c: c.set_trace_callback(lambda words: words == "COMMIT" and seen.append(words))
    )
    return seen


async def test_changes_that_wait_are_committed_together(lite, commits):
    await asyncio.gather(*(lite.apply(INSERT_CLIENT, event(), **client(n)) for n in range(100)))
    assert len(commits) <= 3
    assert await count(lite, "clients") == await count(lite, "events") == 100
    commits.clear()
    await lite.apply(INSERT_CLIENT, event(), **client("alone"))
    assert len(commits) == 1


async def test_each_is_answered_after_its_commit(lite):
    """Another connection sees at once all that was answered."""

    async def make(name):
        await lite.apply(INSERT_CLIENT, event(), **client(name))
        return (await lite.fetch_one(sql_name, id=f"skc_{name}"))["name"]

    sql_name = Statement(select(clients.c.name).where(clients.c.id == bindparam("id")))
    made = await asyncio.gather(*(make(f"{n}") for n in range(300)))
    assert made == [f"{n}" for n in range(300)]


async def test_each_fails_alone(lite, commits):
    def with_secrets(name, secrets, owner=None):
        return lite.apply(WITH_SECRETS, event(), **client(name), **owning(name, secrets, owner))

    outcomes = await asyncio.gather(
        lite.apply(INSERT_CLIENT, event(), **client("a")),
        lite.apply(INSERT_CLIENT, event(), **client("a")),
        with_secrets("b", ["1"]),
        with_secrets("c", ["2", "1"]),
        with_secrets("d", ["3"], owner="skc_none"),
        lite.apply(RENAME_CLIENT, event(), p_id="skc_none", p_name="none"),
        lite.fetch_all(INSERT_CLIENT, **client("e")),
        lite.apply(INSERT_CLIENT, event(None), **client("f")),
        return_exceptions=True,
    )
    assert len(commits) == 1
    kinds = [type(one) for one in outcomes]
    assert kinds[1] is kinds[3] is DuplicateKey
    assert kinds[4] is ForeignKey
    assert outcomes[5] is None
    assert [row["name"] for row in outcomes[6]] == ["e"]
    assert issubclass(kinds[7], Exception)
    assert await names(lite) == ["a", "b", "e"]
    assert await count(lite, "client_secrets") == 1
    assert await count(lite, "events") == 2


@contextmanager
def no_byte_more(path):
    """Let no file of this process grow beyond what the log of changes has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_fails_answers_none_as_done(lite, sqlite_migrated):
    await lite.apply(INSERT_CLIENT, event(), **client("before"))
    with no_byte_more(sqlite_migrated.removeprefix("sqlite:///")):
        outcomes = await asyncio.gather(
            *(lite.apply(INSERT_CLIENT, event(), **client(f"{n}")) for n in range(20)),
            return_exceptions=True,
        )
    assert {type(one) for one in outcomes} == {OutcomeUnknown}
    assert len({id(one) for one in outcomes}) == 20
    assert await names(lite) == ["before"]
    await lite.apply(INSERT_CLIENT, event(), **client("after"))
    assert await names(lite) == ["after", "before"]


async def test_changes_and_transactions_have_their_turn_in_order(lite):
    order = []

    async def change(name):
        await lite.apply(INSERT_CLIENT, event(), **client(name))
        order.append(name)

    async def several(name):
        async with lite.transaction() as tx:
            await tx.apply(INSERT_CLIENT, event(), **client(name))
            order.append(name)

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task((several if number % 4 == 3 else change)(f"{number:02}"))
    assert order == sorted(order)
    number = Statement(text("SELECT name FROM clients ORDER BY rowid"))
    assert [row["name"] for row in await lite.fetch_all(number)] == sorted(order)


async def test_one_that_is_no_longer_waited_for_takes_no_other_with_it(lite):
    for turns in range(8):
        tasks = [
            asyncio.create_task(lite.apply(INSERT_CLIENT, event(), **client(f"{turns}-{n}")))
            for n in range(10)
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        kept = set(await names(lite))
        for number, outcome in enumerate(outcomes):
            if not isinstance(outcome, asyncio.CancelledError):
                assert f"{turns}-{number}" in kept
        assert all(not isinstance(one, Exception) for one in outcomes[1::2])
        assert await count(lite, "events") == len(kept)
    assert "0-0" not in kept  # cancelled before it was begun


async def test_a_transaction_that_is_no_longer_waited_for_lets_the_next_in(lite):
    async def several(name):
        async with lite.transaction() as tx:
            await tx.apply(INSERT_CLIENT, event(), **client(name))

    for turns in range(12):
        tasks = [asyncio.create_task(several(f"{turns}-{n}")) for n in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert tasks[2].exception() is None
    assert await count(lite, "events") == len(await names(lite))


async def longest_hold(work):
    """Return what `work` returns, and the longest processor time the loop had no other turn."""
    longest, last, is_over = 0.0, time.thread_time(), False

    async def tick():
        nonlocal longest, last
        while not is_over:
            at = time.thread_time()
            longest, last = max(longest, at - last), at
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        return await work, longest
    finally:
        is_over = True
        await ticking


async def test_a_long_statement_does_not_hold_the_loop(lite):
    for n in range(3):
        await lite.apply(INSERT_CLIENT, event(), **client(f"{n}"))
    rows, held = await longest_hold(lite.fetch_all(READ_SLOWLY))
    assert len(rows) == 3
    assert held < 0.2

    changes = asyncio.gather(
        lite.apply(INSERT_CLIENT, event(), **client("a")),
        lite.apply(DELETE_SLOWLY, event(), p_id="skc_0"),
        lite.apply(INSERT_CLIENT, event(), **client("a")),
        lite.apply(DELETE_SLOWLY, event(), p_id="skc_1"),
        lite.apply(INSERT_CLIENT, event(), **client("b")),
        return_exceptions=True,
    )
    outcomes, held = await longest_hold(changes)
    assert held < 0.2
    assert isinstance(outcomes.pop(2), DuplicateKey)
    assert [row["name"] for row in outcomes] == ["a", "0", "1", "b"]
    assert await names(lite) == ["2", "a", "b"]
    assert await count(lite, "events") == 7


async def test_a_long_read_within_a_transaction_undoes_nothing(lite):
    async with lite.transaction() as tx:
        await tx.apply(INSERT_CLIENT, event(), **client("a"))
        rows, held = await longest_hold(tx.fetch_all(READ_SLOWLY))
        assert len(rows) == 1
        assert held < 0.2
        rows, held = await longest_hold(tx.apply(DELETE_SLOWLY, event(), p_id="skc_a"))
        assert rows["name"] == "a"
        assert held < 0.2
        await tx.apply(INSERT_CLIENT, event(), **client("b"))
    assert await names(lite) == ["b"]
    assert await count(lite, "events") == 3


def test_a_bounded_statement_names_its_rows():
    c, given = clients.c, bindparam("given")
    by_key = update(clients).where(c.id == given)
    other = select(c.name).scalar_subquery()
    bounded = [insert(clients).values(id=given), by_key.values(name=given)]
    bounded += [by_key.where(c.name == "a").values(name=given)]
    others = [
        insert(clients).values(id=given, name=other),
        insert(clients).from_select(["id"], select(c.id)),
        by_key.values(name=other),
        update(clients).values(name=given),
        update(clients).where(c.name == given).values(name=given),
        update(clients).where(c.id != given).values(name=given),
        update(clients).where((c.id == given) | (c.name == given)).values(name=given),
        delete(clients).where(c.id == given),
        select(c.id).where(c.id == given),
        text("SELECT 1"),
    ]
    assert all(Statement(one).is_bounded for one in bounded)
    assert not any(Statement(one).is_bounded for one in others)
    assert not Statement(bounded[0], others[0]).is_bounded


async def test_many_reads_one_after_another_let_the_others_in(lite):
    one = Statement(select(clients.c.id))

    async def read_on():
        for _ in range(2000):
            await lite.fetch_one(one)

    _, held = await longest_hold(asyncio.gather(*(read_on() for _ in range(4))))
    assert held < 0.5


@pytest.fixture
def impatient(monkeypatch):
    """Let each wait for its turn for a tenth of a second only."""
    monkeypatch.setattr(writer, "TURN_SECONDS", 0.1)


async def test_who_waits_too_long_for_a_turn_is_told(impatient, lite):
    async with lite.transaction() as tx:
        with pytest.raises(Unavailable, match="another change takes long"):
            await lite.apply(INSERT_CLIENT, event(), **client("a"))
        with pytest.raises(Unavailable, match="another change takes long"):
            async with lite.transaction():
                pass
        await tx.apply(INSERT_CLIENT, event(), **client("b"))
    await lite.apply(INSERT_CLIENT, event(), **client("c"))
    assert await names(lite) == ["b", "c"]


async def test_a_look_does_not_wait_for_a_long_transaction(lite):
    async with lite.transaction() as tx:
        await tx.apply(INSERT_CLIENT, event(), **client("a"))
        waiting = asyncio.create_task(lite.apply(INSERT_CLIENT, event(), **client("b")))
        await asyncio.sleep(0)
        await lite.probe()
        assert not waiting.done()
    await waiting
    await asyncio.gather(lite.probe(), lite.apply(INSERT_CLIENT, event(), **client("c")))
    assert await names(lite) == ["a", "b", "c"]


NAMES = st.sampled_from("abcd")
SINGLE = st.one_of(
    st.tuples(st.just("insert"), NAMES),
    st.tuples(st.just("insert many"), NAMES, st.lists(st.sampled_from("xyz"), max_size=2)),
    st.tuples(st.just("orphan"), NAMES),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("delete slowly"), NAMES),
    st.tuples(st.just("without an event"), NAMES),
    st.tuples(st.just("event that is refused"), NAMES),
)
SEVERAL = st.tuples(st.just("transaction"), st.lists(SINGLE, max_size=3), st.booleans())


class Undone(Exception):
    """A transaction is given up."""


async def do(db, step):
    """Do one step; return its row, as other runs of it do."""
    kind, name, *more = step
    if kind == "transaction":
        return await do_several(db, name, *more)
    makes = {
        "insert": lambda: db.apply(INSERT_CLIENT, event(), **client(name)),
        "insert many": lambda secrets: db.apply(
            WITH_SECRETS, event(), event(), **client(name), **owning(name, secrets)
        ),
        "orphan": lambda: db.apply(
            WITH_SECRETS, event(), **client(name), **owning(name, ["o"], "skc_none")
        ),
        "rename": lambda other: db.apply(RENAME_CLIENT, event(), p_id=f"skc_{name}", p_name=other),
        "delete": lambda: db.apply(DELETE_CLIENT, event(), p_id=f"skc_{name}"),
        "delete slowly": lambda: db.apply(DELETE_RATHER_SLOWLY, event(), p_id=f"skc_{name}"),
        "without an event": lambda: db.fetch_one(INSERT_CLIENT, **client(name)),
        "event that is refused": lambda: db.apply(INSERT_CLIENT, event(None), **client(name)),
    }
    row = await makes[kind](*more)
    return row and tuple(row)


async def do_several(db, steps, is_kept):
    done = []
    async with db.transaction() as tx:
        for one in steps:
            try:
                async with tx.transaction() as inner:
                    done.append(await do(inner, one))
            except (DuplicateKey, ForeignKey) as problem:
                done.append(repr(problem))
        if not is_kept:
            raise Undone
    return done


async def outcomes_of(steps, template, *, at_once):
    """Do the steps on a fresh file; return their outcomes and the content of the file then."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{shutil.copy(template, folder)}"
        async with open_database(url, KEY) as db:
            if at_once:
                done = await asyncio.gather(*(do(db, one) for one in steps), return_exceptions=True)
            else:
                done = []
                for one in steps:
                    done += await asyncio.gather(do(db, one), return_exceptions=True)
            for table in ("clients", "client_secrets"):
                rows = await db.fetch_all(sql(f"SELECT * FROM {table} ORDER BY id"))
                done.append([tuple(row) for row in rows])
            recorded = await db.fetch_all(sql("SELECT type FROM events ORDER BY number"))
            done.append([row["type"] for row in recorded])
    return [repr(one) if isinstance(one, Exception) else one for one in done]


@given(st.lists(st.one_of(SINGLE, SINGLE, SEVERAL), min_size=1, max_size=12))
def test_at_once_is_as_one_after_another(sqlite_template, steps):
    at_once = asyncio.run(outcomes_of(steps, sqlite_template, at_once=True))
    assert at_once == asyncio.run(outcomes_of(steps, sqlite_template, at_once=False))
